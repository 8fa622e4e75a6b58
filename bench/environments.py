"""The virtual environments that are compared. Each opponent has its own, under build/."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Environment:
    """A system under test: where its Python is, and what it is called there."""

    name: str
    module: str
    # Beside numpy, from PyPI; several with spaces between. None: nothing to install.
    requirement: str | None
    folder: str
    version: str = ""

    @property
    def python(self) -> str:
        return str(ROOT / self.folder / "bin" / "python")

    @property
    def has_cluster(self) -> bool:
        """A controller, engines and a client that speak ipyparallel's protocol."""
        return self.name in ("ours", "hybrid", "stock")

    def program(self, name: str) -> list[str]:
        """The command of the "controller" or of an "engine"."""
        if self.name == "ours" or (self.name == "hybrid" and name == "controller"):
            return [str(ROOT / ".venv" / "bin" / f"engineroom-{name}")]
        return [self.python, "-m", f"{self.module}.{name}"]


def all_environments() -> dict[str, Environment]:
    found = [
        Environment("ours", "engineroom", None, ".venv"),
        Environment("stock", "ipyparallel", "ipyparallel==9.2.*", "build/bench-venv"),
        # Our controller under a stock client and stock engines: what it does for them alone.
        Environment("hybrid", "ipyparallel", "ipyparallel==9.2.*", "build/bench-venv"),
        # The standard library's pool runs in our own environment: it has numpy.
        Environment("pool", "multiprocessing", None, ".venv"),
        Environment("dask", "distributed", "distributed", "build/bench-dask"),
        Environment("ray", "ray", "ray", "build/bench-ray"),
    ]
    return {environment.name: environment for environment in found}


def compiler_peers() -> list[Environment]:
    """What our compiler is compared with, in one environment, as they share a process."""
    folder = "build/bench-cython"
    return [
        Environment("cython", "Cython", "cython==3.3.* setuptools", folder),
        Environment("numba", "numba", "numba", folder),
    ]


def prepare(environment: Environment) -> str:
    """Install what is missing. Returns "", or why the environment cannot be used."""
    if environment.requirement and not _version(environment):
        print(f"installing {environment.requirement} into {environment.folder} ...", flush=True)
        problem = _install(environment)
        if problem:
            return problem
    environment.version = _version(environment)
    return "" if environment.version else f"no module {environment.module} in {environment.folder}"


def _install(environment: Environment) -> str:
    commands = [
        [sys.executable, "-m", "venv", str(ROOT / environment.folder)],
        [environment.python, "-m", "pip", "install", "-q", "numpy",
         *str(environment.requirement).split()],
    ]  # fmt: skip
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            return f"{' '.join(command[1:4])}: {lines[-1]}"
    return ""


def _version(environment: Environment) -> str:
    """Of the module; "" if it cannot be imported."""
    code = (
        f"import json, platform, numpy, {environment.module} as m;"
        "print(json.dumps(getattr(m, '__version__', platform.python_version())))"
    )
    try:
        done = subprocess.run(
            [environment.python, "-c", code], capture_output=True, text=True, timeout=120
        )
        return json.loads(done.stdout) if done.returncode == 0 else ""
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return ""
