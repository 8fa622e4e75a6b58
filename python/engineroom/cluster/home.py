"""Engines as children of a process that another system runs for us: a worker of Dask, an actor of Ray.

An engine needs a main thread and signals of its own, so it does not run in that process; but it is
started by it, and ends with it, even when that is killed. What is to be done is told by requests,
as on other hosts (ssh_remote.py). A request never raises: these systems log the arguments of a call
that failed, and those of `start` hold the key of the controller.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from . import files, guardian
from .base import LauncherError
from .local import LARGE_PAGES
from .process import Process

# The answer of a home that is not there (any more), or for it.
GONE = {"gone": True}
# Seconds that a process may take to be gone after SIGKILL.
_AFTER_KILL = 5.0


def loopback_id() -> str:
    """Tells which processes have the same loopback interface: they are of one network namespace."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/net')}"
    except OSError:
        return socket.gethostname()


class Home:
    """The engines of one set that this process has, by their numbers. Used by one event loop."""

    def __init__(self) -> None:
        self._folder = ""
        self._engines: dict[str, Process] = {}

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Does what `request["request"]` says; {"error": text} if it cannot."""
        try:
            return await _REQUESTS[request["request"]](self, request)
        except Exception as error:
            return {"error": str(error) or type(error).__name__}

    def end(self) -> None:
        """End all, without waiting: the process that we are in is about to stop."""
        for process in self._engines.values():
            process.end()
        self._leave()

    @property
    def is_empty(self) -> bool:
        return not self._folder

    # ---- requests ----

    async def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Starts engines with these numbers, and further arguments for each."""
        if request["loopback"] not in ("", loopback_id()):
            raise LauncherError(
                f"the controller listens on its own host only, which {socket.gethostname()} is not:"
                " Cluster(controller_ip='*'), or `engineroom start --ip='*'`"
            )
        # For our user alone, and on each host of such a system.
        self._folder = tempfile.mkdtemp(prefix="engineroom-")
        guardian.run_at_death(self._removal())
        connection_file = os.path.join(self._folder, "engine.json")
        files.write_json(connection_file, request["connection"])
        program = request["engine_cmd"] or [sys.executable, "-m", "engineroom.engine"]
        # Files of the profile are taken from where it is here, if it is.
        there = os.path.expanduser(request["profile_dir"])
        profile_dir = there if os.path.isdir(there) else self._folder
        names = [f"--file={connection_file}", f"--profile-dir={profile_dir}"]
        # A process inherits what the thread that starts it has blocked, and Ray blocks all signals.
        blocked = signal.pthread_sigmask(signal.SIG_SETMASK, ())
        try:
            for number, words in request["engines"].items():
                self._engines[number] = Process.spawn(
                    [*program, *names, *words],
                    output_file=self._log(number),
                    environment=_environment(request),
                )
        except BaseException:
            self.end()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return {"processes": {number: one.pid for number, one in self._engines.items()}}

    async def _watch(self, request: dict[str, Any]) -> dict[str, Any]:
        """The engines that have ended: exit code and output of each."""
        return {
            "ended": {
                number: [process.returncode, self._tail(number, request["limit"])]
                for number, process in self._engines.items()
                if process.exited.done()
            }
        }

    async def _signal(self, request: dict[str, Any]) -> dict[str, Any]:
        for process in self._engines.values():
            process.send_signal(request["signal"])
        return {}

    async def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """SIGTERM, and SIGKILL for those that still run when the time is up."""
        for process in self._engines.values():
            process.end()
        await _wait_for(self._engines.values(), request["grace"])
        for process in self._engines.values():
            if not process.exited.done():
                process.kill()
        await _wait_for(self._engines.values(), _AFTER_KILL)
        return await self._watch(request)

    async def _read(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"texts": {number: self._tail(number, request["limit"]) for number in self._engines}}

    async def _remove(self, request: dict[str, Any]) -> dict[str, Any]:
        self.end()
        return {}

    # ---- files ----

    def _log(self, number: str) -> str:
        return os.path.join(self._folder, f"{number}.log")

    def _tail(self, number: str, limit: int) -> str:
        """The last `limit` bytes of an engine's output."""
        try:
            with open(self._log(number), "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - limit))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def _removal(self) -> list[str]:
        return ["rm", "-rf", self._folder]

    def _leave(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            guardian.forget(self._removal())
            self._folder = ""


_REQUESTS: dict[str, Callable[[Home, dict[str, Any]], Awaitable[dict[str, Any]]]] = {
    "start": Home._start,
    "watch": Home._watch,
    "signal": Home._signal,
    "stop": Home._stop,
    "read": Home._read,
    "remove": Home._remove,
}


def _environment(request: dict[str, Any]) -> dict[str, str]:
    """That of this process, what was set for engines, and each one's share of the processors."""
    environment = {**LARGE_PAGES, **os.environ}
    # Of another cluster, if this process is an engine itself.
    for name in ("IPP_CONNECTION_INFO", "IPP_CLUSTER_ID", "IPP_PROFILE_DIR"):
        environment.pop(name, None)
    share = len(os.sched_getaffinity(0)) // max(1, len(request["engines"]))
    environment.setdefault("OMP_NUM_THREADS", str(max(1, share)))
    return {**environment, **request["environment"]}


async def _wait_for(processes: Collection[Process], seconds: float) -> None:
    running = [asyncio.wrap_future(one.exited) for one in processes if not one.exited.done()]
    if running:
        # Not cancelled at the end of the time: others wait for these, too.
        await asyncio.wait(running, timeout=seconds)
