"""What a worker of Dask does for our launcher (dask.py): it has a home for each set of engines."""

from __future__ import annotations

from typing import Any

from distributed import WorkerPlugin

from .home import GONE, Home

# By worker, for one process may be several, and by the set's name.
_homes: dict[tuple[str, str], Home] = {}


class _EndWithWorker(WorkerPlugin):
    """A worker that leaves need not be the end of its process."""

    def __init__(self, key: tuple[str, str]) -> None:
        self._key = key

    def teardown(self, worker: Any) -> None:
        home = _homes.pop(self._key, None)
        if home is not None:
            home.end()


async def answer(
    set_name: str, requests: dict[str, dict[str, Any]], dask_worker: Any = None
) -> dict[str, Any]:
    """The answer to the request that is for this worker."""
    key = (dask_worker.address, set_name)
    request = requests[dask_worker.address]
    if key not in _homes:
        if request["request"] != "start":
            return GONE
        _homes[key] = Home()
        await dask_worker.plugin_add(plugin=_EndWithWorker(key), name=set_name)
    answered = await _homes[key].answer(request)
    if _homes[key].is_empty:
        await dask_worker.plugin_remove(name=set_name)
    return answered
