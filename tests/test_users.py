"""Several users of one cluster, who see nothing of each other's tasks."""

import json
import os
import signal
import stat
from pathlib import Path

import engineroom as er
import numpy as np
import pytest
import zmq
from conftest import wait_for_file
from controller_peers import Client, ControllerProcess, Engine
from engineroom import error
from test_security import family, listeners, ports_in
from waiting import wait_until


@pytest.fixture(scope="module")
def owner():
    with er.Cluster(n=2, users=["alice", "bob"]) as client:
        yield client


@pytest.fixture(scope="module")
def alice(owner):
    with er.Client(owner.cluster.user_file("alice")) as client:
        yield client


@pytest.fixture(scope="module")
def bob(owner):
    with er.Client(owner.cluster.user_file("bob")) as client:
        yield client


def refusal(call):
    with pytest.raises(error.RemoteError) as caught:
        call()
    return caught.value.ename


# ---- what a user can do: everything that a client can, with tasks of their own ----


def test_a_user_computes_as_any_client_does(alice):
    direct, balanced = alice[:], alice.load_balanced_view()
    assert direct.apply_sync(len, "abc") == [3, 3]
    assert balanced.map_sync(abs, range(-20, 0)) == list(range(20, 0, -1))
    direct["x"] = np.arange(1 << 18)
    assert [int(part.sum()) for part in direct["x"]] == [int(np.arange(1 << 18).sum())] * 2
    for coalescing in (False, True):
        broadcast = alice.broadcast_view(is_coalescing=coalescing)
        assert broadcast.apply_sync(len, "abcd") == [4, 4]
    total = balanced.apply(sum, [1, 2])
    assert balanced.apply(lambda a, b: a + b, total, 4).get(20) == 7
    with pytest.raises(error.RemoteError, match="ZeroDivisionError"):
        balanced.apply_sync(lambda: 1 / 0)
    printed = direct.apply_async(print, "of alice")
    printed.get(20)
    assert printed.wait_for_output(20)
    assert printed.stdout == ["of alice\n", "of alice\n"]


def test_a_user_finds_and_repeats_what_they_did(owner, alice):
    done = alice.load_balanced_view().apply(os.getpid)
    done.get(20)
    [msg_id] = done.msg_ids
    with er.Client(owner.cluster.user_file("alice")) as again:
        assert msg_id in again.hub_history()
        assert again.get_result(msg_id).get(20) == done.get()
        [record] = again.db_query({"msg_id": msg_id}, keys=["header"])
        assert record["msg_id"] == record["header"]["msg_id"] == msg_id
        repeated = again.resubmit(msg_id)
        repeated.get(20)
        assert repeated.msg_ids[0] in again.hub_history()
        again.purge_hub_results([msg_id])
        assert msg_id not in again.hub_history()


# ---- what another one does not see ----


def test_another_user_finds_nothing(owner, alice, bob):
    done = alice.load_balanced_view().apply(lambda: "a secret")
    done.get(20)
    [msg_id] = done.msg_ids
    his = bob.load_balanced_view().apply(len, "x")
    his.get(20)
    for name in (msg_id, f"alice/{msg_id}"):
        for call in (bob.result_status, lambda id: bob.get_result(id).get(10), bob.resubmit):
            assert refusal(lambda call=call, name=name: call(name)) == "KeyError"
        assert bob.db_query({"msg_id": name}) == []
        bob.purge_hub_results([name])
    assert bob.hub_history() == his.msg_ids
    assert {record["msg_id"] for record in bob.db_query({})} == set(his.msg_ids)
    lists = bob.queue_status(verbose=True)
    assert {id for id in lists if isinstance(id, int)} == set(bob.ids)
    assert sum((lists[id]["completed"] for id in bob.ids), []) == his.msg_ids
    # She has all of it still, and the owner too.
    assert alice.get_result(msg_id).get(20) == "a secret"
    assert {f"alice/{msg_id}", f"bob/{his.msg_ids[0]}"} <= set(owner.hub_history())
    assert owner.get_result(f"alice/{msg_id}").get(20) == "a secret"


def test_another_user_neither_aborts_nor_interrupts(alice, bob, gate):
    running = alice.load_balanced_view().apply(wait_for_file, str(gate), "done")
    waiting = alice[:].apply_async(os.getpid)
    for name in (*running.msg_ids, *waiting.msg_ids):
        bob.abort(name, block=True)
        bob.abort(name, block=True, interrupt=True)
    gate.touch()
    assert running.get(20) == "done"
    assert len(waiting.get(20)) == 2


def test_what_touches_everybody_is_the_owners(owner, bob):
    assert refusal(lambda: bob.clear(block=True)) == "PermissionError"
    assert refusal(lambda: bob.send_signal("INT", block=True)) == "PermissionError"
    assert refusal(lambda: bob._query("stats_request", {})) == "PermissionError"
    assert refusal(lambda: bob._query("shutdown_request", {})) == "PermissionError"
    assert refusal(lambda: bob.shutdown(block=True)) == "PermissionError"
    assert refusal(lambda: bob.shutdown(hub=True)) == "PermissionError"
    assert len(owner.ids) == 2
    assert owner[:].apply_sync(len, "ab") == [2, 2]


# ---- files and ports ----


def test_each_user_has_a_private_file_and_listeners_of_their_own(owner):
    cluster = owner.cluster
    security = Path(cluster.cluster_file).parent
    infos = []
    for user in ("alice", "bob"):
        path = Path(cluster.user_file(user))
        assert path.parent == security / "users" / user
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        # Root's: so that the user whose file it is gets to it, if there is such a one.
        assert stat.S_IMODE(path.parent.stat().st_mode) == (0o711 if os.getuid() == 0 else 0o700)
        infos.append(json.loads(path.read_text()))
    for role in ("client", "engine"):
        name = f"ipcontroller-{cluster.cluster_id}-{role}.json"
        infos.append(json.loads((security / name).read_text()))
    assert len({info["curve_serverkey"] for info in infos}) == 4
    assert len({info["key"] for info in infos[:2]} - {""}) == 2
    documented = [ports_in(info) for info in infos]
    assert [len(ports) for ports in documented] == [7, 7, 7, 8]
    found = listeners(family(cluster.controller.pid))
    assert {port for _, _, port in found} == set.union(*documented)
    assert {address for _, address, _ in found} == {"127.0.0.1"}
    with pytest.raises(ValueError, match="no user 'carol'"):
        cluster.user_file("carol")


# ---- a user who speaks for himself ----


def user_info(controller, user):
    path = controller.path("client")
    return json.loads((path.parent / "users" / user / path.name).read_text())


class User(Client):
    """A client with the keys of a user; `ports`: another's sockets."""

    def __init__(self, controller, user, ports=None, **changes):
        info = {**user_info(controller, user), **(ports or {}), **changes}
        self.whole = controller.client_info
        controller.client_info = info
        try:
            super().__init__(controller, user)
        finally:
            controller.client_info = self.whole


@pytest.fixture(scope="module")
def controller():
    with ControllerProcess("--users=alice,bob", "--hwm=0") as controller:
        yield controller


@pytest.fixture(scope="module")
def engine(controller):
    return Engine(controller, "engine-1").join()


def test_nobody_gets_through_to_anothers_sockets(controller, engine):
    alice, bob = user_info(controller, "alice"), user_info(controller, "bob")
    monitors = []
    for port in sorted(ports_in(alice)):
        for key in (bob, controller.client_info, controller.engine_info):
            socket = controller.context.socket(zmq.SUB if port == alice["iopub"] else zmq.DEALER)
            socket.linger = 0
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
            socket.curve_serverkey = key["curve_serverkey"].encode()
            events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            monitors.append(socket.get_monitor_socket(events | zmq.EVENT_DISCONNECTED))
            socket.connect(f"{alice['interface']}:{port}")
            engine.sockets.append(socket)
    for monitor in monitors:
        assert monitor.poll(10_000)
        event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
        assert event != zmq.EVENT_HANDSHAKE_SUCCEEDED


def test_through_the_door_without_the_key_nothing_is_heard(controller, engine):
    """Say bob has found out which CURVE key alice's sockets have."""
    thief = User(controller, "alice", key=user_info(controller, "bob")["key"])
    thief.send(thief.hub, "connection_request")
    thief.send(thief.task, "apply_request")
    thief.send(thief.mux, "apply_request", to=[engine.identity])
    assert not thief.hub.poll(300)
    assert not engine.shell.poll(0)


def _published(engine, request):
    parts = engine.frames("stream", {"name": "stdout", "text": "hers"}, parent=request.header)
    engine.iopub.send_multipart([b"engine.0.stdout", *parts])
    return True


def test_a_hostile_user_gets_nothing_of_anothers(controller, engine):
    alice, bob = User(controller, "alice"), User(controller, "bob")
    name = alice.send(alice.task, "apply_request", {"of": "alice"})
    request = engine.receive(engine.shell)
    assert request.header["msg_id"] == f"alice/{name}"
    assert request.header["username"] == "alice"
    # Her output is hers.
    wait_until(lambda: _published(engine, request) and alice.iopub.poll(50), "her output")
    assert alice.receive(alice.iopub).parent["msg_id"] == name
    # As she would: with her id, while hers is running.
    bob.send(bob.task, "apply_request", msg_id=name)
    his = engine.receive(engine.shell)
    assert his.header["msg_id"] == f"bob/{name}"
    engine.answer(his, buffers=[b"his"])
    assert bob.receive(bob.task).buffers == [b"his"]
    bob.send(bob.control, "abort_request", {"msg_ids": [name]}, to=[engine.identity])
    assert engine.receive(engine.control).content["msg_ids"] == [f"bob/{name}"]
    # Hers goes on, and comes to her.
    engine.answer(request, buffers=[b"hers"])
    reply = alice.receive(alice.task)
    assert (reply.parent["msg_id"], reply.buffers) == (name, [b"hers"])
    # By that name he has his own; by none has he hers.
    query = {"msg_ids": [name], "status_only": False}
    assert bob.ask("result_request", query).buffers == [b"his"]
    query["msg_ids"] = [f"alice/{name}"]
    assert bob.ask("result_request", query).content["ename"] == "KeyError"
    assert bob.ask("history_request").content["history"] == [name]
    # As an input that he says an engine has.
    inputs = [{"id": name, "engine": "engine-1"}, {"id": f"alice/{name}", "engine": "engine-1"}]
    metadata = {"inputs": inputs, "holders": {"at": [0, 0], "engines": []}}
    bob.send(bob.mux, "apply_request", metadata=metadata, to=[engine.identity])
    asked = engine.receive(engine.shell).metadata
    ids = [item["id"] for item in asked["inputs"]]
    assert (ids, asked["holders"]) == ([f"bob/{name}", f"bob/alice/{name}"], None)
    assert not bob.iopub.poll(100)
    assert not alice.task.poll(0)


def test_users_files_are_kept_with_reuse(tmp_path):
    seen = []
    for _ in range(2):
        flags = ("--user", "alice", "--user=bob", "--reuse")
        with ControllerProcess(*flags, folder=tmp_path) as controller:
            seen.append([user_info(controller, user) for user in ("alice", "bob")])
            assert User(controller, "alice").engines() == {}
            controller.process.terminate()
            assert controller.wait() == 0
    assert seen[0] == seen[1]


def test_users_files_go_with_the_controller_and_may_lie_elsewhere(tmp_path):
    places = tmp_path / "places"
    with ControllerProcess("--users=alice", f"--users-dir={places}") as controller:
        path = places / "alice" / "ipcontroller-client.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        controller.process.terminate()
        assert controller.wait() == 0
        assert not path.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="files can be given away by root alone")
def test_the_file_of_a_system_user_is_theirs(tmp_path):
    tmp_path.chmod(0o711)
    with ControllerProcess("--users=nobody", f"--users-dir={tmp_path / 'u'}"):
        path = tmp_path / "u" / "nobody" / "ipcontroller-client.json"
        about = path.stat()
        assert (about.st_uid, stat.S_IMODE(about.st_mode)) == (65534, 0o600)
        assert path.parent.stat().st_uid == 0


@pytest.mark.parametrize("names", ["", "a/b", "..", "a b,c!", ",".join(map(str, range(101)))])
def test_names_that_are_none_are_refused(names, tmp_path):
    with pytest.raises(AssertionError, match="--users="), ControllerProcess(f"--users={names}"):
        pass


def test_a_users_tasks_outlive_a_killed_controller(gate):
    with er.Cluster(n=1, users=["alice", "bob"], restart_controller=True) as owner:
        cluster = owner.cluster
        with (
            er.Client(cluster.user_file("alice")) as alice,
            er.Client(cluster.user_file("bob")) as bob,
        ):
            before = alice.load_balanced_view().apply(len, "abc")
            assert before.get(20) == 3
            running = alice.load_balanced_view().apply(wait_for_file, str(gate), "hers")
            wait_until(lambda: owner.queue_status()[0]["tasks"], "the task to run")
            os.kill(cluster.controller.pid, signal.SIGKILL)
            gate.touch()
            assert running.get(60) == "hers"
            assert bob.load_balanced_view().apply_sync(len, "ab") == 2
            assert set(before.msg_ids + running.msg_ids) <= set(alice.hub_history())
            assert len(bob.hub_history()) == 1
