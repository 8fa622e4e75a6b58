"""A controller and engines, ours or stock's, as processes of our own: we know who is who."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import processes
from environments import Environment

START_TIMEOUT = 60.0


def clean_environment(ipython_dir: Path) -> dict[str, str]:
    """Nothing of the user's settings, and threads of numerical libraries as few as tasks need."""
    foreign = ("IPP_", "PYTHON", "ENGINEROOM")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return {
        **kept,
        "IPYTHONDIR": str(ipython_dir),
        "JUPYTER_RUNTIME_DIR": str(ipython_dir / "runtime"),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


class Scratch:
    """A folder for one system's profiles and messages."""

    def __init__(self, environment: Environment):
        self.environment = environment
        self.folder = Path(tempfile.mkdtemp(prefix=f"bench-{environment.name}-"))
        self.log = str(self.folder / "log.txt")
        self.env = clean_environment(self.folder)

    def last_words(self, lines: int = 1) -> str:
        try:
            text = Path(self.log).read_text(errors="replace").strip()
        except OSError:
            return ""
        return " | ".join(text.splitlines()[-lines:])

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class RunningCluster:
    """Started by `start()`; `parameters()` is what a worker needs to find and to watch it."""

    def __init__(self, environment: Environment, engines: int, extra: tuple[str, ...] = ()):
        self.environment = environment
        self.scratch = Scratch(environment)
        self.profile = self.scratch.folder / "profile_bench"
        self.extra = extra
        self.engine_count = engines
        self.controller = None
        self.engines: list = []

    def _start(self, program: str, *extra: str):
        # Errors only: a log line per task would be measured too.
        options = [f"--profile-dir={self.profile}", "--log-level=40", *extra]
        return processes.start(
            self.environment.program(program) + options, env=self.scratch.env, log=self.scratch.log
        )

    def start(self) -> None:
        # Either program makes the folder, but two engines at once would race for it.
        (self.profile / "security").mkdir(parents=True)
        self.controller = self._start("controller", *self.extra)
        self._wait_for_files()
        self.engines = [self._start("engine") for _ in range(self.engine_count)]

    def _wait_for_files(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not all(os.path.exists(self.connection_file(who)) for who in ("client", "engine")):
            if self.controller.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the controller did not start: {self.scratch.last_words()}")
            time.sleep(0.01)

    def connection_file(self, who: str) -> str:
        return str(self.profile / "security" / f"ipcontroller-{who}.json")

    @property
    def healthy(self) -> bool:
        alive = [self.controller, *self.engines]
        return all(process is not None and process.poll() is None for process in alive)

    def parameters(self) -> dict:
        return {
            "connection_file": self.connection_file("client"),
            "engine_file": self.connection_file("engine"),
            "controller": self.controller.pid,
            "engine_roots": [process.pid for process in self.engines],
            "engines": self.engine_count,
        }

    def pids(self) -> set[int]:
        return {process.pid for process in [self.controller, *self.engines] if process is not None}

    def stop(self) -> None:
        for process in [*self.engines, self.controller]:
            if process is not None:
                processes.stop(process)
        self.scratch.remove()
