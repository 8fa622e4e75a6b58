"""Waiting for engines to come."""

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Any

from .. import error
from ..util import get_ipython, noninteractive, progress
from .future import deadline_after, remaining

if TYPE_CHECKING:
    from .client import Client

# How often the progress bar moves and failures of the cluster are noticed, in seconds.
STEP = 0.1


def engines_expected(cluster: Any) -> int:
    """How many engines a Cluster has started. TypeError without one."""
    if cluster is None:
        raise TypeError("n engines to wait for must be specified")
    return cluster.n or sum(engine_set.n for engine_set in cluster.engines.values())


def wait_for_engines(
    client: "Client",
    n: int,
    timeout: float,
    block: bool,
    interactive: bool | None,
    widget: bool | None,
) -> Future[None] | None:
    """See Client.wait_for_engines."""
    if interactive is None:
        interactive = get_ipython() is not None and not noninteractive()
    waiter = _Waiter(client, n, timeout, interactive, widget)
    if block:
        waiter.wait()
        return None
    future: Future[None] = Future()
    if len(client.ids) >= n:
        future.set_result(None)
    else:
        threading.Thread(target=_fulfil, args=(future, waiter.wait), daemon=True).start()
    return future


def _fulfil(future: Future[None], wait: Callable[[], None]) -> None:
    failure: Exception | None = None
    try:
        wait()
    except Exception as error:
        failure = error
    # Whoever asked may have given up meanwhile.
    with contextlib.suppress(InvalidStateError):
        if failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(None)


class _Waiter:
    def __init__(
        self, client: "Client", n: int, timeout: float, interactive: bool, widget: bool | None
    ) -> None:
        self._client = client
        self._n = n
        self._timeout = timeout
        self._interactive = interactive
        self._widget = widget
        self._stopped: list[Any] = []
        self._seen = set(client.ids)

    def wait(self) -> None:
        if len(self._client.ids) >= self._n:
            return
        watched = self._watch_cluster()
        bar = self._bar() if self._interactive else None
        try:
            self._wait(bar)
        finally:
            if bar is not None:
                bar.close()
            for engine_set in watched:
                if self._on_stop in getattr(engine_set, "stop_callbacks", ()):
                    engine_set.stop_callbacks.remove(self._on_stop)

    def _bar(self) -> Any:
        return progress(widget=self._widget, initial=len(self._seen), total=self._n, unit="engine")

    def _wait(self, bar: Any) -> None:
        deadline = deadline_after(self._timeout)
        while True:
            left = remaining(deadline)
            before = time.monotonic()
            enough = self._client._session.wait_for_engines(
                self._n, STEP if left is None else min(STEP, left)
            )
            now = set(self._client.ids)
            if bar is not None:
                bar.update(len(now) - bar.n)
            if enough or len(now) >= self._n:
                return
            self._check(now, left)
            self._seen = now
            # An engine that left ends the session's wait early; two at once must not make it spin.
            time.sleep(max(0.0, min(0.01, before + 0.01 - time.monotonic())))

    def _check(self, now: set[int], left: float | None) -> None:
        """Raises what makes waiting on hopeless."""
        if gone := self._seen - now:
            raise error.EngineError(f"Engine {min(gone)} unregistered while waiting for engines.")
        if self._stopped:
            raise error.EngineError(f"Engine set stopped: {self._stopped[0]}")
        self._client._check_connection()
        if left == 0:
            raise TimeoutError(
                f"{self._n} engines not ready in {self._timeout} seconds."
                f" Currently ready: {len(now)}"
            )

    def _on_stop(self, stop_data: Any) -> None:
        self._stopped.append(stop_data)

    def _watch_cluster(self) -> list[Any]:
        cluster = self._client.cluster
        engine_sets = list(cluster.engines.values()) if cluster is not None else []
        for engine_set in engine_sets:
            engine_set.on_stop(self._on_stop)
        return engine_sets
