"""A cluster that grows with its queue, and shrinks when engines have nothing to do.

`Policy` decides, from what the controller's queues say and the time, and does nothing else;
`Adaptive` asks, and does as it says, once a second. It works with every launcher that can start
any number of engines: each growth is a set of engines of its own, and engines are ended one by one,
by the controller, which has the last word: an engine that was given a task meanwhile stays.

Asking is a promise, too: tasks that demand what no engine offers, but those that are started here
would, wait for them.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from dataclasses import dataclass, field
from typing import Any

from ..error import IPythonError
from . import files, state
from .base import LauncherError

# Seconds before starting again what has failed: the first, and what they grow to.
RETRY_FIRST, RETRY_LAST = 5.0, 300.0
# Seconds that the promise of engines holds. To start some may take minutes.
PROMISE = 600.0


@dataclass(frozen=True)
class Decision:
    start: int = 0
    stop: tuple[int, ...] = ()  # engine ids: who may go, the one to go first in front
    most: int = 0  # how many of them


@dataclass
class Policy:
    """How many engines there should be. Times are in seconds, and only compared."""

    minimum: int
    maximum: int
    idle_seconds: float  # an engine that did nothing for so long may go
    grow_seconds: float  # what waits for so long is worth an engine
    tasks_per_engine: float = 1.0

    _short_since: float | None = None
    _idle_since: dict[int, float] = field(default_factory=dict)
    _retry_at: float = 0.0
    _retry_after: float = RETRY_FIRST

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= self.maximum or self.maximum < 1:
            raise ValueError(f"not 0 <= minimum <= maximum: {self.minimum}, {self.maximum}")

    def decide(
        self,
        now: float,
        *,
        waiting: int,
        outstanding: dict[int, int],
        starting: int,
        unoffered: int = 0,
    ) -> Decision:
        """`waiting`: tasks that one more engine could start now; of these, `unoffered` are those
        that no present engine can run. `outstanding`: tasks of each engine; `starting`: engines on
        their way."""
        present = len(outstanding)
        busy = sum(1 for tasks in outstanding.values() if tasks)
        needed = max(
            math.ceil((waiting + sum(outstanding.values())) / self.tasks_per_engine),
            busy + math.ceil(unoffered / self.tasks_per_engine),
        )
        # Engines that have nothing to do are of no use to what waits: they would have it.
        useless = present - busy if waiting else 0
        wanted = min(max(needed + useless, self.minimum), self.maximum)
        idle = self._idle(now, outstanding)
        start = self._to_start(now, wanted, present + starting)
        if start:
            return Decision(start)
        if useless and present >= self.maximum:
            # They make room.
            surplus = min(needed, self.maximum) - busy
        else:
            surplus = present - wanted
        # Who has been idle longest goes first.
        return Decision(stop=tuple(idle), most=surplus) if idle and surplus > 0 else Decision()

    def _idle(self, now: float, outstanding: dict[int, int]) -> list[int]:
        before = self._idle_since
        since = {e: before.get(e, now) for e, tasks in outstanding.items() if not tasks}
        self._idle_since = since
        return sorted(
            (e for e in since if now - since[e] >= self.idle_seconds), key=since.__getitem__
        )

    def _to_start(self, now: float, wanted: int, expected: int) -> int:
        if wanted <= expected:
            self._short_since = None
            return 0
        if self._short_since is None:
            self._short_since = now
        # The minimum is there at once.
        patient = expected >= self.minimum and now - self._short_since < self.grow_seconds
        if patient or now < self._retry_at:
            return 0
        self._short_since = None
        return wanted - expected

    def failed(self, now: float) -> float:
        """No engines came. The next try is so many seconds away."""
        wait = self._retry_after
        self._retry_at = now + wait
        self._retry_after = min(2 * wait, RETRY_LAST)
        return wait

    def succeeded(self) -> None:
        self._retry_after = RETRY_FIRST


@dataclass
class _Coming:
    """Engines of a set that have not registered yet."""

    key: str
    engine_set: Any
    remaining: int


class Adaptive:
    """Does as the policy says, in a thread, until stop()."""

    def __init__(
        self, cluster: Any, policy: Policy, interval: float, resources: Any = None
    ) -> None:
        self.policy = policy
        self._options = {} if resources is None else {"resources": resources}
        # What our engines offer; None until the first has come.
        self._offer: dict[str, float] | None = None
        self._cluster = weakref.ref(cluster)
        self._log = cluster.log
        self._interval = interval
        self._ended = threading.Event()
        self._client = cluster.connect_client_sync()
        self._seen = set(self._client.ids)
        self._ours: dict[str, Any] = {}
        # Those that were started before us may be on their way.
        started = sum(state.running_engines(one) for one in cluster.engines.values())
        late = max(0, started - len(self._seen))
        self._coming = [_Coming(*list(cluster.engines.items())[-1], late)] if late else []
        self._thread = threading.Thread(target=self._run, name="engineroom-adaptive", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave the engines as they are from now on."""
        self._ended.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._ended.wait(self._interval):
                # Not held while we wait: a cluster that nobody holds any more is not kept by this.
                cluster = self._cluster()
                if cluster is None or cluster.controller is None or not cluster.controller.running:
                    return
                try:
                    self._step(cluster, time.monotonic())
                except (IPythonError, LauncherError, OSError, TimeoutError) as error:
                    self._failed(str(error))
                del cluster
        finally:
            self._end_promise()
            self._client.close()

    def _end_promise(self) -> None:
        try:
            self._ask(0)
        except (IPythonError, OSError, TimeoutError):
            pass  # the controller has gone

    def _ask(self, seconds: float) -> dict[str, Any]:
        content = {"offer": self._offer, "seconds": seconds}
        return self._client._query("adapt_request", content)[0]

    def _failed(self, why: str) -> None:
        wait = self.policy.failed(time.monotonic())
        self._log.warning("adapt: %s; the next try is in %g s", why, wait)

    def _step(self, cluster: Any, now: float) -> None:
        status = self._ask(PROMISE)
        outstanding = {int(engine): tasks for engine, tasks in status["outstanding"].items()}
        self._note(set(outstanding), cluster)
        decision = self.policy.decide(
            now,
            waiting=status["waiting"],
            unoffered=status["unoffered"],
            outstanding=outstanding,
            starting=sum(coming.remaining for coming in self._coming),
        )
        if decision.start and not self._ended.is_set():
            self._log.info("adapt: %d more engines", decision.start)
            key = cluster.start_engines_sync(decision.start, **self._options)
            self._ours[key] = cluster.engines[key]
            self._coming.append(_Coming(key, cluster.engines[key], decision.start))
        if decision.most:
            # Not by the client's table, which may be a moment behind.
            content = {"targets": decision.stop, "most": decision.most}
            retired = self._client._query("retire_request", content)[0]["retired"]
            if retired:
                self._log.info("adapt: engines %s have had nothing to do", retired)

    def _note(self, registered: set[int], cluster: Any) -> None:
        """Who has come, and who will not come any more."""
        ours = []
        for engine in sorted(registered - self._seen):
            if self._coming:
                if self._coming[0].key in self._ours:
                    ours.append(engine)
                self._coming[0].remaining -= 1
                self.policy.succeeded()
            self._coming = [coming for coming in self._coming if coming.remaining > 0]
        self._seen |= registered
        self._learn(ours)
        for coming in self._coming:
            left = coming.remaining
            if coming.engine_set.state == "after":
                left = 0
            elif hasattr(coming.engine_set, "launchers"):
                left = min(left, state.running_engines(coming.engine_set))
            if left < coming.remaining:
                said = files.tail(coming.engine_set.get_output(), 5).rstrip()
                self._failed(f"{coming.remaining - left} engines did not come: {said}")
                coming.remaining = left
        for key, engine_set in list(self._ours.items()):
            if engine_set.state == "after":
                del self._ours[key]
                if key in cluster.engines:
                    cluster.stop_engines_sync(key)

    def _learn(self, engines: list[int]) -> None:
        """What those offer that we started: the most of each, as shares of a machine vary."""
        if not engines:
            return
        content = {"targets": engines, "resources": True}
        answer, _ = self._client._query("queue_request", content)
        offer = dict(self._offer or {})
        for engine in engines:
            for name, amount in answer.get(str(engine), {}).get("resources", {}).items():
                offer[name] = max(amount, offer.get(name, 0))
        self._offer = offer
