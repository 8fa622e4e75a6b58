"""A concurrent.futures.Future over native tasks.

The machinery of Future (a condition, waiters, callbacks, a thread to call them) is made only when
something asks for it: add_done_callback, concurrent.futures.wait and as_completed, `await`. They
reach for the attributes of Future, which are missing until __getattr__ makes them. get(), result()
and wait() go to the session, which waits without the GIL.
"""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Literal

from .._core import Task

if TYPE_CHECKING:
    from .client import Client

WaitMode = Literal["all", "any", "first_error"]

_MACHINERY = frozenset({"_condition", "_state", "_waiters", "_done_callbacks"})
_PENDING, _CANCELLED = "PENDING", "CANCELLED_AND_NOTIFIED"
_FINISHED = "FINISHED"
_become_lock = threading.Lock()


def seconds(timeout: float | None) -> float:
    """A timeout as the session takes it: negative for ever."""
    return -1.0 if timeout is None else float(timeout)


class TaskFuture(Future[Any]):
    """Done when all its tasks are. What the results mean is up to subclasses (_settle)."""

    _client: "Client"
    _tasks: list[Task]
    # (value, None) or (None, exception), once somebody asked for it.
    _outcome: tuple[Any, BaseException | None] | None = None
    _ready = False

    def __init__(self, client: "Client", tasks: list[Task]) -> None:
        # Not Future.__init__: see above.
        self._client = client
        self._tasks = tasks

    # ---- waiting ----

    def _done_now(self) -> bool:
        """Whether all tasks are done, without waiting. Remembered once true."""
        if not self._ready:
            tasks = self._tasks
            if len(tasks) == 1:
                self._ready = tasks[0].done
            else:
                self._ready = self._client._session.count_done(tasks) == len(tasks)
        return self._ready

    def _wait_tasks(self, timeout: float | None, mode: WaitMode = "all") -> bool:
        return self._client._session.wait(self._tasks, seconds(timeout), mode)

    def _wait_done(self, timeout: float | None) -> bool:
        """Waits up to `timeout` seconds (None or negative: for ever)."""
        if self._ready or self._done_now():
            return True
        if timeout == 0:
            return False
        self._ready = self._wait_tasks(timeout)
        return self._ready

    def _settle(self) -> tuple[Any, BaseException | None]:
        """Turns the replies into the value or the exception. Called when all tasks are done."""
        raise NotImplementedError

    def _result_or_error(self) -> tuple[Any, BaseException | None]:
        if self._outcome is None:
            # Two threads may both do the work; the first one's objects are what both get.
            self.__dict__.setdefault("_outcome", self._settle())
        outcome = self._outcome
        assert outcome is not None
        return outcome

    # ---- the interface of Future ----

    def done(self) -> bool:
        return self._done_now() or self.cancelled()

    def running(self) -> bool:
        return not self.done()

    def cancelled(self) -> bool:
        return self.__dict__.get("_state") == _CANCELLED

    def cancel(self) -> bool:
        """Gives the result up: True unless it is here already.

        What has not started is aborted, what runs is interrupted.
        """
        if self._done_now():
            return self.cancelled()
        with self._condition:
            if self._state != _PENDING:
                return self.cancelled()
            self._state = _CANCELLED
            for waiter in self._waiters:
                waiter.add_cancelled(self)
            self._condition.notify_all()
        self._abandon()
        self._invoke_callbacks()
        return True

    def _abandon(self) -> None:
        """Asks the engines to stop."""

    def result(self, timeout: float | None = None) -> Any:
        """The value. Raises what the task raised, TimeoutError, or CancelledError."""
        self._wait_for_result(timeout)
        value, error = self._result_or_error()
        if error is not None:
            raise self._to_raise(error)
        return value

    def _to_raise(self, error: BaseException) -> BaseException:
        """The form in which users get an error of _settle()."""
        return error

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What result() would raise, or None."""
        self._wait_for_result(timeout)
        error = self._result_or_error()[1]
        return None if error is None else self._to_raise(error)

    def _wait_for_result(self, timeout: float | None) -> None:
        if self.cancelled():
            raise CancelledError()
        if not self._wait_done(timeout):
            raise TimeoutError("result not ready")

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Calls fn(self) when done, in the client's event thread; at once if already done."""
        if self._done_now() and "_state" in self.__dict__:
            self._finish()
        super().add_done_callback(fn)

    def __await__(self) -> Generator[Any, None, Any]:
        """The result. If the waiting task is cancelled, ours goes on and can be awaited again."""
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        from asyncio import CancelledError as AwaitCancelled

        from .asynchronous import wait_for

        await wait_for(self)
        if self.cancelled():
            raise AwaitCancelled
        return self.result()

    # ---- the machinery, on demand ----

    def __getattr__(self, key: str) -> Any:
        if key in _MACHINERY:
            self._become_future()
            return self.__dict__[key]
        if key == "_result":
            return self._outcome and self._outcome[0]
        if key == "_exception":
            return self.exception() if self._ready else None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {key!r}")

    def _become_future(self) -> None:
        with _become_lock:
            if "_done_callbacks" in self.__dict__:
                return
            Future.__init__(self)
            del self._result, self._exception
            if self._done_now():
                self._state = _FINISHED
                return
        self._notify_when_done()

    def _notify_when_done(self) -> None:
        """Arranges for _finish() to be called."""
        self._client._events.when_done(self._tasks, self._finish)

    def _finish(self) -> None:
        """Tells everybody who waits by way of Future's machinery."""
        with self._condition:
            if self._state != _PENDING:
                return
            self._ready = True
            self._state = _FINISHED
            failed = any(task.status != "ok" for task in self._tasks)
            for waiter in self._waiters:
                waiter.add_exception(self) if failed else waiter.add_result(self)
            self._condition.notify_all()
        self._invoke_callbacks()


def remaining(deadline: float | None) -> float | None:
    """Seconds until a time of time.monotonic(), at least 0; None for no deadline."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def deadline_after(timeout: float | None) -> float | None:
    """The time of time.monotonic() `timeout` seconds from now; None if that is None or negative."""
    return None if timeout is None or timeout < 0 else time.monotonic() + timeout


def unfinished(client: "Client", tasks: Sequence[Task]) -> int:
    return len(tasks) - client._session.count_done(tasks)
