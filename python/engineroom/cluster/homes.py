"""Engines in homes: processes of another system that the user has already, each with some engines.

Here is what Dask and Ray have in common; how their processes are found and asked is in dask.py and
ray.py, and what is done there in home.py. Neither system is asked to run an engine as a task: it
would wait for the end of it, count it as work, and start it anew somewhere else.

All questions are asked in one thread with an event loop, so that there is no need for a thread, or
a pool of them, when the program ends: then there are no new ones any more.
"""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from traitlets import Dict as DictTrait
from traitlets import Float, List, Unicode, default

from . import files, guardian
from .base import EngineLauncher, LauncherError, NotRunning, ProcessStateError
from .command import Command
from .elsewhere import OUTPUT_LIMIT, ElsewhereLauncher
from .home import loopback_id
from .local import LocalEngineSetLauncher, describe_exit
from .polled import Pace
from .ssh_link import listens_here_only

T = TypeVar("T")
Answers = dict[str, dict[str, Any] | None]

_PATIENCE = 30.0  # seconds for an answer, beside the time that its work may take


class HomeEngineLauncher(ElsewhereLauncher, EngineLauncher):
    """An engine in a home; the set starts it."""

    home = Unicode().tag(to_dict=True)

    output = ""
    _stopping = False

    @property
    def place(self) -> str:
        return f"{self.home}: {self.remote_pid}"

    @property
    def output_file(self) -> str:
        return f"{self.home}: {self.identifier}.log"

    def ended(self, exit_code: int | None, output: str) -> None:
        self.output = output or self.output
        if exit_code and not self._stopping:
            shown = files.tail(self.output, self.output_limit)
            self.log.warning("%s: %s\n%s", self.place, describe_exit(exit_code), shown)
        data = {"exit_code": exit_code, "pid": self.place, "identifier": self.identifier}
        self.notify_stop(data)

    def get_output(self, remove: bool = False) -> str:
        return self.output


class HomesEngineSetLauncher(LocalEngineSetLauncher):
    """A set of engines in homes."""

    address = Unicode(config=True, help="The other system's.").tag(to_dict=True)
    profile_dir_there = Unicode(
        config=True, help="The profile's folder there; default: as here, from the home on."
    )
    poll_seconds = Float(0.2, config=True, help="Seconds between two questions, after a change.")
    poll_seconds_max = Float(2.0, config=True, help="What they grow to while nothing changes.")

    set_name = Unicode(help="Tells sets apart in the other system.").tag(to_dict=True)
    homes = List(Unicode(), help="Where engines are, or were.").tag(to_dict=True)
    launchers = DictTrait(help="The engines that run, by their number as a text.")
    launcher_class = HomeEngineLauncher  # type: ignore[assignment]

    def __init__(self, **kwargs: Any) -> None:
        self._wake = threading.Event()
        super().__init__(**kwargs)

    # ---- for subclasses ----

    async def find_homes(self, n: int) -> dict[str, int]:
        """Homes for n engines, and how many each is to have."""
        raise NotImplementedError

    async def question(self, requests: dict[str, dict[str, Any]]) -> Answers:
        """Ask homes; GONE of home.py for one that does not exist any more, None for no answer.

        LauncherError if the system itself cannot be asked.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """There are no more questions."""
        raise NotImplementedError

    def stop_command(self) -> Command:
        """What ends the set from another process."""
        raise NotImplementedError

    # ---- names ----

    @default("address")
    def _default_address(self) -> str:
        return str(getattr(self.parent, "address", ""))

    @default("set_name")
    def _default_set_name(self) -> str:
        parts = ("engineroom", self.cluster_id, self.engine_set_id, uuid.uuid4().hex[:8])
        return "-".join(part for part in parts if part)

    @default("profile_dir_there")
    def _default_profile_dir_there(self) -> str:
        home = os.path.expanduser("~")
        inside = self.profile_dir.startswith(home + os.sep)
        return "~" + self.profile_dir.removeprefix(home) if inside else self.profile_dir

    @default("engine_cmd")
    def _default_engine_cmd(self) -> list[str]:
        # The Python there, which is known there.
        return []

    @property
    def reads_connection_file(self) -> bool:
        return False

    # ---- questions ----

    def submit(self, requests: dict[str, dict[str, Any]], seconds: float = 0.0) -> Future[Answers]:
        return in_thread(asyncio.wait_for(self.question(requests), seconds + _PATIENCE))

    async def ask(self, requests: dict[str, dict[str, Any]], seconds: float = 0.0) -> Answers:
        """`seconds` is what the work that is asked for may take."""
        try:
            return await asyncio.wrap_future(self.submit(requests, seconds))
        except TimeoutError:
            raise LauncherError(f"no answer from {self.address}") from None

    def ask_now(self, requests: dict[str, dict[str, Any]]) -> Answers:
        """The same, blocking."""
        try:
            return self.submit(requests).result()
        except TimeoutError:
            raise LauncherError(f"no answer from {self.address}") from None

    # ---- start ----

    async def start(self, n: int) -> list[str]:  # type: ignore[override]
        if self.state != "before":
            raise ProcessStateError(f"{self.identifier} was started before; it is {self.state}")
        self.n = n
        connection = self.take_connection()
        try:
            counts = await _in_thread(self.find_homes(n))
            self.homes = list(counts)
            if self.guarded:
                guardian.run_at_death(self.stop_command().args)
            await self._start_in(counts, connection)
        except BaseException:
            await self.stop()
            self.get_output(remove=True)
            raise
        places = [launcher.place for launcher in self.launchers.values()]
        self.notify_start(places)
        for launcher in list(self.launchers.values()):
            self._follow(launcher)
        self._watch()
        return places

    async def _start_in(self, counts: dict[str, int], connection: dict[str, Any]) -> None:
        numbers = iter(range(self.n))
        common = {
            "request": "start",
            "connection": connection,
            "loopback": loopback_id() if listens_here_only(connection) else "",
            "engine_cmd": self.engine_cmd,
            "profile_dir": self.profile_dir_there,
            "environment": {str(name): str(value) for name, value in self.environment.items()},
        }
        words = [f"--cluster-id={self.cluster_id}", *self.engine_args]
        engines = {
            home: {str(next(numbers)): words for _ in range(count)}
            for home, count in counts.items()
        }
        requests = {home: {**common, "engines": engines[home]} for home in counts}
        answers = await self.ask(requests, self.stop_timeout)
        for home, answer in answers.items():
            for number, pid in _checked(home, answer).get("processes", {}).items():
                self._new_home_launcher(number, home, pid)
        for home, answer in answers.items():
            if answer is None or "processes" not in answer:
                raise LauncherError(f"no engines in {home}: it does not answer, or is gone")

    def _new_home_launcher(self, number: str, home: str, pid: int) -> None:
        launcher = self.launchers[number] = HomeEngineLauncher(
            parent=self,
            log=self.log,
            profile_dir=self.profile_dir,
            cluster_id=self.cluster_id,
            identifier=number,
            home=home,
            remote_pid=pid,
        )
        launcher.notify_start(launcher.place)

    # ---- watching ----

    def _watch(self) -> None:
        pace = Pace(self.poll_seconds, self.poll_seconds_max)
        arguments = (weakref.ref(self), self._wake, pace)
        name = f"engineroom-watch-{self.set_name}"
        threading.Thread(target=_watch_in_thread, args=arguments, name=name, daemon=True).start()

    def _running(self) -> dict[str, list[HomeEngineLauncher]]:
        """The engines that run, by home."""
        running: dict[str, list[HomeEngineLauncher]] = {}
        for launcher in list(self.launchers.values()):
            if launcher.running:
                running.setdefault(launcher.home, []).append(launcher)
        return running

    def _requests(self, request: str, **more: Any) -> dict[str, dict[str, Any]]:
        whole = {"request": request, "limit": OUTPUT_LIMIT, **more}
        return {home: whole for home in self._running()}

    def look(self) -> bool:
        """Ask once; whether an engine has ended."""
        try:
            return self._note(self.ask_now(self._requests("watch")))
        except LauncherError as error:
            # No answer is not an end.
            self.log.debug("%s: %s", self.set_name, error)
            return False

    def _note(self, answers: Answers) -> bool:
        running = self._running()
        changed = False
        for home, answer in answers.items():
            if not answer:
                continue
            for launcher in running.get(home, []):
                ended = (None, "") if answer.get("gone") else None
                ended = answer.get("ended", {}).get(launcher.identifier, ended)
                if ended is not None:
                    launcher.ended(*ended)
                    changed = True
        return changed

    def notify_stop(self, data: Any) -> Any:
        guardian.forget(self.stop_command().args)
        return super().notify_stop(data)

    # ---- what base.py promises ----

    async def signal(self, sig: int) -> None:  # type: ignore[override]
        answers = await self.ask(self._requests("signal", signal=int(sig)))
        for home, answer in answers.items():
            _checked(home, answer)
        self._wake.set()

    async def stop(self) -> None:
        requests = self._requests("stop", grace=self.stop_seconds_until_kill)
        if not requests:
            return
        for launcher in list(self.launchers.values()):
            launcher._stopping = True
        self._note(await self.ask(requests, self.stop_seconds_until_kill))
        # Who did not answer may have ended all the same.
        await self.join(self.stop_timeout)

    def release(self) -> None:
        guardian.forget(self.stop_command().args)

    def stop_commands(self) -> list[Command]:
        return [self.stop_command()]

    def get_output(self, remove: bool = False) -> str:
        """Fetched from there, while engines run and when they have ended by themselves."""
        try:
            for answer in self.ask_now(self._requests("read")).values():
                for number, text in (answer or {}).get("texts", {}).items():
                    if number in self.launchers:
                        self.launchers[number].output = text
        except LauncherError as error:
            self.log.debug("no output: %s", error)
        for number, launcher in list(self.launchers.items()):
            self._outputs[number] = launcher.output
        if remove:
            self._leave()
        return self._collated()

    def _leave(self) -> None:
        """Leave nothing behind."""
        guardian.forget(self.stop_command().args)
        try:
            if self.homes:
                self.ask_now({home: {"request": "remove"} for home in self.homes})
            in_thread(self.close()).result(_PATIENCE)
        except (LauncherError, TimeoutError) as error:
            self.log.warning("left in %s: %s (%s)", self.address, ", ".join(self.homes), error)
        self.homes = []

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        engine_set = super(LocalEngineSetLauncher, cls).from_dict(d, **{**kwargs, "guarded": False})
        for number, noted in d["engines"].items():
            engine_set._new_home_launcher(number, noted["home"], noted["remote_pid"])
        engine_set.state = "running"
        for launcher in list(engine_set.launchers.values()):
            engine_set._follow(launcher)
        engine_set._note(engine_set.ask_now(engine_set._requests("watch")))
        if not engine_set.launchers:
            in_thread(engine_set.close()).result(_PATIENCE)
            raise NotRunning(f"no engine of {engine_set.set_name} is left")
        engine_set.n = len(engine_set.launchers)
        engine_set._watch()
        return engine_set


def _checked(home: str, answer: dict[str, Any] | None) -> dict[str, Any]:
    if answer and "error" in answer:
        raise LauncherError(f"{home}: {answer['error']}")
    return answer or {}


def _watch_in_thread(
    this: weakref.ref[HomesEngineSetLauncher], wake: threading.Event, pace: Pace
) -> None:
    while True:
        wake.wait(pace.interval)
        wake.clear()
        # A weak reference: a cluster that nobody holds any more is not kept by its watchers.
        engine_set = this()
        if engine_set is None or engine_set.state != "running":
            return
        pace.asked(changed=engine_set.look())
        del engine_set


# ---- the thread in which other systems are asked ----

_loop: asyncio.AbstractEventLoop | None = None
_loop_lock = threading.Lock()


def in_thread(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a coroutine in that thread."""
    global _loop
    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="engineroom-homes", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, _loop)


async def _in_thread(work: Coroutine[Any, Any, T]) -> T:
    return await asyncio.wrap_future(in_thread(work))


def _forget_loop() -> None:
    # A forked child has the loop, but not the thread that runs it.
    global _loop, _loop_lock
    _loop = None
    _loop_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_loop)
