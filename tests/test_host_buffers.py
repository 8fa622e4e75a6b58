"""Large buffers for several engines of another host: they go there once.

The other host is a network namespace, and the counters of its link say what was sent.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap

import engineroom as ipp
import numpy as np
import pytest
import ssh_site
from engineroom.cluster.programs import controller_command, engine_command
from traitlets.config import Config
from waiting import DEADLINE, wait_until

pytestmark = pytest.mark.skipif(bool(ssh_site.missing()), reason=ssh_site.missing())

ENGINES = 3
N = 1 << 23  # doubles: 64 MiB
BYTES = 8 * N


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with ssh_site.SshSite(tmp_path_factory.mktemp("ssh"), 1) as site:
        yield site


@pytest.fixture
def cluster(site, tmp_path):
    config = Config(
        {
            "SSHLauncher": {
                "ssh_args": site.ssh_args,
                "remote_profile_dir": str(tmp_path / "there"),
            },
            "SSHEngineSetLauncher": {"engines": {site.hosts[0]: ENGINES}},
        }
    )
    cluster = ipp.Cluster(engines="ssh", profile_dir=str(tmp_path / "here"), config=config)
    yield cluster
    cluster.stop_cluster_sync()


@pytest.fixture
def client(cluster):
    with cluster.start_and_connect_sync() as client:
        yield client


class Link:
    """What goes over the link of the host inside of a `with`, in units of one array."""

    def __init__(self, site, way="tx"):
        self.site = site
        self.way = way

    def __enter__(self):
        self.before = self.site.sent_bytes(0, self.way)
        return self

    def __exit__(self, *_):
        self.arrays = (self.site.sent_bytes(0, self.way) - self.before) / BYTES


@ipp.interactive
def total():
    return float(a.sum())  # noqa: F821


def spared(client):
    return client.controller_stats()["host_buffers"]["spared_bytes"]


def test_by_tunnels(client, site):
    array = np.arange(N, dtype=float)
    view = client[:]
    with Link(site) as link:
        view.push({"a": array}, block=True)
    assert view.apply_sync(total) == [array.sum()] * ENGINES
    assert link.arrays < 1.3
    assert spared(client) == 2 * BYTES

    with Link(site) as link:
        client.broadcast_view().push({"a": array + 1}, block=True)
    assert view.apply_sync(total) == [(array + 1).sum()] * ENGINES
    assert link.arrays < 1.3

    # Nothing is kept for longer than it is needed.
    wait_until(lambda: client.controller_stats()["host_buffers"]["kept"] == 0, "release")


def test_the_engines_look_at_the_same_pages(client):
    @ipp.interactive
    def segment_of():
        with open("/proc/self/maps") as maps:
            address = a.__array_interface__["data"][0]  # noqa: F821
            for line in maps:
                first, last = (int(part, 16) for part in line.split()[0].split("-"))
                if first <= address < last:
                    return line.split()[3:5] if "memfd:engineroom" in line else None

    client[:].push({"a": np.ones(N)}, block=True)
    found = client[:].apply_sync(segment_of)
    assert found[0] is not None
    assert found == found[:1] * ENGINES


def test_requests_keep_their_order(client):
    """The second one needs no buffer, and must not come before the first."""
    results = []
    for value in range(5):
        client[:].push({"a": np.full(N // 16, float(value))}, block=False)
        results.append(client[:].apply_async(total))
    assert [ar.get(DEADLINE) for ar in results] == [
        [value * (N // 16)] * ENGINES for value in range(5)
    ]


def test_a_closure_that_tasks_share(client, site):
    array = np.ones(N)

    def task(n, array=array):
        return float(array[n])

    view = client.load_balanced_view()
    with Link(site) as link:
        assert view.map_sync(task, range(12), chunksize=1) == [1.0] * 12
    assert link.arrays < 2.5


def resent(client):
    return client.controller_stats()["host_buffers"]["resent_bytes"]


def test_the_engine_that_has_it_dies(client, site):
    """Before it was given anything: one of the others takes its place, and the rest ask that one."""
    victim, *others = client.ids
    pid = client[victim].apply_sync(os.getpid)
    os.kill(pid, signal.SIGSTOP)
    array = np.arange(N, dtype=float)
    with Link(site) as link:
        client[:].push({"a": array}, block=False)
        late = client[others].apply_async(total)
        wait_until(lambda: spared(client) == 2 * BYTES, "requests")
        assert not late.ready()
        os.kill(pid, signal.SIGKILL)
        assert late.get(DEADLINE) == [array.sum()] * len(others)
    # Whatever was on its way to the first one, and once more.
    assert link.arrays < 1.9
    assert resent(client) == BYTES


def test_the_engine_that_has_it_hangs(client, site):
    """It is given up long before its heart is, and what comes next does not wait for it."""
    victim, *others = client.ids
    pid = client[victim].apply_sync(os.getpid)
    os.kill(pid, signal.SIGSTOP)
    array = np.arange(N, dtype=float)
    try:
        with Link(site) as link:
            for step in range(2):
                client[:].push({"a": array + step}, block=False)
                late = client[others].apply_async(total)
                assert late.get(DEADLINE) == [(array + step).sum()] * len(others)
                assert resent(client) == BYTES
        assert link.arrays < 2.9
    finally:
        os.kill(pid, signal.SIGCONT)
    # It has lost nothing, and is trusted again.
    assert client[victim].apply_async(total).get(DEADLINE) == (array + 1).sum()
    before = spared(client)
    client[:].push({"a": array + 2}, block=True)
    assert client[:].apply_sync(total) == [(array + 2).sum()] * ENGINES
    assert spared(client) == before + 2 * BYTES


def test_aborted_while_it_waits(client):
    victim, other, _ = client.ids
    pid = client[victim].apply_sync(os.getpid)
    os.kill(pid, signal.SIGSTOP)
    try:
        pushed = client[[victim, other]].push({"a": np.ones(N)}, block=False)
        behind = client[other].apply_async(lambda: "ran")
        wait_until(lambda: spared(client) == BYTES, "requests")
        client.abort(pushed.msg_ids[1:], targets=[other], block=True)
        assert behind.get(DEADLINE) == "ran"
    finally:
        os.kill(pid, signal.SIGCONT)
    with pytest.raises((ipp.error.TaskAborted, ipp.error.CompositeError)):
        pushed.get(DEADLINE)


class Apart:
    """Controller and clients in the namespace that the link hangs on, engines on the other host; or
    clients there, and the engines here. Encrypted, so that nobody has a lane.
    """

    def __init__(self, site, folder):
        self.site = site
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("IPP_")}
        self.env["IPYTHONDIR"] = str(folder)
        self.connection_file = folder / "profile_default" / "security" / "ipcontroller-client.json"
        self.log = (folder / "log").open("wb")
        self.processes = []

    def start(self, command, host=None):
        self.processes.append(
            subprocess.Popen(
                self.site.inside(command, host), env=self.env, stdout=self.log, stderr=self.log
            )
        )
        return self.processes[-1]

    def start_controller(self, *args):
        return self.start([*controller_command(), f"--ip={self.site.home_address(0)}", *args])

    def start_cluster(self, *args, engines=0):
        controller = self.start_controller(*args)
        wait_until(self.connection_file.exists, "connection files")
        for _ in range(ENGINES):
            self.start(engine_command(), engines)
        return controller

    def start_client(self, code, *args, host=None):
        command = [sys.executable, "-c", textwrap.dedent(code), str(self.connection_file), *args]
        self.processes.append(
            subprocess.Popen(
                self.site.inside(command, host),
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                text=True,
            )
        )
        return self.processes[-1]

    def stop(self):
        for process in self.processes:
            process.kill()
            process.communicate()
        self.log.close()


@pytest.fixture
def apart(site, tmp_path):
    apart = Apart(site, tmp_path)
    yield apart
    apart.stop()


def test_by_curve(apart, site):
    apart.start_cluster()
    assert json.loads(apart.connection_file.read_text())["curve_serverkey"]
    client = apart.start_client(
        """
        import json, sys
        import engineroom as ipp
        import numpy as np

        n = int(sys.argv[2])
        with ipp.Client(sys.argv[1]) as client:
            client.wait_for_engines(3, timeout=20)
            client[:].push({"a": np.arange(n, dtype=float)}, block=True)
            print(json.dumps(client[:].apply_sync(ipp.interactive(lambda: float(a.sum())))))
            print(client.controller_stats()["host_buffers"]["spared_bytes"])
        """,
        str(N),
    )
    with Link(site) as link:
        said, _ = client.communicate(timeout=60)
    sums, spared_bytes = said.splitlines()
    assert json.loads(sums) == [float(np.arange(N, dtype=float).sum())] * ENGINES
    assert int(spared_bytes) == 2 * BYTES
    assert link.arrays < 1.3


def test_users_share_with_nobody_else(apart, site):
    """What one has sent is sent again for another, who could tell by the time else."""
    apart.start_cluster("--user=alice", "--user=bob")
    users = apart.connection_file.parent / "users"
    client = apart.start_client(
        """
        import sys
        import engineroom as ipp
        import numpy as np

        array = np.arange(int(sys.argv[2]), dtype=float)
        with ipp.Client(sys.argv[3]) as alice, ipp.Client(sys.argv[4]) as bob:
            for client in (alice, bob):
                client.wait_for_engines(3, timeout=20)
            for client in (alice, bob):
                client[:].push({"a": array}, block=True)
        with ipp.Client(sys.argv[1]) as owner:
            print(owner.controller_stats()["host_buffers"]["spared_bytes"])
        """,
        str(N // 4),
        *(str(users / user / "ipcontroller-client.json") for user in ("alice", "bob")),
    )
    with Link(site) as link:
        said, _ = client.communicate(timeout=60)
    assert int(said) == 2 * 2 * BYTES // 4
    assert 2 <= 4 * link.arrays < 2.6


def test_a_controller_that_is_started_anew(apart):
    """It knows nothing of what waits on engines for each other: they are sent it again."""
    controller = apart.start_cluster("--journal")
    client = apart.start_client(
        """
        import json, os, sys, time
        import engineroom as ipp
        import numpy as np

        n = int(sys.argv[2])
        with ipp.Client(sys.argv[1]) as client:
            client.wait_for_engines(3, timeout=20)
            print(client[client.ids[0]].apply_sync(os.getpid), flush=True)
            input()
            client[:].push({"a": np.arange(n, dtype=float)}, block=False)
            sums = client[:].apply_async(ipp.interactive(lambda: float(a.sum())))
            deadline = time.monotonic() + 20
            while client.controller_stats()["host_buffers"]["spared_bytes"] < 16 * n:
                assert time.monotonic() < deadline, "the controller has not got all"
                time.sleep(0.01)
            print("sent", flush=True)
            print(json.dumps(sums.get(60)))
        """,
        str(N // 16),
    )
    # The one that the others wait for.
    pid = int(client.stdout.readline())
    os.kill(pid, signal.SIGSTOP)
    print(file=client.stdin, flush=True)
    assert client.stdout.readline() == "sent\n"
    controller.kill()
    controller.wait()
    apart.start_controller("--journal", "--restore")
    os.kill(pid, signal.SIGCONT)
    said, _ = client.communicate(timeout=60)
    assert json.loads(said) == [float(np.arange(N // 16, dtype=float).sum())] * ENGINES


def test_a_client_on_another_host(apart, site):
    """It sends what is for all of them once; its own part to each."""
    apart.start_cluster(engines=None)
    client = apart.start_client(
        """
        import json, sys
        import engineroom as ipp
        import numpy as np

        n = int(sys.argv[2])
        array = np.arange(n, dtype=float)

        def item(i, array=array):
            return float(array[i])

        with ipp.Client(sys.argv[1]) as client:
            client.wait_for_engines(3, timeout=20)
            view = client[:]
            view.push({"a": array}, block=True)
            print(json.dumps(view.apply_sync(ipp.interactive(lambda: float(a.sum())))))
            view.push({"a": array + 1}, block=False)
            print(json.dumps(view.apply_sync(ipp.interactive(lambda: float(a[0])))))
            balanced = client.load_balanced_view()
            print(json.dumps(balanced.map_sync(item, range(6), chunksize=1)))
        """,
        str(N),
        host=0,
    )
    with Link(site, "rx") as link:
        said, _ = client.communicate(timeout=120)
    first, second, mapped = (json.loads(line) for line in said.splitlines())
    assert first == [float(np.arange(N, dtype=float).sum())] * ENGINES
    assert second == [1.0] * ENGINES
    assert mapped == [float(i) for i in range(6)]
    # Two that were pushed, and the closure.
    assert link.arrays < 3.5
