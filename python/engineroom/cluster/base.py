"""Launchers: how controllers and engines are started, watched and stopped.

A launcher starts one controller, one engine or one set of engines, on whatever it knows. Cluster
only uses what the three classes here promise, so that other ways to start processes can be added
(see launcher.py). The classes for this machine are in local.py.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Float, Integer, List, Unicode, default, validate
from traitlets.config import LoggingConfigurable

from ..resources import parse_resources, resource_text
from . import files, programs

# Seconds between looks for the connection files. The controller writes them within about 10 ms.
CONNECTION_POLL = 0.004
STATE_POLL = 0.02  # between looks at a state that somebody else keeps


class LauncherError(Exception):
    """A launcher cannot do what it was asked to do."""


class ProcessStateError(LauncherError):
    """Not in this state: started twice, for example."""


class NotRunning(LauncherError):  # noqa: N818  (the name is ipyparallel's)
    """What was to be found again has ended."""


class BaseLauncher(LoggingConfigurable):
    """Starts something, and tells when it has ended. `on_stop` callbacks may run in any thread."""

    name = Unicode("process")
    work_dir = Unicode(".", help="The folder to run in.")
    profile_dir = Unicode().tag(to_dict=True)
    cluster_id = Unicode().tag(to_dict=True)
    identifier = Unicode(help="Names the log file, and the launcher in messages.")
    environment = Dict(config=True, help="Environment variables to add.")
    stop_timeout = Integer(60, config=True, help="Seconds to wait for the end before giving up.")
    guarded = Bool(True, help="End when the program that started it dies.")
    output_limit = Integer(100, config=True, help="Lines of output to keep; 0 for all.")

    # before, running, after
    state = Unicode("before").tag(to_dict=True)
    start_data = AnyTrait()
    # What is known of the end: at least exit_code, pid and identifier for a process.
    stop_data = AnyTrait()

    def __init__(self, **kwargs: Any) -> None:
        self.stop_callbacks: list[Callable[[Any], Any]] = []
        self._state_lock = threading.RLock()
        super().__init__(**kwargs)

    @default("identifier")
    def _default_identifier(self) -> str:
        parts = (self.name, self.cluster_id, getattr(self, "engine_set_id", ""), os.getpid())
        return "-".join(str(part) for part in parts if part)

    # ---- for subclasses to replace ----

    def find_args(self) -> list[str]:
        """The command line."""
        raise NotImplementedError

    def start(self) -> Any:
        """Start, without waiting for it to be ready. May be a coroutine function."""
        raise NotImplementedError

    def stop(self) -> Any:
        """Stop, and return when it has ended. May be a coroutine function."""
        raise NotImplementedError

    def signal(self, sig: int) -> Any:
        raise NotImplementedError

    def get_output(self, remove: bool = False) -> str:
        """What it has printed; with `remove`, the file that holds it goes."""
        return ""

    # These two are for what is watched all the time: they go by what was seen, without a question.

    async def join(self, timeout: float | None = None) -> None:
        """Wait for the end; TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.running:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{self.place} still runs after {timeout} s")
            await asyncio.sleep(STATE_POLL)

    def poll(self) -> Any:
        """None while it runs, else the exit code (or a word about the end)."""
        if self.state != "after":
            return None
        code = (self.stop_data or {}).get("exit_code")
        return "unknown" if code is None else code

    # ---- common to all ----

    @property
    def args(self) -> list[str]:
        return self.find_args()

    @property
    def arg_str(self) -> str:
        return " ".join(self.args)

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def place(self) -> str:
        """What it runs as, for people: a process id, the name of a job."""
        return ""

    @property
    def condition(self) -> str:
        """The state, for people: who has to wait says for what."""
        return self.state

    @property
    def cluster_args(self) -> list[str]:
        """What the environment says too, for processes that it does not reach."""
        return [f"--profile-dir={self.profile_dir}", f"--cluster-id={self.cluster_id}"]

    @property
    def connection_files(self) -> dict[str, str]:
        return files.connection_files(self.profile_dir, self.cluster_id)

    @property
    def cluster_env(self) -> dict[str, str]:
        return {"IPP_CLUSTER_ID": self.cluster_id, "IPP_PROFILE_DIR": self.profile_dir}

    def get_env(self) -> dict[str, str]:
        """What is added to the environment."""
        return {**self.cluster_env, **self.environment}

    def on_stop(self, callback: Callable[[Any], Any]) -> None:
        """Call with `stop_data` at the end; at once if that was before."""
        with self._state_lock:
            if self.state != "after":
                self.stop_callbacks.append(callback)
                return
        callback(self.stop_data)

    def notify_start(self, data: Any) -> Any:
        self.log.debug("%s started: %s", self.identifier, data)
        self.start_data = data
        self.state = "running"
        return data

    def notify_stop(self, data: Any) -> Any:
        with self._state_lock:
            if self.state == "after":
                return data
            self.stop_data = data
            self.state = "after"
            callbacks, self.stop_callbacks = self.stop_callbacks, []
        self.log.debug("%s stopped: %s", self.identifier, data)
        for callback in callbacks:
            try:
                callback(data)
            except Exception:
                self.log.exception("a callback failed when %s stopped", self.identifier)
        return data

    def to_dict(self) -> dict[str, Any]:
        """What from_dict needs to find the running processes again, as JSON."""
        return {name: getattr(self, name) for name in self.traits(to_dict=True)}

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        """A launcher as it was after start(); NotRunning if what it started has ended."""
        launcher = cls(**kwargs)
        for name in launcher.traits(to_dict=True):
            if name in d:
                setattr(launcher, name, d[name])
        return launcher


class OutputFileLauncher(BaseLauncher):
    """Something whose output goes to a file that is seen here."""

    output_file = Unicode(config=True, help="Where the output goes.").tag(to_dict=True)

    _output: str | None = None

    @default("output_file")
    def _default_output_file(self) -> str:
        return os.path.join(self.profile_dir, "log", f"{self.identifier}.log")

    def get_output(self, remove: bool = False) -> str:
        try:
            with open(self.output_file, encoding="utf-8", errors="replace") as file:
                self._output = file.read()
        except FileNotFoundError:
            pass
        if remove:
            files.remove(self.output_file)
        return self._output or ""


class ControllerLauncher(BaseLauncher):
    """Starts a controller."""

    name = Unicode("ipcontroller")
    controller_cmd = List(Unicode(), config=True, help="The command.")
    controller_args = List(Unicode(), config=True, help="Arguments to add to it.")
    connection_info_timeout = Float(60, config=True, help="Seconds to wait for connection files.")

    @default("controller_cmd")
    def _default_controller_cmd(self) -> list[str]:
        return programs.controller_command()

    async def get_connection_info(self, timeout: float | None = None) -> dict[str, Any]:
        """What clients and engines need to connect: {"client": {...}, "engine": {...}}."""
        timeout = self.connection_info_timeout if timeout is None else timeout
        deadline = time.monotonic() + timeout if timeout >= 0 else float("inf")
        while True:
            try:
                return {kind: files.read_json(path) for kind, path in self.connection_files.items()}
            except (FileNotFoundError, ValueError):
                # Not there, or (a foreign controller) not yet whole.
                pass
            status = self.poll()
            if inspect.isawaitable(status):
                status = await status
            if status is not None:
                raise RuntimeError(self._failure(status))
            if time.monotonic() > deadline:
                wanted = list(self.connection_files.values())
                raise TimeoutError(
                    f"no connection files after {timeout} s: {wanted}; {self.identifier} is"
                    f" {self.condition}"
                )
            await asyncio.sleep(CONNECTION_POLL)

    def _failure(self, status: Any) -> str:
        output = files.tail(self.get_output(), 20).rstrip()
        told = f"; its last words:\n{output}" if output else ", without a word"
        return f"the controller ended ({status}) before it could be connected to{told}"


class EngineLauncher(BaseLauncher):
    """Starts one engine, or a set of them."""

    name = Unicode("ipengine")
    engine_cmd = List(Unicode(), config=True, help="The command.")
    engine_args = List(Unicode(), config=True, help="Arguments to add to it.")
    resources = Dict(
        config=True,
        help="What each engine offers to tasks, such as {'gpus': 1, 'memory': '8GiB'}; of the rest"
        " its share of the machine.",
    )
    n = Integer(1).tag(to_dict=True)
    engine_set_id = Unicode()
    # Why the cluster cannot grow and shrink by single engines with this launcher; "" if it can.
    not_adaptive = ""

    @property
    def reads_connection_file(self) -> bool:
        """Whether the engines see the controller's files, and wait for them if they come later.

        Then they can be started together with the controller; else Cluster waits for the files, and
        hands over what they say.
        """
        return False

    async def default_count(self) -> int:
        """How many engines when nobody has said so: one per core."""
        return programs.core_count()

    @default("engine_cmd")
    def _default_engine_cmd(self) -> list[str]:
        return programs.engine_command()

    @validate("resources")
    def _check_resources(self, proposal: Any) -> Any:
        return parse_resources(proposal["value"])

    def add_resource_args(self) -> None:
        """Has the engines told what they offer."""
        if self.resources:
            said = f"--resource={resource_text(self.resources)}"
            self.engine_args = [*self.engine_args, said]

    def take_connection(self) -> dict[str, Any]:
        """What engines need to connect, for launchers that pass it on in their own way. Cluster
        hands it over in the environment, from where it goes: others may see that of a process."""
        environment = dict(self.environment)
        text = environment.pop("IPP_CONNECTION_INFO", None)
        self.environment = environment
        return json.loads(text) if text else files.read_json(self.connection_files["engine"])
