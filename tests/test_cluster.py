"""Cluster: start, connect, signal, restart, stop; what it writes down; how it reports failures."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import engineroom as ipp
import pytest
from engineroom.cluster import ClusterManager, clean_cluster_files, files
from engineroom.cluster.launcher import (
    LocalControllerLauncher,
    LocalEngineSetLauncher,
    abbreviate_launcher_class,
    find_launcher_class,
)
from engineroom.cluster.process import is_alive
from traitlets import TraitError
from traitlets.config import Config
from waiting import wait_until


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def new_cluster(request):
    def make(**kwargs):
        cluster = ipp.Cluster(**{"log_level": logging.WARNING, **kwargs})
        request.addfinalizer(cluster.stop_cluster_sync)
        return cluster

    return make


def pids_of(cluster):
    engines = [e.pid for s in cluster.engines.values() for e in s.launchers.values()]
    return [cluster.controller.pid, *engines]


# ---- without processes ----


def test_ids_differ():
    assert len({ipp.Cluster().cluster_id for _ in range(3)}) == 3
    assert ipp.Cluster(cluster_id="abc").cluster_id == "abc"


def test_repr(home):
    assert repr(ipp.Cluster(cluster_id="a")) == "<Cluster(cluster_id='a', profile='default')>"
    assert repr(ipp.Cluster(cluster_id="a", profile_dir="/p")) == (
        "<Cluster(cluster_id='a', profile_dir='/p')>"
    )


def test_repr_of_what_runs(new_cluster):
    cluster = new_cluster(n=2)
    assert "<table>" not in cluster._repr_html_()
    cluster.start_cluster_sync()
    assert "controller=<running>, engines=<2 running>" in repr(cluster)
    html = cluster._repr_html_()
    assert html.count("<tr>") == 1 + 1 + 2
    assert all(f"<td>{pid}</td>" in html for pid in pids_of(cluster))


def test_launchers_by_name():
    for name in ("local", "Local", "ipyparallel.cluster.launcher.LocalEngineSetLauncher"):
        assert find_launcher_class(name, "engine") is LocalEngineSetLauncher
        assert ipp.Cluster(engines=name).engine_launcher_class is LocalEngineSetLauncher
    assert find_launcher_class("local", "controller") is LocalControllerLauncher
    assert abbreviate_launcher_class(LocalControllerLauncher) == "local"
    with pytest.raises(KeyError, match="no engine launcher 'mpp'"):
        find_launcher_class("mpp", "engine")
    with pytest.raises(TraitError, match="'mpp'"):
        ipp.Cluster(engines="mpp")
    with pytest.raises(ValueError):
        find_launcher_class("local", "client")
    with pytest.raises(TypeError, match="not both"):
        ipp.Cluster(engines="local", engine_launcher_class="local")


def test_profile_settings_come_below_direct_ones(tmp_path):
    profile = files.make_profile_dir(str(tmp_path / "profile"))
    settings = {"controller_args": ["--from-profile"], "n": 5, "engine_timeout": 10}
    Path(profile, "ipcluster_config.json").write_text(json.dumps({"Cluster": settings}))
    config = Config()
    config.Cluster.engine_timeout = 20
    cluster = ipp.Cluster(profile_dir=profile, n=10, config=config)
    assert cluster.controller_args == ["--from-profile"]
    assert cluster.engine_timeout == 20
    assert cluster.n == 10
    assert ipp.Cluster(profile_dir=profile, config=config, load_profile=False).n is None


def test_settings_in_python(tmp_path):
    profile = files.make_profile_dir(str(tmp_path / "profile"))
    Path(profile, "ipcluster_config.py").write_text(
        "c.EngineLauncher.engine_args = ['--x']\nc.Cluster.n = 3\n"
    )
    cluster = ipp.Cluster(profile_dir=profile)
    assert cluster.n == 3
    assert LocalEngineSetLauncher(parent=cluster).engine_args == ["--x"]


def test_nothing_is_read_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ipcluster_config.py").write_text("c.Cluster.n = 3\n")
    assert ipp.Cluster().n is None


def test_sync_twins_look_like_methods():
    assert not asyncio.iscoroutinefunction(ipp.Cluster.start_engines_sync)
    assert ipp.Cluster.start_engines_sync.__name__ == "start_engines_sync"
    assert "set of engines" in ipp.Cluster.start_engines_sync.__doc__


def test_manager_keys():
    manager = ClusterManager()
    assert manager.clusters == {}
    key, cluster = manager.new_cluster()
    assert manager.get_cluster(key) is cluster
    assert key == f"default:{cluster.cluster_id}"
    with pytest.raises(KeyError):
        manager.new_cluster(cluster_id=cluster.cluster_id)
    manager.remove_cluster(key)
    for method in (manager.get_cluster, manager.remove_cluster):
        with pytest.raises(KeyError):
            method(key)


# ---- start and stop ----


def test_sync_with():
    cluster = ipp.Cluster(n=3)
    with cluster as client:
        pids = pids_of(cluster)
        assert sorted(client.ids) == [0, 1, 2]
        client[:]["a"] = 5
        assert client[:]["a"] == [5] * 3
        assert client.cluster is cluster
    assert not any(is_alive(pid) for pid in pids)
    assert not os.path.exists(cluster.cluster_file)
    assert os.listdir(os.path.join(cluster.profile_dir, "security")) == []


def test_async_with():
    async def body():
        async with ipp.Cluster(n=2) as client:
            assert len(client) == 2
            return client[:].apply_sync(os.getpid)

    pids = asyncio.run(body())
    assert len(set(pids)) == 2
    assert not any(is_alive(pid) for pid in pids)


def test_sync_methods_in_a_running_loop(new_cluster):
    """As in a notebook, whose cells run inside the kernel's event loop."""

    async def cell():
        client = new_cluster(n=1).start_and_connect_sync()
        with client:
            return client[:].apply_sync(lambda: 1)

    assert asyncio.run(cell()) == [1]


def test_start_is_fast(new_cluster):
    cluster = new_cluster(n=2)
    began = time.monotonic()
    with cluster.start_and_connect_sync() as client:
        assert len(client) == 2
    # Stock takes about 7 s on an idle machine. The bar is for busy ones; `make bench` measures.
    assert time.monotonic() - began < 15


def test_controller_alone(new_cluster):
    cluster = new_cluster()
    cluster.start_controller_sync()
    with pytest.raises(RuntimeError, match="already running"):
        cluster.start_controller_sync()
    process = cluster.controller.process
    assert process.is_running()
    assert "controller=<running>" in repr(cluster)
    with cluster.connect_client_sync() as client:
        assert client.queue_status() == {"unassigned": 0}
    cluster.stop_controller_sync()
    process.wait(timeout=3)
    assert cluster.controller is None
    cluster.stop_controller_sync()


def test_engine_sets(new_cluster):
    cluster = new_cluster()
    cluster.start_controller_sync()
    first = cluster.start_engines_sync(1)
    second = cluster.start_engines_sync(2, "mine")
    assert second == "mine"
    assert list(cluster.engines) == [first, "mine"]
    assert cluster.engine_set is cluster.engines[first]
    with cluster.connect_client_sync() as client:
        client.wait_for_engines(3, timeout=20)
        cluster.stop_engines_sync("mine")
        wait_until(lambda: len(client.ids) == 1)
    with pytest.raises(KeyError):
        cluster.stop_engines_sync("mine")
    cluster.stop_engines_sync()
    assert cluster.engines == {}


def test_second_cluster_with_the_same_id_is_refused(new_cluster):
    cluster = new_cluster(cluster_id="x")
    cluster.start_controller_sync()
    with pytest.raises(RuntimeError, match="already running"):
        new_cluster(cluster_id="x").start_controller_sync()
    cluster.stop_cluster_sync()
    again = new_cluster(cluster_id="x")
    again.start_controller_sync()


def test_files_of_a_dead_controller_do_not_confuse(new_cluster, home):
    cluster = new_cluster(cluster_id="x")
    cluster.start_controller_sync()
    paths = cluster.controller.connection_files.values()
    wait_until(lambda: all(os.path.exists(path) for path in paths))
    cluster.controller.process.kill()
    cluster.controller.process.wait(5)
    with new_cluster(cluster_id="x", n=1).start_and_connect_sync() as client:
        assert client[:].apply_sync(lambda: 2) == [2]


def test_restart(new_cluster):
    cluster = new_cluster(n=2)
    with cluster.start_and_connect_sync() as client:
        before = client[:].apply_sync(os.getpid)
        old_ids = set(client.ids)
        (key,) = cluster.engines
        cluster.restart_engines_sync()
        assert list(cluster.engines) == [key]
        wait_until(lambda: len(client.ids) == 2 and not old_ids & set(client.ids))
        after = client[:].apply_sync(os.getpid)
        assert not set(before) & set(after)
        assert not any(is_alive(pid) for pid in before)


def test_signal(new_cluster):
    cluster = new_cluster(n=2)
    with cluster.start_and_connect_sync() as client:
        client[:].execute("import time", block=True)
        result = client[:].apply_async(time.sleep, 30)
        wait_until(
            lambda: all(q["queue"] for e, q in client.queue_status().items() if e in client.ids)
        )
        deadline = time.monotonic() + 10
        # A signal that comes before the task has started interrupts nothing.
        while not result.wait(0.3) and time.monotonic() < deadline:
            cluster.signal_engines_sync(signal.SIGINT)
        with pytest.raises(ipp.RemoteError, match="KeyboardInterrupt"):
            result.get(timeout=1)


def test_single_engines_are_not_addressable(new_cluster):
    cluster = new_cluster()
    for method, args in (
        (cluster.stop_engine_sync, (0,)),
        (cluster.restart_engine_sync, (0,)),
        (cluster.signal_engine_sync, (2, 0)),
    ):
        with pytest.raises(NotImplementedError):
            method(*args)


def test_output_is_kept(new_cluster):
    cluster = new_cluster(n=1)
    with cluster.start_and_connect_sync() as client:
        client[:].apply_sync(os.write, 1, b"from the depths\n")
        engine_set = cluster.engine_set
        wait_until(lambda: "from the depths" in engine_set.get_output())
    cluster.stop_cluster_sync()
    assert "from the depths" in engine_set.get_output()
    assert not list(Path(cluster.profile_dir, "log").glob("*.log"))


# ---- found again ----


def test_from_dict_takes_over(new_cluster):
    cluster = new_cluster(n=2)
    with cluster.start_and_connect_sync():
        other = ipp.Cluster.from_dict(cluster.to_dict())
        assert not other.shutdown_atexit
        assert other.cluster_id == cluster.cluster_id
        assert pids_of(other) == pids_of(cluster)
        assert list(other.engines) == list(cluster.engines)
        assert other.engine_set.n == 2
        with other.connect_client_sync() as client:
            assert len(client) == 2
        other.stop_cluster_sync()
        # The first one noticed.
        wait_until(lambda: not cluster._is_running())
        wait_until(lambda: not os.path.exists(cluster.cluster_file))


def test_from_file_finds_the_default_cluster(new_cluster):
    cluster = new_cluster(n=1, cluster_id="")
    cluster.start_cluster_sync()
    found = ipp.Cluster.from_file()
    assert found.cluster_file == cluster.cluster_file
    assert pids_of(found) == pids_of(cluster)
    with pytest.raises(FileNotFoundError):
        ipp.Cluster.from_file(cluster_id="other")


def test_file_of_ipyparallel_is_understood(new_cluster, home):
    cluster = new_cluster(n=1, cluster_id="x")
    cluster.start_cluster_sync()
    noted = cluster.to_dict()
    noted["cluster"]["class"] = "ipyparallel.cluster.cluster.Cluster"
    del noted["controller"]["state"]["birth"]
    found = ipp.Cluster.from_dict(noted)
    assert type(found) is ipp.Cluster
    assert found.controller.pid == cluster.controller.pid


def test_manager_follows(new_cluster):
    manager = ClusterManager()
    cluster = new_cluster(n=1)
    key = manager._cluster_key(cluster)
    cluster.start_cluster_sync()
    assert list(manager.load_clusters()) == [key]
    assert list(manager.load_clusters(profile="other", init_default_clusters=True)) == [
        key,
        "other:",
    ]
    cluster.stop_cluster_sync()
    wait_until(lambda: key not in manager.load_clusters(profile="default"))


def test_clean(new_cluster, home):
    cluster = new_cluster(n=1, cluster_id="x")
    cluster.start_cluster_sync()
    paths = cluster.controller.connection_files.values()
    wait_until(lambda: all(os.path.exists(path) for path in paths))
    with pytest.raises(ValueError, match="running cluster"):
        clean_cluster_files()
    assert os.path.exists(cluster.cluster_file)
    clean_cluster_files(force=True)
    assert not os.path.exists(cluster.cluster_file)
    security = os.path.join(cluster.profile_dir, "security")
    assert os.listdir(security) == []


# ---- when something goes wrong ----


def test_engine_that_dies_at_once_is_reported_with_its_log(new_cluster, home):
    config = Config()
    command = "import sys; print('I saw an ' + 'iceberg', file=sys.stderr); sys.exit(7)"
    config.EngineLauncher.engine_cmd = [sys.executable, "-c", command]
    cluster = new_cluster(n=2, config=config, log_level=logging.CRITICAL)
    began = time.monotonic()
    with pytest.raises(ipp.EngineError, match="exited with code 7(.|\n)*I saw an iceberg"):
        cluster.start_and_connect_sync()
    # Not when engines that do not come are given up, after a minute.
    assert time.monotonic() - began < 30


def test_failing_controller_is_reported_with_its_log(new_cluster):
    config = Config()
    config.ControllerLauncher.controller_cmd = ["sh", "-c", "echo all is lost; exit 9"]
    cluster = new_cluster(n=1, config=config, log_level=logging.CRITICAL)
    with pytest.raises(RuntimeError, match="9(.|\n)*all is lost"):
        cluster.start_and_connect_sync()


def test_missing_programs(new_cluster):
    config = Config()
    config.ControllerLauncher.controller_cmd = ["no-such-controller"]
    cluster = new_cluster(config=config)
    with pytest.raises(FileNotFoundError, match="no-such-controller"):
        cluster.start_controller_sync()
    assert cluster.controller is None


def test_with_leaves_nothing_after_a_failed_start(home):
    config = Config()
    config.EngineLauncher.engine_cmd = ["false"]
    cluster = ipp.Cluster(n=1, config=config, log_level=logging.CRITICAL)
    with pytest.raises(ipp.EngineError), cluster:
        pass
    assert cluster.controller is None
    assert cluster.engines == {}


def test_death_of_an_engine_is_noticed(new_cluster):
    cluster = new_cluster(n=2, log_level=logging.CRITICAL)
    with cluster.start_and_connect_sync() as client:
        victim = cluster.engine_set.launchers["0"].pid
        told = []
        cluster.engine_set.on_engine_stop(lambda data, output: told.append(data))
        os.kill(victim, signal.SIGKILL)
        # Long before it would be missed: ten heartbeats of 3 s.
        wait_until(lambda: told)
        assert told[0]["pid"] == victim
        assert told[0]["exit_code"] == -signal.SIGKILL
        wait_until(lambda: len(client.ids) == 1)
        noted = files.read_json(cluster.cluster_file)
        wait_until(lambda: len(files.read_json(cluster.cluster_file)["engines"]["sets"]) == 1)
        assert noted["controller"]["state"]["pid"] == cluster.controller.pid


# ---- the end of the program ----

PROGRAM = """
import os, sys, signal, time
import engineroom as ipp
cluster = ipp.Cluster(n=2, shutdown_atexit="stay" not in sys.argv)
client = cluster.start_and_connect_sync()
pids = [cluster.controller.pid, *(e.pid for e in cluster.engine_set.launchers.values())]
print(cluster.cluster_file, *pids, flush=True)
if "changed-mind" in sys.argv:
    cluster.shutdown_atexit = False
if "forget" in sys.argv:
    del cluster, client
    import gc
    print(flush=True)
    # As in a program that goes on. Once may be too early: the thread that has started the cluster
    # may still be about to leave the call.
    while True:
        gc.collect()
        time.sleep(0.05)
if "wait" in sys.argv:
    time.sleep(100)
"""


def run_program(*arguments):
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, text=True
    )
    path, *pids = program.stdout.readline().split()
    return program, path, [int(pid) for pid in pids]


def test_cluster_ends_with_the_program():
    program, path, pids = run_program()
    assert len(pids) == 3
    assert program.wait(20) == 0
    assert not any(is_alive(pid) for pid in pids)
    assert not os.path.exists(path)
    program.stdout.close()


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_cluster_ends_with_a_killed_program(signum):
    program, _, pids = run_program("wait")
    program.send_signal(signum)
    program.wait(10)
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    program.stdout.close()


def test_forgotten_cluster_ends():
    program, path, pids = run_program("forget")
    try:
        wait_until(lambda: not any(is_alive(pid) for pid in pids))
        assert program.poll() is None
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


@pytest.mark.parametrize("how", ["stay", "changed-mind"])
def test_cluster_that_is_to_stay_stays(how):
    program, path, pids = run_program(how)
    program.wait(20)
    program.stdout.close()
    assert all(is_alive(pid) for pid in pids)
    cluster = ipp.Cluster.from_file(path)
    with cluster.connect_client_sync() as client:
        assert client[:].apply_sync(lambda: 1) == [1, 1]
    cluster.stop_cluster_sync()
    assert not any(is_alive(pid) for pid in pids)


# ---- threads ----


def test_engines_share_the_processors(new_cluster, monkeypatch):
    """What OpenMP starts in all of them together is no more than there are."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    share = str(max(1, len(os.sched_getaffinity(0)) // 2))
    with new_cluster(n=2).start_and_connect_sync() as client:
        assert client[:].apply_sync(os.getenv, "OMP_NUM_THREADS") == [share] * 2
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with new_cluster(n=1).start_and_connect_sync() as client:
        assert client[:].apply_sync(os.getenv, "OMP_NUM_THREADS") == ["7"]
