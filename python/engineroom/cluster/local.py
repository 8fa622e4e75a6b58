"""Launchers for this machine: controllers and engines as child processes."""

from __future__ import annotations

import asyncio
import os
import textwrap
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Dict as DictTrait
from traitlets import Float, Integer, List, Unicode

from . import files, programs
from .base import (
    ControllerLauncher,
    EngineLauncher,
    NotRunning,
    OutputFileLauncher,
    ProcessStateError,
)
from .process import Process

# Gets {exit_code, pid, identifier, name, output_file}, and the engine's output.
EngineCallback = Callable[[dict[str, Any], str], Any]


# Without it, half of the time that 100 MiB take through a process goes into faulting in 4 KiB pages
# (measured: 0.93 GiB/s without, 1.5 with). glibc reads it at the start of a process only.
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class LocalProcessLauncher(OutputFileLauncher):
    """One process."""

    cmd_and_args = List(Unicode())
    pid = Integer(-1).tag(to_dict=True)
    # See process.birth_of.
    birth = Integer(0).tag(to_dict=True)
    stop_seconds_until_kill = Integer(
        5, config=True, help="Seconds between SIGTERM and SIGKILL when stopped."
    )
    process = AnyTrait(help="The Process, once started.")

    @property
    def place(self) -> str:
        return str(self.pid)

    def find_args(self) -> list[str]:
        return self.cmd_and_args

    def start(self) -> int:
        if self.state != "before":
            raise ProcessStateError(f"{self.identifier} was started before; it is {self.state}")
        os.makedirs(os.path.dirname(self.output_file), exist_ok=True)
        self.log.debug("starting %s: %s", self.identifier, self.arg_str)
        try:
            process = Process.spawn(
                self.args,
                output_file=self.output_file,
                environment={**LARGE_PAGES, **os.environ, **self.get_env()},
                work_dir=self.work_dir,
                guarded=self.guarded,
            )
        except FileNotFoundError as error:
            raise FileNotFoundError(f"cannot start {self.name}: {error}") from None
        self._attach(process)
        self.notify_start(self.pid)
        self._watch()
        return self.pid

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        launcher = super().from_dict(d, **kwargs)
        try:
            launcher._attach(Process.find(launcher.pid, launcher.birth))
        except ProcessLookupError:
            raise NotRunning(f"process {launcher.pid}") from None
        launcher.state = "running"
        launcher._watch()
        return launcher

    def _attach(self, process: Process) -> None:
        self.process = process
        self.pid = process.pid
        self.birth = process.birth

    def _watch(self) -> None:
        # A weak reference: a cluster that nobody holds any more is stopped, not kept by its
        # processes.
        this = weakref.ref(self)

        def exited(future: Future[int | None]) -> None:
            launcher = this()
            if launcher is not None:
                launcher._exited(future.result())

        self.process.exited.add_done_callback(exited)

    def _exited(self, exit_code: int | None) -> None:
        data = {"exit_code": exit_code, "pid": self.pid, "identifier": self.identifier}
        if exit_code and self.running and not self._stopping:
            output = files.tail(self.get_output(), self.output_limit)
            self.log.warning("%s: %s\n%s", self.identifier, describe_exit(exit_code), output)
        self.notify_stop(data)

    # Whether an exit is what we asked for.
    _stopping = False

    def signal(self, sig: int) -> None:
        if self.running:
            self.process.send_signal(int(sig))

    async def stop(self) -> None:
        if self.process is None:
            return
        self._stopping = True
        self.process.end()
        try:
            await self.join(self.stop_seconds_until_kill)
        except TimeoutError:
            self.log.warning("%s (process %s) ignores SIGTERM", self.identifier, self.pid)
            self.process.kill()
            await self.join(self.stop_timeout)

    async def join(self, timeout: float | None = None) -> None:
        exited = asyncio.wrap_future(self.process.exited)
        try:
            # Shielded: a time-out here must not cancel what others wait for.
            await asyncio.wait_for(asyncio.shield(exited), timeout)
        except TimeoutError:
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s") from None

    def poll(self) -> Any:
        if self.process.is_running():
            return None
        code = self.process.wait(self.stop_timeout)
        self._exited(code)
        return "unknown" if code is None else code

    def release(self) -> None:
        """Let the process outlive this program after all."""
        if self.process is not None:
            self.process.release()


class LocalControllerLauncher(LocalProcessLauncher, ControllerLauncher):
    """A controller on this machine."""

    def find_args(self) -> list[str]:
        return self.controller_cmd + self.controller_args

    def start(self) -> int:
        # Engines started together with us must not find what an earlier controller left behind.
        if not {"--reuse", "--restore"} & set(self.controller_args):
            for path in self.connection_files.values():
                files.remove(path)
        return super().start()


class LocalEngineLauncher(LocalProcessLauncher, EngineLauncher):
    """An engine on this machine."""

    def find_args(self) -> list[str]:
        return self.engine_cmd + self.engine_args


class LocalEngineSetLauncher(EngineLauncher):
    """A set of engines on this machine."""

    delay = Float(0.0, config=True, help="Seconds between the starts of two engines.")
    stop_seconds_until_kill = Integer(
        5, config=True, help="Seconds between SIGTERM and SIGKILL when stopped."
    )
    launcher_class = LocalEngineLauncher

    launchers = DictTrait(help="The engines that run, by their number as a text.")

    def __init__(self, **kwargs: Any) -> None:
        self._ended: dict[str, Any] = {}
        self._outputs: dict[str, str] = {}
        self._engine_callbacks: list[EngineCallback] = []
        super().__init__(**kwargs)

    @property
    def reads_connection_file(self) -> bool:
        # Foreign engines may not wait, or read a file that is only half written.
        return self.engine_cmd == programs.engine_command()

    def find_args(self) -> list[str]:
        return self.engine_cmd + self.engine_args

    async def start(self, n: int) -> list[int]:
        self.n = n
        pids = []
        for number in range(n):
            if number and self.delay:
                await asyncio.sleep(self.delay)
            pids.append(self._new_launcher(str(number)).start())
        self.notify_start(pids)
        for launcher in list(self.launchers.values()):
            self._follow(launcher)
        return pids

    def _share(self, identifier: str) -> dict[str, str]:
        """Which part of the machine is an engine's (see engine/resources.py), and how many threads
        OpenMP may start there: its share of the processors, unless somebody has said so."""
        share = {"ENGINEROOM_ENGINES_HERE": str(self.n), "ENGINEROOM_ENGINE_HERE": identifier}
        if "OMP_NUM_THREADS" not in os.environ:
            n_processors = len(os.sched_getaffinity(0))
            share["OMP_NUM_THREADS"] = str(max(1, n_processors // max(1, self.n)))
        return share

    def _new_launcher(self, identifier: str) -> LocalEngineLauncher:
        log_name = f"ipengine-{self.cluster_id}-{self.engine_set_id}-{identifier}.log"
        launcher = self.launchers[identifier] = self.launcher_class(
            parent=self,
            log=self.log,
            work_dir=self.work_dir,
            profile_dir=self.profile_dir,
            cluster_id=self.cluster_id,
            environment={**self._share(identifier), **self.environment},
            identifier=identifier,
            output_file=os.path.join(self.profile_dir, "log", log_name),
            engine_cmd=self.engine_cmd,
            engine_args=self.engine_args,
            stop_seconds_until_kill=self.stop_seconds_until_kill,
            guarded=self.guarded,
        )
        return launcher

    def _follow(self, launcher: LocalEngineLauncher) -> None:
        this = weakref.ref(self)

        def stopped(data: Any) -> None:
            engine_set = this()
            if engine_set is not None:
                engine_set._engine_stopped(data)

        launcher.on_stop(stopped)

    def _engine_stopped(self, data: dict[str, Any]) -> None:
        identifier = data["identifier"]
        with self._state_lock:
            launcher = self.launchers.pop(identifier)
            self._outputs[identifier] = launcher.get_output()
            described = {"name": self._describe(identifier), "output_file": launcher.output_file}
            self._ended[identifier] = {**data, **described}
            last = not self.launchers
            callbacks = list(self._engine_callbacks)
        for callback in callbacks:
            callback(self._ended[identifier], self._outputs[identifier])
        if last:
            codes = [ended["exit_code"] for ended in self._ended.values()]
            failed = next((code for code in codes if code), None)
            self.notify_stop({"exit_code": failed or codes[0], "engines": dict(self._ended)})

    def _describe(self, identifier: str) -> str:
        """What messages call one of `launchers`."""
        return f"engine {identifier}"

    def on_engine_stop(self, callback: EngineCallback) -> None:
        """Call for each engine that ends, in any thread; at once for those that have ended."""
        with self._state_lock:
            self._engine_callbacks.append(callback)
            ended = list(self._ended.values())
        for data in ended:
            callback(data, self._outputs[data["identifier"]])

    def signal(self, sig: int) -> None:
        for launcher in list(self.launchers.values()):
            launcher.signal(sig)

    async def stop(self) -> None:
        await asyncio.gather(*(launcher.stop() for launcher in list(self.launchers.values())))

    async def join(self, timeout: float | None = None) -> None:
        await asyncio.gather(
            *(launcher.join(timeout) for launcher in list(self.launchers.values()))
        )

    def poll(self) -> Any:
        for launcher in list(self.launchers.values()):
            launcher.poll()
        return None if self.launchers else (self.stop_data or {}).get("exit_code", "unknown")

    def release(self) -> None:
        for launcher in list(self.launchers.values()):
            launcher.release()

    def get_output(self, remove: bool = False) -> str:
        """The output of every engine, also of those that have ended."""
        for identifier, launcher in list(self.launchers.items()):
            self._outputs[identifier] = launcher.get_output(remove)
        if remove:
            for ended in self._ended.values():
                files.remove(ended["output_file"])
        return self._collated()

    def _collated(self) -> str:
        parts = []
        for identifier, output in sorted(self._outputs.items(), key=_by_number):
            if output:
                kept = files.tail(output, self.output_limit)
                parts.append(
                    f"Output of {self._describe(identifier)}:\n{textwrap.indent(kept, '  ')}"
                )
        return "\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        engines = {i: launcher.to_dict() for i, launcher in list(self.launchers.items())}
        return {**super().to_dict(), "engines": engines}

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        engine_set = super().from_dict(d, **kwargs)
        for identifier, state in d["engines"].items():
            try:
                launcher = engine_set.launcher_class.from_dict(
                    state, identifier=identifier, parent=engine_set, log=engine_set.log
                )
            except NotRunning:
                continue
            engine_set.launchers[identifier] = launcher
        if not engine_set.launchers:
            raise NotRunning(f"no engine of {engine_set.engine_set_id} is left")
        engine_set.n = sum(launcher.n for launcher in engine_set.launchers.values())
        engine_set.state = "running"
        for launcher in list(engine_set.launchers.values()):
            engine_set._follow(launcher)
        return engine_set


def _by_number(item: tuple[str, Any]) -> tuple[int, str]:
    return (int(item[0]) if item[0].isdigit() else 0, item[0])


def describe_exit(exit_code: int | None) -> str:
    """ "exited with 1", "was ended by signal 9 (SIGKILL)"."""
    if exit_code is None:
        return "ended"
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    import signal

    try:
        name = f" ({signal.Signals(-exit_code).name})"
    except ValueError:
        name = ""
    return f"was ended by signal {-exit_code}{name}"
