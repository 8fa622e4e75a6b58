"""A Slurm of our own for tests: munged, slurmctld and slurmd on this machine, in a folder.

Nothing outside the folder is touched: no cgroups, no accounting, ports of their own. The daemons
must be root's, as slurmd starts jobs as other users.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from waiting import wait_until

DAEMONS = ("munged", "slurmctld", "slurmd")
# Where Debian keeps them is not on everybody's PATH.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def missing() -> str:
    """Why there can be none here; "" if there can."""
    if os.geteuid() != 0:
        return "slurmd starts jobs as other users: needs root"
    absent = [name for name in (*DAEMONS, "sbatch") if shutil.which(name, path=PATH) is None]
    return f"needs Debian's slurm-wlm and munge (no {', '.join(absent)})" if absent else ""


class SlurmSite:
    """One host with `cpus` processors and two partitions: `main`, and `closed`, which is down."""

    def __init__(self, folder: Path, cpus: int) -> None:
        self.folder = folder
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.host = socket.gethostname().partition(".")[0]
        for name in ("state", "spool", "munge"):
            (folder / name).mkdir()
        # munged trusts no path that others can write to; the folders of tests are in such a one.
        self._socket = folder / "munge" / "socket"
        self.config = folder / "slurm.conf"
        self.config.write_text(self._configuration(cpus))
        self.environment = {"SLURM_CONF": str(self.config)}

    def _configuration(self, cpus: int) -> str:
        controller_port, daemon_port = free_ports(2)
        settings = {
            "ClusterName": "tests",
            "SlurmctldHost": f"{self.host}(127.0.0.1)",
            "SlurmUser": "root",
            "SlurmctldPort": controller_port,
            "SlurmdPort": daemon_port,
            "AuthType": "auth/munge",
            "AuthInfo": f"socket={self._socket}",
            "CredType": "cred/munge",
            "StateSaveLocation": self.folder / "state",
            "SlurmdSpoolDir": self.folder / "spool",
            "SlurmctldPidFile": self.folder / "slurmctld.pid",
            "SlurmdPidFile": self.folder / "slurmd.pid",
            "ProctrackType": "proctrack/pgid",
            "TaskPlugin": "task/none",
            "SelectType": "select/cons_tres",
            "SelectTypeParameters": "CR_CPU",
            "SlurmdParameters": "config_overrides",
            "ReturnToService": 2,
            "SchedulerParameters": "sched_interval=1,batch_sched_delay=0",
            "KillWait": 5,
            "MpiDefault": "none",
            "NodeName": f"{self.host} NodeAddr=127.0.0.1 CPUs={cpus}",
        }
        lines = [f"{name}={value}" for name, value in settings.items()]
        for partition in ("main Default=YES State=UP", "closed State=DOWN"):
            lines.append(f"PartitionName={partition} Nodes={self.host} MaxTime=INFINITE")
        return "\n".join(lines) + "\n"

    def start(self) -> None:
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        munge = self.folder / "munge"
        self._start(
            *("munged", "--foreground", "--force", f"--key-file={key}"),
            *(f"--socket={self._socket}", f"--pid-file={munge / 'pid'}"),
            *(f"--log-file={munge / 'log'}", f"--seed-file={munge / 'seed'}"),
        )
        wait_until(self._socket.exists, "munged")
        self._start("slurmctld", "-D", "-c")
        self._start("slurmd", "-D", "-N", self.host)
        wait_until(lambda: "idle" in self.ask("sinfo", "-h", "-p", "main", "-o", "%t"), "slurmd")

    def _start(self, *command: str) -> None:
        program = shutil.which(command[0], path=PATH)
        with (self.folder / f"{command[0]}.log").open("wb") as log:
            self._daemons.append(
                subprocess.Popen(
                    [str(program), *command[1:]],
                    env={**os.environ, **self.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def ask(self, *command: str) -> str:
        """The answer of one of Slurm's commands; "" while it cannot answer."""
        env = {**os.environ, **self.environment}
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    def stop(self) -> None:
        self.ask("scancel", "--user=root")
        with contextlib.suppress(BaseException):
            wait_until(lambda: not self.ask("squeue", "-h").strip(), "the end of all jobs", 5)
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in reversed(self._daemons):
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
