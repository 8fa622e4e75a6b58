"""Coroutine methods with a `_sync` twin each: `await c.stop_cluster()`, `c.stop_cluster_sync()`."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_sync(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, even where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    future = asyncio.run_coroutine_threadsafe(start(), _background_loop())
    try:
        return future.result()
    except BaseException:
        # After Ctrl-C nobody waits for it any more.
        future.cancel()
        raise


class SyncTwins:
    """Gives subclasses `<name>_sync` for each public coroutine method `<name>`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, method in list(vars(cls).items()):
            if inspect.iscoroutinefunction(method) and not name.startswith("_"):
                setattr(cls, f"{name}_sync", _twin(name, method))


def _twin(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def twin(self: Any, *args: Any, **kwargs: Any) -> Any:
        # By name: a subclass may have another one.
        return run_sync(lambda: getattr(self, name)(*args, **kwargs))

    twin.__name__ = f"{name}_sync"
    twin.__qualname__ = f"{method.__qualname__}_sync"
    twin.__doc__ = f"Waits for `{name}`: {inspect.getdoc(method) or ''}"
    # For inspect.iscoroutinefunction and help(): the twin is an ordinary function.
    del twin.__wrapped__  # type: ignore[attr-defined]
    twin.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return twin


_loop: asyncio.AbstractEventLoop | None = None
_loop_lock = threading.Lock()


def _background_loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            thread = threading.Thread(
                target=_loop.run_forever, name="engineroom-cluster-loop", daemon=True
            )
            thread.start()
        return _loop


def _forget_loop() -> None:
    # A forked child has the loop, but not the thread that runs it.
    global _loop, _loop_lock
    _loop = None
    _loop_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_loop)
