"""ViewExecutor: a view as a concurrent.futures.Executor."""

import concurrent.futures
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .base import View


class ViewExecutor(concurrent.futures.Executor):
    """Submits to a view; `view.executor` and `client.executor()` give one.

    As with other executors, errors are raised as the class that the engine raised (raise_original).
    Engines are not the executor's: shutdown() waits for results, the engines stay.
    """

    def __init__(self, view: "View") -> None:
        self.view = view
        self.is_shut_down = False
        self._max_workers = len(view)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.view!r}>"

    def _check_open(self) -> None:
        if self.is_shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "AsyncResult":
        """view.apply_async. RuntimeError after shutdown()."""
        self._check_open()
        future = self.view.apply_async(fn, *args, **kwargs)
        future._raise_original = True
        return future

    def map(
        self, func: Callable[..., Any], *iterables: Iterable[Any], **kwargs: Any
    ) -> Iterator[Any]:
        """view.imap, with its options; `buffersize` is its max_outstanding.

        So not more arguments are taken at a time than there are engines to work on them.
        """
        self._check_open()
        if (buffersize := kwargs.pop("buffersize", None)) is not None:
            kwargs.setdefault("max_outstanding", buffersize)
        if self.view._balances:
            kwargs.setdefault("raise_original", True)
        return self.view.imap(func, *iterables, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Waits for what was submitted (if `wait`), or first aborts it (if `cancel_futures`).

        What is aborted raises TaskAborted, which is a CancelledError; what runs already goes on.
        """
        self.is_shut_down = True
        maps = list(getattr(self.view, "_outstanding_maps", ()))
        if cancel_futures:
            for unfinished_map in maps:
                unfinished_map.cancel()
            self.view.abort(block=False)
        if wait:
            for unfinished_map in maps:
                unfinished_map.wait_until_submitted()
            self.view.wait()
