"""What is measured, on whom, how often, and how one measurement is run."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import processes
from clusters import RunningCluster, Scratch
from environments import Environment

HERE = Path(__file__).resolve().parent
ENGINES = 2
MIB = 2**20


@dataclass
class Measure:
    """One worker script's run. `sizes`: name of the parameter -> system -> value ("*": the rest).

    Stock gets fewer tasks where it would take minutes: all that is compared is per task.
    """

    name: str
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    # Parameters that --quick does not divide.
    fixed: dict = field(default_factory=dict)
    systems: tuple[str, ...] = ("ours", "hybrid", "stock")
    # "shared": a cluster that lives on for other measures, "own": a new one, "none"
    cluster: str = "shared"
    repeats: int = 3
    # seconds
    limit: float = 120.0
    quick_divisor: int = 4
    script: str = "worker_cluster.py"
    engines: int = ENGINES
    controller_options: tuple[str, ...] = ()

    def parameters(self, system: str, quick: bool) -> dict:
        divisor = self.quick_divisor if quick else 1
        found = {}
        for name, per_system in self.sizes.items():
            size = per_system.get(system, per_system.get("*", 0))
            found[name] = max(1, size // divisor)
        return {"engines": self.engines, "quick": quick, **found, **self.fixed}


EVERYONE = ("ours", "hybrid", "stock", "pool", "dask", "ray")

MEASURES = [
    Measure(
        "lb",
        sizes={"tasks": {"ours": 20_000, "pool": 20_000, "*": 2_000},
               "warm_up": {"ours": 2_000, "*": 200}},
        systems=EVERYONE,
    ),
    Measure(
        "lbmap",
        sizes={"tasks": {"ours": 20_000, "pool": 20_000, "*": 2_000},
               "warm_up": {"ours": 2_000, "*": 200}},
        systems=EVERYONE,
    ),
    Measure(
        "sync", sizes={"calls": {"*": 1_000}}, fixed={"warm_up": 50}, systems=EVERYONE,
    ),
    Measure(
        "map",
        sizes={"items": {"ours": 100_000, "pool": 100_000, "*": 2_000},
               "items_100": {"*": 100_000}},
        systems=EVERYONE,
    ),
    # Layers of a hundred tasks, each of which waits for two of the layer before.
    Measure(
        "graph",
        sizes={"tasks": {"ours": 100_000, "*": 2_000}},
        fixed={"width": 100}, repeats=1, limit=400,
        systems=("ours", "stock", "dask", "ray"),
    ),
    # Stock takes no results as arguments. Dask and Ray record none, so ours do not either; then with
    # records, as they are by default.
    Measure(
        "futures",
        sizes={"tasks": {"ours": 10_000, "*": 1_000}, "arrays": {"*": 40}},
        fixed={"array_bytes": 8 * MIB, "suffix": ""}, systems=("ours", "dask", "ray"),
        cluster="own", controller_options=("--nodb",),
    ),
    Measure(
        "recorded",
        sizes={"tasks": {"*": 10_000}, "arrays": {"*": 40}},
        fixed={"array_bytes": 8 * MIB, "suffix": "_recorded"}, systems=("ours",),
    ),
    Measure("bulk", fixed={"bytes": 100 * MIB, "turns": 3}, systems=EVERYONE),
    Measure("start", cluster="none", systems=("ours", "stock", "pool", "dask", "ray")),
    Measure(
        "memory",
        sizes={"tasks": {"ours": 400_000, "*": 10_000}},
        fixed={"batch": 2_000}, cluster="own", repeats=1, limit=400,
    ),
    Measure(
        "restore",
        sizes={"tasks": {"*": 20_000}, "warm_up": {"*": 2_000}, "waiting": {"*": 2_000}},
        systems=("ours",), cluster="own", controller_options=("--journal",),
    ),
    Measure(
        "register",
        sizes={"simulated": {"ours": 1_000, "*": 500}},
        # A ping per second, so that a heart that fails (10 misses) is found out within `hold`.
        fixed={"crowds": 4, "give_up": 60, "hold": 15}, cluster="own", repeats=1, limit=180,
        quick_divisor=5, script="worker_register.py", engines=0,
        controller_options=("--ping=1000",),
    ),
    Measure(
        "records", cluster="none", systems=("ours",), repeats=1, script="worker_records.py",
    ),
]  # fmt: skip


class MeasurementFailed(Exception):
    """Says why, in one line."""


class Runner:
    """Runs measurements, and holds the clusters that live between them."""

    def __init__(self, environments: list[Environment], quick: bool):
        self.environments = environments
        self.quick = quick
        self.shared: dict[str, RunningCluster] = {}

    def run(self, measure: Measure, environment: Environment) -> dict:
        parameters = measure.parameters(environment.name, self.quick)
        try:
            if not environment.has_cluster:
                return self._peer(measure, environment, parameters)
            with self._cluster(measure, environment) as cluster:
                found = cluster.parameters() if cluster else {}
                return self._worker(measure, environment, {**found, **parameters})
        except (OSError, RuntimeError) as error:
            raise MeasurementFailed(str(error)) from error
        finally:
            processes.reap_strays(self._kept())

    @contextmanager
    def _cluster(self, measure: Measure, environment: Environment) -> Iterator:
        if measure.cluster == "none":
            yield None
        elif measure.cluster == "own":
            cluster = RunningCluster(environment, measure.engines, measure.controller_options)
            try:
                cluster.start()
                yield cluster
            finally:
                cluster.stop()
        else:
            yield self._shared_cluster(environment)

    def _shared_cluster(self, environment: Environment) -> RunningCluster:
        cluster = self.shared.get(environment.name)
        if cluster is None or not cluster.healthy:
            self.drop(environment.name)
            cluster = RunningCluster(environment, ENGINES)
            self.shared[environment.name] = cluster
            cluster.start()
        return cluster

    def drop(self, name: str) -> None:
        """After a failure nobody knows what state the cluster is in."""
        cluster = self.shared.pop(name, None)
        if cluster is not None:
            cluster.stop()

    def close(self) -> None:
        for name in list(self.shared):
            self.drop(name)
        processes.reap_strays(())

    def _kept(self) -> set[int]:
        return {pid for cluster in self.shared.values() for pid in cluster.pids()}

    def _peer(self, measure: Measure, environment: Environment, parameters: dict) -> dict:
        return self._worker(measure, environment, parameters, "worker_peers.py")

    def _worker(
        self, measure: Measure, environment: Environment, parameters: dict, script: str = ""
    ) -> dict:
        script = script or measure.script
        # The simulated engines know no package; the script's first argument is its role.
        who = "count" if script == "worker_register.py" else environment.module
        command = [environment.python, str(HERE / script), who]
        if who != "count":
            command.append(measure.name)
        return run_worker(environment, command, parameters, measure.limit)


def run_worker(environment: Environment, command: list[str], parameters: dict, limit: float):
    scratch = Scratch(environment)
    text = json.dumps({**parameters, "spawned": time.monotonic()})
    worker = processes.start(
        [*command, text], env=scratch.env, log=scratch.log, stdout=subprocess.PIPE, text=True
    )
    try:
        output, _ = worker.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise MeasurementFailed(f"took more than {limit:.0f} s") from None
    else:
        for line in reversed(output.splitlines()):
            if line.startswith("RESULT "):
                return json.loads(line[7:])
        words = scratch.last_words() or "no message"
        raise MeasurementFailed(f"exit code {worker.returncode}: {words}")
    finally:
        processes.stop(worker, grace=0.5)
        scratch.remove()
