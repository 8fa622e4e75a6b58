"""A controller that is started again when it is killed, and goes on with its journal.

Engines and clients keep what they have and wait for it (docs/dev/journal.md). A controller that was
stopped, or ended by itself, stays away.
"""

from __future__ import annotations

import inspect
import threading
import time
import weakref
from collections import deque
from typing import Any

from .arguments import launcher_arguments
from .synchronize import run_sync

# One that is killed again and again has a reason: no more than so many starts in so many seconds.
MAX_RESTARTS, PER_SECONDS = 5, 60.0


def keep_running(cluster: Any, controller: Any, recent: deque[float] | None = None) -> None:
    """Start the cluster's controller anew whenever it is killed. REQUIRES: it keeps a journal."""
    this = weakref.ref(cluster)
    recent = deque() if recent is None else recent

    def stopped(data: Any) -> None:
        cluster = this()
        code = data.get("exit_code") if isinstance(data, dict) else None
        # Killed by a signal that nobody can expect a controller to obey: clean ends are 0.
        if cluster is None or code is None or code >= 0 or getattr(controller, "_stopping", False):
            return
        if cluster.controller is not controller:
            return
        # Not in the thread that notices the end of processes.
        threading.Thread(target=_restart, args=(cluster, controller, recent), daemon=True).start()

    controller.on_stop(stopped)


def _restart(cluster: Any, old: Any, recent: deque[float]) -> None:
    now = time.monotonic()
    while recent and now - recent[0] > PER_SECONDS:
        recent.popleft()
    if len(recent) >= MAX_RESTARTS:
        cluster.log.error("the controller is killed again and again; it is not started any more")
        return
    recent.append(now)
    cluster.log.warning("the controller was killed; starting it anew")
    arguments = launcher_arguments(cluster, {})
    new = cluster.controller_launcher_class(**arguments)
    new.controller_args = [
        "--restore" if argument == "--journal" else argument for argument in old.controller_args
    ]
    with cluster._file_lock:
        if cluster.controller is not old:
            return
        cluster.controller = new
    try:
        started = new.start()
        if inspect.isawaitable(started):

            async def finish() -> None:
                await started

            run_sync(finish)
    except Exception:
        cluster.log.exception("the controller cannot be started anew")
        return
    cluster._on_stop(new, "controller")
    keep_running(cluster, new, recent)
    cluster.update_cluster_file()
