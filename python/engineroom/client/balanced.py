"""LoadBalancedView: each call runs on one engine, chosen by the controller."""

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .. import serialize
from ..dependency import Dependency
from .asyncresult import AsyncResult
from .base import Self, View, pack_callable
from .lazymap import LazyMapIterator, start_lazy_map
from .map import with_length
from .mapping import submit_map
from .remotefunction import getname

if TYPE_CHECKING:
    from .client import Client


class LoadBalancedView(View):
    """Calls go to whichever engine is least busy.

    Flags besides those of every view:
    after, follow: tasks that must be done first; follow also means "on the same engine". Msg_ids,
    AsyncResults, lists of them, or a Dependency.
    timeout: seconds until a task that could not be assigned fails with TaskTimeout;
    0 (default): never. retries: how often to try again elsewhere (default 0).
    targets: engine ids to choose from (default: all).
    """

    _flag_names = (*View._flag_names, "follow", "after", "timeout", "retries")
    _balances = True
    follow: Any = None
    after: Any = None
    timeout: float | None = 0.0
    retries = 0

    def __init__(self, client: "Client", socket: Any = None, **flags: Any) -> None:
        # Maps that still submit tasks (see executor.py).
        self._outstanding_maps: set[Any] = set()
        super().__init__(client, socket, **flags)

    def set_flags(self: Self, **kwargs: Any) -> Self:
        """Sets flags by name and returns the view.

        KeyError: no such flag; ValueError: not a dependency, or a negative timeout; TypeError: the
        timeout is no number.
        """
        for name in ("follow", "after"):
            if not _is_dependency(kwargs.get(name)):
                raise ValueError(f"Invalid dependency: {kwargs[name]!r}")
        timeout = kwargs.get("timeout")
        if timeout is not None:
            if not isinstance(timeout, (int, float)):
                raise TypeError(f"Invalid type for timeout: {type(timeout)!r}")
            if timeout < 0:
                raise ValueError(f"Invalid timeout: {timeout}")
        return super().set_flags(**kwargs)

    def _request_metadata(self, **flags: Any) -> str:
        """Metadata of a request, as JSON; flags that are not None replace the view's."""
        values = [
            getattr(self, name) if flags.get(name) is None else flags[name]
            for name in ("after", "follow", "timeout", "targets", "retries", "label")
        ]
        after, follow, timeout, targets, retries, label = values
        if not isinstance(retries, int):
            raise TypeError(f"retries must be int, not {type(retries)!r}")
        uuids = () if targets is None else tuple(self.client._build_targets(targets)[0])
        return _metadata_json(
            _render_dependency(after), _render_dependency(follow), timeout, uuids, retries, label
        )

    def _really_apply(
        self,
        f: Any,
        args: Sequence[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        block: bool | None = None,
        track: bool | None = None,
        after: Any = None,
        follow: Any = None,
        timeout: float | None = None,
        targets: Any = None,
        retries: int | None = None,
        label: str | None = None,
    ) -> Any:
        """apply() with everything said for this call only."""
        metadata = self._request_metadata(
            after=after,
            follow=follow,
            timeout=timeout,
            targets=targets,
            retries=retries,
            label=label,
        )
        buffers = [pack_callable(f), *serialize.pack_arguments(args or (), kwargs or {})]
        task = self.client._session.submit("balanced", "", "apply_request", metadata, "{}", buffers)
        ar = AsyncResult(self.client, task, fname=getname(f), owner=True)
        return self._finish(ar, block)

    def map(
        self,
        f: Callable[..., Any],
        *sequences: Iterable[Any],
        block: bool | None = None,
        chunksize: int | str | None = 1,
        ordered: bool = True,
        return_exceptions: bool = False,
        label: str | None = None,
    ) -> Any:
        """map(f, *sequences), load-balanced: a list if block, else an AsyncMapResult.

        chunksize: items per task (default 1); None or "auto" picks one that suits many short items.
        ordered=False: iterating the result gives what is done first. return_exceptions: errors
        become items (one per task).
        """
        if not sequences:
            raise AssertionError("must have some sequences to map onto!")
        ar = submit_map(
            self,
            f,
            [with_length(sequence) for sequence in sequences],
            self._request_metadata(label=label),
            chunksize=chunksize,
            ordered=ordered,
            return_exceptions=return_exceptions,
        )
        return ar.get() if (self.block if block is None else block) else ar

    def imap(
        self,
        f: Callable[..., Any],
        *sequences: Iterable[Any],
        ordered: bool = True,
        max_outstanding: int | str | None = "auto",
        return_exceptions: bool = False,
        chunksize: int = 1,
        timeout: float | None = None,
        raise_original: bool | None = None,
    ) -> LazyMapIterator:
        """map(f, *sequences), load-balanced, that takes its arguments only as tasks are done.

        So the sequences may be long, slow or endless. max_outstanding: tasks submitted at a time
        (default: one per engine; 0: no limit). Submitting starts at once, in a thread of its own.
        chunksize: items per task. timeout: seconds from now until when results must have come;
        later ones are a TimeoutError. raise_original: see AsyncResult.get.
        """
        if not sequences:
            raise AssertionError("must have some sequences to map onto!")
        limit = len(self) if max_outstanding == "auto" else int(max_outstanding or 0)
        return start_lazy_map(
            self,
            f,
            sequences,
            ordered,
            limit,
            return_exceptions,
            chunksize,
            timeout,
            self.raise_original if raise_original is None else raise_original,
        )

    def register_joblib_backend(self, name: str | None = None, make_default: bool = False) -> None:
        """Makes joblib run on this view: Parallel(backend="engineroom"), or another name."""
        from ..joblib import register

        register(name, make_default, view=self)


def _is_dependency(value: Any) -> bool:
    if value is None or isinstance(value, (str, AsyncResult, Dependency)):
        return True
    if isinstance(value, (list, set, tuple)):
        return all(isinstance(item, (str, AsyncResult)) for item in value)
    if isinstance(value, dict):
        return "dependencies" in value and all(
            isinstance(item, str) for item in value["dependencies"]
        )
    return False


def _render_dependency(value: Any) -> str:
    """A dependency flag as JSON."""
    if value is None:
        return "[]"
    if isinstance(value, dict):
        value = Dependency(value)
    if isinstance(value, Dependency):
        return json.dumps(value.as_dict())
    return json.dumps(list(Dependency(value)))


@functools.lru_cache(maxsize=1024)
def _metadata_json(
    after: str,
    follow: str,
    timeout: float | None,
    uuids: tuple[str, ...],
    retries: int,
    label: str | None,
) -> str:
    return (
        f'{{"after":{after},"follow":{follow},"timeout":{json.dumps(timeout)},'
        f'"targets":{json.dumps(uuids)},"retries":{retries},"label":{json.dumps(label)},'
        '"engineroom":1}'
    )
