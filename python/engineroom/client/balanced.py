"""LoadBalancedView: each call runs on one engine, chosen by the controller."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring_ascii as _json_text
from typing import TYPE_CHECKING, Any

from .. import serialize
from .._inputs import Collector
from ..dependency import Dependency, _msg_ids
from ..resources import parse_resources, without_zeros
from .asyncresult import AsyncResult
from .base import Self, View, balanced_metadata, pack_callable, with_inputs
from .lazymap import LazyMapIterator, start_lazy_map
from .map import has_length, with_length
from .mapping import submit_map, submit_map_of_generators
from .remotefunction import getname

if TYPE_CHECKING:
    from .client import Client


class LoadBalancedView(View):
    """Calls go to whichever engine is least busy.

    Flags besides those of every view:
    after, follow: tasks that must be done first; follow also means "on the same engine". Msg_ids,
    AsyncResults, lists of them, or a Dependency.
    timeout: seconds until a task that could not be assigned, because of its dependencies or because
    no engine offers its resources, fails with TaskTimeout; 0 (default): never.
    retries: how often to try again elsewhere (default 0).
    priority: from -1000 to 1000 (default 0); higher ones go first, whoever submitted them. Within a
    priority clients take turns.
    resources: what the task demands of its engine, such as {"cpus": 2, "gpus": 1, "memory": "4GiB"},
    and any name that engines were told to offer (default: None, nothing). ImpossibleResources if no
    engine offers as much, at once without a timeout. See docs/resources.md.
    targets: engine ids to choose from (default: all).
    """

    _flag_names = (
        *View._flag_names,
        "follow",
        "after",
        "timeout",
        "retries",
        "priority",
        "resources",
    )
    _balances = True
    follow: Any = None
    after: Any = None
    timeout: float | None = 0.0
    retries = 0
    priority = 0
    resources: Mapping[str, Any] | None = None

    def __init__(self, client: "Client", socket: Any = None, **flags: Any) -> None:
        # Maps that still submit tasks (see executor.py).
        self._outstanding_maps: set[Any] = set()
        super().__init__(client, socket, **flags)

    def set_flags(self: Self, **kwargs: Any) -> Self:
        """Sets flags by name and returns the view.

        KeyError: no such flag; ValueError: not a dependency, or a negative timeout; TypeError: a
        value of another type.
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
        priority = kwargs.get("priority", 0)
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise TypeError(f"Invalid type for priority: {type(priority)!r}")
        if not -1000 <= priority <= 1000:
            raise ValueError(f"Invalid priority: {priority} is not within -1000 and 1000")
        if kwargs.get("resources") is not None:
            kwargs["resources"] = without_zeros(parse_resources(kwargs["resources"]))
        return super().set_flags(**kwargs)

    def _limits(self) -> str:
        limits = super()._limits() + (f'"priority":{self.priority},' if self.priority else "")
        if self.resources:
            limits += f'"resources":{json.dumps(self.resources)},'
        return limits

    def __repr__(self) -> str:
        text = super().__repr__()
        return f"{text[:-1]} demanding {self.resources}>" if self.resources else text

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
        return balanced_metadata(
            _render_dependency(after),
            _render_dependency(follow),
            timeout,
            uuids,
            retries,
            label,
            self._limits(),
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
        self.client._engine_table()  # for what kind of engines to pack
        function = pack_callable(f)
        with Collector(self.client) as inputs:
            buffers = [function, *serialize.pack_arguments(args or (), kwargs or {})]
        submit = self.client._session.submit
        if inputs.tasks:
            metadata = with_inputs(metadata, inputs)
            task = submit(
                "balanced", "", "apply_request", metadata, "{}", buffers, inputs=inputs.tasks
            )
        else:
            task = submit("balanced", "", "apply_request", metadata, "{}", buffers)
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

        A generator is worked on while it still yields; if block, it is taken no faster than that.
        """
        if not sequences:
            raise AssertionError("must have some sequences to map onto!")
        block = self.block if block is None else block
        metadata = self._request_metadata(label=label)
        if isinstance(chunksize, int) and not all(map(has_length, sequences)):
            ar = submit_map_of_generators(
                self,
                f,
                sequences,
                metadata,
                chunksize=chunksize,
                ordered=ordered,
                return_exceptions=return_exceptions,
                wait=block,
            )
        else:
            ar = submit_map(
                self,
                f,
                [with_length(sequence) for sequence in sequences],
                metadata,
                chunksize=chunksize,
                ordered=ordered,
                return_exceptions=return_exceptions,
            )
        return ar.get() if block else ar

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
    return f"[{','.join(map(_json_text, dict.fromkeys(_msg_ids(value))))}]"
