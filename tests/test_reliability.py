"""What a cluster survives: killed and stopped engines, a killed controller, many tasks, and Ctrl-C.

Every test starts its own cluster: most of them break it.
"""

import os
import signal
import sys
import time

import engineroom as ipp
import pytest
from engineroom.cluster.process import is_alive
from waiting import wait_until

# Milliseconds between heartbeats, and how many may be missed: a second and a half, and an engine is
# lost. Where nothing is said, it takes half a minute.
IMPATIENT = ["--ping=100", "--HeartMonitor.max_heartmonitor_misses=15"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))


def start(n, *controller_args):
    return ipp.Cluster(n=n, log_level=50, controller_args=list(controller_args))


def engine_pids(cluster):
    return [launcher.pid for launcher in cluster.engine_set.launchers.values()]


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


@ipp.interactive  # engines cannot import this file
def brief(i):
    import time

    time.sleep(0.0002)
    return i


def test_killed_engine_amid_many_tasks():
    """Every result arrives, once, and in its place."""
    cluster = start(3)
    with cluster as client:
        view = client.load_balanced_view()
        view.retries = 1
        result = view.map_async(brief, range(10_000))
        wait_until(lambda: result.progress > 500)
        os.kill(engine_pids(cluster)[0], signal.SIGKILL)
        assert list(result.get(timeout=60)) == list(range(10_000))
        wait_until(lambda: len(client.ids) == 2)
        assert not client.outstanding


def test_killed_engine_without_retries_is_an_error():
    cluster = start(2)
    with cluster as client:
        results = [client[i].apply_async(time.sleep, 30) for i in client.ids]
        balanced = [client.load_balanced_view().apply_async(time.sleep, 30) for _ in range(2)]
        wait_until(lambda: all(client.queue_status()[i]["queue"] for i in client.ids))
        for pid in engine_pids(cluster):
            os.kill(pid, signal.SIGKILL)
        # Long before heartbeats are missed.
        for result in results:
            with pytest.raises(ipp.EngineError):
                result.get(timeout=15)
        del balanced


def test_engine_stopped_beyond_the_heartbeat_limit():
    """It is given up; awake again, it is told, and never answers for a task that others did."""
    cluster = start(2, *IMPATIENT)
    with cluster as client:
        sleeper, other = client.ids
        pid = client[sleeper].apply_sync(os.getpid)
        pending = client[sleeper].apply_async(lambda: "from the one that slept")
        pending.get(timeout=10)
        os.kill(pid, signal.SIGSTOP)
        stale = client[sleeper].apply_async(lambda: "stale")
        wait_until(lambda: sleeper not in client.ids)
        with pytest.raises(ipp.EngineError):
            stale.get(timeout=10)
        os.kill(pid, signal.SIGCONT)

        def settled():
            # It may come back as a new engine, or exit.
            return not is_alive(pid) or len(client.ids) == 2

        wait_until(settled)
        with pytest.raises(ipp.EngineError):
            stale.get(timeout=1)
        assert client[other].apply_sync(lambda: 1) == 1
        results = client.load_balanced_view().map_sync(lambda x: x + 1, range(100))
        assert list(results) == list(range(1, 101))
        if len(client.ids) == 2:
            assert client[:].apply_sync(lambda: 3) == [3, 3]


def test_killed_controller():
    cluster = start(2)
    client = cluster.start_and_connect_sync()
    try:
        pids = engine_pids(cluster)
        pending = client[:].apply_async(time.sleep, 60)
        wait_until(lambda: all(client.queue_status()[i]["queue"] for i in client.ids))
        began = time.monotonic()
        os.kill(cluster.controller.pid, signal.SIGKILL)
        with pytest.raises((ipp.EngineError, ConnectionError, ipp.RemoteError)):
            pending.get(timeout=20)
        with pytest.raises((ipp.EngineError, ConnectionError, ipp.RemoteError)):
            client[:].apply_async(lambda: 1).get(timeout=20)
        assert time.monotonic() - began < 15
        # Engines do not outlive their controller, though they are busy.
        wait_until(lambda: not any(is_alive(pid) for pid in pids), 60)
    finally:
        client.close()
        cluster.stop_cluster_sync()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_many_tasks_leave_no_memory_behind():
    cluster = start(2)
    with cluster as client:
        view = client.load_balanced_view()
        pids = {
            "client": os.getpid(),
            "controller": cluster.controller.pid,
            "engine": engine_pids(cluster)[0],
        }

        def round_of(tasks):
            for _ in range(tasks // 1000):
                results = [view.apply_async(pow, i, 2) for i in range(1000)]
                assert client.wait(results, timeout=60)
                assert [result.get() for result in results] == [i * i for i in range(1000)]

        # What a limited history and the allocators keep is there after the first rounds, but for
        # a few MiB. Each byte that a task leaves behind is 0.1 MiB at the end.
        round_of(40_000)
        before = {name: rss_kib(pid) for name, pid in pids.items()}
        round_of(100_000)
        grown = {name: (rss_kib(pid) - before[name]) / 1024 for name, pid in pids.items()}
    assert all(mib < 20 for mib in grown.values()), grown


# ---- Ctrl-C at a real prompt ----

pexpect = pytest.importorskip("pexpect")


@pytest.fixture
def prompt(home):
    """A terminal IPython with two engines."""
    command = [
        "-m",
        "IPython",
        "--simple-prompt",
        "--no-banner",
        "--colors=NoColor",
        "--HistoryManager.enabled=False",
    ]
    terminal = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=30, echo=False)
    terminal.expect(r"In \[\d+\]: ")
    enter(terminal, "import engineroom as ipp, time, os")
    enter(terminal, "cluster = ipp.Cluster(n=2, log_level=50)")
    enter(terminal, "rc = cluster.start_and_connect_sync(activate=True)")
    yield terminal
    terminal.sendline("exit()")
    terminal.expect(pexpect.EOF)
    terminal.close()


def enter(terminal, line):
    terminal.sendline(line)
    terminal.expect(r"In \[\d+\]: ")
    return terminal.before


# What is interrupted, and whether the engines are interrupted with it.
INTERRUPTED = {
    "px": ("%px open('{path}' + str(os.getpid()), 'w').close(); time.sleep(60)", True),
    "get": ("rc[:].apply_async(nap, '{path}').get()", False),
    "apply_sync": ("rc[:].apply_sync(nap, '{path}')", False),
    "map": ("list(rc.load_balanced_view().map_sync(nap, ['{path}'] * 2))", False),
    "wait": ("rc.wait([rc[:].apply_async(nap, '{path}')])", False),
}

NAP = (
    "nap = lambda path: (open(path + str(__import__('os').getpid()), 'w').close(), "
    "__import__('time').sleep(60))"
)


@pytest.mark.parametrize("what", INTERRUPTED)
def test_ctrl_c_leaves_a_usable_prompt(prompt, tmp_path, what):
    code, reaches_engines = INTERRUPTED[what]
    enter(prompt, NAP)
    enter(prompt, "%px import os, time")
    marks = tmp_path / "marks"
    marks.mkdir()
    prompt.sendline(code.format(path=f"{marks}/"))
    wait_until(lambda: len(list(marks.iterdir())) == 2)
    began = time.monotonic()
    prompt.sendintr()
    prompt.expect(r"In \[\d+\]: ")
    assert time.monotonic() - began < 5
    assert "KeyboardInterrupt" in prompt.before or "Keyboard Interrupt" in prompt.before
    assert "42" in enter(prompt, "6 * 7")
    if not reaches_engines:
        enter(prompt, "rc.send_signal('SIGINT', block=True)")
    prompt.sendline("print('sum', sum(rc[:].apply_async(lambda: 21).get(timeout=20)))")
    prompt.expect("sum 42")
    prompt.expect(r"In \[\d+\]: ")
