"""Engines as children of actors of a Ray that is there already: Cluster(engines="ray").

Each engine has an actor of its own, for which Ray keeps a processor (`num_cpus`), graphics
processors or other resources, and chooses the host. Actors have names and are detached, so that
they are found again; they are killed when their engines are to end. What an actor does is in home.py.
The controller's key goes to it by a call, which, unlike what an actor is made with, Ray does not keep.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

from traitlets import Dict, Float, Unicode

from .base import LauncherError
from .command import Command
from .home import GONE, Home
from .homes import Answers, HomesEngineSetLauncher

_connecting = threading.Lock()


class RayEngineSetLauncher(HomesEngineSetLauncher):
    """A set of engines in actors of Ray."""

    num_cpus = Float(1.0, config=True, help="Processors that Ray keeps for each engine.")
    num_gpus = Float(0.0, config=True, help="Graphics processors for each engine.")
    resources = Dict(config=True, help="Further resources for each engine, as Ray has them.")
    namespace = Unicode("engineroom", config=True, help="Of the actors' names.").tag(to_dict=True)

    def stop_command(self) -> Command:
        words = [self.address, self.namespace, self.set_name]
        return Command([sys.executable, "-m", __name__, *words])

    async def default_count(self) -> int:
        """One for each processor that Ray has."""
        total = self._connected().cluster_resources().get("CPU", 0.0)
        return int(total / self.num_cpus) if self.num_cpus else int(total)

    async def find_homes(self, n: int) -> dict[str, int]:
        ray = self._connected()
        options = {
            "namespace": self.namespace,
            "lifetime": "detached",
            "num_cpus": self.num_cpus,
            "num_gpus": self.num_gpus,
            "resources": self.resources or None,
        }
        homes = [f"{self.set_name}-{number}" for number in range(n)]
        self._refuse_too_many(ray, n)
        for home in homes:
            ray.remote(Home).options(name=home, **options).remote()
        return dict.fromkeys(homes, 1)

    def _refuse_too_many(self, ray: Any, n: int) -> None:
        """Ray would wait for ever, or for another machine, and say so in its log only."""
        wanted = {"CPU": self.num_cpus, "GPU": self.num_gpus, **self.resources}
        free = ray.available_resources()
        for name, each in wanted.items():
            if each * n > free.get(name, 0.0):
                raise LauncherError(
                    f"{n} engines with {each:g} {name} each are more than this Ray has free:"
                    f" {free.get(name, 0.0):g}"
                )

    async def question(self, requests: dict[str, dict[str, Any]]) -> Answers:
        ray = self._connected()
        answers = await asyncio.gather(
            *(_ask(ray, home, self.namespace, request) for home, request in requests.items())
        )
        return dict(zip(requests, answers, strict=True))

    async def close(self) -> None:
        if not self.homes:
            return
        ray = self._connected()
        for home in self.homes:
            _kill(ray, home, self.namespace)

    def _connected(self) -> Any:
        ray = connect(self.address)
        # For the next program, which may have another default.
        self.address = self.address or str(ray.get_runtime_context().gcs_address)
        return ray


def connect(address: str) -> Any:
    """The module, connected to a Ray; as it is, if this program has connected it already."""
    try:
        import ray
    except ImportError:
        raise LauncherError("engines on Ray need ray: pip install ray") from None
    with _connecting:
        if not ray.is_initialized():
            try:
                ray.init(address or "auto", log_to_driver=False, configure_logging=False)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise LauncherError(f"no Ray at {address or 'this host'}: {error}") from None
    return ray


async def _ask(
    ray: Any, home: str, namespace: str, request: dict[str, Any]
) -> dict[str, Any] | None:
    try:
        actor = ray.get_actor(home, namespace)
        return dict(await asyncio.wrap_future(actor.answer.remote(request).future()))
    except (ValueError, ray.exceptions.RayActorError):
        # Nobody has the name, or who had it has ended.
        return GONE
    except ray.exceptions.RayError as error:
        return {"error": str(error)}


def _kill(ray: Any, home: str, namespace: str) -> None:
    try:
        ray.kill(ray.get_actor(home, namespace))
    except ValueError:
        pass


async def end(address: str, namespace: str, set_name: str) -> None:
    """End the engines of a set, and their actors."""
    ray = connect(address)
    named = ray.util.list_named_actors(all_namespaces=True)
    homes = [
        one["name"]
        for one in named
        if one["namespace"] == namespace and one["name"].rpartition("-")[0] == set_name
    ]
    stop = {"request": "stop", "grace": 5.0, "limit": 0}
    for request in (stop, {"request": "remove"}):
        await asyncio.gather(*(_ask(ray, home, namespace, request) for home in homes))
    for home in homes:
        _kill(ray, home, namespace)


if __name__ == "__main__":
    # For the guardian.
    asyncio.run(end(*sys.argv[1:4]))
