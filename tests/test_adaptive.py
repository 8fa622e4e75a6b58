"""A cluster that grows with its queue and shrinks when idle: the decisions, and engines that come and go."""

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


def decide(policy, now, unassigned=0, starting=0, **engines):
    outstanding = {int(name[1:]): tasks for name, tasks in engines.items()}
    return policy.decide(now, unassigned=unassigned, outstanding=outstanding, starting=starting)


# ---- decisions ----


def test_the_minimum_is_there_at_once(policy):
    assert decide(policy, 0) == Decision(start=1)
    assert decide(policy, 1, starting=1) == Decision()


def test_it_grows_when_tasks_wait_for_a_while(policy):
    assert decide(policy, 0, unassigned=2, e0=1) == Decision()
    assert decide(policy, 1, unassigned=2, e0=1) == Decision()
    assert decide(policy, 2, unassigned=2, e0=1) == Decision(start=2)
    assert decide(policy, 9, unassigned=2, e0=1, starting=2) == Decision()


def test_a_short_burst_starts_nothing(policy):
    decide(policy, 0, unassigned=9, e0=1)
    decide(policy, 1, e0=0)
    assert decide(policy, 2.5, unassigned=9, e0=1) == Decision()


def test_it_never_grows_beyond_the_maximum(policy):
    decide(policy, 0, unassigned=100, e0=1)
    assert decide(policy, 5, unassigned=100, e0=1) == Decision(start=3)
    assert decide(policy, 50, unassigned=100, e0=1, e1=1, e2=1, e3=1) == Decision()


def test_the_idle_go_and_the_longest_first(policy):
    decide(policy, 0, e0=1, e1=0, e2=1)
    decide(policy, 5, e0=0, e1=0, e2=0)
    assert decide(policy, 9, e0=0, e1=0, e2=0) == Decision()
    assert decide(policy, 10, e0=0, e1=0, e2=0) == Decision(stop=(1,))
    assert decide(policy, 15, e0=0, e2=0) == Decision(stop=(0,))
    # The minimum stays.
    assert decide(policy, 99, e2=0) == Decision()


def test_work_makes_an_engine_young_again(policy):
    decide(policy, 0, e0=0, e1=0)
    decide(policy, 9, e0=1, e1=1)
    assert decide(policy, 11, e0=0, e1=0) == Decision()
    assert decide(policy, 21, e0=0, e1=0) == Decision(stop=(0,))


def test_none_goes_while_others_are_wanted(policy):
    decide(policy, 0, e0=0, e1=0)
    assert decide(policy, 20, unassigned=3, e0=0, e1=0).stop == ()


def test_what_fails_is_tried_more_and_more_rarely(policy):
    assert policy.failed(0) == 5
    assert decide(policy, 4) == Decision()
    assert decide(policy, 5) == Decision(start=1)
    assert [policy.failed(0) for _ in range(7)] == [10, 20, 40, 80, 160, 300, 300]
    policy.succeeded()
    assert policy.failed(0) == 5


def test_more_tasks_for_each_engine():
    policy = Policy(0, 9, 10, 0, tasks_per_engine=10)
    assert decide(policy, 0, unassigned=21) == Decision(start=3)
    assert Policy(0, 9, 10, 0).decide(0, unassigned=0, outstanding={}, starting=0) == Decision()


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


def test_engines_come_and_go(new_cluster, tmp_path):
    cluster = new_cluster(n=1)
    with cluster.start_and_connect_sync() as client:
        adaptive = cluster.adapt(1, 3, idle_seconds=0.3, grow_seconds=0.1, interval=0.05)
        gate = tmp_path / "gate"
        view = client.load_balanced_view()
        results = [view.apply_async(wait_for_file, str(gate), number) for number in range(6)]
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
