"""Engines and controllers that die, and Ctrl-C: errors come soon, and the prompt stays usable."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import engineroom as ipp
import pytest
from engineroom.cluster.programs import controller_command
from waiting import wait_until

SOON = 10.0  # seconds


def die():
    import os

    os.kill(os.getpid(), 9)


die = ipp.interactive(die)


@pytest.mark.parametrize("kind", ["direct", "balanced", "broadcast", "coalescing"])
def test_engine_that_dies_with_a_task(client, kind):
    victim = client.ids[-1]
    view = {
        "direct": lambda: client[victim],
        "balanced": lambda: client.load_balanced_view([victim]),
        "broadcast": lambda: client.broadcast_view([victim]),
        "coalescing": lambda: client.broadcast_view([victim], is_coalescing=True),
    }[kind]()
    ar = view.apply_async(die)
    with pytest.raises(ipp.RemoteError) as caught:
        ar.get(SOON)
    errors = getattr(caught.value, "elist", None) or [(caught.value.ename,)]
    assert [entry[0] for entry in errors] == ["EngineError"]
    if kind in {"direct", "balanced"}:
        assert isinstance(caught.value, ipp.EngineError)
    wait_until(lambda: victim not in client.ids, "engine gone")
    assert not client.outstanding
    assert client[:].apply_sync(int)


def test_no_engines(new_cluster):
    client = new_cluster().connect()
    assert client.ids == []
    with pytest.raises(ipp.NoEnginesRegistered, match="Try client.wait_for_engines"):
        client[:]
    with pytest.raises(ipp.NoEnginesRegistered):
        client.direct_view().apply_async(int)
    assert len(client.load_balanced_view()) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_controller_that_dies(new_cluster, number):
    cluster = new_cluster(1)
    client = cluster.connect()
    view = client[:]
    pending = view.apply_async(time.sleep, 30)
    balanced = client.load_balanced_view().apply_async(time.sleep, 30)
    called = []
    pending.add_done_callback(called.append)
    cluster.controller.send_signal(number)
    start = time.monotonic()
    for ar in (pending, balanced):
        with pytest.raises(ipp.RemoteError, match="controller|shut down"):
            ar.get(2 * SOON)
    assert time.monotonic() - start < SOON
    wait_until(lambda: called == [pending], "callback")
    with pytest.raises(ConnectionError, match="controller|closed"):
        view.apply_async(int)
    with pytest.raises(ConnectionError):
        client.load_balanced_view().map_async(abs, range(5))
    with pytest.raises(ConnectionError):
        client.queue_status()
    with pytest.raises(ConnectionError):
        client.abort("some", targets=view.targets, block=True)
    with pytest.raises((ConnectionError, ipp.EngineError)):
        client.wait_for_engines(5, timeout=30)
    assert "lost" in repr(client) or "closed" in repr(client)
    client.close()


def test_controller_that_is_replaced(new_cluster):
    """At once, so that its loss would be taken for a hiccup of the network."""
    cluster = new_cluster(1, "--reuse")
    client = cluster.connect()
    view = client.load_balanced_view()
    engine = client[client.ids[0]]
    pending = [view.apply_async(time.sleep, 30), engine.apply_async(time.sleep, 30)]
    for result in pending:
        result.wait_for_send(SOON)
    cluster.controller.kill()
    cluster.controller.wait()
    cluster.controller = cluster._start([*controller_command(), "--ping=500", "--reuse"])
    for result in pending:
        with pytest.raises(ipp.EngineError, match="replaced"):
            result.get(2 * SOON)
    wait_until(lambda: len(client) == 1, "the engine to register again")
    assert client.queue_status()["unassigned"] == 0


def test_shutdown_of_everything(new_cluster):
    cluster = new_cluster(2)
    client = cluster.connect()
    client.shutdown(hub=True)
    for process in (*cluster.engines, cluster.controller):
        assert process.wait(SOON) == 0
    assert "closed" in repr(client)


SCRIPT = """
    import sys, time, engineroom as ipp
    rc = ipp.Client(sys.argv[1])
    view, balanced = rc[:], rc.load_balanced_view()
    ar = balanced.apply_async(time.sleep, 60)
    waits = [
        ar.get,
        ar.wait,
        ar.result,
        ar.wait_for_output,
        lambda: ar.wait_interactive(interval=0.5),
        lambda: ar.wait(return_when=ipp.FIRST_EXCEPTION),
        rc.wait,
        lambda: rc.wait_for_engines(100),
        lambda: list(balanced.map_async(time.sleep, [60])),
        lambda: list(balanced.map_async(time.sleep, [60], ordered=False)),
        lambda: next(balanced.imap(time.sleep, [60])),
        lambda: view.apply_sync(time.sleep, 60),
    ]
    for wait in waits:
        try:
            print("waiting", flush=True)
            wait()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    rc.send_signal("SIGINT", block=True)
    print("usable", rc.ids == view.targets, flush=True)
"""


def test_ctrl_c_in_any_wait(client, cluster):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(cluster.connection_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "IPP_NONINTERACTIVE": "1"},
    )
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "waiting" in line:
            # It says so just before it waits; a signal in between does as well, but tests less.
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
    assert process.wait(SOON) == 0, "".join(seen)
    text = "".join(seen)
    assert text.count("interrupted") == text.count("waiting") == 12, text
    assert "usable True" in text
