"""Engines in actors of a Ray that is there already: `make ray`, which installs it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import engineroom as ipp
import pytest
from engineroom.cluster.launcher import LauncherError
from engineroom.cluster.process import is_alive, parent_of
from found_again import check_another_program_interrupts
from traitlets.config import Config
from waiting import wait_until

ray = pytest.importorskip("ray")

CPUS = 3


@pytest.fixture(scope="module")
def address():
    """A Ray that belongs to nobody here: a head node, as `ray start` makes it."""
    program = [sys.executable, "-m", "ray.scripts.scripts"]
    options = ["--head", f"--num-cpus={CPUS}", "--include-dashboard=false", "--port=0"]
    options += ["--node-ip-address=127.0.0.1"]
    options += ["--object-store-memory=100000000", "--disable-usage-stats"]
    environment = {**os.environ, "RAY_DEDUP_LOGS": "0"}
    started = subprocess.run(
        [*program, "start", *options], capture_output=True, text=True, timeout=120, env=environment
    )
    assert started.returncode == 0, started.stdout + started.stderr
    ray.init("auto", log_to_driver=False)
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()
    subprocess.run([*program, "stop", "--force"], capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def cluster(address, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("cluster"))
    cluster = ipp.Cluster(engines="ray", address=address, n=2, profile_dir=folder)
    yield cluster
    cluster.stop_cluster_sync()


@pytest.fixture(scope="module")
def client(cluster):
    with cluster.start_and_connect_sync() as client:
        yield client


def actors():
    return [one["name"] for one in ray.util.list_named_actors(all_namespaces=True)]


def test_they_are_children_of_actors(client, cluster):
    pids = client[:].apply_sync(os.getpid)
    assert len(pids) == 2 and len({parent_of(pid) for pid in pids}) == 2
    assert client.load_balanced_view().map_sync(abs, range(-5, 0)) == [5, 4, 3, 2, 1]
    assert len(actors()) == 2
    assert ray.available_resources()["CPU"] == CPUS - 2
    assert ray.get(ray.remote(lambda: 3).remote(), timeout=60) == 3
    assert "engines=<2 running>" in repr(cluster)


def test_the_key_is_for_us_alone(client):
    for pid in client[:].apply_sync(os.getpid):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        (path,) = [word.partition("=")[2] for word in words if word.startswith("--file=")]
        assert Path(path).stat().st_mode & 0o777 == 0o600
        key = json.loads(Path(path).read_text())["key"]
        assert key not in Path(f"/proc/{pid}/environ").read_text()


def test_another_program_finds_and_signals_them(client, cluster, tmp_path):
    check_another_program_interrupts(client, cluster, tmp_path)


def test_a_dead_engine_is_noticed(client, cluster):
    told = []
    cluster.engine_set.on_engine_stop(lambda data, output: told.append(data))
    os.kill(client[:].apply_sync(os.getpid)[0], signal.SIGKILL)
    wait_until(lambda: told)
    assert told[0]["exit_code"] == -signal.SIGKILL


def test_they_end_with_their_actor(client, cluster):
    (launcher,) = cluster.engine_set.launchers.values()
    pid = launcher.remote_pid
    os.kill(parent_of(pid), signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    wait_until(lambda: cluster.engine_set.state == "after")


def test_stop_leaves_nothing(client, cluster):
    cluster.stop_engines_sync()
    cluster.start_engines_sync(1)
    client.wait_for_engines(1, timeout=60)
    (pid,) = client[:].apply_sync(os.getpid)
    cluster.stop_engines_sync()
    assert not is_alive(pid)
    wait_until(lambda: not actors())


def test_nothing_outlives_a_killed_program(address, tmp_path):
    code = """
import sys
import engineroom as ipp

cluster = ipp.Cluster(engines="ray", address=sys.argv[1], n=1, profile_dir=sys.argv[2])
with cluster.start_and_connect_sync() as client:
    print(*client[:].apply_sync(__import__("os").getpid), flush=True)
    input()
"""
    program = subprocess.Popen(
        [sys.executable, "-c", code, address, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        pid = int(program.stdout.readline())
        program.kill()
    wait_until(lambda: not is_alive(pid))
    wait_until(lambda: not actors(), timeout=60)


def test_a_program_that_ends_leaves_nothing(address, tmp_path):
    """Ray is imported after the cluster was made, and is to end after it, too."""
    code = """
import os, sys
import engineroom as ipp

cluster = ipp.Cluster(engines="ray", address=sys.argv[1], n=1, profile_dir=sys.argv[2])
client = cluster.start_and_connect_sync()
print(*client[:].apply_sync(os.getpid))
"""
    command = [sys.executable, "-c", code, address, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert not is_alive(int(done.stdout))
    assert "Traceback" not in done.stderr, done.stderr
    assert not actors()


def test_more_than_there_is(address, tmp_path):
    def start(**options):
        config = Config({"RayEngineSetLauncher": options})
        cluster = ipp.Cluster(
            engines="ray", address=address, n=1, profile_dir=str(tmp_path), config=config
        )
        try:
            cluster.start_and_connect_sync()
        finally:
            cluster.stop_cluster_sync()

    with pytest.raises(LauncherError, match="1 engines with 99 CPU each are more"):
        start(num_cpus=99)
    with pytest.raises(LauncherError, match="1 CAT each"):
        start(resources={"CAT": 1})
