"""A controller that is killed and started anew: nothing is lost, and nothing runs twice.

Tasks write a line to a file when they start and one when they end; the controller is killed at
moments drawn from a seed. The history of each task must be: started once, ended once, its value
received once, its record finished.
"""

import collections
import os
import random
import signal
import subprocess
import time

import engineroom as ipp
import numpy as np
import pytest
from conftest import wait_for_file
from engineroom.cluster.programs import controller_command
from postgres_server import PostgresServer
from waiting import wait_until


class RestartableCluster:
    """A cluster of conftest whose controller can be killed and started anew."""

    def __init__(self, cluster, *args):
        self.cluster = cluster
        self.args = args

    def kill(self):
        os.kill(self.cluster.controller.pid, signal.SIGKILL)
        self.cluster.controller.wait()

    def start(self, *args):
        command = [*controller_command(), "--ping=500", "--restore", *self.args, *args]
        self.cluster.controller = self.cluster._start(command)

    def restart(self):
        self.kill()
        self.start()


@pytest.fixture
def restartable(new_cluster):
    return RestartableCluster(new_cluster(2, "--journal"))


@pytest.fixture(scope="module")
def postgres():
    with PostgresServer() as server:
        yield server


@ipp.interactive  # by value: engines cannot import this file
def noted(path, name, duration, of_engine=False):
    import os
    import time

    if of_engine:
        name = f"{name}@{os.getpid()}"

    def note(what):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{what} {name}\n".encode())
        os.close(file)

    note("started")
    time.sleep(duration)
    note("ended")
    return name


def history(path):
    counts = collections.defaultdict(collections.Counter)
    for line in path.read_text().splitlines():
        what, name = line.split()
        counts[name][what] += 1
    return counts


@pytest.mark.parametrize("seed", [1, 2])
def test_tasks_run_once_through_repeated_kills(restartable, tmp_path, seed):
    draw = random.Random(seed)
    path = tmp_path / "notes"
    client = restartable.cluster.connect()
    balanced = client.load_balanced_view()
    submitted = {}
    received = {}

    def submit(count):
        for _ in range(count):
            name = f"t{len(submitted)}"
            duration = draw.choice([0, 0, 0.001, 0.02, 0.1])
            if draw.random() < 0.25:
                view = client[draw.choice(client.ids)]
                submitted[name] = view.apply_async(noted, str(path), name, duration)
            else:
                submitted[name] = balanced.apply_async(noted, str(path), name, duration)

    for _ in range(5):
        submit(60)
        time.sleep(draw.random() * 0.4)
        restartable.kill()
        # While there is none, too.
        submit(20)
        time.sleep(draw.random() * 0.1)
        restartable.start()
        submit(20)
    for name, result in submitted.items():
        received[name] = result.get(timeout=30)

    assert received == {name: name for name in submitted}
    assert history(path) == {name: {"started": 1, "ended": 1} for name in submitted}
    assert len(client.ids) == 2
    ids = [result.msg_ids[0] for result in submitted.values()]
    assert set(ids) <= set(client.hub_history())
    records = client.db_query({"msg_id": {"$in": ids}}, keys=["msg_id", "received"])
    assert len(records) == len(ids)
    assert all(record["received"] for record in records)


def test_results_that_go_by_the_controller_arrive_through_a_kill(new_cluster, gate):
    cluster = new_cluster(0, "--journal")
    cluster.engine_args = ["--exchange=relayed"]
    cluster.add_engines(2)
    client = cluster.connect()
    first, second = client.ids
    made = client[first].apply_async(wait_for_file, str(gate), np.arange(1 << 20))
    user = client[second].apply_async(lambda array: int(array[-1]), made)
    # It has been sent, and asks for what is not there yet.
    wait_until(lambda: client.queue_status()[second]["tasks"] == 1)
    restartable = RestartableCluster(cluster)
    restartable.kill()
    gate.touch()
    restartable.start()
    assert user.get(timeout=30) == (1 << 20) - 1


def test_broadcasts_run_once_on_each_engine_through_kills(restartable, tmp_path):
    draw = random.Random(3)
    path = tmp_path / "notes"
    client = restartable.cluster.connect()
    pids = client[:].apply_sync(os.getpid)
    submitted = {}

    def submit(count):
        for _ in range(count):
            name = f"b{len(submitted)}"
            view = client.broadcast_view(is_coalescing=draw.random() < 0.5)
            duration = draw.choice([0, 0.001, 0.03])
            submitted[name] = view.apply_async(noted, str(path), name, duration, True)

    for _ in range(3):
        submit(15)
        time.sleep(draw.random() * 0.2)
        restartable.kill()
        submit(3)
        restartable.start()
    submit(3)
    received = {name: result.get(timeout=30) for name, result in submitted.items()}
    assert received == {name: [f"{name}@{pid}" for pid in pids] for name in submitted}
    assert history(path) == {
        f"{name}@{pid}": {"started": 1, "ended": 1} for name in submitted for pid in pids
    }
    ids = [msg_id for result in submitted.values() for msg_id in result.msg_ids]
    records = client.db_query({"msg_id": {"$in": ids}}, keys=["msg_id", "received"])
    assert len(records) == len(ids)
    assert all(record["received"] for record in records)


@ipp.interactive
def joined(path, name, *inputs):
    import os

    for what in ("started", "ended"):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{what} {name}\n".encode())
        os.close(file)
    return name + "".join(inputs)


def check_graph_through_kills(restartable, path):
    """Tasks that are given results of others, some of them done, before and after each kill."""
    client = restartable.cluster.connect()
    view = client.load_balanced_view()
    first = [view.apply_async(noted, str(path), f"a{i}", 0.04 * i) for i in range(8)]
    later = [view.apply_async(joined, str(path), f"b{i}", first[i], first[0]) for i in range(8)]
    first[2].get(timeout=30)
    restartable.restart()
    later += [view.apply_async(joined, str(path), f"c{i}", later[i]) for i in range(8)]
    later[3].get(timeout=30)
    restartable.restart()
    values = [result.get(timeout=30) for result in later]
    assert values[:8] == [f"b{i}a{i}a0" for i in range(8)]
    assert values[8:] == [f"c{i}b{i}a{i}a0" for i in range(8)]
    counts = history(path)
    assert len(counts) == 24
    assert all(count == {"started": 1, "ended": 1} for count in counts.values())
    ids = [result.msg_ids[0] for result in (*first, *later)]
    records = client.db_query({"msg_id": {"$in": ids}}, keys=["received"])
    assert len(records) == 24
    assert all(record["received"] for record in records)


def test_results_as_arguments(restartable, tmp_path):
    check_graph_through_kills(restartable, tmp_path / "notes")


def test_with_curve(new_cluster, tmp_path):
    curve = "--enable-curve"
    restartable = RestartableCluster(new_cluster(2, "--journal", curve), curve)
    check_graph_through_kills(restartable, tmp_path / "notes")


def test_with_records_on_a_server(new_cluster, tmp_path, postgres):
    records = f"--postgres={postgres.url}"
    restartable = RestartableCluster(new_cluster(2, "--journal", records), records)
    check_graph_through_kills(restartable, tmp_path / "notes")


def test_a_cluster_starts_its_killed_controller_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    cluster = ipp.Cluster(n=2, log_level=50, restart_controller=True)
    with cluster as client:
        path = tmp_path / "notes"
        view = client.load_balanced_view()
        results = [view.apply_async(noted, str(path), f"t{i}", 0.1) for i in range(20)]
        killed = cluster.controller.pid
        os.kill(killed, signal.SIGKILL)
        assert [result.get(timeout=30) for result in results] == [f"t{i}" for i in range(20)]
        assert cluster.controller.pid != killed
        assert all(counts == {"started": 1, "ended": 1} for counts in history(path).values())
        os.kill(cluster.controller.pid, signal.SIGKILL)
        assert view.apply_async(lambda: "again").get(timeout=30) == "again"


def test_tasks_of_a_client_that_has_gone_run_too(restartable, tmp_path):
    path = tmp_path / "notes"
    with ipp.Client(str(restartable.cluster.connection_file)) as gone:
        view = gone.load_balanced_view()
        ids = [view.apply_async(noted, str(path), f"t{i}", 0.05).msg_ids[0] for i in range(20)]
        wait_until(lambda: path.exists())
    restartable.restart()
    client = restartable.cluster.connect()
    result = client.get_result(ids, owner=False)
    assert result.get(timeout=30) == [f"t{i}" for i in range(20)]
    assert all(counts == {"started": 1, "ended": 1} for counts in history(path).values())


def test_an_engine_that_is_lost_meanwhile_is_an_error(restartable, tmp_path):
    client = restartable.cluster.connect()
    path = tmp_path / "notes"
    once = client[0].apply_async(noted, str(path), "once", 60)
    wait_until(lambda: path.exists())
    restartable.kill()
    for engine in restartable.cluster.engines:
        engine.kill()
        engine.wait()
    restartable.start("--restart-patience=1")
    with pytest.raises(ipp.EngineError):
        once.get(timeout=20)


def test_a_second_controller_and_a_damaged_journal_are_refused(restartable):
    cluster = restartable.cluster

    def failure():
        command = [*controller_command(), "--restore"]
        done = subprocess.run(command, env=cluster.env, capture_output=True, text=True, timeout=20)
        assert done.returncode == 1
        return done.stderr

    restartable.kill()
    journal = cluster.connection_file.with_name("ipcontroller.journal")
    assert journal.stat().st_mode & 0o777 == 0o600
    text = journal.read_bytes()
    journal.write_bytes(text[:20] + b"?" + text[21:])
    assert "damaged" in failure()
    journal.write_bytes(text)
    restartable.start()
    client = cluster.connect(timeout=20)
    assert client[:].apply_async(lambda: 1).get(timeout=20) == [1, 1]
