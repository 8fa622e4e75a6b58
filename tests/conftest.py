"""A real cluster for tests: engineroom-controller and engines, as processes, in a folder of their own.

    def test_something(client):             # a Client of the module's cluster, namespaces empty
    def test_else(cluster): cluster.connect(), cluster.add_engines(1), …

The cluster is shared by the tests of a module; one that ends engines adds new ones (`cluster.ensure`).
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import engineroom
import pytest
from engineroom.cluster.programs import controller_command, engine_command
from waiting import wait_until

ENGINES = 3

# A shell's background job ignores Ctrl-C, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@engineroom.interactive  # by value: engines cannot import this file
def wait_for_file(path, result=None):
    """Runs on engines until the file is there."""
    import os
    import time

    deadline = time.monotonic() + 60
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.005)
    return result


class LocalCluster:
    """A controller and engines, each in a process group of its own."""

    def __init__(self, folder: Path, *controller_args: str) -> None:
        self.folder = folder
        # No shell around the tests may say which cluster is meant, or lend its configuration.
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("IPP_")}
        self.env["IPYTHONDIR"] = str(folder)
        self.log = folder / "log"
        self.controller = self._start([*controller_command(), "--ping=500", *controller_args])
        self.engine_args: list[str] = []
        self.engines: list[subprocess.Popen[bytes]] = []
        self.clients: list[engineroom.Client] = []
        wait_until(self._has_files, "connection files")

    @property
    def connection_file(self) -> Path:
        return self.folder / "profile_default" / "security" / "ipcontroller-client.json"

    def _has_files(self) -> bool:
        if self.controller.poll() is not None:
            pytest.fail(f"the controller exited: {self.log.read_text()}")
        engine_file = self.connection_file.with_name("ipcontroller-engine.json")
        return engine_file.exists() and self.connection_file.exists()

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def connect(self, **kwargs: object) -> engineroom.Client:
        """A client, closed at the end of the module if not before."""
        client = engineroom.Client(str(self.connection_file), **kwargs)
        self.clients.append(client)
        return client

    def add_engines(self, count: int, *engine_args: str) -> None:
        """Starts engines and waits until they are registered."""
        with engineroom.Client(str(self.connection_file)) as client:
            expected = len(client) + count
            command = [*engine_command(), *self.engine_args, *engine_args]
            started = [self._start(command) for _ in range(count)]
            self.engines += started
            wait_until(
                lambda: len(client) >= expected or any(p.poll() is not None for p in started),
                "engines",
            )
            assert len(client) >= expected, self.log.read_text()

    def ensure(self, count: int) -> None:
        """Starts as many engines as are missing."""
        with engineroom.Client(str(self.connection_file)) as client:
            missing = count - len(client)
        if missing > 0:
            self.add_engines(missing)

    def stop(self) -> None:
        for client in self.clients:
            client.close(linger=0)
        processes = [*self.engines, self.controller]
        for process in processes:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + 3
        for process in processes:
            try:
                process.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()
            # What it may have left running in its group.
            _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@pytest.fixture(scope="module")
def new_cluster(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., LocalCluster]]:
    """Starts further clusters: new_cluster(engines, *controller_args)."""
    clusters: list[LocalCluster] = []

    def start(engines: int = 0, *controller_args: str) -> LocalCluster:
        clusters.append(LocalCluster(tmp_path_factory.mktemp("ipython"), *controller_args))
        if engines:
            clusters[-1].add_engines(engines)
        return clusters[-1]

    yield start
    for cluster in clusters:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(new_cluster: Callable[..., LocalCluster]) -> LocalCluster:
    return new_cluster(ENGINES)


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[engineroom.Client]:
    cluster.ensure(ENGINES)
    with engineroom.Client(str(cluster.connection_file)) as client:
        client.clear(block=True)
        yield client
        client.abort(block=True)


@pytest.fixture
def single(client: engineroom.Client) -> engineroom.DirectView:
    """A view of one engine."""
    return client[client.ids[0]]


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """Tasks wait_for_file(str(gate)) run until gate.touch(), at the latest at the test's end."""
    path = tmp_path / "gate"
    yield path
    path.touch()


# ---- modules on disk ----


def pytest_addoption(parser):
    parser.addoption(
        "--on-disk",
        metavar="CXX",
        help="er.compile builds modules on disk with this compiler, for tests of the compiler",
    )


@pytest.fixture(autouse=True)
def compile_on_disk(request, monkeypatch):
    compiler = request.config.getoption("--on-disk")
    if compiler:
        import on_disk

        on_disk.patch(monkeypatch, compiler)
