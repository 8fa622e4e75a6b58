"""No more than so many at a time of what takes long elsewhere; the rest waits here, in order.

    turns = Turns(lambda: 2)
    job = turns.add(lambda: view.apply_async(f))  # a future of f's AsyncResult, once that is done

Pure but for threads: whatever `start` returns is a future, and what waits is started by the thread
that ends another one.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeAlias

Started: TypeAlias = Future[Any]
Job: TypeAlias = Future[Started]
Turn: TypeAlias = tuple[Callable[[], Started], Job]


class Turns:
    """`limit` is asked whenever one may start; None: as many as there are."""

    def __init__(self, limit: Callable[[], int | None]) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[Turn] = deque()
        self._is_filling = False

    def add(
        self, start: Callable[[], Started], callback: Callable[[Job], Any] | None = None
    ) -> Job:
        """Starts it now or later. The job's result is what `start` returned, which is done by then;
        or the job has what `start` raised."""
        job: Job = Future()
        if callback is not None:
            job.add_done_callback(callback)
        with self._lock:
            self._waiting.append((start, job))
        self._fill()
        return job

    def drop(self) -> None:
        """What has not been started never is: cancelled."""
        with self._lock:
            dropped = [job for _, job in self._waiting]
            self._waiting.clear()
        for job in dropped:
            job.cancel()

    def _fill(self) -> None:
        with self._lock:
            # Whoever does so looks again after each; also this thread, if what it started has ended.
            if self._is_filling:
                return
            self._is_filling = True
        try:
            while (turn := self._take()) is not None:
                self._start(*turn)
        except BaseException:
            with self._lock:
                self._is_filling = False
            raise

    def _take(self) -> Turn | None:
        limit = self.limit()
        with self._lock:
            while self._waiting and (limit is None or self._running < limit):
                turn = self._waiting.popleft()
                if turn[1].set_running_or_notify_cancel():
                    self._running += 1
                    return turn
            self._is_filling = False
            return None

    def _start(self, start: Callable[[], Started], job: Job) -> None:
        try:
            started = start()
        except BaseException as error:
            self._leave()
            job.set_exception(error)
        else:
            started.add_done_callback(lambda done: self._on_done(done, job))

    def _leave(self) -> None:
        with self._lock:
            self._running -= 1

    def _on_done(self, done: Started, job: Job) -> None:
        self._leave()
        # First: what waits should not wait for whoever looks at this result.
        self._fill()
        job.set_result(done)
