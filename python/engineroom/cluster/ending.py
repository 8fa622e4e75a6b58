"""How clusters end that nobody stops: with the program, or when nobody holds them any more."""

from __future__ import annotations

import asyncio
import atexit
import os
import weakref
from collections.abc import Callable
from typing import Any

from .command import run
from .process import end_all
from .synchronize import run_sync

_at_exit: weakref.WeakSet[Any] = weakref.WeakSet()


def end_at_exit(cluster: Any) -> None:
    """End it before whatever has been imported until now."""
    atexit.unregister(_end_clusters)
    atexit.register(_end_clusters)
    _at_exit.add(cluster)


def _end_clusters() -> None:
    # A forked child inherits the list, but not the clusters.
    mine = [c for c in _at_exit if c.shutdown_atexit and c._owner_pid == os.getpid()]
    running = [cluster for cluster in mine if cluster._is_running()]
    if not running:
        return

    async def stop_all() -> None:
        await asyncio.gather(*(c.stop_cluster() for c in running), return_exceptions=True)

    run_sync(stop_all)


def end_without_waiting(cluster: Any) -> Callable[[], None]:
    """What ends all of a cluster that is about to be forgotten, and does not hold it itself."""
    launchers = [*cluster.engines.values(), *([cluster.controller] if cluster.controller else [])]
    commands = [
        stop
        for launcher in launchers
        if launcher.running and hasattr(launcher, "stop_commands")
        for stop in launcher.stop_commands()
    ]
    for launcher in list(launchers):
        launchers += list(getattr(launcher, "launchers", {}).values())
    processes = [one.process for one in launchers if getattr(one, "process", None) is not None]

    def end() -> None:
        for stop in commands:
            run(stop)
        end_all(processes)

    return end
