"""Launchers whose work is watched by asking another system about it: a batch system, Kubernetes.

A subclass says which commands to run and what their answers mean (`status_command`, `read_status`,
…), all of it without doing anything; here they are run. Who asks too often is a burden to a system
that many share, so the time between two questions grows while nothing changes (`Pace`).
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any

from traitlets import Float

from . import command, files, guardian
from .base import LauncherError, NotRunning, OutputFileLauncher
from .command import Command, Completed

PENDING, RUNNING, ENDED = "pending", "running", "ended"


@dataclass(frozen=True)
class Status:
    """What a system says about something that it runs for us."""

    phase: str
    reason: str = ""  # why it waits, or how it ended, in the system's words
    exit_code: int | None = None

    def __str__(self) -> str:
        return f"{self.phase} ({self.reason})" if self.reason else self.phase


class Pace:
    """How long to wait before asking again."""

    def __init__(self, first: float, last: float, growth: float = 1.5) -> None:
        self._first = first
        self._last = last
        self._growth = growth
        self.interval = first

    def asked(self, *, changed: bool) -> float:
        """The next interval: short after a change, longer and longer without."""
        longer = min(self.interval * self._growth, self._last)
        self.interval = self._first if changed else longer
        return self.interval


class PolledLauncher(OutputFileLauncher):
    """Something that runs elsewhere, and is asked for."""

    poll_seconds = Float(0.5, config=True, help="Seconds between two questions, after a change.")
    poll_seconds_max = Float(30.0, config=True, help="What they grow to while nothing changes.")

    # Of the last answer.
    status: Status | None = None
    # Whether an end is what we asked for.
    _stopping = False

    def __init__(self, **kwargs: Any) -> None:
        self._wake = threading.Event()
        super().__init__(**kwargs)

    # ---- for subclasses ----

    def status_command(self) -> Command:
        raise NotImplementedError

    def read_status(self, answer: Completed) -> Status | None:
        """What the answer says; None if nothing (the system may be out of order)."""
        raise NotImplementedError

    def stop_command(self) -> Command:
        raise NotImplementedError

    def signal_command_for(self, sig: int) -> Command:
        raise NotImplementedError

    def stop_commands(self) -> list[Command]:
        """What ends it without waiting."""
        return [self.stop_command()]

    # ---- watching ----

    def _watch(self) -> None:
        """Ask from now on, in a thread of its own."""
        if self.guarded:
            guardian.run_at_death(self.stop_command().args)
        arguments = (weakref.ref(self), self._wake, Pace(self.poll_seconds, self.poll_seconds_max))
        name = f"engineroom-watch-{self.identifier}"
        threading.Thread(target=_watch_in_thread, args=arguments, name=name, daemon=True).start()

    def _ask(self) -> bool:
        """Ask once; whether the answer was another one than the last."""
        try:
            answer = command.run(self.status_command())
        except LauncherError as error:
            return self._note(None, error)
        return self._note(self.read_status(answer), answer.errors)

    async def _ask_soon(self) -> bool:
        answer = await command.finish(self.status_command())
        return self._note(self.read_status(answer), answer.errors)

    def _note(self, status: Status | None, complaint: object) -> bool:
        if status is None:
            self.log.debug("%s: no answer: %s", self.identifier, complaint)
            return False
        with self._state_lock:
            if status == self.status or self.state == "after":
                return False
            self.status = status
        if status.phase == ENDED:
            self._ended(status)
        else:
            self.log.info("%s: %s", self.place, status)
        return True

    def _ended(self, status: Status) -> None:
        guardian.forget(self.stop_command().args)
        data = {"exit_code": status.exit_code, "reason": status.reason, "place": self.place}
        if not self._stopping:
            output = files.tail(self.get_output(), self.output_limit)
            self.log.warning("%s: %s\n%s", self.place, status, output)
        self.notify_stop({**data, "identifier": self.identifier})

    # ---- what base.py promises ----

    @property
    def condition(self) -> str:
        return str(self.status) if self.status and self.state == "running" else self.state

    async def stop(self) -> None:
        if self.state != "running":
            return
        self._stopping = True
        answer = await command.finish(self.stop_command())
        # It may have ended meanwhile, which systems call an error.
        if answer.exit_code:
            await self._ask_soon()
            if self.state == "running":
                answer.check()
        await self.join(self.stop_timeout)

    async def signal(self, sig: int) -> None:
        if self.state == "running":
            (await command.finish(self.signal_command_for(int(sig)))).check()
            self._wake.set()

    async def join(self, timeout: float | None = None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        pace = Pace(min(0.1, self.poll_seconds), self.poll_seconds_max if timeout is None else 1.0)
        while self.state == "running":
            changed = await self._ask_soon()
            if self.state != "running":
                return
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{self.place} is still {self.condition} after {timeout} s")
            await asyncio.sleep(pace.asked(changed=changed))

    def release(self) -> None:
        """Let it outlive this program after all."""
        guardian.forget(self.stop_command().args)

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        # What one has found does not end with oneself.
        launcher = super().from_dict(d, **{**kwargs, "guarded": False})
        launcher.state = "running"
        answer = command.run(launcher.status_command())
        status = launcher.read_status(answer)
        if status is not None and status.phase == ENDED:
            raise NotRunning(f"{launcher.place}: {status}")
        launcher.status = status
        launcher._watch()
        return launcher


def _watch_in_thread(this: weakref.ref[PolledLauncher], wake: threading.Event, pace: Pace) -> None:
    while True:
        woken = wake.wait(pace.interval)
        wake.clear()
        # A weak reference: a cluster that nobody holds any more is not kept by its watchers.
        launcher = this()
        if launcher is None or launcher.state != "running":
            return
        pace.asked(changed=launcher._ask() or woken)
        del launcher
