"""AsyncResult: what a view returns at once for work that takes its time."""

import itertools
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .. import error
from .._inputs import reduce_result
from ..util import compare_datetimes, progress, utcnow
from .future import TaskFuture, WaitMode, deadline_after, remaining
from .metadata import FIELDS, Metadata, field, metadata_of
from .replies import unpack_reply

if TYPE_CHECKING:
    from .client import Client

_MODES: dict[str, WaitMode] = {
    ALL_COMPLETED: "all",
    FIRST_COMPLETED: "any",
    FIRST_EXCEPTION: "first_error",
}
_UNSET: Any = object()


class AsyncResult(TaskFuture):
    """One or more tasks and, once they are done, their results.

    A concurrent.futures.Future (callbacks, concurrent.futures.wait), awaitable, and iterable in the
    order of its tasks. `ar[int or slice]` are results; `ar["key"]` and `ar.key` are metadata (see
    Metadata), one value for a single task, else a list. len() counts items, so a map over 100
    items has length 100 however many tasks it made.

    Made for one target (an int), it is a single result: get() gives the value itself, not a list.
    """

    _single_result = False
    _return_exceptions = False
    _raise_original: bool | None = None  # None: as the client says
    _chunks: list[int] | None = None
    _fname: str
    _targets: Sequence[int | None] | None

    def __init__(
        self,
        client: "Client",
        children: Any,
        fname: str = "unknown",
        targets: Sequence[int | None] | None = None,
        owner: bool = False,
        return_exceptions: bool = False,
        chunk_sizes: Sequence[int] | None = None,
    ) -> None:
        """children: one Task or msg_id (a single result), or a list of them. KeyError: unknown id.

        chunk_sizes: how many items each task stands for; one each if not given.
        """
        if not isinstance(children, list):
            children = [children]
            self._single_result = True
        if children and isinstance(children[0], str):
            children = [client._known_task(msg_id) for msg_id in children]
        self._client = client
        self._tasks = children
        self._fname = fname
        self._targets = targets
        if owner:
            self.owner = True
        if return_exceptions:
            self._return_exceptions = True
        if chunk_sizes is not None:
            self._chunks = list(chunk_sizes)

    # Kept for drop-in use: results are owned by whoever holds this object.
    owner = False

    @property
    def msg_ids(self) -> list[str]:
        """The ids of the tasks."""
        return [task.msg_id for task in self._tasks]

    # ---- results ----

    def get(
        self,
        timeout: float | None = None,
        return_exceptions: bool | None = None,
        return_when: str | None = None,
        raise_original: bool | None = None,
    ) -> Any:
        """The result: a list in the order of targets, or the value itself for a single result.

        timeout: seconds; None or negative: for ever. Raises TimeoutError; RemoteError for a single
        task that failed; CompositeError once all are done if some failed (with return_when=
        FIRST_EXCEPTION as soon as one has). return_exceptions=True puts them into the list instead.

        raise_original=True raises the first task's exception that there is as its own class, from
        the RemoteError or CompositeError; that itself if the exception cannot be pickled.
        """
        if return_when == FIRST_COMPLETED:
            warnings.warn(
                "Ignoring unsupported AsyncResult.get(return_when=FIRST_COMPLETED)",
                UserWarning,
                stacklevel=2,
            )
        if return_when == FIRST_EXCEPTION and not self._done_now():
            self._wait_or_raise_first(timeout, raise_original)
        elif timeout is not None and timeout < 0:
            timeout = None
        self._wait_for_result(timeout)
        value, failure = self._result_or_error()
        if failure is None:
            return value
        if self._return_exceptions if return_exceptions is None else return_exceptions:
            return self._reconstruct_result(self._values())
        raise self._to_raise(failure, raise_original)

    def _wait_or_raise_first(self, timeout: float | None, raise_original: bool | None) -> None:
        done, _ = self.wait(timeout, return_when=FIRST_EXCEPTION)
        for part in done:
            if not part.successful():
                part.get(raise_original=raise_original)

    def _to_raise(
        self, failure: BaseException, raise_original: bool | None = None
    ) -> BaseException:
        for choice in (raise_original, self._raise_original, self._client.raise_original):
            if choice is not None:
                break
        if not choice or not isinstance(failure, error.RemoteError):
            return failure
        for index, task in enumerate(self._tasks):
            if task.status == "error" and isinstance(
                first := self._value(index), error.RemoteError
            ):
                return first._original_or_self(failure)
        return failure

    @property
    def r(self) -> Any:
        """get(): the result."""
        return self.get()

    def get_dict(self, timeout: float | None = -1) -> dict[int, Any]:
        """Results by engine id. ValueError if an engine ran more than one of the tasks."""
        results = self.get(timeout)
        if self._single_result:
            results = [results]
        engine_ids = self._fields("engine_id")
        for engine_id in engine_ids:
            if (count := engine_ids.count(engine_id)) > 1:
                raise ValueError(f"Cannot build dict, {count} jobs ran on engine #{engine_id}")
        return dict(zip(engine_ids, results, strict=True))

    @property
    def result_dict(self) -> dict[int, Any]:
        """get_dict()"""
        return self.get_dict()

    def _values(self) -> list[Any]:
        """The value or exception of each task; all must be done."""
        return [self._value(index) for index in range(len(self._tasks))]

    def _value(self, index: int) -> Any:
        cache = self.__dict__.get("_cache")
        if cache is None:
            cache = self.__dict__.setdefault("_cache", [_UNSET] * len(self._tasks))
        if cache[index] is _UNSET:
            cache[index] = unpack_reply(self._client, self._tasks[index])
        return cache[index]

    def _settle(self) -> tuple[Any, BaseException | None]:
        try:
            values = self._values()
            if not self._single_result:
                return self._reconstruct_result(self._collect_exceptions(values)), None
            if isinstance(values[0], error.KernelError):
                return None, None if self._return_exceptions else values[0]
            return self._reconstruct_result(values), None
        except Exception as failure:
            return None, failure

    def _reconstruct_result(self, values: list[Any]) -> Any:
        """From the values of the tasks to what get() returns."""
        return values[0] if self._single_result else values

    def __reduce_ex__(self, protocol: Any) -> Any:
        # As an argument of a call it stands for its result (see _inputs.py).
        return reduce_result(self)

    def _collect_exceptions(self, values: Any) -> Any:
        if self._return_exceptions:
            return values
        return error.collect_exceptions(values, self._fname)

    # ---- waiting ----

    def wait(self, timeout: float | None = -1, return_when: str | None = None) -> Any:
        """Waits up to `timeout` seconds (None or negative: for ever); whether all is done.

        With return_when (of concurrent.futures) it returns (done, pending): sets of the
        AsyncResults that split() gives.
        """
        if return_when is None:
            return self._wait_done(None if timeout is None or timeout < 0 else timeout)
        if return_when not in _MODES:
            raise ValueError(f"Unrecognized return_when={return_when!r}")
        self._wait_tasks(timeout, _MODES[return_when])
        parts = self.split()
        done = {part for part in parts if part._done_now()}
        return done, set(parts) - done

    def ready(self) -> bool:
        """Whether the result is here. Never waits."""
        return self._done_now()

    def successful(self) -> bool:
        """Whether no task failed. RuntimeError if not ready."""
        if not self.ready():
            raise RuntimeError("Cannot check successful() if not done.")
        return self.exception() is None

    def wait_for_output(self, timeout: float | None = -1) -> bool:
        """Waits until the output is here too, which may be after the result."""
        if self._output_ready:
            return True
        timeout = -1.0 if timeout is None else timeout
        return self._client._session.wait(self._tasks, timeout, "all", outputs=True)

    @property
    def _output_ready(self) -> bool:
        return all(task.output_done for task in self._tasks)

    def wait_interactive(
        self,
        interval: float = 0.1,
        timeout: float | None = -1,
        widget: bool | None = None,
        return_when: str | None = ALL_COMPLETED,
    ) -> None:
        """Waits like wait(), with a progress bar refreshed every `interval` seconds.

        widget: a bar of ipywidgets instead of text; default: in a kernel that has them.
        """
        mode = _MODES.get(return_when or ALL_COMPLETED)
        if mode is None:
            raise ValueError(f"Unrecognized return_when={return_when!r}")
        deadline = deadline_after(timeout)
        bar = progress(widget=widget, total=len(self), unit="tasks", desc=self._fname)
        try:
            while True:
                left = remaining(deadline)
                finished = self._wait_tasks(interval if left is None else min(interval, left), mode)
                bar.update(self.progress - bar.n)
                if finished or left == 0:
                    return
        finally:
            bar.close()

    def wait_for_send(self, timeout: float | None = -1) -> bool:
        """Waits until arrays that were passed may be changed; TimeoutError after `timeout` s."""
        deadline = deadline_after(timeout)
        while not self.sent:
            left = remaining(deadline)
            if left == 0:
                raise TimeoutError("Still waiting to be sent")
            # The reply implies it; usually it is sent much earlier.
            self._wait_tasks(0.001 if left is None else min(left, 0.001))
        return True

    @property
    def sent(self) -> bool:
        """Whether everything is sent, so that arrays that were passed may be changed."""
        return all(task.sent for task in self._tasks)

    def abort(self, interrupt: bool = False) -> Any:
        """Keeps tasks that have not started from starting. RuntimeError if already done.

        interrupt: what runs already is interrupted, and no other task. See cancel(), too.
        """
        if self.ready():
            raise RuntimeError("Can't abort, I am already done!")
        return self._client.abort(
            self.msg_ids, targets=self._targets, block=True, interrupt=interrupt
        )

    def _abandon(self) -> None:
        try:
            self._client.abort(self.msg_ids, targets=self._targets, block=False, interrupt=True)
        except (error.NoEnginesRegistered, IndexError, OSError):
            pass  # nobody is left who could start it

    # ---- parts ----

    def split(self) -> tuple["AsyncResult", ...]:
        """One AsyncResult per task, or itself if it is only one. Always the same objects."""
        if len(self._tasks) == 1:
            return (self,)
        parts = self.__dict__.get("_parts")
        if parts is None:
            parts = self.__dict__.setdefault("_parts", tuple(self._make_parts()))
        return parts

    def _make_parts(self) -> Iterator["AsyncResult"]:
        targets = self._targets or itertools.repeat(None)
        for target, task in zip(targets, self._tasks, strict=False):
            yield AsyncResult(
                self._client,
                task if self._parts_are_single() else [task],
                fname=self._fname,
                targets=None if target is None else [target],
                return_exceptions=self._return_exceptions,
            )._with_errors_of(self)

    def _with_errors_of(self, other: "AsyncResult") -> "AsyncResult":
        if other._raise_original is not None:
            self._raise_original = other._raise_original
        return self

    def _parts_are_single(self) -> bool:
        return True

    @classmethod
    def join(cls, *async_results: "AsyncResult") -> "AsyncResult":
        """One AsyncResult for the tasks of several: the inverse of split()."""
        if not async_results:
            raise ValueError("Must specify at least one AsyncResult to join")
        first = async_results[0]
        if len(async_results) == 1:
            return first
        targets: list[int | None] = []
        for part in async_results:
            targets.extend(part._targets or [None] * len(part._tasks))
        return cls(
            first._client,
            [task for part in async_results for task in part._tasks],
            fname=first._fname,
            return_exceptions=first._return_exceptions,
            targets=targets,
        )._with_errors_of(first)

    def __getitem__(self, key: int | slice | str) -> Any:
        """Results for an int or slice (TimeoutError if not ready), metadata for a name."""
        if isinstance(key, str):
            values = self._fields(key)
            return values[0] if self._single_result else values
        if not isinstance(key, (int, slice)):
            raise TypeError(f"Invalid key type {type(key)!r}, must be 'int','slice', or 'str'")
        if not self.ready():
            raise TimeoutError("Result not ready.")
        values = self.result()[key]
        return self._checked([values])[0] if isinstance(key, int) else values

    def _checked(self, values: Any) -> Any:
        """The values; raises if some are errors."""
        try:
            return self._collect_exceptions(values)
        except error.RemoteError as failure:
            raise self._to_raise(failure) from None

    def __getattr__(self, key: str) -> Any:
        if key in FIELDS:
            return self[key]
        return super().__getattr__(key)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *FIELDS]

    def __iter__(self) -> Iterator[Any]:
        """Results in order, each as soon as it is here."""
        if self._single_result:
            raise TypeError("AsyncResults with a single result are not iterable.")
        return self._iterate()

    def _iterate(self) -> Iterator[Any]:
        if self._done_now():
            yield from self.get(0)
            return
        for index in range(len(self._tasks)):
            self._wait_task(index)
            yield self._checked([self._value(index)])[0]

    def __aiter__(self) -> AsyncIterator[Any]:
        """`async for`: as __iter__, without blocking the event loop."""
        if self._single_result:
            raise TypeError("AsyncResults with a single result are not iterable: await it.")
        return self._iterate_async()

    async def _iterate_async(self) -> AsyncIterator[Any]:
        async for index in self._indices_async():
            yield self._checked([self._value(index)])[0]

    def _indices_async(self) -> AsyncIterator[int]:
        from .asynchronous import in_order

        return in_order(self._client, self._tasks)

    def _wait_task(self, index: int) -> None:
        task = self._tasks[index]
        if not task.done:
            self._client._session.wait([task])

    def __len__(self) -> int:
        return sum(self._chunks) if self._chunks else len(self._tasks)

    def __bool__(self) -> bool:
        return True

    # ---- metadata and times ----

    def _fields(self, key: str) -> list[Any]:
        client = self._client
        return [field(client, task, key) for task in self._tasks]

    @property
    def metadata(self) -> Metadata | list[Metadata]:
        """What is known about the task (or a list, one per task) at this moment."""
        known = [metadata_of(self._client, task) for task in self._tasks]
        return known[0] if self._single_result else known

    def timedelta(
        self,
        start: datetime | Sequence[datetime],
        end: datetime | Sequence[datetime],
        start_key: Callable[[Any], datetime] = min,
        end_key: Callable[[Any], datetime] = max,
    ) -> float:
        """Seconds between two sets of times, such as ar.submitted and ar.completed.

        By default from the earliest of the first to the latest of the second.
        """
        begin = start if isinstance(start, datetime) else start_key(start)
        finish = end if isinstance(end, datetime) else end_key(end)
        return compare_datetimes(finish, begin).total_seconds()

    @property
    def progress(self) -> int:
        """How many of the len(ar) items are done."""
        if self._chunks is None:
            return self._client._session.count_done(self._tasks)
        return sum(size for size, task in zip(self._chunks, self._tasks, strict=True) if task.done)

    @property
    def elapsed(self) -> float:
        """Seconds since the first task was submitted; wall_time once all are done."""
        if self.ready():
            return self.wall_time
        submitted = [when for when in self._fields("submitted") if when]
        return (utcnow() - min(submitted)).total_seconds() if submitted else 0.0

    @property
    def serial_time(self) -> float:
        """Seconds that the engines worked, added up. TimeoutError if not ready."""
        self._check_ready()
        times = zip(self._fields("started"), self._fields("completed"), strict=True)
        return sum(compare_datetimes(end, start).total_seconds() for start, end in times if start)

    @property
    def wall_time(self) -> float:
        """Seconds from the first submission to the last reply. TimeoutError if not ready."""
        self._check_ready()
        return self.timedelta(self._fields("submitted"), self._fields("received"))

    def _check_ready(self) -> None:
        if not self.ready():
            raise TimeoutError("result not ready")

    # ---- output ----

    def display_outputs(
        self, groupby: str = "type", result_only: bool = False, collate: bool | None = None
    ) -> None:
        """Shows the output as if it had been made here; waits for the rest of it.

        groupby: "type" (all stdout, all stderr, …), "engine", or "order" (first plot of each
        engine, second plot of each, …). result_only: only what the cell's last line shows.
        collate: show what engines say alike once, as [stdout:0-997,999] (default: from 16 engines
        on; not by "engine").
        """
        from .display import display_outputs

        self._check_ready()
        self.wait_for_output()
        display_outputs(self, groupby, result_only, collate)

    def stream_output(self) -> AbstractContextManager[None]:
        """A context in which output is shown as it arrives; first what is already here."""
        from .display import stream_output

        return stream_output(self)

    # ---- what it looks like ----

    def _state_text(self) -> str:
        if self.cancelled():
            return "cancelled"
        if self._done_now():
            failed = sum(task.status != "ok" for task in self._tasks)
            if not failed:
                return "finished"
            count = f" {failed}/{len(self._tasks)}" if len(self._tasks) > 1 else ""
            return "failed" + count
        if len(self) == 1:
            return "pending"
        return f"pending, {self.progress}/{len(self)} done"

    def __repr__(self) -> str:
        engines = ""
        if self._targets and not self._single_result:
            engines = f", {len(self._targets)} engines"
        return f"<{type(self).__name__}({self._fname}): {self._state_text()}{engines}>"

    def _repr_html_(self) -> str:
        from .tables import result_table

        return result_table(self)


__all__ = ["AsyncResult"]
