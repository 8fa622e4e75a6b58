"""Cluster: one controller and the sets of engines that belong to it.

    with Cluster(n=4) as client:
        client[:].apply_sync(os.getpid)

Each public coroutine method `x` has a twin `x_sync`, which works in a notebook too. Engines are
started together with the controller, not after it: they take longest, and find the connection file
when it comes. Whatever was started ends with the program, even when that is killed, unless
`shutdown_atexit` is off.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
import threading
import time
import weakref
from typing import Any

from traitlets import Dict as DictTrait
from traitlets import Instance, observe

from ..resources import parse_resources
from . import files, in_words, state
from .arguments import add_connection, add_controller_args, launcher_arguments
from .base import BaseLauncher, LauncherError
from .ending import end_at_exit, end_without_waiting
from .launcher import abbreviate_launcher_class
from .profile import current_shell, default_profile_dir
from .programs import core_count
from .restarting import keep_running
from .settings import ClusterSettings, merged_config
from .startup import wait_for_engines
from .synchronize import SyncTwins, run_sync


class Cluster(SyncTwins, ClusterSettings):
    """A controller and its engines: start, watch, signal and stop them."""

    controller = Instance(BaseLauncher, allow_none=True)
    engines = DictTrait(help="Engine sets by their ids.")

    def __init__(self, *, engines: Any = None, controller: Any = None, **kwargs: Any) -> None:
        for short, name, value in (
            ("engines", "engine_launcher_class", engines),
            ("controller", "controller_launcher_class", controller),
        ):
            if value is not None:
                if name in kwargs:
                    raise TypeError(f"give either {short!r} or {name!r}, not both")
                kwargs[name] = value
        if "parent" not in kwargs and "config" not in kwargs:
            kwargs["parent"] = current_shell()
        kwargs["config"] = merged_config(kwargs)
        self._file_lock = threading.RLock()
        self._owner_pid = os.getpid()
        self._context_client: Any = None
        self._adaptive: Any = None
        super().__init__(**kwargs)
        if kwargs.get("address") and not hasattr(self.engine_launcher_class, "address"):
            name = abbreviate_launcher_class(self.engine_launcher_class)
            raise TypeError(f"engines by {name!r} have no address")

    def __repr__(self) -> str:
        return in_words.describe(self)

    def _repr_html_(self) -> str:
        return in_words.as_html(self)

    @property
    def engine_set(self) -> Any:
        """The first engine set, which is mostly the only one; None if there is none."""
        return next(iter(self.engines.values()), None)

    # ---- the cluster file ----

    def to_dict(self) -> dict[str, Any]:
        """All that another program needs to take over the running cluster, as JSON."""
        return state.to_dict(self)

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        """The cluster that to_dict() described. It is not ended with this program."""
        return state.from_dict(cls, d, kwargs)

    @classmethod
    def from_file(
        cls,
        cluster_file: str | None = None,
        *,
        profile: str | None = None,
        profile_dir: str | None = None,
        cluster_id: str = "",
        **kwargs: Any,
    ) -> Any:
        """A running cluster by file, or profile and id; by default that of `engineroom start`."""
        if cluster_file is None:
            folder = profile_dir or default_profile_dir(profile or "")
            cluster_file = files.cluster_file(os.path.abspath(folder), cluster_id)
        kwargs.setdefault("cluster_file", str(cluster_file))
        return cls.from_dict(files.read_json(cluster_file), **kwargs)

    def write_cluster_file(self) -> None:
        with self._file_lock:
            files.write_json(self.cluster_file, self.to_dict())

    def remove_cluster_file(self) -> None:
        files.remove(self.cluster_file)

    def update_cluster_file(self) -> None:
        """Note what runs now; remove the file when nothing does."""
        if not self.cluster_file:
            return
        with self._file_lock:
            if self._is_running():
                self.write_cluster_file()
            else:
                self.remove_cluster_file()

    def _is_running(self) -> bool:
        launchers = [self.controller, *list(self.engines.values())]
        return any(launcher is not None and launcher.state != "after" for launcher in launchers)

    # ---- start ----

    async def start_controller(self, **kwargs: Any) -> None:
        """Start the controller; arguments go to its launcher."""
        if self.controller is not None:
            raise RuntimeError("the controller is already running; call stop_controller() first")
        self._refuse_second_cluster()
        files.make_profile_dir(self.profile_dir)
        if self.shutdown_atexit:
            end_at_exit(self)
        controller = self.controller_launcher_class(**launcher_arguments(self, kwargs))
        add_controller_args(self, controller)
        self.controller = controller
        try:
            await _finish(controller.start())
        except BaseException:
            self.controller = None
            raise
        self._on_stop(controller, "controller")
        if self.restart_controller:
            keep_running(self, controller)
        self.update_cluster_file()

    async def start_engines(
        self, n: int | None = None, engine_set_id: str | None = None, **kwargs: Any
    ) -> str:
        """Start a set of engines; arguments go to its launcher. Returns the id of the set.

        resources: what each of them offers to tasks, such as {"gpus": 1, "memory": "8GiB"}; default:
        what the cluster says, and of the rest a share of the machine.
        """
        if self.resources:
            kwargs.setdefault("resources", self.resources)
        engine_set_id = engine_set_id or self._new_engine_set_id()
        files.make_profile_dir(self.profile_dir)
        if self.shutdown_atexit:
            end_at_exit(self)
        cls = self.engine_launcher_class
        engine_set = cls(engine_set_id=engine_set_id, **launcher_arguments(self, kwargs))
        engine_set.add_resource_args()
        await add_connection(self, engine_set)
        n = await self._engine_count(engine_set, n)
        self.log.info("Starting %s engines with %s", n, cls.__name__)
        self.engines[engine_set_id] = engine_set
        try:
            await _finish(engine_set.start(n))
        except BaseException:
            self.engines.pop(engine_set_id)
            raise
        if self.shutdown_atexit:
            # Again: what the launcher has imported is to end after us.
            end_at_exit(self)
        self._on_stop(engine_set, f"engine set {engine_set_id}")
        self.update_cluster_file()
        return engine_set_id

    async def start_cluster(self, n: int | None = None) -> Cluster:
        """Start the controller and n engines (default: `self.n`), without waiting for them."""
        if self.controller is None:
            await self.start_controller()
        if self.delay:
            await asyncio.sleep(self.delay)
        if (self.n if n is None else n) != 0:
            await self.start_engines(n)
        return self

    async def start_and_connect(self, n: int | None = None, activate: bool = False) -> Any:
        """Start everything and return a Client when all engines are there.

        With `activate`, %px and its family use all engines of the client.
        """
        await self.start_cluster(n)
        client = await self.connect_client()
        try:
            await wait_for_engines(self, client, sum(s.n for s in self.engines.values()))
        except BaseException:
            client.close()
            raise
        if activate:
            view = client[:]
            view.block = True
            view.activate()
        return client

    async def connect_client(self, **client_kwargs: Any) -> Any:
        """A Client of this cluster."""
        # Here, because starting and stopping clusters needs no client.
        from engineroom import Client

        if self.controller is None:
            connection: Any = files.connection_files(self.profile_dir, self.cluster_id)["client"]
        else:
            connection = (await self.controller.get_connection_info())["client"]
        return Client(
            connection,
            cluster=self,
            profile_dir=self.profile_dir,
            cluster_id=self.cluster_id,
            **client_kwargs,
        )

    def user_file(self, user: str) -> str:
        """The connection file of one of `users`: Client(path) of whoever has it is that user."""
        if user not in self.users:
            raise ValueError(f"no user {user!r}: this cluster has {self.users}")
        return files.user_connection_file(self.profile_dir, self.cluster_id, user, self.users_dir)

    async def _engine_count(self, engine_set: Any, n: int | None) -> int:
        told = getattr(engine_set, "engine_count", None)  # some launchers are, by their settings
        if told:
            return int(told)
        n = self.n if n is None else n
        if n is not None:
            return n
        counts = hasattr(engine_set, "default_count")
        return int(await engine_set.default_count()) if counts else core_count()

    def _refuse_second_cluster(self) -> None:
        """Two controllers with one id would take each other's files."""
        if not self.cluster_file or not os.path.exists(self.cluster_file):
            return
        place = state.running_controller(self.cluster_file)
        if place:
            raise RuntimeError(
                f"cluster {self.cluster_id!r} is already running (controller: {place}, "
                f"{self.cluster_file}); stop it first, or give another cluster_id"
            )

    def _new_engine_set_id(self) -> str:
        base = str(int(time.time()))
        number = 0
        while (engine_set_id := f"{base}-{number}" if number else base) in self.engines:
            number += 1
        return engine_set_id

    def _on_stop(self, launcher: Any, what: str) -> None:
        this = weakref.ref(self)

        def stopped(data: Any) -> None:
            cluster = this()
            if cluster is not None:
                failed = isinstance(data, dict) and data.get("exit_code")
                cluster.log.log(
                    logging.WARNING if failed else logging.DEBUG, "%s stopped: %s", what, data
                )
                cluster.update_cluster_file()

        launcher.on_stop(stopped)

    # ---- as many as there is work for ----

    def adapt(
        self,
        minimum: int = 1,
        maximum: int | None = None,
        *,
        idle_seconds: float = 60.0,
        grow_seconds: float = 1.0,
        tasks_per_engine: float = 1.0,
        interval: float = 1.0,
        resources: Any = None,
    ) -> Any:
        """Grow with the queue of balanced tasks, and shrink when engines have nothing to do.

        From now on there are at least `minimum` engines, and at most `maximum` (default: one per
        core). Another one is started when there were more than `tasks_per_engine` unfinished tasks
        for each during `grow_seconds`; one that did nothing for `idle_seconds` is ended, with what
        it has in its namespace; never one that has a task or that a waiting task needs. `resources`:
        what the new engines offer (default: as for the cluster's others); tasks that demand it wait
        for them. Returns an object whose stop() leaves the engines as they are.
        """
        from .adaptive import Adaptive, Policy

        if self.engine_launcher_class.not_adaptive:
            name = abbreviate_launcher_class(self.engine_launcher_class)
            why = self.engine_launcher_class.not_adaptive
            raise LauncherError(f"engines by {name!r} cannot adapt: {why}")
        if self.controller is None:
            raise RuntimeError("the cluster is not running; call start_cluster() first")
        maximum = max(core_count(), minimum) if maximum is None else maximum
        policy = Policy(minimum, maximum, idle_seconds, grow_seconds, tasks_per_engine)
        self._stop_adapting()
        if resources is not None:
            resources = parse_resources(resources)
        self._adaptive = Adaptive(self, policy, interval, resources)
        return self._adaptive

    def _stop_adapting(self) -> None:
        if self._adaptive is not None:
            self._adaptive.stop()
            self._adaptive = None

    # ---- stop and signal ----

    async def stop_engines(self, engine_set_id: str | None = None) -> None:
        """Stop one set of engines, or all."""
        if engine_set_id is None:
            await asyncio.gather(*(self.stop_engines(key) for key in list(self.engines)))
            return
        engine_set = self.engines[engine_set_id]
        self.log.info("Stopping engine(s): %s", engine_set_id)
        await _finish(engine_set.stop())
        engine_set.get_output(remove=True)
        self.engines.pop(engine_set_id, None)
        self.update_cluster_file()

    async def stop_controller(self) -> None:
        controller = self.controller
        if controller is not None:
            if controller.running:
                self.log.info("Stopping controller")
                await _finish(controller.stop())
            controller.get_output(remove=True)
            self.controller = None
        self.update_cluster_file()

    async def stop_cluster(self) -> None:
        """Stop the controller and all engines."""
        # In this order: an engine that cannot say goodbye waits a while before it gives up.
        self._stop_adapting()
        try:
            await self.stop_engines()
        finally:
            await self.stop_controller()

    async def restart_engines(self, engine_set_id: str | None = None) -> None:
        """Replace one set of engines, or all, by as many new ones."""
        if engine_set_id is None:
            await asyncio.gather(*(self.restart_engines(key) for key in list(self.engines)))
            return
        before = self.engines[engine_set_id]
        await self.stop_engines(engine_set_id)
        await self.start_engines(before.n, engine_set_id, resources=before.resources)

    async def signal_engines(self, signum: int, engine_set_id: str | None = None) -> None:
        """Send a signal to one set of engines, or to all."""
        keys = list(self.engines) if engine_set_id is None else [engine_set_id]
        for key in keys:
            self.log.info("Sending signal %s to engine(s) %s", signum, key)
            await _finish(self.engines[key].signal(signum))

    async def stop_engine(self, engine_id: int) -> None:
        """Not possible: launchers do not know which of their processes has which engine id."""
        raise NotImplementedError("use Client.shutdown(targets=engine_id)")

    async def restart_engine(self, engine_id: int) -> None:
        """Not possible, like stop_engine."""
        raise NotImplementedError("use restart_engines(engine_set_id)")

    async def signal_engine(self, signum: int, engine_id: int) -> None:
        """Not possible, like stop_engine."""
        raise NotImplementedError("use Client.send_signal(signum, targets=engine_id)")

    # ---- with ----

    async def __aenter__(self) -> Any:
        try:
            self._context_client = await self.start_and_connect()
        except BaseException:
            await self.stop_cluster()
            raise
        return self._context_client

    async def __aexit__(self, *args: Any) -> None:
        if self._context_client is not None:
            self._context_client.close()
            self._context_client = None
        await self.stop_cluster()

    def __enter__(self) -> Any:
        return run_sync(self.__aenter__)

    def __exit__(self, *args: Any) -> None:
        run_sync(self.__aexit__)

    # ---- the end ----

    @observe("shutdown_atexit")
    def _shutdown_atexit_changed(self, change: Any) -> None:
        if change.new:
            return
        for launcher in (self.controller, *self.engines.values()):
            if hasattr(launcher, "release"):
                launcher.release()

    def __del__(self) -> None:
        # Nobody can stop it any more. (The file lock exists if the constructor got that far.)
        if sys.is_finalizing() or not hasattr(self, "_context_client"):
            return
        if self.shutdown_atexit and self._owner_pid == os.getpid() and self._is_running():
            end = end_without_waiting(self)
            self.remove_cluster_file()
            threading.Thread(target=end, daemon=True).start()


async def _finish(result: Any) -> Any:
    """Launchers may answer at once or with something to await."""
    return await result if inspect.isawaitable(result) else result
