"""View: a set of engines with a policy. What direct, load-balanced and broadcast views share."""

import contextlib
import functools
import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from .. import serialize
from .._inputs import Collector
from .asyncresult import AsyncResult
from .executor import ViewExecutor
from .map import has_length
from .records import History, Outstanding
from .remotefunction import ParallelFunction, RemoteFunction, parallel, remote

if TYPE_CHECKING:
    from .client import Client

Self = TypeVar("Self", bound="View")


@functools.lru_cache(maxsize=1024)
def direct_metadata(label: str | None, limits: str) -> str:
    """Metadata of a direct request, as JSON. limits: further members, see View._limits()."""
    return f'{{"label":{json.dumps(label)},{limits}"engineroom":1}}'


def _check_time_limit(limit: float | None) -> None:
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, (int, float)):
        raise TypeError(f"time_limit must be seconds, not {type(limit)!r}")
    if not 0 < limit < 1e9:
        raise ValueError(f"time_limit must be positive (None: any time), not {limit}")


def balanced_metadata(
    after: str,
    follow: str,
    timeout: float | None,
    uuids: tuple[str, ...],
    retries: int,
    label: str | None,
    limits: str = "",
) -> str:
    """Metadata of a load-balanced request, as JSON; dependencies are JSON already."""
    shared = _balanced_metadata_but_dependencies(timeout, uuids, retries, label, limits)
    return f'{{"after":{after},"follow":{follow},{shared}'


@functools.lru_cache(maxsize=1024)
def _balanced_metadata_but_dependencies(
    timeout: float | None, uuids: tuple[str, ...], retries: int, label: str | None, limits: str
) -> str:
    return (
        f'"timeout":{json.dumps(timeout)},"targets":{json.dumps(uuids)},"retries":{retries},'
        f'"label":{json.dumps(label)},{limits}"engineroom":1}}'
    )


class _FlagsForNow(contextlib.ContextDecorator):
    """Flags of a view for the time of a `with` block; then all are as they were."""

    def __init__(self, view: "View", flags: dict[str, Any]) -> None:
        self._view = view
        self._flags = flags
        self._saved: dict[str, Any] = {}

    def __enter__(self) -> None:
        view = self._view
        self._saved = {name: getattr(view, name) for name in view._flag_names}
        view.set_flags(**self._flags)

    def __exit__(self, *exc: object) -> None:
        for name, value in self._saved.items():
            setattr(self._view, name, value)


def with_inputs(metadata: str, inputs: Collector) -> str:
    """The metadata of a request that is given results of other tasks."""
    return f'{metadata[:-1]},"inputs":{inputs.places()}}}'


def pack_callable(f: Any) -> Any:
    """The buffer of a function. TypeError for what is neither callable nor a Reference."""
    if isinstance(f, serialize.PrePickled):
        (buffer,) = f.buffers
        return buffer
    if not callable(f) and not isinstance(f, serialize.Reference):
        raise TypeError(f"f must be callable, not {type(f)}")
    return serialize.pack_function(f)


class View:
    """Base of the views, which are made by a client: client[:], client.load_balanced_view(), …

    Flags, which may also be given to the client's methods, or for a while with temp_flags():
    block (wait for results and return them, instead of an AsyncResult; default: the client's),
    targets, label (any text, kept with the tasks), time_limit (seconds that a task may run; then it
    is interrupted, and fails with TaskTimeout; None: any time), track (no effect: all can wait_for_send()),
    raise_original (errors are raised as the class that the engine raised, see AsyncResult.get).

    Ctrl-C while a call waits raises KeyboardInterrupt; the task goes on, see get_result().
    """

    _flag_names: tuple[str, ...] = (
        "targets",
        "block",
        "track",
        "label",
        "raise_original",
        "time_limit",
    )
    _balances = False  # one engine per call, chosen by the controller
    block: bool
    raise_original: bool
    track = False
    label: str | None = None
    time_limit: float | None = None
    targets: Any = None

    def __init__(self, client: "Client", socket: Any = None, **flags: Any) -> None:
        """socket: ignored, there for drop-in use."""
        if type(self) is View:
            raise TypeError("Don't use base View objects, use subclasses")
        self.client = client
        self.block = client.block
        self.raise_original = client.raise_original
        self.history: list[str] = History()
        self._outstanding = Outstanding(client._session)
        self._executor: ViewExecutor | None = None
        self.set_flags(**flags)

    @property
    def executor(self) -> ViewExecutor:
        """A concurrent.futures.Executor that submits to this view; a new one after shutdown()."""
        if self._executor is None or self._executor.is_shut_down:
            self._executor = ViewExecutor(self)
        return self._executor

    @property
    def results(self) -> dict[str, Any]:
        """The client's results."""
        return self.client.results

    @property
    def outstanding(self) -> set[str]:
        """msg_ids of this view's tasks that have no reply yet (a copy)."""
        return self._outstanding.ids()

    def __repr__(self) -> str:
        targets = "all" if self.targets is None else str(self.targets)
        if isinstance(self.targets, list) and len(self.targets) > 5:
            first = ", ".join(map(str, self.targets[:4]))
            targets = f"[{first}, ...]: {len(self.targets)} engines"
        return f"<{type(self).__name__} {targets}>"

    def _repr_html_(self) -> str:
        from .tables import view_table

        return view_table(self)

    def __len__(self) -> int:
        if isinstance(self.targets, list):
            return len(self.targets)
        return 1 if isinstance(self.targets, int) else len(self.client)

    # ---- flags ----

    def set_flags(self: Self, **kwargs: Any) -> Self:
        """Sets flags by name and returns the view. KeyError for a name that is none."""
        _check_time_limit(kwargs.get("time_limit"))
        for name, value in kwargs.items():
            if name not in self._flag_names:
                raise KeyError(f"Invalid name: {name!r}")
            setattr(self, name, value)
        return self

    def temp_flags(self, **kwargs: Any) -> contextlib.AbstractContextManager[None]:
        """Flags for the time of a `with` block."""
        return _FlagsForNow(self, kwargs)

    # ---- apply ----

    def _build_targets(self, targets: Any) -> tuple[list[str], list[int]]:
        """(uuids, ids) of targets."""
        return self.client._build_targets(targets)

    def _limits(self) -> str:
        """What each task may take, as members of its metadata: '"time_limit":2.5,'."""
        return "" if self.time_limit is None else f'"time_limit":{float(self.time_limit)},'

    def _request_metadata(self, label: str | None = None) -> str:
        """Metadata of a request as the flags say, as JSON."""
        return direct_metadata(self.label if label is None else label, self._limits())

    def _really_apply(self, f: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        raise NotImplementedError("Implement in subclasses")

    def apply(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Calls f(*args, **kwargs) on engines: the result if self.block, else an AsyncResult."""
        return self._really_apply(f, args, kwargs)

    def apply_async(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AsyncResult:
        """Calls f(*args, **kwargs) on engines and returns an AsyncResult at once."""
        return self._really_apply(f, args, kwargs, block=False)

    def apply_sync(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Calls f(*args, **kwargs) on engines and returns the result."""
        return self._really_apply(f, args, kwargs, block=True)

    def _finish(self, ar: AsyncResult, block: bool | None) -> Any:
        """Records the tasks; then the result, or the AsyncResult, as `block` (or the flag) says."""
        self._remember(ar)
        return ar.get() if (self.block if block is None else block) else ar

    def _remember(self, ar: AsyncResult) -> None:
        tasks = ar._tasks
        if tasks and tasks[0].status == "error":
            # So soon? Perhaps it could not even be sent.
            self.client._check_connection()
        if self.raise_original != self.client.raise_original:
            ar._raise_original = self.raise_original
        msg_ids = [task.msg_id for task in tasks]
        self.history.extend(msg_ids)
        self.client.history.extend(msg_ids)
        self._outstanding.add(msg_ids)

    # ---- the client's methods, for these engines ----

    def spin(self) -> None:
        """Does nothing (deprecated): replies arrive by themselves."""
        self.client.spin()

    def wait(self, jobs: Any = None, timeout: float | None = -1) -> bool:
        """Waits for jobs (msg_ids, indices of history, AsyncResults; default: all of this view).

        timeout: seconds, negative: for ever. Whether all are done.
        """
        if jobs is None:
            jobs = self.outstanding
        return self.client.wait(self._resolve(jobs), timeout)

    def _resolve(self, jobs: Any) -> Any:
        """jobs with indices of this view's history replaced by msg_ids."""
        if isinstance(jobs, int):
            return self.history[jobs]
        if isinstance(jobs, (list, tuple, set)):
            return [self.history[job] if isinstance(job, int) else job for job in jobs]
        return jobs

    def abort(
        self,
        jobs: Any = None,
        targets: Any = None,
        block: bool | None = None,
        interrupt: bool = False,
    ) -> Any:
        """Keeps jobs (msg_ids, AsyncResults; default: all outstanding) from starting.

        What runs already goes on, or is interrupted, too: with interrupt=True.
        """
        return self.client.abort(
            jobs=list(self.outstanding) if jobs is None else jobs,
            targets=self.targets if targets is None else targets,
            block=self.block if block is None else block,
            interrupt=interrupt,
        )

    def queue_status(self, targets: Any = None, verbose: bool = False) -> dict[Any, Any]:
        """See Client.queue_status; default: this view's engines."""
        return self.client.queue_status(self.targets if targets is None else targets, verbose)

    def purge_results(self, jobs: Any = (), targets: Any = ()) -> None:
        """See Client.purge_results."""
        if targets is None or targets == "all":
            targets = self.targets
        self.client.purge_results(jobs=jobs, targets=targets)

    def shutdown(
        self,
        targets: Any = None,
        restart: bool = False,
        hub: bool = False,
        block: bool | None = None,
    ) -> None:
        """See Client.shutdown; default: this view's engines."""
        if targets is None or targets == "all":
            targets = self.targets
        block = self.block if block is None else block
        self.client.shutdown(targets=targets, restart=restart, hub=hub, block=block)

    def get_result(
        self, indices_or_msg_ids: Any = None, block: bool | None = None, owner: bool = False
    ) -> AsyncResult:
        """See Client.get_result; integers are indices of this view's history (default: -1)."""
        jobs = self._resolve(-1 if indices_or_msg_ids is None else indices_or_msg_ids)
        return self.client.get_result(jobs, block=block, owner=owner)

    # ---- map ----

    def map(self, f: Callable[..., Any], *sequences: Iterable[Any], **kwargs: Any) -> Any:
        """map() over engines; see the subclasses."""
        raise NotImplementedError("Implement in subclasses")

    def map_async(self, f: Callable[..., Any], *sequences: Iterable[Any], **kwargs: Any) -> Any:
        """map(..., block=False)"""
        return self._map_with("map_async", False, f, sequences, kwargs)

    def map_sync(self, f: Callable[..., Any], *sequences: Iterable[Any], **kwargs: Any) -> Any:
        """map(..., block=True)"""
        return self._map_with("map_sync", True, f, sequences, kwargs)

    def _map_with(self, name: str, block: bool, f: Any, sequences: Any, kwargs: Any) -> Any:
        if "block" in kwargs:
            raise TypeError(f"{name} doesn't take a `block` keyword argument.")
        return self.map(f, *sequences, block=block, **kwargs)

    def imap(
        self, f: Callable[..., Any], *sequences: Iterable[Any], **kwargs: Any
    ) -> Iterator[Any]:
        """An iterator over the results of map().

        Generators are taken as results come, load-balanced over the same engines, with the options
        of LoadBalancedView.imap.
        """
        if all(map(has_length, sequences)):
            return iter(self.map_async(f, *sequences, **kwargs))
        balanced = self.client.load_balanced_view(self.targets)
        balanced.raise_original = self.raise_original
        balanced.label = kwargs.pop("label", self.label)
        return balanced.imap(f, *sequences, **kwargs)

    # ---- decorators ----

    def remote(
        self, block: bool | None = None, **flags: Any
    ) -> Callable[[Callable[..., Any]], RemoteFunction]:
        """Decorator: calling the function applies it through this view."""
        return remote(self, block=self.block if block is None else block, **flags)

    def parallel(
        self, dist: str = "b", block: bool | None = None, **flags: Any
    ) -> Callable[[Callable[..., Any]], ParallelFunction]:
        """Decorator: calling the function applies it to a part of its arguments per engine."""
        return parallel(self, dist=dist, block=self.block if block is None else block, **flags)
