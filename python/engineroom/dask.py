"""Engines as workers of Dask: what client.become_dask() runs on them.

Dask's programs live in a thread of the engine with an event loop of its own, so that tasks of both
run side by side and see the same process. The scheduler is on one of the engines; it outlives the
client that asked for it, and ends with stop_dask() or with its engine.

Dask's connections know no keys: whoever reaches the scheduler can run code. So it listens on the
loopback address, unless it is told where else.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from typing import Any

# Seconds for Dask's programs to start and to stop.
PATIENCE = 60.0
# Under this name the worker is in the engine's namespace.
WORKER = "distributed_worker"

_loop: asyncio.AbstractEventLoop | None = None
_scheduler: Any = None
_worker: Any = None


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """In the thread of the event loop."""
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, name="engineroom-dask", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loop).result(PATIENCE)


def hostname() -> str:
    return socket.gethostname()


def start_scheduler(port: int, options: dict[str, Any]) -> str:
    """The address of this engine's scheduler."""
    global _scheduler
    if _scheduler is None:
        _scheduler = _run(_start_scheduler(port, options))
    return str(_scheduler.address)


async def _start_scheduler(port: int, options: dict[str, Any]) -> Any:
    from distributed import Scheduler

    # A page of figures has to be asked for: it is one more port.
    return await Scheduler(port=port, **{"dashboard": False, **options})


def start_worker(address: str, nanny: bool, options: dict[str, Any]) -> str:
    """Joins a scheduler, leaving an earlier one. The worker's address."""
    global _worker
    stop_worker()
    _worker = _run(_start_worker(address, nanny, options))
    _namespace()[WORKER] = _worker
    return str(_worker.address)


async def _start_worker(address: str, nanny: bool, options: dict[str, Any]) -> Any:
    from distributed import Nanny, Worker

    kernel = getattr(_shell(), "kernel", None)
    name = {} if kernel is None else {"name": f"engine-{kernel.engine_id}"}
    kind = Nanny if nanny else Worker
    return await kind(address, **{"nthreads": 1, "dashboard": False, **name, **options})


def stop_worker() -> None:
    global _worker
    if _worker is not None:
        worker, _worker = _worker, None
        _namespace().pop(WORKER, None)
        _run(worker.close())


def stop_scheduler() -> None:
    global _scheduler
    if _scheduler is not None:
        scheduler, _scheduler = _scheduler, None
        _run(scheduler.close())


def _shell() -> Any:
    from .util import get_ipython

    return get_ipython()


def _namespace() -> dict[str, Any]:
    shell = _shell()
    return {} if shell is None else shell.user_ns
