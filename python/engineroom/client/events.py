"""The session's events, for what must happen without anybody waiting: callbacks, streamed output.

Completion is native: get() and wait() need no Python thread. The thread here starts with the first
add_done_callback, concurrent.futures.wait, `await`, unordered iteration or streaming.
"""

import itertools
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from .._core import Session, Task

log = logging.getLogger("engineroom")
Handler = Callable[..., None]


class Events:
    """Calls handlers from one daemon thread per client. It never holds the client itself."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tokens = itertools.count(1)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        # token → handler; touched by any thread, one dict operation at a time.
        self._handlers: dict[int, Handler] = {}
        self._observers: dict[str, list[Handler]] = {}

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="engineroom-events", daemon=True
                )
                self._thread.start()

    def _register(self, handler: Handler) -> int:
        token = next(self._tokens)
        self._handlers[token] = handler
        self._start()
        return token

    def when_done(self, tasks: Sequence[Task], handler: Callable[[], None]) -> int:
        """Calls handler() once, when all tasks are done; soon, if they are already."""
        token = self._register(handler)
        self._session.watch(tasks, token)
        return token

    def each_done(self, tasks: Sequence[Task], handler: Callable[[int], None]) -> int:
        """Calls handler(index) as each task completes, until forget()."""
        token = self._register(handler)
        self._session.watch_each(tasks, token)
        return token

    def each_output(self, tasks: Sequence[Task], handler: Callable[[int, str, str], None]) -> int:
        """Calls handler(index, msg_type, content JSON) per output from now on, until forget()."""
        token = self._register(handler)
        self._session.watch_output(tasks, token)
        return token

    def forget(self, token: int) -> None:
        self._session.unwatch(token)
        self._handlers.pop(token, None)

    def observe(self, kind: str, handler: Handler) -> None:
        """Calls handler(*event) for events of a kind: "engine", "comm" or "lost"."""
        self._observers.setdefault(kind, []).append(handler)
        self._session.enable_events()
        self._start()

    def _run(self) -> None:
        while (event := self._session.next_event()) is not None:
            if event[0] == "closed":
                return
            self._handle(event)
            # Nothing of it, results above all, must live on until the next one.
            event = None

    def _handle(self, event: tuple[Any, ...]) -> None:
        for handler, arguments in self._dispatch(event):
            try:
                handler(*arguments)
            except Exception:
                log.exception("exception in a handler of %r", event[0])

    def _dispatch(self, event: tuple[Any, ...]) -> list[tuple[Handler, tuple[Any, ...]]]:
        kind = event[0]
        if kind == "done":
            handler = self._handlers.pop(event[1], None)
            return [(handler, ())] if handler else []
        if kind in ("task", "output"):
            handler = self._handlers.get(event[1])
            return [(handler, event[2:])] if handler else []
        return [(handler, event[1:]) for handler in self._observers.get(kind, ())]
