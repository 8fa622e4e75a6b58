"""ViewExecutor: a view as a concurrent.futures.Executor."""

import concurrent.futures
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .base import View


class ViewExecutor(concurrent.futures.Executor):
    """Submits to a view; `view.executor` and `client.executor()` give one.

    Engines are not the executor's: shutdown() waits for results, the engines stay.
    """

    def __init__(self, view: "View") -> None:
        self.view = view
        self._max_workers = len(view)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.view!r}>"

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "AsyncResult":
        """view.apply_async"""
        return self.view.apply_async(fn, *args, **kwargs)

    def map(
        self, func: Callable[..., Any], *iterables: Iterable[Any], **kwargs: Any
    ) -> Iterator[Any]:
        """view.imap; `buffersize` is its max_outstanding; `timeout`, `chunksize` have no effect."""
        if kwargs.pop("timeout", None) is not None:
            warnings.warn("timeout unsupported in ViewExecutor.map", stacklevel=2)
        kwargs.pop("chunksize", None)
        if (buffersize := kwargs.pop("buffersize", None)) is not None:
            kwargs.setdefault("max_outstanding", buffersize)
        return self.view.imap(func, *iterables, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Waits for what was submitted (if `wait`), or first aborts it (if `cancel_futures`)."""
        if cancel_futures:
            self.view.abort(block=False)
        if wait:
            for unfinished_map in list(getattr(self.view, "_outstanding_maps", ())):
                unfinished_map.wait_until_submitted()
            self.view.wait()
