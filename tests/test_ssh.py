"""Engines and controllers on other hosts, by a real sshd: start, find again, lose and mend the link."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import engineroom as ipp
import pytest
import ssh_site
from engineroom.cluster import listing
from engineroom.cluster.launcher import LauncherError, abbreviate_launcher_class
from engineroom.cluster.process import is_alive
from engineroom.cluster.ssh import SSHControllerLauncher, SSHEngineSetLauncher
from found_again import check_another_program_interrupts
from traitlets.config import Config
from waiting import wait_until

pytestmark = pytest.mark.skipif(bool(ssh_site.missing()), reason=ssh_site.missing())

HOSTS = 2


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with ssh_site.SshSite(tmp_path_factory.mktemp("ssh"), HOSTS) as site:
        yield site


def settings(site, folder, **more):
    config = {"ssh_args": site.ssh_args, "remote_profile_dir": str(folder / "there")}
    engines = {site.hosts[0]: 2, site.hosts[1]: {"n": 1, "args": ["-c", "here = 'second'"]}}
    return Config({"SSHLauncher": config, "SSHEngineSetLauncher": {"engines": engines, **more}})


@pytest.fixture
def new_cluster(request, site, tmp_path):
    def make(config=None, **kwargs):
        base = settings(site, tmp_path)
        base.merge(Config(config or {}))
        chosen = {"engines": "ssh", "profile_dir": str(tmp_path / "here"), "config": base}
        cluster = ipp.Cluster(**{**chosen, **kwargs})
        request.addfinalizer(cluster.stop_cluster_sync)
        return cluster

    return make


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def cluster(site, folder):
    cluster = ipp.Cluster(
        engines="ssh", profile_dir=str(folder / "here"), config=settings(site, folder)
    )
    yield cluster
    cluster.stop_cluster_sync()


@pytest.fixture(scope="module")
def client(cluster):
    with cluster.start_and_connect_sync() as client:
        yield client


@ipp.interactive
def address():
    import subprocess

    shown = subprocess.run(["ip", "-4", "-br", "addr", "show", "eth0"], capture_output=True)
    return shown.stdout.split()[-1].decode().partition("/")[0]


def test_engines_on_other_hosts(client, cluster, site):
    assert sorted(client[:].apply_sync(address)) == [site.hosts[0], site.hosts[0], site.hosts[1]]
    assert client[:].apply_sync(ipp.interactive(lambda: globals().get("here"))).count("second") == 1
    assert client.load_balanced_view().map_sync(abs, range(-5, 0)) == [5, 4, 3, 2, 1]
    # 8 MiB by the tunnels.
    client[:].push({"a": b"x" * (8 << 20)}, block=True)
    assert client[:].apply_sync(len, ipp.Reference("a")) == [8 << 20] * 3
    assert "engines=<3 running>" in repr(cluster)


@ipp.interactive
def ones(n):
    import numpy

    return numpy.ones(n)


def test_results_as_arguments_between_hosts(client):
    """By the tunnels and the controller, as engines do not reach each other."""
    addresses = client[:].apply_sync(address)
    places = dict(zip(addresses, client.ids, strict=True))
    first, second = (client[engine_id] for engine_id in places.values())
    n = 1 << 20
    made = first.apply_async(ones, n)
    assert second.apply_async(lambda array: float(array.sum()), made).get(20) == n
    # One that has not come to the client either.
    chained = second.apply_async(lambda array: array * 2, first.apply_async(ones, n))
    assert first.apply_async(lambda array: float(array[-1]), chained).get(20) == 2


def test_nothing_listens_beyond_loopback(client, site):
    for number in range(HOSTS):
        addresses = site.listeners(number)
        beyond = [one for one in addresses if not one.startswith("127.0.0.1:")]
        assert {one.rpartition(":")[2] for one in beyond} == {"22"}


def test_the_key_is_for_us_alone(client, folder):
    files = list((folder / "there" / "security").iterdir())
    assert len(files) == HOSTS
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
        assert json.loads(path.read_text())["interface"] == "tcp://127.0.0.1"
    # Nor does the environment say it, which others may see.
    (key,) = {json.loads(path.read_text())["key"] for path in files}
    assert not any(client[:].apply_sync(lambda key: key in str(os.environ), key))


def test_another_program_finds_and_signals_them(client, cluster, tmp_path):
    check_another_program_interrupts(client, cluster, tmp_path)


def test_they_are_listed_by_their_hosts(client, cluster, site):
    (info,) = listing.read_clusters([cluster.profile_dir])
    engines = info.as_json()["engines"]
    assert [engine.partition(":")[0] for engine in engines].count(site.hosts[0]) == 2
    assert info.running


def is_back(client):
    """Whether all engines answer."""
    try:
        return client[:].apply_async(os.getpid).get(timeout=2)
    except (TimeoutError, ipp.error.EngineError, ipp.error.CompositeError):
        return None


def test_a_lost_connection_comes_back(client, cluster, site):
    """Engines live on: their names have their values."""
    client[:].push({"kept": 7}, block=True)
    pids = client[:].apply_sync(os.getpid)
    for link in cluster.engine_set.links.values():
        # The ssh that holds it.
        (master,) = children_of(link._keeper.pid)
        os.kill(master, signal.SIGKILL)
    wait_until(lambda: len(client.ids) == 3 and is_back(client) is not None)
    assert sorted(client[:].apply_sync(os.getpid)) == sorted(pids)
    assert client[:]["kept"] == [7] * 3


def children_of(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_cut_cable(client, cluster, site):
    pids = client[:].apply_sync(os.getpid)
    site.cut(0)
    link = cluster.engine_set.links[site.hosts[0]]
    (before,) = children_of(link._keeper.pid)
    # Noticed without anybody saying so.
    wait_until(lambda: not is_alive(before))
    site.mend(0)
    wait_until(lambda: len(client.ids) == 3 and is_back(client) is not None)
    assert sorted(client[:].apply_sync(os.getpid)) == sorted(pids)


def test_a_dead_engine_is_noticed(client, cluster):
    told = []
    cluster.engine_set.on_engine_stop(lambda data, output: told.append(data))
    victim = client[:].apply_sync(os.getpid)[0]
    os.kill(victim, signal.SIGKILL)
    # Long before it would be missed: ten heartbeats of 3 s.
    wait_until(lambda: told)
    assert told[0]["exit_code"] == -signal.SIGKILL
    assert "engines=<2 running>" in repr(cluster)


def test_stop_leaves_nothing(client, cluster, site, folder):
    pids = [launcher.remote_pid for launcher in cluster.engine_set.launchers.values()]
    links = list(cluster.engine_set.links.values())
    cluster.stop_engines_sync()
    assert not any(is_alive(pid) for pid in pids)
    assert list((folder / "there" / "security").iterdir()) == []
    assert list((folder / "there" / "log").iterdir()) == []
    wait_until(lambda: [len(site.listeners(number)) for number in range(HOSTS)] == [2, 2])
    assert not any(os.path.exists(link._folder) for link in links)


def test_a_controller_on_another_host(new_cluster, site):
    """Clients come to it by forwarded ports; so do engines on a third host."""
    config = {"SSHControllerLauncher": {"hostname": site.hosts[1]}}
    engines = {"engines": {f"root@{site.hosts[0]}:22": 1}}
    cluster = new_cluster(controller="ssh", config={**config, "SSHEngineSetLauncher": engines})
    assert abbreviate_launcher_class(cluster.controller_launcher_class) == "ssh"
    with cluster.start_and_connect_sync() as client:
        assert client[:].apply_sync(address) == [site.hosts[0]]
        controller = cluster.controller.remote_pid
        found = ipp.Cluster.from_file(cluster.cluster_file)
        assert found.controller.place == f"{site.hosts[1]}: {controller}"
        assert is_alive(controller)
    (info,) = listing.read_clusters([cluster.profile_dir])
    listing.stop(info)
    assert not is_alive(controller)
    assert listing.read_clusters([cluster.profile_dir]) == []


def test_what_goes_wrong_is_told(new_cluster, site):
    def start(engines, **more):
        new_cluster(
            config={"SSHEngineSetLauncher": {"engines": engines, **more}}
        ).start_and_connect_sync()

    with pytest.raises(LauncherError, match="engines on which hosts"):
        start({})
    with pytest.raises(LauncherError, match="'-oProxyCommand=id' is no host"):
        start({"-oProxyCommand=id": 1})
    with pytest.raises(LauncherError, match="cannot connect to nobody@.*Permission denied"):
        start({f"nobody@{site.hosts[0]}": 1, site.hosts[1]: 1})
    with pytest.raises(LauncherError, match="/no/python: (not found|No such file)"):
        start({site.hosts[0]: 1}, remote_python="/no/python")
    with pytest.raises(ipp.error.EngineError, match="(?s)exited with code 64.*is not a number"):
        start({site.hosts[0]: (1, ["--timeout=never"])})


def test_found_again_when_its_program_has_gone(site, tmp_path):
    """What is meant to stay stays, and its links too; one who finds it brings back what does not."""
    code = """
import json, sys
import engineroom as ipp
from traitlets.config import Config

config = Config(json.loads(sys.argv[2]))
cluster = ipp.Cluster(
    engines="ssh", profile_dir=sys.argv[1], config=config, shutdown_atexit=False, cluster_id="c"
)
with cluster.start_and_connect_sync() as client:
    client[:]["kept"] = 7
"""
    config = settings(site, tmp_path)
    config.SSHEngineSetLauncher.engines = {site.hosts[0]: 1}
    here = str(tmp_path / "here")
    command = [sys.executable, "-c", code, here, json.dumps(config)]
    subprocess.run(command, check=True, timeout=60)
    first = ipp.Cluster.from_file(profile_dir=here, cluster_id="c")
    (link,) = first.engine_set.links.values()
    with first.connect_client_sync() as client:
        assert client[:]["kept"] == [7]
        os.killpg(link._keeper.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(link._keeper.pid))
        second = ipp.Cluster.from_file(profile_dir=here, cluster_id="c")
        wait_until(lambda: client.ids and is_back(client) is not None)
        assert client[:]["kept"] == [7]
    second.stop_cluster_sync()
    assert not list((tmp_path / "there" / "log").iterdir())


def test_nothing_outlives_a_killed_program(site, tmp_path):
    code = """
import json, sys
import engineroom as ipp
from traitlets.config import Config

cluster = ipp.Cluster(engines="ssh", profile_dir=sys.argv[1], config=Config(json.loads(sys.argv[2])))
cluster.start_cluster_sync()
(engine,) = cluster.engine_set.launchers.values()
(link,) = cluster.engine_set.links.values()
print(engine.remote_pid, link._keeper.pid, link._folder, flush=True)
input()
"""
    config = settings(site, tmp_path)
    config.SSHEngineSetLauncher.engines = {site.hosts[0]: 1}
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "here"), json.dumps(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        engine, keeper, folder = program.stdout.readline().split()
        program.kill()
    wait_until(lambda: not any(is_alive(int(pid)) for pid in (engine, keeper)))
    assert not os.path.exists(folder)


def test_names():
    import engineroom.cluster.launcher as launcher

    assert launcher.SSHEngineSetLauncher is SSHEngineSetLauncher
    path = "ipyparallel.cluster.launcher.SSHControllerLauncher"
    assert launcher.find_launcher_class(path, "controller") is SSHControllerLauncher
