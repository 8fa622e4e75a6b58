"""Clusters under a real Slurm on this machine: start, find again, signal, stop, and wait in a queue."""

import os
import signal
import subprocess
import sys

import engineroom as ipp
import pytest
import slurm_site
from engineroom.cluster import listing
from engineroom.cluster.launcher import find_launcher_class
from found_again import check_another_program_interrupts
from traitlets.config import Config
from waiting import wait_until

pytestmark = pytest.mark.skipif(bool(slurm_site.missing()), reason=slurm_site.missing())

N = 2


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    site = slurm_site.SlurmSite(tmp_path_factory.mktemp("slurm"), cpus=4)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment.items():
            patch.setenv(name, value)
        try:
            site.start()
            yield site
        finally:
            site.stop()


@pytest.fixture
def new_cluster(request, slurm, tmp_path):
    def make(**kwargs):
        config = Config(kwargs.pop("config", {}))
        config.PolledLauncher.poll_seconds = 0.2
        settings = {"n": N, "engines": "slurm", "profile_dir": str(tmp_path), "config": config}
        cluster = ipp.Cluster(**{**settings, **kwargs})
        request.addfinalizer(cluster.stop_cluster_sync)
        return cluster

    return make


@pytest.fixture(scope="module")
def cluster(slurm, tmp_path_factory):
    folder = tmp_path_factory.mktemp("profile")
    config = Config({"PolledLauncher": {"poll_seconds": 0.2}})
    cluster = ipp.Cluster(n=N, engines="slurm", profile_dir=str(folder), config=config)
    yield cluster
    cluster.stop_cluster_sync()


@pytest.fixture(scope="module")
def client(cluster):
    with cluster.start_and_connect_sync() as client:
        yield client


def jobs(slurm):
    return slurm.ask("squeue", "-h", "-o", "%i").split()


def test_apply_and_map(client, cluster):
    view = client[:]
    job = cluster.engine_set.job_id
    assert view.apply_sync(os.getenv, "SLURM_JOB_ID") == [job] * N
    assert sorted(view.apply_sync(os.getenv, "SLURM_PROCID")) == ["0", "1"]
    assert client.load_balanced_view().map_sync(abs, range(-5, 0)) == [5, 4, 3, 2, 1]


def test_in_words(client, cluster):
    wait_until(lambda: "controller=<running>, engines=<2 running>" in repr(cluster))
    assert f"<td>job {cluster.engine_set.job_id}</td><td>running</td>" in cluster._repr_html_()


def test_another_program_finds_it_and_signals_it(client, cluster, tmp_path):
    """An interrupt reaches what the engines run, by scancel."""

    check_another_program_interrupts(client, cluster, tmp_path)
    found = ipp.Cluster.from_file(cluster.cluster_file)
    assert found.engine_set.job_id == cluster.engine_set.job_id


def test_it_is_listed_by_its_job(client, cluster):
    (info,) = listing.read_clusters([cluster.profile_dir])
    assert info.as_json()["engines"] == [f"job {cluster.engine_set.job_id}"]
    assert info.running


def test_sets_of_engines_started_in_different_ways(client, cluster, slurm):
    """As `engineroom engines --engines local` does it with a cluster that has others."""
    job = cluster.engine_set.job_id
    found = ipp.Cluster.from_file(cluster.cluster_file)
    found.engine_launcher_class = "local"
    key = found.start_engines_sync(1)
    (local,) = found.engines[key].launchers.values()
    again = ipp.Cluster.from_file(cluster.cluster_file)
    assert [type(engine_set).__name__ for engine_set in again.engines.values()] == [
        "SlurmEngineSetLauncher",
        "LocalEngineSetLauncher",
    ]
    (info,) = listing.read_clusters([cluster.profile_dir])
    assert info.as_json()["engines"] == [f"job {job}", local.pid]
    assert info.as_json()["controller"] == cluster.controller.pid
    again.stop_engines_sync(key)
    assert jobs(slurm) == [job]


def test_stop(client, cluster, slurm):
    engine_set = cluster.engine_set
    assert jobs(slurm) == [engine_set.job_id]
    cluster.stop_engines_sync()
    assert engine_set.state == "after"
    assert engine_set.stop_data["reason"] == "cancelled"
    assert jobs(slurm) == []


def test_controller_as_a_job(new_cluster, slurm, caplog):
    """Found, and stopped, by one who only has its file."""
    cluster = new_cluster(controller="slurm", engines="local", controller_ip="127.0.0.1")
    with cluster.start_and_connect_sync() as client:
        assert client[:].apply_sync(abs, -1) == [1] * N
        assert jobs(slurm) == [cluster.controller.job_id]
        assert cluster.to_dict()["controller"]["class"] == "slurm"
        with pytest.raises(RuntimeError, match="already running .controller: job "):
            again = {"cluster_id": cluster.cluster_id, "profile_dir": cluster.profile_dir}
            ipp.Cluster(controller="slurm", **again).start_cluster_sync()
    (info,) = listing.read_clusters([cluster.profile_dir])
    listing.stop(info)
    assert jobs(slurm) == []
    assert listing.read_clusters([cluster.profile_dir]) == []


def test_a_job_that_waits_says_so(new_cluster, slurm):
    config = {"SlurmEngineSetLauncher": {"queue": "closed"}}
    cluster = new_cluster(config=config, engine_timeout=1)
    with pytest.raises(TimeoutError, match=r"job \d+ is pending \(PartitionDown\)"):
        cluster.start_and_connect_sync()
    assert "engines=<0 running, 2 pending (PartitionDown)>" in repr(cluster)
    cluster.stop_cluster_sync()
    assert jobs(slurm) == []


def test_engines_that_fail_are_told_with_their_output(new_cluster):
    config = {
        "EngineLauncher": {"engine_args": ["--timeout=never"]},
        "SlurmLauncher": {
            "batch_template": "#!/bin/sh\n#SBATCH -o {output_file}\nexec {program_and_args}\n"
        },
    }
    with pytest.raises(ipp.error.EngineError, match="(?s)exit_code.: 64.*'never' is not a number"):
        new_cluster(config=config).start_and_connect_sync()


def test_what_sbatch_refuses_is_told(new_cluster):
    config = {"SlurmEngineSetLauncher": {"queue": "no-such"}}
    with pytest.raises(ipp.cluster.launcher.LauncherError, match="invalid partition"):
        new_cluster(config=config).start_and_connect_sync()


def test_nothing_outlives_a_killed_program(slurm, tmp_path):
    code = """
import sys
import engineroom as ipp

cluster = ipp.Cluster(n=1, engines="slurm", profile_dir=sys.argv[1])
cluster.start_cluster_sync()
print(cluster.engine_set.job_id, flush=True)
input()
"""
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        job = program.stdout.readline().strip()
        assert job in jobs(slurm)
        program.send_signal(signal.SIGKILL)
    wait_until(lambda: job not in jobs(slurm))


def test_launchers_are_found_by_name(slurm):
    path = "ipyparallel.cluster.launcher.SlurmEngineSetLauncher"
    assert find_launcher_class("slurm", "engine") is find_launcher_class(path, "engine")
