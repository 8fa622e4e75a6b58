"""Waiting for the engines of a new cluster, and saying what went wrong if they do not come."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from engineroom.error import EngineError

from . import files
from .local import describe_exit

# Lines of its log that an engine's failure is explained with.
SHOWN_LINES = 20


async def wait_for_engines(cluster: Any, client: Any, n: int) -> None:
    """Return when n engines are registered; EngineError as soon as one has ended instead."""
    if not n:
        return
    watch = _FailureWatch(cluster)
    registered = asyncio.ensure_future(
        asyncio.wrap_future(client.wait_for_engines(n, block=False, timeout=cluster.engine_timeout))
    )
    try:
        await asyncio.wait({registered, watch.failure}, return_when=asyncio.FIRST_COMPLETED)
        if registered.done() and registered.exception() is not None:
            # The client may have seen the engine leave before we saw the process end, and cannot
            # say why.
            await asyncio.wait({watch.failure}, timeout=0.2)
        if watch.failure.done() and not (registered.done() and registered.exception() is None):
            raise watch.failure.result()
        try:
            await registered
        except TimeoutError as error:
            raise TimeoutError(f"{error}{_what_engines_do(cluster)}") from None
    finally:
        watch.close()
        registered.cancel()
        if registered.done() and not registered.cancelled():
            registered.exception()  # looked at, so asyncio does not report it


def _what_engines_do(cluster: Any) -> str:
    """What keeps engines of other systems, as far as those say it."""
    rows = [
        f"; engine set {key}: {engine_set.place} is {engine_set.condition}"
        for key, engine_set in cluster.engines.items()
        if engine_set.place
    ]
    return "".join(rows)


class _FailureWatch:
    """A future that gets the exception to raise when the controller or an engine ends."""

    def __init__(self, cluster: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self.failure: asyncio.Future[Exception] = self._loop.create_future()
        self._open = True
        for engine_set in list(cluster.engines.values()):
            if hasattr(engine_set, "on_engine_stop"):
                engine_set.on_engine_stop(self._engine_stopped)
            else:
                engine_set.on_stop(functools.partial(self._engines_stopped, engine_set))
        if cluster.controller is not None:
            controller = cluster.controller
            controller.on_stop(lambda data: self._controller_stopped(controller, data))

    def close(self) -> None:
        self._open = False

    def _engine_stopped(self, data: dict[str, Any], output: str) -> None:
        who = f"{data['name']} (process {data['pid']})"
        how = f"{describe_exit(data['exit_code'])} before all engines had registered"
        said = files.tail(output, SHOWN_LINES).rstrip()
        log = f"the end of its log, {data['output_file']}:\n{said}" if said else "its log is empty"
        self._fail(EngineError(f"{who} {how}; {log}"))

    def _engines_stopped(self, engine_set: Any, data: Any) -> None:
        said = files.tail(engine_set.get_output(), SHOWN_LINES).rstrip()
        log = f"; the end of their output:\n{said}" if said else ""
        self._fail(EngineError(f"the engines stopped before all had registered: {data}{log}"))

    def _controller_stopped(self, controller: Any, data: Any) -> None:
        output = files.tail(controller.get_output(), SHOWN_LINES)
        self._fail(RuntimeError(f"the controller stopped: {data}\n{output}"))

    def _fail(self, error: Exception) -> None:
        # Called by the thread that watches processes, and possibly long after we stopped waiting.
        if self._open:
            self._loop.call_soon_threadsafe(self._set, error)

    def _set(self, error: Exception) -> None:
        if not self.failure.done():
            self.failure.set_result(error)
