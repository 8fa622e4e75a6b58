"""Engines as children of the workers of a Dask that is there already: Cluster(engines="dask").

Workers are asked by `Client.run`, which goes around Dask's tasks: so engines are not work that Dask
counts, moves or repeats, and nothing of ours, the controller's key least of all, is kept by its
scheduler. What a worker does is in dask_home.py.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from traitlets import List, Unicode

from .base import LauncherError
from .command import Command
from .home import GONE
from .homes import Answers, HomesEngineSetLauncher, in_thread

# Seconds for connecting to a scheduler.
_CONNECTING = 15.0
# Clients of Dask's by address, and who uses each: an adaptive cluster has a set for every growth.
_clients: dict[str, Any] = {}
_users: dict[str, set[str]] = {}


class DaskEngineSetLauncher(HomesEngineSetLauncher):
    """A set of engines on workers of Dask."""

    workers = List(
        Unicode(), config=True, help="Names or addresses of workers to use; default: all."
    )

    def stop_command(self) -> Command:
        return Command([sys.executable, "-m", __name__, self.address, self.set_name])

    async def default_count(self) -> int:
        """One for each thread of the workers."""
        return sum((await asyncio.wrap_future(in_thread(self._workers()))).values())

    async def find_homes(self, n: int) -> dict[str, int]:
        return spread(n, await self._workers())

    async def question(self, requests: dict[str, dict[str, Any]]) -> Answers:
        from .dask_home import answer

        if not requests:
            return {}
        client = await self._connected()
        try:
            # Of one that is gone, Dask would wait a while for an answer.
            present = await client.scheduler.ncores(workers=None)
            asked = {home: request for home, request in requests.items() if home in present}
            answers = await client.run(
                answer, self.set_name, asked, workers=list(asked), on_error="return"
            )
        except OSError as error:
            raise LauncherError(f"the Dask at {self.address} does not answer: {error}") from None
        return {home: _read(home, answers.get(home, GONE)) for home in requests}

    async def close(self) -> None:
        users = _users.get(self.address, set())
        users.discard(self.set_name)
        if not users and self.address in _clients:
            await _clients.pop(self.address).close()

    async def _connected(self) -> Any:
        if self.address not in _clients:
            client = await connect(self.address)
            # For the next program, which may have another default.
            self.address = str(client.scheduler.address)
            if _clients.setdefault(self.address, client) is not client:
                await client.close()
        _users.setdefault(self.address, set()).add(self.set_name)
        return _clients[self.address]

    async def _workers(self) -> dict[str, int]:
        """Address → threads."""
        client = await self._connected()
        found = (await client.scheduler.identity())["workers"]
        wanted = set(self.workers)
        known = {str(one["name"]) for one in found.values()} | set(found)
        if wanted - known:
            names = ", ".join(sorted(wanted - known))
            raise LauncherError(f"the Dask at {self.address} has no worker {names}")
        return {
            address: int(one["nthreads"])
            for address, one in found.items()
            if not wanted or wanted & {address, str(one["name"])}
        }


def spread(n: int, workers: dict[str, int]) -> dict[str, int]:
    """Worker → engines: in proportion to the threads that each has."""
    if not workers:
        raise LauncherError("this Dask has no workers")
    counts = dict.fromkeys(workers, 0)
    for _ in range(n):
        emptiest = min(counts, key=lambda worker: (counts[worker] + 1) / max(1, workers[worker]))
        counts[emptiest] += 1
    return {worker: count for worker, count in counts.items() if count}


def _read(home: str, answer: Any) -> dict[str, Any] | None:
    """What a worker has answered, or why it could not."""
    if isinstance(answer, ImportError):
        return {"error": f"its Python has no engineroom of this version: {answer}"}
    if isinstance(answer, OSError):
        return None
    if isinstance(answer, Exception):
        return {"error": f"{type(answer).__name__}: {answer}"}
    return dict(answer)


async def connect(address: str) -> Any:
    """A client of Dask's in this event loop."""
    try:
        import dask
        from distributed import Client, default_client
    except ImportError:
        raise LauncherError("engines on Dask need distributed: pip install distributed") from None
    if not address:
        # What a script with a Client of its own means, or the configuration of Dask.
        try:
            address = default_client().scheduler.address
        except ValueError:
            address = dask.config.get("scheduler-address", "")
    if not address:
        raise LauncherError("engines on which Dask? Cluster(engines='dask', address='tcp://…')")
    try:
        return await Client(
            address,
            asynchronous=True,
            set_as_default=False,
            timeout=_CONNECTING,
            name="engineroom",
        )
    except (OSError, ValueError) as error:
        raise LauncherError(f"no Dask at {address}: {error}") from None


async def end(address: str, set_name: str) -> None:
    """End the engines of a set, whatever workers they are on."""
    from .dask_home import answer

    client = await connect(address)
    try:
        workers = list(await client.scheduler.ncores(workers=None))
        stop = {"request": "stop", "grace": 5.0, "limit": 0}
        for request in (stop, {"request": "remove"}):
            everywhere = dict.fromkeys(workers, request)
            await client.run(answer, set_name, everywhere, workers=workers, on_error="ignore")
    finally:
        await client.close()


if __name__ == "__main__":
    # For the guardian.
    asyncio.run(end(*sys.argv[1:3]))
