"""imap: a map that takes its arguments as it goes, with a bounded number of tasks under way.

A thread per map takes the arguments, because taking them may block: it submits a task whenever the
window has room, and puts its result into a queue for whoever iterates. It knows nothing of the
iterator, so that an iterator that is dropped ends it.
"""

import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .. import serialize

if TYPE_CHECKING:
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
    ) -> None:
        self.results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._view = view
        self._f = f
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
        try:
            arguments = next(self._arguments)
        except StopIteration:
            return False
        if self._cancelled.is_set():
            return False
        ar = self._view.apply_async(self._f, *arguments)
        with self._lock:
            self._open += 1
        if self._ordered:
            self.results.put(ar)
        self._view.client._events.when_done(ar._tasks, lambda: self._on_done(ar))
        return True

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
    """The results of imap, each as soon as it is there. cancel() stops taking arguments."""

    def __init__(self, feeder: _Feeder, return_exceptions: bool) -> None:
        self._feeder = feeder
        self._return_exceptions = return_exceptions
        self._finished = False
        # A dropped iterator must not leave a thread behind that submits for ever.
        weakref.finalize(self, feeder.cancel).atexit = False

    def __next__(self) -> Any:
        if self._finished:
            raise StopIteration
        item = self._feeder.results.get()
        if item is _END:
            self._finished = True
            raise StopIteration
        if isinstance(item, Exception):
            raise item
        return item.get(return_exceptions=self._return_exceptions)

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
) -> LazyMapIterator:
    """imap with everything decided; limit 0 means none."""
    if not callable(f) and not isinstance(f, (serialize.Reference, serialize.PrePickled)):
        raise TypeError(f"f must be callable, not {type(f)}")
    feeder = _Feeder(view, f, sequences, ordered, limit)
    iterator = LazyMapIterator(feeder, return_exceptions)
    feeder.first()
    return iterator
