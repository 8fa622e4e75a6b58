"""Engines as children of the workers of a Dask that is there already."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import engineroom as ipp
import pytest
from engineroom.cluster import listing
from engineroom.cluster.launcher import LauncherError
from engineroom.cluster.process import is_alive, parent_of
from found_again import check_another_program_interrupts
from traitlets.config import Config
from waiting import wait_until

distributed = pytest.importorskip("distributed")

WORKERS = 2


@pytest.fixture(scope="module")
def dask():
    with (
        distributed.LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def address(dask):
    return dask.scheduler.address


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def cluster(address, folder):
    cluster = ipp.Cluster(engines="dask", address=address, n=3, profile_dir=folder)
    yield cluster
    cluster.stop_cluster_sync()


@pytest.fixture(scope="module")
def client(cluster):
    with cluster.start_and_connect_sync() as client:
        yield client


def pids_of(cluster):
    return [launcher.remote_pid for launcher in cluster.engine_set.launchers.values()]


def test_they_are_children_of_the_workers(client, cluster, dask):
    pids = client[:].apply_sync(os.getpid)
    assert sorted(pids) == sorted(pids_of(cluster))
    workers = dask.run(os.getpid).values()
    assert {parent_of(pid) for pid in pids} == set(workers)
    # With a main thread, so signals and the tasks of both at the same time.
    handlers = client[:].apply_sync(lambda: __import__("threading").current_thread().name)
    assert handlers == ["MainThread"] * 3
    assert client.load_balanced_view().map_sync(abs, range(-5, 0)) == [5, 4, 3, 2, 1]
    assert dask.submit(sum, [1, 2]).result(20) == 3
    assert "engines=<3 running>" in repr(cluster)


def connection_file_of(pid):
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    (path,) = [word.partition("=")[2] for word in words if word.startswith("--file=")]
    return Path(path)


def test_the_key_is_for_us_alone(client):
    for pid in client[:].apply_sync(os.getpid):
        path = connection_file_of(pid)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        key = json.loads(path.read_text())["key"]
        for shown in ("cmdline", "environ"):
            assert key not in Path(f"/proc/{pid}/{shown}").read_text()


def test_another_program_finds_and_signals_them(client, cluster, tmp_path):
    check_another_program_interrupts(client, cluster, tmp_path)


def test_a_dead_engine_is_noticed(client, cluster):
    told = []
    cluster.engine_set.on_engine_stop(lambda data, output: told.append((data, output)))
    client[0].apply_sync(lambda: print("my last words", file=__import__("sys").__stderr__))
    victim = client[0].apply_sync(os.getpid)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: told)
    (data, output) = told[0]
    assert data["exit_code"] == -signal.SIGKILL
    assert "my last words" in output
    assert "engines=<2 running>" in repr(cluster)


def test_stop_leaves_nothing(client, cluster, dask):
    pids = pids_of(cluster)
    folders = [connection_file_of(pid).parent for pid in pids]
    assert all(folder.exists() for folder in folders)
    cluster.stop_engines_sync()
    assert not any(is_alive(pid) for pid in pids)
    assert not any(folder.exists() for folder in folders)
    assert set(dask.run(homes).values()) == {0}


def homes():
    from engineroom.cluster import dask_home

    return len(dask_home._homes)


def test_as_many_as_there_is_work_for(cluster, client, dask):
    """Each growth is a set of its own, spread anew."""
    adaptive = cluster.adapt(1, 2, grow_seconds=0.05, interval=0.05)
    try:
        wait_until(lambda: len(client.ids) == 1)
        balanced = client.load_balanced_view()
        busy = balanced.map_async(time.sleep, [0.5] * 8)
        wait_until(lambda: len(client.ids) == 2)
        busy.get(20)
    finally:
        adaptive.stop()
    cluster.stop_engines_sync()


def test_the_command_line(address, folder, tmp_path, dask):
    """Started by one program that has ended, listed and stopped by others."""
    names = ["--profile-dir", str(tmp_path)]

    def run(*words):
        command = [sys.executable, "-m", "engineroom", *words, *names]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done

    options = ["--engines", "dask", "--address", address, "-n", "1", "--daemonize", "--json"]
    started = json.loads(run("start", *options).stdout)
    assert started["launcher"] == "dask"
    (engine,) = started["engines"]
    pid = int(engine.rpartition(": ")[2])
    assert parent_of(pid) in dask.run(os.getpid).values()
    with ipp.Client(started["connection_file"]) as client:
        assert client[:].apply_sync(os.getpid) == [pid]
    stopped = run("stop")
    assert "Traceback" not in stopped.stderr
    assert not is_alive(pid)
    assert listing.read_clusters([str(tmp_path)]) == []


def test_nothing_outlives_a_killed_program(address, tmp_path):
    code = """
import sys
import engineroom as ipp

cluster = ipp.Cluster(engines="dask", address=sys.argv[1], profile_dir=sys.argv[2])
with cluster.start_and_connect_sync() as client:
    print(*[one.remote_pid for one in cluster.engine_set.launchers.values()], flush=True)
    input()
"""
    program = subprocess.Popen(
        [sys.executable, "-c", code, address, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        pids = [int(word) for word in program.stdout.readline().split()]
        # As many as Dask has threads.
        assert len(pids) == WORKERS
        program.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_they_end_with_their_worker(cluster, client, dask):
    (victim, worker_pid), *_ = dask.run(os.getpid).items()
    config = Config({"DaskEngineSetLauncher": {"workers": [victim]}})
    cluster.update_config(config)
    cluster.start_engines_sync(2, "victims")
    client.wait_for_engines(2, timeout=20)
    engines = client[:].apply_sync(os.getpid)
    assert {parent_of(pid) for pid in engines} == {worker_pid}
    victims = cluster.engines["victims"]
    os.kill(worker_pid, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in engines))
    wait_until(lambda: victims.state == "after")
    # Dask's nanny has started another worker.
    wait_until(lambda: len(dask.nthreads()) == WORKERS)


def test_what_goes_wrong_is_told(address, folder):
    def start(**options):
        config = Config({"DaskEngineSetLauncher": options.pop("config", {})})
        chosen = {"engines": "dask", "address": address, "n": 1, "config": config}
        cluster = ipp.Cluster(**{**chosen, **options}, profile_dir=folder)
        try:
            cluster.start_and_connect_sync()
        finally:
            cluster.stop_cluster_sync()

    with pytest.raises(LauncherError, match=r"engines on which Dask\?"):
        start(address="")
    with pytest.raises(LauncherError, match="no Dask at nonsense://here"):
        start(address="nonsense://here")
    with pytest.raises(LauncherError, match="has no worker sancho"):
        start(config={"workers": ["sancho"]})
    with pytest.raises(LauncherError, match="tcp://.*/no/python"):
        start(config={"engine_cmd": ["/no/python"]})
    with pytest.raises(ipp.error.EngineError, match="(?s)exited with code 64.*is not a number"):
        start(config={"engine_args": ["--timeout=never"]})
    with pytest.raises(TypeError, match="by 'local' have no address"):
        ipp.Cluster(address=address)


def test_spread():
    from engineroom.cluster.dask import spread

    assert spread(4, {"a": 1, "b": 3}) == {"a": 1, "b": 3}
    assert spread(3, {"a": 2, "b": 2}) == {"a": 2, "b": 1}
    assert spread(1, {"a": 1, "b": 8}) == {"b": 1}
    with pytest.raises(LauncherError, match="no workers"):
        spread(1, {})
