"""imap: a map that takes its arguments as it goes, with a bounded number of tasks under way.

A thread per map takes the arguments, because taking them may block: it submits a task whenever the
window has room, and puts its result into a queue for whoever iterates. It knows nothing of the
iterator, so that an iterator that is dropped ends it.
"""

import itertools
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .. import serialize
from .future import remaining
from .mapping import call_per_item

if TYPE_CHECKING:
    import asyncio

    from .asyncresult import AsyncResult
    from .balanced import LoadBalancedView

_END: Any = object()


class _Feeder:
    """Submits tasks; `results` gets the AsyncResults, an exception of the arguments, then _END."""

    def __init__(
        self,
        view: "LoadBalancedView",
        f: Callable[..., Any],
        sequences: Iterable[Iterable[Any]],
        ordered: bool,
        limit: int,
        chunksize: int,
        raise_original: bool | None,
    ) -> None:
        self.results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._view = view
        self._f = f
        self._chunksize = chunksize
        self._raise_original = raise_original
        self._arguments = zip(*sequences, strict=False)
        self._ordered = ordered
        self._room = threading.Semaphore(limit) if limit else None
        self._cancelled = threading.Event()
        self._submitted = threading.Event()
        # Tasks on their way, plus one for the feeder itself. Guarded by the lock.
        self._lock = threading.Lock()
        self._open = 1

    def first(self) -> None:
        """Submits the first task in the caller's thread: there an unpicklable one is raised."""
        self._view._outstanding_maps.add(self)
        try:
            if not self._step():
                self._close()
                return
        except BaseException:
            self._view._outstanding_maps.discard(self)
            raise
        threading.Thread(target=self._run, name="engineroom-imap", daemon=True).start()

    def cancel(self) -> None:
        """Takes no more arguments."""
        self._cancelled.set()
        if self._room:
            self._room.release()

    def wait_until_submitted(self) -> None:
        self._submitted.wait()

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except Exception as error:
            self.results.put(error)
        self._close()

    def _step(self) -> bool:
        """Submits one task when there is room. False: no more to do."""
        if self._room:
            self._room.acquire()
        if self._cancelled.is_set():
            return False
        chunk = list(itertools.islice(self._arguments, self._chunksize))
        if not chunk or self._cancelled.is_set():
            return False
        ar = self._submit(chunk)
        with self._lock:
            self._open += 1
        if self._ordered:
            self.results.put(ar)
        self._view.client._events.when_done(ar._tasks, lambda: self._on_done(ar))
        return True

    def _submit(self, chunk: list[tuple[Any, ...]]) -> "AsyncResult":
        if self._chunksize == 1:
            ar = self._view.apply_async(self._f, *chunk[0])
        else:
            ar = self._view.apply_async(*call_per_item(self._f), *zip(*chunk, strict=True))
        if self._raise_original is not None:
            ar._raise_original = self._raise_original
        return ar

    def _on_done(self, ar: "AsyncResult") -> None:
        if not self._ordered:
            self.results.put(ar)
        if self._room:
            self._room.release()
        self._close_one()

    def _close(self) -> None:
        self._view._outstanding_maps.discard(self)
        self._submitted.set()
        if self._ordered:
            self.results.put(_END)
        self._close_one()

    def _close_one(self) -> None:
        with self._lock:
            self._open -= 1
            last = self._open == 0
        if last and not self._ordered:
            self.results.put(_END)


class LazyMapIterator(Iterator[Any]):
    """The results of imap, each as soon as it is there. cancel() stops taking arguments.

    `async for` works, too, and does not block the event loop.
    """

    def __init__(
        self, feeder: _Feeder, return_exceptions: bool, chunked: bool, timeout: float | None
    ) -> None:
        self._feeder = feeder
        self._return_exceptions = return_exceptions
        self._chunked = chunked
        # The results of a task that are still to be given out.
        self._items: deque[Any] = deque()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._next: asyncio.Future[Any] | None = None
        self._finished = False
        # A dropped iterator must not leave a thread behind that submits for ever.
        weakref.finalize(self, feeder.cancel).atexit = False

    def __next__(self) -> Any:
        while not self._items:
            self._take()
        return self._items.popleft()

    def _take(self) -> None:
        """Waits for the results of one task."""
        if self._finished:
            raise StopIteration
        try:
            item = self._feeder.results.get(timeout=remaining(self._deadline))
            if item is _END:
                self._finished = True
                raise StopIteration
            if isinstance(item, Exception):
                raise item
            item._wait_for_result(remaining(self._deadline))
        except (queue.Empty, TimeoutError):
            self.cancel()
            self._finished = True
            raise TimeoutError("result not ready") from None
        value = item.get(return_exceptions=self._return_exceptions)
        if self._chunked and not isinstance(value, Exception):
            self._items.extend(value)
        else:
            self._items.append(value)

    def __aiter__(self) -> "LazyMapIterator":
        return self

    async def __anext__(self) -> Any:
        import asyncio

        # A thread waits. If its waiting is given up here, the next call takes over what it gets.
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.run_in_executor(None, next, self, _END)
        try:
            item = await asyncio.shield(self._next)
        finally:
            if self._next.done():
                self._next = None
        if item is _END:
            raise StopAsyncIteration
        return item

    def cancel(self) -> None:
        """Takes no more arguments; what was submitted can still be iterated."""
        self._feeder.cancel()


def start_lazy_map(
    view: "LoadBalancedView",
    f: Callable[..., Any],
    sequences: Iterable[Iterable[Any]],
    ordered: bool,
    limit: int,
    return_exceptions: bool,
    chunksize: int = 1,
    timeout: float | None = None,
    raise_original: bool | None = None,
) -> LazyMapIterator:
    """imap with everything decided; limit 0 means none."""
    if chunksize < 1:
        raise ValueError(f"chunksize must be at least 1, not {chunksize}")
    if not callable(f) and not isinstance(f, (serialize.Reference, serialize.PrePickled)):
        raise TypeError(f"f must be callable, not {type(f)}")
    feeder = _Feeder(view, f, sequences, ordered, limit, chunksize, raise_original)
    iterator = LazyMapIterator(feeder, return_exceptions, chunksize > 1, timeout)
    feeder.first()
    return iterator
