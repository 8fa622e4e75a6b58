"""A connection to another host by ssh: one for all that a launcher does there, and kept.

`ssh -N -M` holds it; every command and every forwarded port shares it (ControlMaster), so that 64
engines on a host cost one handshake. A small shell starts it again whenever it ends, ever more
slowly while that fails: also after the program that opened it has gone, for a cluster that stays.
The same ports are forwarded each time, and ZeroMQ finds its way back to them.

Engines come to the controller by forwarded ports (`ssh -R`), and clients to a controller on the
other host (`ssh -L`); so controllers listen on the loopback interface only.
"""

from __future__ import annotations

import asyncio
import json
import os
import pkgutil
import re
import shlex
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from . import command, guardian
from .base import LauncherError
from .command import Command, Completed
from .process import Process
from .ssh_remote import MARK

# Given after the user's own, of which the first counts. A dead connection is noticed within 15 s.
OPTIONS = ("BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3")
CONNECT_TIMEOUT = 40.0  # seconds
POLL = 0.01
_PORT_TRIES = 3

# Arguments: the control socket, the file with the forwarded ports, the host, and the command.
# In the background, for a signal is heard then: whoever sends it may be the guardian, after whom
# nobody would remove the folder.
_KEEP = r"""
control=$1 forwards=$2 host=$3; shift 3
trap 'kill $child; rm -rf "${control%/*}"; exit 0' TERM
set -f
delay=1
while :; do
  rm -f "$control"
  began=$(date +%s)
  "$@" $(cat "$forwards") "$host" & child=$!
  wait $child
  echo "engineroom: ssh has ended with $?"
  [ $(($(date +%s) - began)) -lt 60 ] || delay=1
  sleep $delay & child=$!
  wait $child
  delay=$((delay * 2)); [ $delay -le 30 ] || delay=30
done
"""
_ENDED = "engineroom: ssh has ended"


class Link:
    """A host that is connected to. `ssh` is the command with its options; `python` runs there."""

    def __init__(self, host: str, ssh: Sequence[str], python: str, folder: str = "") -> None:
        self.host = host
        # host:port, too, which ssh only knows in a URI.
        self._destination = f"ssh://{host}" if re.fullmatch(r"[^:]+:\d+", host) else host
        self._ssh = list(ssh)
        self._python = python
        # In /tmp: the path of a socket may not be long.
        self._folder = folder
        # Files of ours there, to be removed in the end.
        self.left_there: list[str] = []
        # ssh's options for the forwarded ports.
        self._ports: list[str] = []
        self._keeper: Process | None = None
        self._at_death: list[str] = []

    def add_options(self, options: Sequence[str]) -> None:
        """Below those that are there, of which the first counts."""
        self._ssh += options

    # ---- the connection ----

    async def open(self, *, guarded: bool) -> None:
        """Connect; LauncherError with what ssh says if that fails."""
        if shutil.which(self._ssh[0]) is None:
            raise LauncherError(f"no program {self._ssh[0]!r}: install an SSH client")
        self._keep(guarded=guarded)
        deadline = time.monotonic() + CONNECT_TIMEOUT
        while not os.path.exists(self._control):
            said = self._said()
            if _ENDED in said or time.monotonic() > deadline:
                self.close()
                why = said.partition(_ENDED)[0].strip() or "no answer"
                raise LauncherError(f"cannot connect to {self.host}: {why}")
            await asyncio.sleep(POLL)

    def _keep(self, *, guarded: bool) -> None:
        """Start what keeps the connection."""
        if not os.path.isdir(self._folder):
            self._folder = tempfile.mkdtemp(prefix="engineroom-ssh-")
        self._write_forwards()
        # The shell gets the way to the other end as arguments, and never reads them.
        keep = ["/bin/sh", "-c", _KEEP, "engineroom-ssh", self._control, self._forwards]
        master = [*self._ssh, *_options("ExitOnForwardFailure=yes"), "-N", "-M", "-S"]
        self._keeper = Process.spawn(
            [*keep, self._destination, *master, self._control],
            output_file=self._log,
            environment=os.environ,
            guarded=guarded,
        )

    @property
    def _control(self) -> str:
        return os.path.join(self._folder, "control")

    @property
    def _forwards(self) -> str:
        return os.path.join(self._folder, "forwards")

    @property
    def _log(self) -> str:
        return os.path.join(self._folder, "log")

    def _said(self) -> str:
        try:
            with open(self._log, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def _write_forwards(self) -> None:
        with open(self._forwards, "w", encoding="utf-8") as file:
            file.write(" ".join(self._ports))

    def close(self) -> None:
        self._unguard()
        if self._keeper is not None:
            self._keeper.end()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def release(self) -> None:
        """Let it, and what runs there, outlive this program."""
        self._unguard()
        if self._keeper is not None:
            self._keeper.release()

    def to_dict(self) -> dict[str, Any]:
        keeper = self._keeper
        return {
            "host": self.host,
            "ssh": self._ssh,
            "python": self._python,
            "folder": self._folder,
            "left_there": self.left_there,
            "ports": self._ports,
            "keeper": [keeper.pid, keeper.birth] if keeper else [-1, 0],
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Link:
        link = cls(d["host"], d["ssh"], d["python"], d["folder"])
        link.left_there = list(d["left_there"])
        link._ports = list(d["ports"])
        try:
            link._keeper = Process.find(*d["keeper"])
        except ProcessLookupError:
            # The way to the controller is gone, and engines wait for it. Until it is there,
            # commands go by connections of their own.
            link._keep(guarded=False)
        return link

    # ---- commands ----

    def request(self, name: str, **details: Any) -> Command:
        """The command that has a request answered (ssh_remote.py)."""
        program = pkgutil.get_data(__package__, "ssh_remote.py")
        assert program is not None
        text = json.dumps({"request": name, **details})
        shared = ["-o", "ControlMaster=no", "-S", self._control]
        words = [*self._ssh, *_options(), *shared, self._destination, self._remote_python()]
        return Command(words, f"{program.decode()}\nmain({text!r})\n")

    def _remote_python(self) -> str:
        """The words for the login shell there. Only the standard library is needed (-IS)."""
        if self._python:
            return f"exec {shlex.quote(self._python)} -IS -"
        ours = shlex.quote(sys.executable)
        return f"test -x {ours} && exec {ours} -IS - || exec python3 -IS -"

    async def ask(self, name: str, **details: Any) -> dict[str, Any]:
        return self.read(await command.finish(self.request(name, **details)))

    def ask_now(self, name: str, **details: Any) -> dict[str, Any]:
        return self.read(command.run(self.request(name, **details)))

    def read(self, answer: Completed) -> dict[str, Any]:
        """What was answered; LauncherError if nothing was, or the request failed."""
        for line in answer.output.splitlines():
            if line.startswith(MARK):
                result = json.loads(line.removeprefix(MARK))
                if "error" in result:
                    raise LauncherError(f"{self.host}: {result['error']}")
                return result
        said = answer.errors.strip() or answer.output.strip() or "no answer"
        raise LauncherError(f"{self.host}: {said}")

    def ending_command(self, processes: list[list[int]]) -> list[str]:
        """For the guardian: ends processes by a connection of its own."""
        checks = []
        for pid, birth in processes:
            # Only if the id is still theirs.
            born = f"sed 's/.*) //' /proc/{pid}/stat 2>/dev/null | cut -d' ' -f20"
            checks.append(f'[ "$({born})" = {birth} ] && kill -TERM -{pid}')
        return [*self._ssh, *_options(), self._destination, "; ".join(checks)]

    def guard(self, processes: list[list[int]]) -> None:
        """End all of these should this program be killed."""
        self._at_death = self.ending_command(processes)
        guardian.run_at_death(self._at_death)

    def _unguard(self) -> None:
        if self._at_death:
            guardian.forget(self._at_death)

    # ---- forwarded ports ----

    async def prepare(self, profile_dir: str, targets: list[int]) -> dict[str, Any]:
        """What is there (`python`, `profile_dir`), and its ports that lead to `targets` here."""
        for _ in range(_PORT_TRIES):
            there = await self.ask("prepare", profile_dir=profile_dir, ports=len(targets))
            refused = await self._forward("-R", there["ports"], targets)
            if not refused:
                return there
        raise LauncherError(f"{self.host} forwards no ports: {refused}")

    async def forward_local(self, targets: list[int]) -> list[int]:
        """Ports here that lead to `targets` on the loopback interface there."""
        for _ in range(_PORT_TRIES):
            ports = free_ports(len(targets))
            refused = await self._forward("-L", ports, targets)
            if not refused:
                return ports
        raise LauncherError(f"no ports are forwarded to {self.host}: {refused}")

    async def _forward(self, direction: str, ports: list[int], targets: list[int]) -> str:
        """What was said against it; "" if nothing."""
        if not ports:
            return ""
        words = []
        for port, target in zip(ports, targets, strict=True):
            words += [direction, f"127.0.0.1:{port}:127.0.0.1:{target}"]
        arguments = [*self._ssh, "-S", self._control, "-O", "forward", *words, self._destination]
        answer = await command.finish(Command(arguments))
        if answer.exit_code:
            return answer.errors.strip() or "without a word"
        # For the next connection, should this one end.
        self._ports = words
        self._write_forwards()
        return ""


def _options(*more: str) -> list[str]:
    return [word for option in (*more, *OPTIONS) for word in ("-o", option)]


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


# ---- connection files ----

_CHANNELS = ("registration", "control", "mux", "task", "iopub", "hb_ping", "hb_pong")
_CHANNELS += ("notification", "broadcast")


def ports_of(connection: dict[str, Any]) -> list[int]:
    """The ports of all channels in a connection file."""
    ports: list[int] = []
    for name in _CHANNELS:
        value = connection.get(name, [])
        ports += value if isinstance(value, list) else [value]
    return ports


def with_ports(connection: dict[str, Any], ports: list[int]) -> dict[str, Any]:
    """The file for the other end of forwarded ports."""
    mapped = dict(zip(ports_of(connection), ports, strict=True))
    changed = {**connection, "interface": "tcp://127.0.0.1", "location": "127.0.0.1", "ssh": ""}
    for name in _CHANNELS:
        value = connection.get(name)
        if isinstance(value, list):
            changed[name] = [mapped[port] for port in value]
        elif value is not None:
            changed[name] = mapped[value]
    return changed


def listens_here_only(connection: dict[str, Any]) -> bool:
    address = connection["interface"].partition("://")[2]
    return address == "localhost" or address.startswith("127.")
