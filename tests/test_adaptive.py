"""A cluster that grows with its queue and shrinks when idle: the decisions, and engines that come and go."""

import itertools
import logging
import os
import signal
import subprocess
import sys
import time

import engineroom as ipp
import pytest
from conftest import wait_for_file
from engineroom.cluster.adaptive import Decision, Policy
from engineroom.cluster.launcher import LauncherError
from waiting import wait_until


@pytest.fixture
def policy():
    return Policy(minimum=1, maximum=4, idle_seconds=10, grow_seconds=2)


def decide(policy, now, waiting=0, starting=0, unoffered=0, **engines):
    outstanding = {int(name[1:]): tasks for name, tasks in engines.items()}
    return policy.decide(
        now, waiting=waiting, outstanding=outstanding, starting=starting, unoffered=unoffered
    )


# ---- decisions ----


def test_the_minimum_is_there_at_once(policy):
    assert decide(policy, 0) == Decision(start=1)
    assert decide(policy, 1, starting=1) == Decision()


def test_it_grows_when_tasks_wait_for_a_while(policy):
    assert decide(policy, 0, waiting=2, e0=1) == Decision()
    assert decide(policy, 1, waiting=2, e0=1) == Decision()
    assert decide(policy, 2, waiting=2, e0=1) == Decision(start=2)
    assert decide(policy, 9, waiting=2, e0=1, starting=2) == Decision()


def test_a_short_burst_starts_nothing(policy):
    decide(policy, 0, waiting=9, e0=1)
    decide(policy, 1, e0=0)
    assert decide(policy, 2.5, waiting=9, e0=1) == Decision()


def test_it_never_grows_beyond_the_maximum(policy):
    decide(policy, 0, waiting=100, e0=1)
    assert decide(policy, 5, waiting=100, e0=1) == Decision(start=3)
    assert decide(policy, 50, waiting=100, e0=1, e1=1, e2=1, e3=1) == Decision()


def test_the_idle_go_and_the_longest_first(policy):
    decide(policy, 0, e0=1, e1=0, e2=1)
    decide(policy, 5, e0=0, e1=0, e2=0)
    assert decide(policy, 9, e0=0, e1=0, e2=0) == Decision()
    assert decide(policy, 10, e0=0, e1=0, e2=0) == Decision(stop=(1,), most=2)
    assert decide(policy, 15, e0=0, e2=0) == Decision(stop=(0, 2), most=1)
    # The minimum stays.
    assert decide(policy, 99, e2=0) == Decision()


def test_work_makes_an_engine_young_again(policy):
    decide(policy, 0, e0=0, e1=0)
    decide(policy, 9, e0=1, e1=1)
    assert decide(policy, 11, e0=0, e1=0) == Decision()
    assert decide(policy, 21, e0=0, e1=0) == Decision(stop=(0, 1), most=1)


def test_none_goes_while_others_are_wanted(policy):
    decide(policy, 0, e0=0, e1=0)
    assert decide(policy, 20, waiting=3, e0=0, e1=0).stop == ()


def test_engines_that_will_not_do_are_not_counted_on(policy):
    # Two engines have nothing to do, and still a task waits: for another kind of engine.
    decide(policy, 0, waiting=1, unoffered=1, e0=0, e1=0)
    assert decide(policy, 2, waiting=1, unoffered=1, e0=0, e1=0) == Decision(start=1)
    assert decide(policy, 3, waiting=1, unoffered=1, starting=1, e0=0, e1=0) == Decision()
    # And one that is busy will not do for another.
    few = Policy(0, 9, 10, 0, tasks_per_engine=100)
    assert decide(few, 0, waiting=2, e0=1) == Decision()
    assert decide(few, 1, waiting=2, unoffered=2, e0=1) == Decision(start=1)


def test_engines_that_will_not_do_make_room(policy):
    decide(policy, 0, e0=0, e1=0, e2=0, e3=1)
    for now, stop in ((9, Decision()), (10, Decision(stop=(0, 1, 2), most=1))):
        found = decide(policy, now, waiting=1, unoffered=1, e0=0, e1=0, e2=0, e3=1)
        assert found == stop
    assert decide(policy, 11, waiting=1, unoffered=1, e1=0, e2=0, e3=1) == Decision()
    assert decide(policy, 13, waiting=1, unoffered=1, e1=0, e2=0, e3=1) == Decision(start=1)


def test_what_fails_is_tried_more_and_more_rarely(policy):
    assert policy.failed(0) == 5
    assert decide(policy, 4) == Decision()
    assert decide(policy, 5) == Decision(start=1)
    assert [policy.failed(0) for _ in range(7)] == [10, 20, 40, 80, 160, 300, 300]
    policy.succeeded()
    assert policy.failed(0) == 5


def test_more_tasks_for_each_engine():
    policy = Policy(0, 9, 10, 0, tasks_per_engine=10)
    assert decide(policy, 0, waiting=21) == Decision(start=3)
    assert Policy(0, 9, 10, 0).decide(0, waiting=0, outstanding={}, starting=0) == Decision()


@pytest.mark.parametrize(("minimum", "maximum"), [(-1, 2), (3, 2), (0, 0)])
def test_limits_that_make_no_sense(minimum, maximum):
    with pytest.raises(ValueError, match="minimum <= maximum"):
        Policy(minimum, maximum, 1, 1)


# ---- engines ----


@pytest.fixture
def new_cluster(request, tmp_path):
    def make(**kwargs):
        cluster = ipp.Cluster(profile_dir=str(tmp_path), log_level=logging.WARNING, **kwargs)
        request.addfinalizer(cluster.stop_cluster_sync)
        return cluster

    return make


def outstanding(client):
    status = client.queue_status()
    return status["unassigned"] + sum(status[engine]["tasks"] for engine in client.ids)


def test_engines_come_and_go(new_cluster, tmp_path):
    cluster = new_cluster(n=1)
    with cluster.start_and_connect_sync() as client:
        gate = tmp_path / "gate"
        view = client.load_balanced_view()
        results = [view.apply_async(wait_for_file, str(gate), number) for number in range(6)]
        # All are there: one growth is for all of them.
        wait_until(lambda: outstanding(client) == 6)
        adaptive = cluster.adapt(1, 3, idle_seconds=0.3, grow_seconds=0.1, interval=0.05)
        wait_until(lambda: len(client.ids) == 3)
        assert len(cluster.engines) == 2
        gate.touch()
        assert [result.get(timeout=20) for result in results] == list(range(6))
        wait_until(lambda: len(client.ids) == 1)
        # It is one that answers.
        assert view.apply_sync(abs, -1) == 1
        wait_until(lambda: "engines=<1 running>" in repr(cluster))
        adaptive.stop()
        assert not adaptive.running
    cluster.stop_cluster_sync()


def test_no_task_is_hurt_by_shrinking(new_cluster):
    cluster = new_cluster(n=3)
    with cluster.start_and_connect_sync() as client:
        # Each engine is told to go as soon as it has nothing to do for a moment.
        adaptive = cluster.adapt(1, 4, idle_seconds=0.01, grow_seconds=0.1, interval=0.02)
        view = client.load_balanced_view()
        gone = set()
        number = 0
        # Pulses: more tasks than there are engines, then nothing. Without the pauses all engines may
        # be busy for ever; they differ, so that the next tasks come before, while and after engines go.
        pauses = itertools.cycle(0.005 * n for n in range(16))
        deadline = time.monotonic() + 60
        while len(gone) < 8 and time.monotonic() < deadline:
            results = view.map_async(lambda x: -x, range(number, number + 40), chunksize=1)
            assert results.get(timeout=30) == [-x for x in range(number, number + 40)]
            slow = [view.apply_async(time.sleep, 0.05) for _ in range(6)]
            client.wait(slow, timeout=30)
            assert all(ar.successful() for ar in slow)
            number += 40
            gone |= set(range(max(client.ids) + 1)) - set(client.ids)
            time.sleep(next(pauses))
        assert len(gone) >= 8
        stats = client.controller_stats()["tasks"]
        assert (stats["rejected"], stats["retried"]) == (0, 0)
        adaptive.stop()


def test_engines_that_are_needed_stay(new_cluster, tmp_path):
    cluster = new_cluster(n=2)
    with cluster.start_and_connect_sync() as client:
        gate = tmp_path / "gate"
        first, second = client.ids
        view = client.load_balanced_view()
        with view.temp_flags(targets=[first]):
            runs = view.apply_async(wait_for_file, str(gate), 1)
        with view.temp_flags(targets=[second], after=runs):
            follows = view.apply_async(os.getpid)
        assert client.retire() == []
        gate.touch()
        follows.get(timeout=20)
        assert client.retire(most=1) == [first]
        wait_until(lambda: client.ids == [second])
        assert client.retire() == [second]
        wait_until(lambda: client.ids == [])
        assert client.retire() == []
        # And the processes are gone.
        wait_until(lambda: cluster.engine_set.state == "after")


def test_tasks_wait_for_engines_that_may_come(new_cluster):
    cluster = new_cluster(n=1)
    with cluster.start_and_connect_sync() as client:
        view = client.load_balanced_view()
        view.set_flags(resources={"licence": 1})
        with pytest.raises(ipp.ImpossibleResources, match="licence=1 .*licence=0"):
            view.apply_sync(abs, -1)
        adaptive = cluster.adapt(
            1, 2, idle_seconds=0.3, grow_seconds=0.1, interval=0.05, resources={"licence": 1}
        )
        wait_until(lambda: adaptive.running)
        task = wait_until(lambda: _accepted(view), "a promise")
        # There was an idle engine, which is of no use.
        assert task.get(timeout=20) == 1
        assert task.engine_id != 0
        # One that nobody will offer is refused, now that it is known what comes.
        with view.temp_flags(resources={"license": 1}):
            with pytest.raises(ipp.ImpossibleResources):
                view.apply_sync(abs, -1)
        wait_until(lambda: len(client.ids) == 1)
        assert view.apply_async(abs, -2).get(timeout=20) == 2
        adaptive.stop()
        wait_until(lambda: _is_refused(view), "the end of the promise")


def _accepted(view):
    """A task, once it is not refused at once."""
    task = view.apply_async(abs, -1)
    wait_until(lambda: task.ready() or view.client.queue_status()["unassigned"], "an answer")
    if task.ready() and isinstance(task.exception(), ipp.ImpossibleResources):
        return None
    return task


def _is_refused(view):
    with view.temp_flags(resources={"licence": 7}):
        try:
            view.apply_sync(abs, -1)
        except ipp.ImpossibleResources:
            return True


def test_it_ends_with_the_cluster(new_cluster):
    cluster = new_cluster(n=0)
    cluster.start_cluster_sync()
    adaptive = cluster.adapt(1, 1, interval=0.05)
    with cluster.connect_client_sync() as client:
        client.wait_for_engines(1, timeout=20)
        cluster.stop_cluster_sync()
    wait_until(lambda: not adaptive.running)
    assert cluster.engines == {}


def test_engines_that_do_not_come(new_cluster, caplog):
    cluster = new_cluster(n=0)
    cluster.start_cluster_sync()
    cluster.config.EngineLauncher.engine_args = ["--timeout=never"]
    cluster.adapt(1, 1, interval=0.05)
    wait_until(lambda: "adapt: 1 engines did not come" in caplog.text)
    assert "is not a number" in caplog.text
    assert "the next try is in 5 s" in caplog.text
    # And it is not tried for ever.
    time.sleep(0.3)
    assert caplog.text.count("did not come") == 1


@pytest.mark.parametrize(("engines", "why"), [("mpi", "live and end together"), ("ssh", "hosts")])
def test_what_cannot_adapt_says_so(new_cluster, engines, why):
    with pytest.raises(LauncherError, match=why):
        new_cluster(engines=engines).adapt(1, 2)
    with pytest.raises(RuntimeError, match="not running"):
        new_cluster().adapt(1, 2)


def test_the_command(tmp_path):
    command = [sys.executable, "-m", "engineroom.cli", "start"]
    env = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    for wrong in (["--adapt", "3:2"], ["--adapt", "1:2", "--daemonize"]):
        assert subprocess.run([*command, *wrong], env=env, capture_output=True).returncode == 2
    with subprocess.Popen([*command, "--adapt", "1:2"], env=env, stderr=subprocess.PIPE) as program:
        try:
            assert b"1 engine at your service" in program.stderr.readline()
            with ipp.Client(profile_dir=str(tmp_path / "profile_default")) as client:
                view = client.load_balanced_view()
                gate = tmp_path / "gate"
                results = [view.apply_async(wait_for_file, str(gate), n) for n in range(2)]
                wait_until(lambda: len(client.ids) == 2)
                gate.touch()
                assert [result.get(timeout=20) for result in results] == [0, 1]
        finally:
            program.send_signal(signal.SIGINT)
        assert program.wait(20) == 0
