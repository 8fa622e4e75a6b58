"""Engines under a real mpiexec: ranks as ids, MPI among them, and their life as one job."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import engineroom as ipp
import pytest
from engineroom.cluster.launcher import (
    LauncherError,
    MPIControllerLauncher,
    MPIEngineSetLauncher,
    abbreviate_launcher_class,
    find_launcher_class,
)
from engineroom.cluster.mpi import descendants_of
from engineroom.cluster.process import is_alive
from found_again import check_another_program_interrupts
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from traitlets.config import Config
from waiting import wait_until

np = pytest.importorskip("numpy")
pytest.importorskip("mpi4py")
pytestmark = pytest.mark.skipif(shutil.which("mpiexec") is None, reason="needs an MPI")

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "mpi"
N = 4


@pytest.fixture(scope="module", autouse=True)
def root_allowed():
    """Tests may run as root, which Open MPI has to be told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
        patch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        yield


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpi")
    cluster = ipp.Cluster(n=N, engines="mpi", profile_dir=str(folder))
    yield cluster
    cluster.stop_cluster_sync()


@pytest.fixture(scope="module")
def client(cluster):
    with cluster.start_and_connect_sync() as client:
        yield client


@pytest.fixture
def view(client):
    view = client[:]
    view.block = True
    return view


@pytest.fixture
def new_cluster(request, tmp_path):
    def make(**kwargs):
        cluster = ipp.Cluster(**{"engines": "mpi", "profile_dir": str(tmp_path), **kwargs})
        request.addfinalizer(cluster.stop_cluster_sync)
        return cluster

    return make


@ipp.interactive  # by value: engines cannot import this file
def rank():
    from mpi4py import MPI

    return MPI.COMM_WORLD.Get_rank()


# ---- without processes ----


def test_launcher_by_its_names():
    names = ("mpi", "MPI", "ipyparallel.cluster.launcher.MPIEngineSetLauncher")
    for name in names:
        assert find_launcher_class(name, "engine") is MPIEngineSetLauncher
    assert abbreviate_launcher_class(MPIEngineSetLauncher) == "mpi"
    for name in ("mpi", "ipyparallel.cluster.launcher.MPIControllerLauncher"):
        assert find_launcher_class(name, "controller") is MPIControllerLauncher


def test_command_line_and_settings_by_ipyparallels_names(new_cluster, monkeypatch):
    config = Config()
    config.MPILauncher.mpi_cmd = ["my-mpiexec"]
    config.MPIEngineSetLauncher.mpi_args = ["--hostfile=hosts"]
    cluster = new_cluster(config=config)
    engine_set = MPIEngineSetLauncher(parent=cluster, engine_cmd=["e"], engine_args=["--debug"])
    launcher = engine_set._new_mpiexec(3)
    assert launcher.args == [
        *("my-mpiexec", "-n", "3", "--hostfile=hosts"),
        *("e", "--mpi", "--profile-dir=", "--cluster-id=", "--debug"),
    ]
    assert launcher.get_env()["OMPI_MCA_rmaps_base_oversubscribe"] == "1"
    monkeypatch.setenv("OMPI_MCA_rmaps_base_oversubscribe", "0")
    assert launcher.get_env()["OMPI_MCA_rmaps_base_oversubscribe"] == "0"


def test_what_is_missing_is_named(new_cluster, monkeypatch):
    cluster = new_cluster(config=Config({"MPILauncher": {"mpi_cmd": ["no-such-mpiexec"]}}))
    with pytest.raises(LauncherError, match="no program 'no-such-mpiexec'.*openmpi-bin.*mpi_cmd"):
        cluster.start_engines_sync(1)
    monkeypatch.setattr("engineroom.cluster.mpi.find_spec", lambda name: None)
    with pytest.raises(LauncherError, match="pip install mpi4py"):
        new_cluster().start_engines_sync(1)


def run_engine(**environment):
    command = [sys.executable, "-m", "engineroom.engine", "--mpi", "--timeout=1"]
    env = {**os.environ, **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)


def test_engine_says_what_is_missing(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError('libmpi.so.40: no such file')\n")
    done = run_engine(PYTHONPATH=str(tmp_path))
    assert done.returncode == 64
    assert "libmpi.so.40: no such file" in done.stderr
    assert "pip install mpi4py" in done.stderr


def test_another_mpi_than_mpiexecs_is_told(tmp_path):
    done = run_engine(PMI_SIZE="4")
    assert done.returncode == 64
    assert "mpiexec started 4 engines, but mpi4py's MPI (Open MPI" in done.stderr
    assert "mpi_cmd" in done.stderr


# ---- ranks, and MPI among engines ----


def test_ids_are_ranks(client, view):
    assert client.ids == list(range(N))
    assert view.apply_sync(rank) == list(range(N))
    assert view["mpi_rank"] == list(range(N))
    assert view["mpi_size"] == [N] * N
    assert view.apply_sync(os.sched_getaffinity, 0) == [os.sched_getaffinity(0)] * N


def test_sum_over_all_engines(view):
    view.run(EXAMPLES / "psum.py")
    view.scatter("a", np.arange(16, dtype="float"))
    shell = TerminalInteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    try:
        view.activate()
        shell.run_line_magic("px", "totalsum = psum(a)")
    finally:
        TerminalInteractiveShell.clear_instance()
    assert view["totalsum"] == [120.0] * N


def test_objects_and_views_of_some_ranks(client):
    """Python objects by MPI, between two engines that a view of theirs has in another order."""

    def swap():
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
        peer = {1: 3, 3: 1}[comm.rank]
        return comm.sendrecv({"from": comm.rank}, dest=peer, source=peer)

    assert client[[3, 1]].apply_sync(swap) == [{"from": 1}, {"from": 3}]


def test_as_noted_and_found_again(cluster, client, view):
    (mpiexec,) = cluster.engine_set.launchers.values()
    assert "engines=<4 running>" in repr(cluster)
    assert "4 engines" in cluster._repr_html_()
    assert cluster.to_dict()["engines"]["class"] == "mpi"
    found = ipp.Cluster.from_file(cluster.cluster_file)
    (again,) = found.engine_set.launchers.values()
    assert (again.pid, found.engine_set.n) == (mpiexec.pid, N)
    assert sorted(again.local_pids()) == sorted(view.apply_sync(os.getpid))


def test_an_interrupt_reaches_every_engine(cluster, client, tmp_path):
    check_another_program_interrupts(client, cluster, tmp_path)
    assert client.ids == list(range(N))


def test_a_controller_by_mpiexec(new_cluster, caplog):
    cluster = new_cluster(n=1, engines="local", controller="mpi", log_level=logging.WARNING)
    with cluster as client:
        assert client[:].apply_sync(os.getpid)
        (controller,) = cluster.controller.local_pids()
        files = [cluster.cluster_file, *cluster.controller.connection_files.values()]
        assert all(os.path.exists(path) for path in files)
        found = ipp.Cluster.from_file(cluster.cluster_file, log_level=logging.WARNING)
        assert found.controller.local_pids() == [controller]
    assert not caplog.records
    assert not is_alive(controller)
    assert not any(os.path.exists(path) for path in files)


# What mpiexec starts other hosts' daemons with, in place of ssh: here, with none of our environment.
REMOTE_SHELL = """\
#!/bin/sh
shift  # the host
allowed="OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
exec env -i HOME="$HOME" PATH=/usr/bin:/bin $allowed sh -c "$*"
"""


def test_engines_on_two_hosts(new_cluster, tmp_path):
    shell = tmp_path / "remote_shell"
    shell.write_text(REMOTE_SHELL)
    shell.chmod(0o755)
    config = Config()
    config.MPILauncher.mpi_args = [
        "--host",
        "localhost:1,far:2",
        "--mca",
        "plm_rsh_agent",
        str(shell),
    ]
    with new_cluster(n=3, config=config, cluster_id="x") as client:
        assert client[:].apply_sync(rank) == [0, 1, 2]
        here = [name is not None for name in client[:].apply_sync(os.getenv, "IPP_CLUSTER_ID")]
        assert here == [True, False, False]
        client[:].execute("total = MPI.COMM_WORLD.allreduce(mpi_rank + 1)", block=True)
        assert client[:]["total"] == [6, 6, 6]


# ---- the job's life ----


def test_restarted_engines_have_their_ranks_again(new_cluster):
    with new_cluster(n=3).start_and_connect_sync() as client:
        client.cluster.restart_engines_sync()
        wait_until(lambda: client.ids == [0, 1, 2])
        client.wait_for_engines(3, timeout=20)
        assert client[:].apply_sync(rank) == [0, 1, 2]


def test_it_ends_without_a_trace(new_cluster, caplog):
    cluster = new_cluster(n=2, log_level=logging.WARNING)
    with cluster as client:
        (mpiexec,) = cluster.engine_set.launchers.values()
        pids = [mpiexec.pid, *descendants_of(mpiexec.pid)]
        assert set(client[:].apply_sync(os.getpid)) < set(pids)
        ended = []
        cluster.engine_set.on_stop(ended.append)
    assert ended[0]["exit_code"] == 0
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    assert not caplog.records


@pytest.mark.parametrize("victim", ["mpiexec", "engine"])
def test_killed_it_ends_whole(new_cluster, victim):
    cluster = new_cluster(n=2)
    with cluster.start_and_connect_sync():
        engine_set = cluster.engine_set
        (mpiexec,) = engine_set.launchers.values()
        engines = mpiexec.local_pids()
        os.kill(mpiexec.pid if victim == "mpiexec" else engines[1], signal.SIGKILL)
        wait_until(lambda: engine_set.state == "after")
        wait_until(lambda: not any(is_alive(pid) for pid in engines))


def test_it_ends_with_a_killed_program(tmp_path):
    code = """
import sys
import engineroom as ipp

cluster = ipp.Cluster(n=2, engines="mpi", profile_dir=sys.argv[1])
cluster.start_and_connect_sync()
(mpiexec,) = cluster.engine_set.launchers.values()
print(mpiexec.pid, *mpiexec.local_pids(), flush=True)
input()
"""
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        pids = [int(pid) for pid in program.stdout.readline().split()]
        program.kill()
    assert len(pids) == 3
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_the_command(tmp_path):
    def engineroom(*arguments):
        command = [sys.executable, "-m", "engineroom.cli", *arguments]
        env = {**os.environ, "IPYTHONDIR": str(tmp_path)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        engineroom("start", "-n", "2", "--engines", "mpi", "--daemonize")
        (listed,) = json.loads(engineroom("list", "--json"))
        assert listed["launcher"] == "mpi"
        (mpiexec,) = listed["engines"]
        engines = descendants_of(mpiexec)
        (row,) = engineroom("list").splitlines()[1:]
        assert " 2 " in row
        with ipp.Client(listed["connection_file"]) as client:
            assert client[:].apply_sync(rank) == [0, 1]
    finally:
        engineroom("stop", "--all")
    wait_until(lambda: not any(is_alive(pid) for pid in engines))


# ---- the examples ----


@pytest.mark.parametrize(
    ("name", "last_line"),
    [
        ("parallel_sum", "total on each: [120.0, 120.0, 120.0, 120.0]"),
        ("heat", "as computed by one process: True"),
    ],
)
def test_example(name, last_line, tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == last_line
