"""Launchers for other hosts by ssh: engines there, or the controller.

A host is connected to once (ssh_link.py). What is to be done there is asked of a program that
travels with the request (ssh_remote.py): start these commands, tell me when one ends. A question
that waits for its answer watches the processes of a host, so an end is known at once.

The controller's connection file is sent down the connection, for the user alone, and with the
forwarded ports in it where the controller listens on its own host only, as it does by default.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
import time
import weakref
from typing import Any

from traitlets import Dict as DictTrait
from traitlets import Float, Integer, List, Tuple, Unicode, default

from . import command, files
from .base import (
    BaseLauncher,
    ControllerLauncher,
    EngineLauncher,
    LauncherError,
    NotRunning,
    ProcessStateError,
)
from .elsewhere import OUTPUT_LIMIT, ElsewhereLauncher
from .local import LocalEngineSetLauncher, describe_exit
from .polled import Pace
from .ssh_link import Link, listens_here_only, ports_of, with_ports

# Seconds that a question for ended processes waits for its answer.
WATCH_SECONDS = 20.0


class SSHLauncher(BaseLauncher):
    """What all that use ssh are told about it."""

    ssh_cmd = List(Unicode(), ["ssh"], config=True, help="The ssh to use.")
    ssh_args = List(Unicode(), config=True, help="Options for it, such as -i or -p.")
    hostname = Unicode(config=True, help="The other host.")
    user = Unicode(config=True, help="The user there; default: what ssh's configuration says.")
    location = Unicode(config=True, help="The same as user@hostname.").tag(to_dict=True)
    to_send = List(Tuple(), config=True, help="(local, remote): text files to send before.")
    to_fetch = List(Tuple(), config=True, help="(remote, local): files to fetch after the start.")
    remote_python = Unicode(
        config=True, help="The Python there; default: this one's path, or python3."
    )
    remote_profile_dir = Unicode(
        config=True, help="The profile's folder there; default: as here, from the home on."
    ).tag(to_dict=True)
    stop_seconds_until_kill = Integer(
        5, config=True, help="Seconds between SIGTERM and SIGKILL when stopped."
    )

    @default("location")
    def _default_location(self) -> str:
        return f"{self.user}@{self.hostname}" if self.user else self.hostname

    @default("remote_profile_dir")
    def _default_remote_profile_dir(self) -> str:
        home = os.path.expanduser("~") + os.sep
        return self.profile_dir.removeprefix(home)

    def new_link(self, host: str) -> Link:
        return Link(host, [*self.ssh_cmd, *self.ssh_args], self.remote_python)

    def files_to_send(self) -> list[list[str]]:
        """[path there, text]"""
        sent = []
        for local, remote in self.to_send:
            with open(os.path.expanduser(local), encoding="utf-8") as file:
                sent.append([remote, file.read()])
        return sent

    def environment_there(self) -> dict[str, str]:
        return {str(name): str(value) for name, value in self.environment.items()}


class SSHProcessLauncher(SSHLauncher, ElsewhereLauncher):
    """One process on another host."""

    birth = Integer(0).tag(to_dict=True)
    remote_output_file = Unicode().tag(to_dict=True)
    # Where it is noted how processes of the host have ended.
    exits_file = Unicode().tag(to_dict=True)

    link: Link | None = None
    _stopping = False
    _output: str | None = None

    @property
    def place(self) -> str:
        return f"{self.location}: {self.remote_pid}"

    @property
    def output_file(self) -> str:
        return f"{self.location}:{self.remote_output_file}"

    @property
    def processes(self) -> list[list[int]]:
        return [[self.remote_pid, self.birth]]

    def attach(self, link: Link, process: list[int], log: str, exits: str) -> None:
        """This is the process that has been started."""
        self.link = link
        self.remote_pid, self.birth = process
        self.remote_output_file, self.exits_file = log, exits
        self.notify_start(self.remote_pid)

    def ended(self, exit_code: int | None) -> None:
        if exit_code and self.running and not self._stopping:
            output = files.tail(self.get_output(), self.output_limit)
            self.log.warning("%s: %s\n%s", self.identifier, describe_exit(exit_code), output)
        data = {"exit_code": exit_code, "pid": self.place, "identifier": self.identifier}
        self.notify_stop(data)

    async def signal(self, sig: int) -> None:
        if self.running and self.link:
            await self.link.ask("signal", processes=self.processes, signal=int(sig))

    async def stop(self) -> None:
        if not self.running or self.link is None:
            return
        self._stopping = True
        answer = await self.link.ask(
            "stop",
            processes=self.processes,
            exits=self.exits_file,
            grace=self.stop_seconds_until_kill,
        )
        for _, exit_code in answer["ended"]:
            self.ended(exit_code)
        await self.join(self.stop_timeout)

    def release(self) -> None:
        if self.link is not None:
            self.link.release()

    def get_output(self, remove: bool = False) -> str:
        """Fetched from there, while it runs and when it has ended by itself."""
        if self.link is not None and not self._stopping:
            fetch_outputs(self.link, [self], self.log)
        return self._output or ""


def fetch_outputs(link: Link, launchers: list[SSHProcessLauncher], log: Any) -> None:
    paths = [launcher.remote_output_file for launcher in launchers]
    try:
        texts = link.ask_now("read", paths=paths, limit=OUTPUT_LIMIT)["texts"]
    except LauncherError as error:
        log.debug("no output from %s: %s", link.host, error)
        return
    for launcher, text in zip(launchers, texts, strict=True):
        launcher._output = text or launcher._output


# ---- engines ----


class SSHEngineLauncher(SSHProcessLauncher, EngineLauncher):
    """An engine on another host; SSHEngineSetLauncher starts it."""


class SSHEngineSetLauncher(SSHLauncher, LocalEngineSetLauncher):
    """Engines on other hosts: `engines = {"host": 4, "me@other": {"n": 2, "args": ["--debug"]}}`."""

    engines = DictTrait(
        config=True, help="Hosts, and how many engines on each: n, (n, args), {'n': …, 'args': …}."
    )
    link_timeout = Float(
        120.0, config=True, help="Seconds that engines wait for a lost connection to come back."
    )
    launcher_class = SSHEngineLauncher  # type: ignore[assignment]
    # The controller is told: the near end of a connection is not its engine's (--enginessh).
    by_tunnel = True
    not_adaptive = "the hosts, and how many engines each has, are given"

    def __init__(self, **kwargs: Any) -> None:
        self.links: dict[str, Link] = {}
        super().__init__(**kwargs)

    @default("engine_cmd")
    def _default_engine_cmd(self) -> list[str]:
        # What to run there is known when there is a connection.
        return []

    @property
    def reads_connection_file(self) -> bool:
        return False

    @property
    def engine_count(self) -> int:
        return sum(n for n, _ in self._wanted().values())

    def _wanted(self) -> dict[str, tuple[int, list[str]]]:
        """Host → how many engines, and their further arguments."""
        wanted = {}
        for host, value in self.engines.items():
            if isinstance(value, dict):
                n, args = value.get("n", 1), value.get("args", [])
            elif isinstance(value, (tuple, list)):
                n, args = value
            else:
                n, args = value, []
            if host.startswith("-") or not host:
                raise LauncherError(f"{host!r} is no host")
            wanted[host] = (int(n), [str(word) for word in args])
        return wanted

    async def start(self, n: int) -> list[int]:
        if self.state != "before":
            raise ProcessStateError(f"{self.identifier} was started before; it is {self.state}")
        wanted = self._wanted()
        if not wanted:
            raise LauncherError(
                "engines on which hosts? c.SSHEngineSetLauncher.engines = {'host': 4, …}"
            )
        self.n = sum(count for count, _ in wanted.values())
        connection = self.take_connection()
        starts = [self._start_on(host, *how, connection) for host, how in wanted.items()]
        failures = [
            result
            for result in await asyncio.gather(*starts, return_exceptions=True)
            if isinstance(result, BaseException)
        ]
        if failures:
            await self.stop()
            self.get_output(remove=True)
            raise failures[0]
        pids = [launcher.remote_pid for launcher in self.launchers.values()]
        self.notify_start(pids)
        self._watch()
        return pids

    async def _start_on(
        self, host: str, n: int, args: list[str], connection: dict[str, Any]
    ) -> None:
        link = self.links[host] = self.new_link(host)
        await link.open(guarded=self.guarded)
        tunnelled = listens_here_only(connection)
        there = await link.prepare(
            self.remote_profile_dir, ports_of(connection) if tunnelled else []
        )
        if tunnelled:
            connection = with_ports(connection, there["ports"])
        name = f"ipengine-{self.cluster_id}-{self.engine_set_id}-{_file_name(host)}"
        connection_file = f"{there['profile_dir']}/security/{name}.json"
        log = f"{there['profile_dir']}/log/{name}"
        arguments = [
            f"--file={connection_file}",
            f"--profile-dir={there['profile_dir']}",
            f"--cluster-id={self.cluster_id}",
            f"--IPEngine.controller_gone_after={self.link_timeout:g}",
        ]
        program = self.engine_cmd or [there["python"], "-m", "engineroom.engine"]
        logs = [f"{log}-{number}.log" for number in range(n)]
        started = await link.ask(
            "start",
            files=[[connection_file, json.dumps(connection)], *self.files_to_send()],
            commands=[[*program, *arguments, *self.engine_args, *args]] * n,
            logs=logs,
            exits=f"{log}.exits",
            environment=self.environment_there(),
        )
        link.left_there = [connection_file, f"{log}.exits", *logs]
        for number, process in enumerate(started["processes"]):
            launcher = self._new_ssh_launcher(f"{host}/{number}", host)
            launcher.attach(link, process, logs[number], f"{log}.exits")
        if self.guarded:
            # In one go: an sshd takes few connections at a time.
            link.guard(started["processes"])

    def _new_ssh_launcher(self, identifier: str, host: str) -> SSHEngineLauncher:
        launcher = SSHEngineLauncher(
            parent=self,
            log=self.log,
            profile_dir=self.profile_dir,
            cluster_id=self.cluster_id,
            identifier=identifier,
            location=host,
            stop_seconds_until_kill=self.stop_seconds_until_kill,
            guarded=self.guarded,
        )
        self.launchers[identifier] = launcher
        return launcher

    def _watch(self) -> None:
        for launcher in list(self.launchers.values()):
            self._follow(launcher)  # type: ignore[arg-type]
        for host, link in self.links.items():
            _watch_host(self, host, link)

    def running_on(self, host: str) -> dict[int, SSHProcessLauncher]:
        launchers = [one for one in list(self.launchers.values()) if one.location == host]
        return {one.remote_pid: one for one in launchers if one.running}

    async def signal(self, sig: int) -> None:  # type: ignore[override]
        for host, link in self.links.items():
            running = self.running_on(host).values()
            processes = [process for one in running for process in one.processes]
            if processes:
                await link.ask("signal", processes=processes, signal=int(sig))

    async def stop(self) -> None:
        await asyncio.gather(*(self._stop_on(host, link) for host, link in self.links.items()))

    async def _stop_on(self, host: str, link: Link) -> None:
        running = self.running_on(host)
        if running:
            for one in running.values():
                one._stopping = True
            answer = await link.ask(
                "stop",
                processes=[process for one in running.values() for process in one.processes],
                exits=next(iter(running.values())).exits_file,
                grace=self.stop_seconds_until_kill,
            )
            for pid, exit_code in answer["ended"]:
                running[pid].ended(exit_code)
            await asyncio.gather(*(one.join(self.stop_timeout) for one in running.values()))

    def get_output(self, remove: bool = False) -> str:
        for host, link in self.links.items():
            running = list(self.running_on(host).values())
            if running:
                fetch_outputs(link, running, self.log)
                for launcher in running:
                    self._outputs[launcher.identifier] = launcher._output or ""
        output = self._collated()
        if remove:
            for link in self.links.values():
                _leave(link, self.log)
            self.links = {}
        return output

    def release(self) -> None:
        for link in self.links.values():
            link.release()

    def stop_commands(self) -> list[command.Command]:
        return [
            _stop_command(link, list(self.running_on(host).values()))
            for host, link in self.links.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        links = {host: link.to_dict() for host, link in self.links.items()}
        return {**super().to_dict(), "links": links}

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        engine_set = super(LocalEngineSetLauncher, cls).from_dict(d, **{**kwargs, "guarded": False})
        engine_set.links = {host: Link.from_dict(noted) for host, noted in d["links"].items()}
        for identifier, noted in d["engines"].items():
            link = engine_set.links[noted["location"]]
            launcher = engine_set._new_ssh_launcher(identifier, noted["location"])
            log, exits = noted["remote_output_file"], noted["exits_file"]
            launcher.attach(link, [noted["remote_pid"], noted["birth"]], log, exits)
        for host, link in engine_set.links.items():
            for pid, _ in _ended_on(link, engine_set.running_on(host)):
                engine_set.launchers.pop(engine_set.running_on(host)[pid].identifier)
        if not engine_set.launchers:
            raise NotRunning(f"no engine of {engine_set.engine_set_id} is left")
        engine_set.n = len(engine_set.launchers)
        engine_set.state = "running"
        engine_set._watch()
        return engine_set


# ---- a controller ----


class SSHControllerLauncher(SSHProcessLauncher, ControllerLauncher):
    """A controller on another host, and its connection files here, with ports that lead there."""

    @default("controller_cmd")
    def _default_controller_cmd(self) -> list[str]:
        # What to run there is known when there is a connection.
        return []

    async def start(self) -> int:
        if self.state != "before":
            raise ProcessStateError(f"{self.identifier} was started before; it is {self.state}")
        if not self.location or self.location.startswith("-"):
            raise LauncherError("a controller on which host? c.SSHControllerLauncher.hostname = …")
        for path in self.connection_files.values():
            files.remove(path)
        self.link = self.new_link(self.location)
        await self.link.open(guarded=self.guarded)
        try:
            await self._start()
            await self._bring_connection_files()
        except BaseException:
            await self.stop()
            self.get_output(remove=True)
            raise
        _watch_host(self, self.location, self.link)
        return self.remote_pid

    async def _start(self) -> None:
        assert self.link is not None
        there = await self.link.prepare(self.remote_profile_dir, [])
        self.remote_profile_dir = there["profile_dir"]
        program = self.controller_cmd or [there["python"], "-m", "engineroom", "controller"]
        names = [f"--profile-dir={there['profile_dir']}", f"--cluster-id={self.cluster_id}"]
        log = f"{there['profile_dir']}/log/ipcontroller-{self.cluster_id}"
        self._there = files.connection_files(there["profile_dir"], self.cluster_id)
        self.link.left_there = [f"{log}.exits", f"{log}.log"]
        await self.link.ask("remove", paths=list(self._there.values()))
        started = await self.link.ask(
            "start",
            files=self.files_to_send(),
            commands=[[*program, *names, *self.controller_args]],
            logs=[f"{log}.log"],
            exits=f"{log}.exits",
            environment=self.environment_there(),
        )
        self.attach(self.link, started["processes"][0], f"{log}.log", f"{log}.exits")
        if self.guarded:
            self.link.guard(self.processes)

    async def _bring_connection_files(self) -> None:
        """Wait for them; rewrite them where they lead to the other host's loopback interface."""
        assert self.link is not None
        deadline = time.monotonic() + self.connection_info_timeout
        while True:
            paths = list(self._there.values())
            answer = await self.link.ask("read", paths=paths, limit=1 << 16, wait=1.0)
            if all(answer["texts"]):
                break
            for _, exit_code in _ended_on(self.link, {self.remote_pid: self}):
                self.ended(exit_code)
                raise RuntimeError(self._failure(describe_exit(exit_code)))
            if time.monotonic() > deadline:
                raise TimeoutError(f"no connection files of the controller on {self.location}")
        read = {
            kind: json.loads(text) for kind, text in zip(self._there, answer["texts"], strict=True)
        }
        if listens_here_only(read["client"]):
            targets = sorted({port for one in read.values() for port in ports_of(one)})
            ports = dict(zip(targets, await self.link.forward_local(targets), strict=True))
            for kind, one in read.items():
                read[kind] = with_ports(one, [ports[port] for port in ports_of(one)])
        for kind, path in self.connection_files.items():
            files.write_json(path, read[kind])
        if self.to_fetch:
            paths = [remote for remote, _ in self.to_fetch]
            fetched = await self.link.ask("read", paths=paths, limit=OUTPUT_LIMIT)
            for (remote, local), text in zip(self.to_fetch, fetched["texts"], strict=True):
                if text is None:
                    raise LauncherError(f"{self.location} has no file {remote}")
                files.write_text(os.path.expanduser(local), text)

    def running_on(self, host: str) -> dict[int, SSHProcessLauncher]:
        return {self.remote_pid: self} if self.running else {}

    async def stop(self) -> None:
        await super().stop()
        for path in self.connection_files.values():
            files.remove(path)

    def get_output(self, remove: bool = False) -> str:
        output = super().get_output(remove)
        if remove and self.link is not None:
            _leave(self.link, self.log)
            self.link = None
        return output

    def stop_commands(self) -> list[command.Command]:
        return [_stop_command(self.link, [self])] if self.link is not None else []

    def to_dict(self) -> dict[str, Any]:
        link = self.link.to_dict() if self.link is not None else {}
        return {**super().to_dict(), "link": link}

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        launcher = super().from_dict(d, **{**kwargs, "guarded": False})
        launcher.link = Link.from_dict(d["link"])
        launcher.state = "running"
        if _ended_on(launcher.link, launcher.running_on(launcher.location)):
            raise NotRunning(launcher.place)
        _watch_host(launcher, launcher.location, launcher.link)
        return launcher


# ---- watching ----


def _stop_command(link: Link, running: list[SSHProcessLauncher]) -> command.Command:
    processes = [process for one in running for process in one.processes]
    return command.Command(link.ending_command(processes))


def _ended_on(link: Link, running: dict[int, SSHProcessLauncher]) -> list[list[Any]]:
    """[pid, exit code] of those that have ended."""
    if not running:
        return []
    return link.read(command.run(_question(link, running, 0.0)))["ended"]


def _question(
    link: Link, running: dict[int, SSHProcessLauncher], seconds: float
) -> command.Command:
    processes = [process for one in running.values() for process in one.processes]
    exits = next(iter(running.values())).exits_file
    return link.request("watch", processes=processes, exits=exits, seconds=seconds)


def _watch_host(owner: Any, host: str, link: Link) -> None:
    """Tell the launchers of a host of the end of their processes, from a thread of its own."""
    name = f"engineroom-watch-{host}"
    arguments = (weakref.ref(owner), host, link)
    threading.Thread(target=_watch_in_thread, args=arguments, name=name, daemon=True).start()


def _watch_in_thread(this: weakref.ref[Any], host: str, link: Link) -> None:
    pace = Pace(0.5, 10.0)
    while True:
        # Not held while we wait: a cluster that nobody holds any more is not kept by its watchers.
        owner = this()
        running = owner.running_on(host) if owner is not None else {}
        if not running:
            return
        question = _question(link, running, WATCH_SECONDS)
        del owner, running
        try:
            ended = link.read(command.run(question))["ended"]
        except LauncherError:
            # No answer is not an end: the connection is being restored, or closed.
            time.sleep(pace.asked(changed=False))
            continue
        pace.asked(changed=True)
        owner = this()
        running = owner.running_on(host) if owner is not None else {}
        for pid, exit_code in ended:
            if pid in running:
                running[pid].ended(exit_code)
        del owner, running


def _leave(link: Link, log: Any) -> None:
    """Leave nothing behind on a host."""
    try:
        if link.left_there:
            link.ask_now("remove", paths=link.left_there)
    except LauncherError as error:
        log.warning("left on %s: %s (%s)", link.host, ", ".join(link.left_there), error)
    link.close()


def _file_name(host: str) -> str:
    return re.sub(r"[^\w.-]", "_", host)
