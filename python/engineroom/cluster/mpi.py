"""Launchers for MPI: one mpiexec starts a whole set of engines, which call MPI among themselves.

Each engine asks the controller for its rank as its id (engine/mpi.py), so `client[3]` is rank 3.
The set has one process of ours, mpiexec; it is what is watched, noted in the cluster's file and
found again. Engines on this machine are also reached directly, as its descendants: mpiexec takes
an interrupt for the end of everything, and on SIGTERM does not let engines leave in peace.
"""

from __future__ import annotations

import os
import shutil
import signal
from importlib.util import find_spec

from traitlets import Integer, List, Unicode, default

from . import programs
from .base import BaseLauncher, LauncherError
from .local import (
    LocalControllerLauncher,
    LocalEngineLauncher,
    LocalEngineSetLauncher,
    LocalProcessLauncher,
)
from .process import parent_of

# Open MPI refuses more engines than cores, and binds each to one: then OpenMP's threads share it.
# Version 5 asks PRRTE, earlier ones ask themselves; others do not look.
OPEN_MPI_SETTINGS = {
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}
# What mpiexec does not pass on to its engines, but takes for the end.
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class MPILauncher(BaseLauncher):
    """What all that use mpiexec are told about it."""

    mpi_cmd = List(Unicode(), ["mpiexec"], config=True, help="The mpiexec to use.")
    mpi_args = List(Unicode(), config=True, help="Arguments for it, such as --hostfile=FILE.")

    def check(self) -> None:
        """LauncherError, which says what to install, if there is no mpiexec."""
        if shutil.which(self.mpi_cmd[0]) is None:
            raise LauncherError(
                f"no program {self.mpi_cmd[0]!r} to start MPI processes with: install an MPI "
                "(on Debian: apt-get install openmpi-bin), or set MPILauncher.mpi_cmd"
            )


class Mpiexec(MPILauncher, LocalProcessLauncher):
    """One mpiexec with the n processes that it starts."""

    n = Integer(1).tag(to_dict=True)
    # Noted, as another program that finds this one again cannot know it.
    program = List(Unicode(), help="The command line of each process.").tag(to_dict=True)

    def find_args(self) -> list[str]:
        return [*self.mpi_cmd, "-n", str(self.n), *self.mpi_args, *self.program]

    def get_env(self) -> dict[str, str]:
        chosen = {name: os.environ.get(name, value) for name, value in OPEN_MPI_SETTINGS.items()}
        return {**chosen, **super().get_env()}

    def start(self) -> int:
        self.check()
        return super().start()

    def local_pids(self) -> list[int]:
        """The processes that run on this machine."""
        program = "".join(f"{argument}\0" for argument in self.program).encode()
        return [pid for pid in descendants_of(self.pid) if _command_line(pid) == program]

    def signal(self, sig: int) -> None:
        if not self.running:
            return
        if sig not in _ENDING_SIGNALS:
            self.process.send_signal(int(sig))
            return
        pids = self.local_pids()
        if len(pids) == self.n:
            _signal_all(pids, sig)
        elif sig == signal.SIGINT:
            raise LauncherError(
                f"only {len(pids)} of {self.n} processes run on this machine, and mpiexec takes "
                "an interrupt for the end of all; use Client.send_signal, which reaches engines "
                "everywhere"
            )
        else:
            self.process.send_signal(int(sig))

    async def stop(self) -> None:
        if self.process is not None:
            # Told themselves, they leave MPI together, and mpiexec ends with them. Told by mpiexec,
            # they are ended a moment later, and it calls that a failure.
            pids = self.local_pids()
            if len(pids) == self.n:
                self._stopping = True
                _signal_all(pids, signal.SIGTERM)
                try:
                    await self.join(self.stop_seconds_until_kill)
                    return
                except TimeoutError:
                    self.log.warning("%s: not ended by SIGTERM", self.identifier)
        await super().stop()


class MPIControllerLauncher(Mpiexec, LocalControllerLauncher):
    """A controller by mpiexec, which may choose another host for it."""

    # Open MPI keeps our environment variables from other hosts.
    @default("program")
    def _default_program(self) -> list[str]:
        return [*self.controller_cmd, *self.cluster_args, *self.controller_args]


class MPIEngineLauncher(Mpiexec, LocalEngineLauncher):
    """The mpiexec of a set of engines."""

    @default("program")
    def _default_program(self) -> list[str]:
        return [*self.engine_cmd, "--mpi", *self.cluster_args, *self.engine_args]


class MPIEngineSetLauncher(MPILauncher, LocalEngineSetLauncher):
    """Engines by one mpiexec, with their ranks as their ids."""

    launcher_class = MPIEngineLauncher
    not_adaptive = "the engines of an MPI job live and end together"
    # `launchers` holds one process under this name.
    only = "mpiexec"

    async def start(self, n: int) -> list[int]:  # type: ignore[override]
        self.n = n
        self.check()
        launcher = self._new_mpiexec(n)
        pid = launcher.start()
        self.notify_start([pid])
        self._follow(launcher)
        return [pid]

    def _new_mpiexec(self, n: int) -> LocalEngineLauncher:
        launcher = self._new_launcher(self.only)
        launcher.n = n
        launcher.mpi_cmd = self.mpi_cmd
        launcher.mpi_args = self.mpi_args
        return launcher

    def _describe(self, identifier: str) -> str:
        return identifier

    def check(self) -> None:
        super().check()
        # Another program may belong to another Python.
        if self.engine_cmd == programs.engine_command() and find_spec("mpi4py") is None:
            raise LauncherError(
                "MPI engines need the Python package mpi4py: pip install 'engineroom[mpi]', or "
                "pip install mpi4py"
            )


def descendants_of(ancestor: int) -> list[int]:
    """The processes that one has started, and those that they have, and so on."""
    children: dict[int, list[int]] = {}
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        children.setdefault(parent_of(pid), []).append(pid)
    found: list[int] = []
    generation = [ancestor]
    while generation:
        generation = [child for pid in generation for child in children.get(pid, [])]
        found += generation
    return found


def _command_line(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _signal_all(pids: list[int], sig: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass
