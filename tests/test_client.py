"""A client and its cluster: engines, queries, results of others, control."""

import os
import signal
from concurrent.futures import Future
from threading import Timer

import engineroom as ipp
import pytest
from conftest import ENGINES, wait_for_file
from waiting import wait_until


def running(client, engine_id):
    """Whether the engine has a task."""
    status = client.queue_status(engine_id)
    return status["queue"] + status["tasks"] > 0


def test_names_of_the_low_level(client):
    assert client.curve_serverkey == client.curve_publickey == client.curve_secretkey == b""
    with pytest.raises(NotImplementedError, match="send_apply_request"):
        client.create_message_futures("id", {})


# ---- engines and views ----


def test_ids_are_a_copy(client):
    assert len(client) == len(client.ids) == ENGINES
    client.ids.clear()
    assert len(client.ids) == ENGINES


def test_indexing_gives_direct_views(client):
    ids = client.ids
    assert client[ids[1]].targets == ids[1]
    assert client[-1].targets == ids[-1]
    assert client[:].targets == ids
    assert client[::2].targets == ids[::2]
    assert client[ids[1:]].targets == ids[1:]
    assert client[(ids[0], ids[2])].targets == [ids[0], ids[2]]
    assert [view.targets for view in client] == ids
    assert client.direct_view().targets == "all"
    assert client.load_balanced_view().targets is None
    assert client.load_balanced_view(-1).targets == [ids[-1]]
    assert client.broadcast_view().targets == ids


def test_indexing_by_nonsense(client):
    with pytest.raises(TypeError, match="key by int/slice"):
        client[None]
    with pytest.raises(IndexError, match="No such engine: 999"):
        client[999]
    with pytest.raises(IndexError, match="No such engine: 999"):
        client[[0, 999]]
    with pytest.raises(TypeError, match="not valid str target"):
        client.direct_view("some")


def test_what_it_looks_like(client):
    assert f"{ENGINES} engines" in repr(client)
    assert "tcp://127.0.0.1:" in repr(client)
    html = client._repr_html_()
    assert html.count("<tr>") == ENGINES + 1
    assert "completed" in html
    assert client[:]._repr_html_().count("<tr>") == ENGINES + 1
    assert repr(client[:]) == f"<DirectView {client.ids}>"
    assert repr(client.direct_view(range(ENGINES)[::-1])) == f"<DirectView {client.ids[::-1]}>"
    assert repr(client.load_balanced_view()) == "<LoadBalancedView all>"
    many = client.load_balanced_view()
    many.targets = list(range(40))
    assert repr(many) == "<LoadBalancedView [0, 1, 2, 3, ...]: 40 engines>"


def test_session_says_who_we_are(client):
    assert client.session.key
    ar = client[0].apply_async(int)
    assert ar.get() == 0
    assert ar.msg_ids[0].startswith(client.session.session)


def test_closed_client_says_so(cluster):
    client = cluster.connect()
    with client:
        view = client[:]
    client.close()
    assert "closed" in repr(client)
    with pytest.raises(ConnectionError, match="client is closed"):
        view.apply_async(int)
    with pytest.raises(ConnectionError):
        client.queue_status()


# ---- waiting ----


def test_wait_for_everything(client, gate):
    assert client.wait(timeout=5)
    ars = [client[:].apply_async(wait_for_file, str(gate)) for _ in range(2)]
    assert client.outstanding == {msg_id for ar in ars for msg_id in ar.msg_ids}
    assert not client.wait(timeout=0.05)
    gate.touch()
    assert client.wait(timeout=10)
    assert not client.outstanding
    assert all(ar.ready() for ar in ars)


def test_wait_for_jobs_of_all_kinds(client, gate):
    view = client[client.ids[0]]
    blocked = view.apply_async(wait_for_file, str(gate), True)
    assert not client.wait(blocked, timeout=0.05)
    assert not client.wait(blocked.msg_ids, timeout=0)
    assert not client.wait(-1, timeout=0)
    other = Future()
    assert not client.wait([other], timeout=0)
    Timer(0.05, other.set_result, [1]).start()
    gate.touch()
    assert client.wait([blocked, *blocked.msg_ids, -1, other], timeout=10)
    assert client.wait("unknown is done", timeout=0)
    with pytest.raises(TypeError, match="Expected msg_id"):
        client.wait([None])


def test_wait_interactive_shows_progress(client, capsys, gate):
    ar = client[:].apply_async(wait_for_file, str(gate))
    client.wait_interactive(interval=0.01, timeout=0.05)
    assert f"0/{ENGINES}" in capsys.readouterr().out
    gate.touch()
    # By name: there may be nothing left to wait for.
    client.wait_interactive(ar, interval=0.01)
    assert not client.outstanding
    assert f"{ENGINES}/{ENGINES}" in capsys.readouterr().out
    assert client.wait_interactive() is None


def test_wait_for_engines(client, cluster):
    assert client.wait_for_engines(ENGINES) is None
    future = client.wait_for_engines(ENGINES, block=False)
    assert future.result(0) is None
    with pytest.raises(TimeoutError, match=f"{ENGINES + 1} engines not ready in 0.05 seconds"):
        client.wait_for_engines(ENGINES + 1, timeout=0.05)
    with pytest.raises(TypeError, match="must be specified"):
        client.wait_for_engines()


def test_wait_for_engines_that_come(client, cluster, capsys):
    future = client.wait_for_engines(ENGINES + 1, timeout=20, block=False, interactive=True)
    cluster.add_engines(1)
    assert future.result(20) is None
    assert f"{ENGINES + 1}/{ENGINES + 1}" in capsys.readouterr().out
    client.shutdown(client.ids[-1], block=True)
    wait_until(lambda: len(client) == ENGINES, "engine gone")


def test_wait_for_engines_while_one_leaves(client, cluster):
    cluster.add_engines(1)
    wait_until(lambda: len(client) == ENGINES + 1, "engine")
    victim = client.ids[-1]
    future = client.wait_for_engines(ENGINES + 5, timeout=20, block=False)
    client.shutdown(victim)
    with pytest.raises(ipp.EngineError, match=f"Engine {victim} unregistered while waiting"):
        future.result(20)


# ---- queries ----


def test_queue_status(client, gate):
    first = client.ids[0]
    client[first].apply_async(wait_for_file, str(gate), True)
    wait_until(lambda: running(client, first), "the task to arrive")
    status = client.queue_status()
    assert sorted(key for key in status if key != "unassigned") == client.ids
    assert status[first]["queue"] == 1
    assert client.queue_status(first)["completed"] == status[first]["completed"]
    verbose = client.queue_status([first], verbose=True)
    assert verbose[first]["queue"] == client[first].client.history[-1:]


def test_hub_history_and_results_of_another_client(client, cluster):
    ar = client[:].apply_async(lambda: "of the other")
    ar.get()
    other = cluster.connect()
    wait_until(lambda: set(ar.msg_ids) <= set(other.hub_history()), "records")
    theirs = other.get_result(ar.msg_ids)
    assert isinstance(theirs, ipp.AsyncHubResult)
    assert theirs.get(10) == ar.get()
    assert theirs.engine_id == ar.engine_id
    assert theirs.started == ar.started
    status = other.result_status(ar.msg_ids)
    assert set(status["completed"]) == set(ar.msg_ids)
    assert status["pending"] == []
    values = other.result_status(ar.msg_ids, status_only=False)
    assert values[ar.msg_ids[0]] == "of the other"


def test_result_of_another_client_that_is_pending(client, cluster, gate):
    other = cluster.connect()
    ar = client[client.ids[0]].apply_async(wait_for_file, str(gate), True)
    wait_until(lambda: ar.msg_ids[0] in other.hub_history(), "record")
    theirs = other.get_result(ar.msg_ids[0], owner=False)
    assert not theirs.wait(0.05)
    assert not theirs.ready()
    called = []
    theirs.add_done_callback(called.append)
    gate.touch()
    assert theirs.get(10) is True
    wait_until(lambda: called == [theirs], "callback")
    # What was not owned is kept here.
    again = other.get_result(ar.msg_ids[0])
    assert not isinstance(again, ipp.AsyncHubResult)
    assert again.get() is True
    assert other.results[ar.msg_ids[0]] is True
    other.purge_local_results(again)
    assert ar.msg_ids[0] not in other.results


def test_execute_result_of_another_client(client, cluster):
    ar = client[client.ids[0]].execute("print('out'); 6 * 7", silent=False)
    ar.get()
    ar.wait_for_output()
    other = cluster.connect()
    wait_until(lambda: ar.msg_ids[0] in other.hub_history(), "record")
    reply = other.get_result(ar.msg_ids[0]).get(10)
    assert reply.execute_result["data"] == {"text/plain": "42"}
    assert reply.stdout == "out\n"


def test_get_result_of_a_task_under_way_is_the_same_task(client, gate):
    ar = client[client.ids[0]].apply_async(wait_for_file, str(gate), True)
    again = client.get_result(ar.msg_ids[0])
    last = client.get_result()
    both = client.get_result([ar, ar])
    assert type(again) is ipp.AsyncResult
    gate.touch()
    assert again.get(10) is last.get(10) is True
    assert both.get(10) == [True, True]


def test_unknown_result(client):
    with pytest.raises(ipp.RemoteError) as caught:
        client.get_result("nonsense").get(5)
    assert caught.value.ename == "KeyError"
    with pytest.raises(TypeError, match="Expected msg_id"):
        client.get_result(5.0)


def test_purging_outstanding_tasks_is_refused(client, gate):
    ar = client[client.ids[0]].apply_async(wait_for_file, str(gate), True)
    with pytest.raises(RuntimeError, match="outstanding"):
        client.purge_local_results(ar)
    with pytest.raises(RuntimeError, match="outstanding"):
        client.purge_local_results("all")
    with pytest.raises(ValueError, match="at least one"):
        client.purge_results()
    gate.touch()
    ar.get()
    client.purge_local_results("all")
    assert not client.results
    assert not client.metadata


# ---- bookkeeping ----


def test_history_and_metadata_of_a_task(client, gate):
    before = len(client.history)
    ar = client[client.ids[0]].apply_async(wait_for_file, str(gate), True)
    assert client.history[before:] == ar.msg_ids
    assert client.metadata[ar.msg_ids[0]].engine_id == client.ids[0]
    assert client.metadata[ar.msg_ids[0]].status is None


def test_finished_tasks_leave_nothing_behind(client):
    view = client.load_balanced_view()
    for _ in range(3):
        view.map_sync(lambda x: x, range(500))
    assert not client.outstanding
    assert not view.outstanding
    assert not client.results
    assert not client._kept
    assert not client._events._handlers


# ---- control ----


def test_clear(client):
    view = client[:]
    view.push({"a": 1}, block=True)
    client.clear(client.ids[0], block=True)
    assert client[client.ids[1:]]["a"] == [1] * (ENGINES - 1)
    with pytest.raises(ipp.RemoteError) as caught:
        client[client.ids[0]]["a"]
    assert caught.value.ename == "NameError"


def test_abort_what_waits(client, gate):
    view = client[client.ids[0]]
    runs = view.apply_async(wait_for_file, str(gate), True)
    waits = [view.apply_async(int) for _ in range(3)]
    waits[0].abort()
    client.abort(waits[1].msg_ids, block=True)
    gate.touch()
    for ar in waits[:2]:
        with pytest.raises(ipp.TaskAborted):
            ar.get(10)
        assert ar.status == "aborted"
    assert waits[2].get(10) == 0
    assert runs.get(10) is True
    with pytest.raises(RuntimeError, match="already done"):
        runs.abort()


def test_abort_all_of_a_view(client, gate, tmp_path):
    def start(folder, gate):
        open(f"{folder}/started-{os.getpid()}", "w").close()
        return wait_for_file(gate, True)

    view = client[:]
    runs = view.apply_async(start, str(tmp_path), str(gate))
    waits = view.apply_async(int)
    # By the engines: that the controller has sent them does not say that they run.
    wait_until(lambda: len(list(tmp_path.glob("started-*"))) == ENGINES, "tasks")
    # What runs is not aborted, though it is named too.
    view.abort(block=True)
    gate.touch()
    assert runs.get(10) == [True] * ENGINES
    with pytest.raises(ipp.CompositeError) as caught:
        waits.get(10)
    assert [entry[0] for entry in caught.value.elist] == ["TaskAborted"] * ENGINES


def test_abort_of_nothing_aborts_nothing(client, cluster, gate):
    other = cluster.connect()
    other[:].apply_async(wait_for_file, str(gate), True)
    waits = other[:].apply_async(int)
    assert client.abort(block=True) is None
    gate.touch()
    assert waits.get(10) == [0] * ENGINES


def test_abort_of_nonsense(client):
    with pytest.raises(TypeError, match="Invalid msg_id type 5"):
        client.abort([5])


@pytest.mark.parametrize("number", [signal.SIGINT, "SIGINT"])
def test_interrupt(client, number, gate, tmp_path):
    started = tmp_path / "started"
    client[0:1].apply_sync(lambda: None)

    def nap(path):
        open(path, "w").close()
        import time

        time.sleep(20)

    ar = client[client.ids[0]].apply_async(nap, str(started))
    wait_until(started.exists, "the task to run")
    client.send_signal(number, client.ids[0], block=True)
    with pytest.raises(ipp.RemoteError) as caught:
        ar.get(10)
    assert caught.value.ename == "KeyboardInterrupt"


def test_shutdown_of_one_engine(client, cluster):
    cluster.add_engines(1)
    wait_until(lambda: len(client) == ENGINES + 1, "engine")
    victim = client.ids[-1]
    pid = client[victim].apply_sync(os.getpid)
    client.shutdown(victim, block=True)
    wait_until(lambda: victim not in client.ids, "engine gone")
    wait_until(lambda: any(p.pid == pid and p.poll() is not None for p in cluster.engines), "exit")
    with pytest.raises(IndexError, match="No such engine"):
        client[victim]
    with pytest.raises(NotImplementedError):
        client.shutdown(restart=True)


def test_what_is_deprecated_says_so(client):
    with pytest.warns(DeprecationWarning):
        client.spin()


def test_an_engine_that_dies_of_its_signal_has_got_it(client):
    """Even when it had no time to answer, which is not always so."""
    from types import SimpleNamespace

    from engineroom.client.control import ControlReply, SignalReply

    died = SimpleNamespace(status="error", content='{"ename": "EngineError", "evalue": "died"}')
    for kind, fails in ((SignalReply, False), (ControlReply, True)):
        reply = kind(client, [], fname="request")
        reply._tasks = [died]
        reply._client = SimpleNamespace(_unwrap_exception=lambda *_: ipp.EngineError())
        reply.wait = lambda: True
        if fails:
            with pytest.raises(ipp.EngineError):
                reply.check()
        else:
            reply.check()
