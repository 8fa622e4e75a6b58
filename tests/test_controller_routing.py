"""Requests and replies through engineroom-controller, seen by raw peers."""

import itertools

import pytest
import zmq
from controller_peers import Client, ControllerProcess, Engine
from peer_messages import DELIMITER
from waiting import wait_until


@pytest.fixture(scope="module")
def controller():
    with ControllerProcess() as process:
        yield process


@pytest.fixture
def client(controller):
    client = Client(controller)
    client.engines()
    yield client
    client.close()


numbers = itertools.count()


@pytest.fixture
def engines(controller, client):
    """Two engines; those of the test before are gone."""
    names = [f"e{next(numbers)}", f"e{next(numbers)}"]
    # Their hearts beat by themselves: with a few others on this machine, 64 MiB can take seconds.
    engines = [Engine(controller, name).join().keep_beating() for name in names]
    wait_until(lambda: set(client.engines().values()) == set(names), "the old engines to be gone")
    yield engines
    for engine in engines:
        engine.close()
    wait_until(lambda: not client.engines(), "the engines to be gone")


def test_direct_request_and_reply(client, engines):
    engine = engines[0]
    frames = client.frames("apply_request", buffers=[b"f", b"", b"x" * 100_000])
    client.mux.send_multipart([engine.identity, *frames])
    request = engine.receive(engine.shell)
    assert request.identities[0] == b"mux_out"
    # All as it was but for the signature, which is by the engines' key.
    assert [DELIMITER, frames[1], *request.raw, *request.buffers] == frames
    assert request.signature == engine.sign(request.raw)
    engine.answer(request, buffers=[b"result", b"y" * 100_000])
    reply = client.receive(client.mux)
    assert reply.identities == [engine.identity]
    assert reply.buffers == [b"result", b"y" * 100_000]


def test_direct_request_to_nobody(client):
    msg_id = client.send(client.mux, "execute_request", to=[b"nobody"])
    reply = client.receive(client.mux)
    assert reply.type == "execute_reply"
    assert reply.parent["msg_id"] == msg_id
    assert reply.content["ename"] == "EngineError"
    assert reply.metadata["engine"] == "nobody"


def test_one_socket_of_an_engine_serves_three_channels(client, engines):
    engine = engines[0]
    seen = set()
    client.send(client.mux, "apply_request", to=[engine.identity])
    client.send(client.task, "apply_request", metadata={"targets": [engine.uuid]})
    targets = {"targets": [[engine.uuid, engine.id]], "is_broadcast": True}
    client.send(client.broadcast, "apply_request", metadata=targets)
    for _ in range(3):
        seen.add(engine.serve_one().identities[0])
    assert seen == {b"mux_out", b"task_out", b"broadcast_out"}
    for socket in (client.mux, client.task, client.broadcast):
        assert client.receive(socket).content == {"status": "ok"}


def test_tasks_are_spread_and_answered(client, engines):
    ids = {client.send(client.task, "apply_request", buffers=[b"f"]) for _ in range(20)}
    counts = dict.fromkeys((engine.uuid for engine in engines), 0)
    while sum(counts.values()) < 20:
        for engine in engines:
            if engine.shell.poll(10):
                engine.serve_one(buffers=[b"r"])
                counts[engine.uuid] += 1
    replies = [client.receive(client.task) for _ in ids]
    assert {reply.parent["msg_id"] for reply in replies} == ids
    assert all(reply.buffers == [b"r"] for reply in replies)
    assert min(counts.values()) > 0
    queue = client.ask("queue_request", {"targets": None, "verbose": False}).content
    for engine in engines:
        expected = {"queue": 0, "completed": counts[engine.uuid], "tasks": 0}
        assert queue[str(engine.id)] == expected


def test_retry_goes_elsewhere(client, engines):
    client.send(client.task, "apply_request", metadata={"retries": 1})
    tried = []
    for status in ("error", "ok"):
        engine = wait_until(lambda: next((e for e in engines if e.shell.poll(0)), None), "the task")
        engine.serve_one(status=status)
        tried.append(engine.uuid)
    assert len(set(tried)) == 2
    assert client.receive(client.task).content["status"] == "ok"


def test_dependencies(client, engines):
    first = client.send(client.task, "apply_request")
    second = client.send(client.task, "apply_request", metadata={"follow": [first]})
    client.send(client.task, "apply_request", metadata={"after": ["never-submitted"]})
    reply = client.receive(client.task)
    assert reply.content["ename"] == "InvalidDependency"

    engine = wait_until(lambda: next((e for e in engines if e.shell.poll(0)), None), "the task")
    request = engine.serve_one()
    assert request.header["msg_id"] == first
    assert engine.serve_one().header["msg_id"] == second


def test_abort_of_a_task_that_waits(client, engines):
    first = client.send(client.task, "apply_request", msg_id="first")
    engine = wait_until(lambda: next((e for e in engines if e.shell.poll(0)), None), "the task")
    request = engine.receive(engine.shell)
    client.send(client.task, "apply_request", metadata={"after": [first]}, msg_id="second")
    wait_until(
        lambda: client.ask("queue_request", {"targets": None}).content["unassigned"], "the task"
    )
    abort = {"msg_ids": ["second"]}
    client.send(client.control, "abort_request", abort, to=[engine.identity])
    reply = client.receive(client.task)
    assert reply.content == {"status": "aborted"}
    assert reply.metadata["status"] == "aborted"
    assert reply.parent["msg_id"] == "second"
    # Engines hear of it too: they know nothing of the controller's queue.
    assert engine.receive(engine.control).content == abort
    engine.answer(request)
    assert client.receive(client.task).content == {"status": "ok"}


def test_broadcast(client, engines):
    targets = [[engine.uuid, engine.id] for engine in engines]
    metadata = {"targets": targets, "is_broadcast": True, "is_coalescing": False}
    client.send(client.broadcast, "apply_request", metadata=metadata, msg_id="b1", buffers=[b"f"])
    for engine in reversed(engines):
        request = engine.serve_one(buffers=[engine.identity])
        assert request.header["msg_id"] == f"b1_{engine.uuid}"
        assert request.metadata["original_msg_id"] == "b1"
        assert request.metadata["targets"] == [[engine.uuid, engine.id]]
        assert request.signature == engine.sign(request.raw)
        assert request.buffers == [b"f"]
        reply = client.receive(client.broadcast)
        assert reply.identities == []
        assert reply.parent["msg_id"] == f"b1_{engine.uuid}"


def test_coalescing_broadcast_is_ordered(client, engines):
    targets = [[engine.uuid, engine.id] for engine in engines]
    metadata = {"targets": targets, "is_broadcast": True, "is_coalescing": True}
    client.send(client.broadcast, "apply_request", metadata=metadata, msg_id="b2")
    for engine in reversed(engines):
        engine.serve_one(buffers=[engine.identity])
    reply = client.receive(client.broadcast)
    assert reply.metadata["broadcast_targets"] == targets
    assert reply.metadata["original_msg_id"] == "b2"
    assert reply.buffers == [engine.identity for engine in engines]


def test_coalescing_broadcast_survives_the_death_of_an_engine(client, engines):
    targets = [[engine.uuid, engine.id] for engine in engines]
    metadata = {"targets": targets, "is_broadcast": True, "is_coalescing": True}
    client.send(client.broadcast, "apply_request", metadata=metadata)
    engines[0].serve_one()
    engines[1].receive(engines[1].shell)
    engines[1].close()
    reply = client.receive(client.broadcast)
    assert reply.content["ename"] == "EngineError"
    assert engines[1].uuid in reply.content["evalue"]


def test_iopub_reaches_clients_and_the_record(client, engines):
    engine = engines[0]
    msg_id = client.send(client.mux, "execute_request", to=[engine.identity])
    request = engine.receive(engine.shell)
    output = {"name": "stdout", "text": "hello\n"}
    frames = engine.frames("stream", output, parent=request.header)
    topic = f"engine.{engine.id}.stdout".encode()
    engine.iopub.send_multipart([topic, *frames])
    assert client.iopub.poll(5000)
    assert client.iopub.recv_multipart() == [topic, frames[0], client.sign(frames[2:]), *frames[2:]]
    engine.answer(request)
    client.receive(client.mux)
    reply = client.ask("result_request", {"msg_ids": [msg_id], "status_only": False}).content
    assert reply["completed"] == [msg_id]
    assert reply[msg_id]["io"]["stdout"] == "hello\n"
    assert reply[msg_id]["result_content"] == {"status": "ok"}


def test_queries_not_supported_say_so(client):
    reply = client.ask("become_dask_request")
    assert reply.type == "hub_error"
    assert reply.content["ename"] == "NotImplementedError"
    assert "no Dask scheduler" in reply.content["evalue"]
    assert client.ask("stop_distributed_request").content == {"status": "ok"}
    assert client.ask("nonsense_request").type == "hub_error"


def test_large_buffers_pass(client, engines):
    size = 64 << 20
    client.send(client.mux, "apply_request", to=[engines[0].identity], buffers=[b"a" * size])
    engines[0].serve_one(buffers=[b"b" * size])
    assert len(client.receive(client.mux).buffers[0]) == size


def test_stale_replies_are_not_delivered(controller, client, engines):
    engine = engines[0]
    client.send(client.task, "apply_request", metadata={"targets": [engine.uuid]})
    request = engine.serve_one()
    client.receive(client.task)
    before = controller.stats()["dropped"]["stale"]
    engine.answer(request, content={"status": "ok", "again": True})
    wait_until(lambda: controller.stats()["dropped"]["stale"] > before, "the reply to be dropped")
    assert not client.task.poll(0)


def test_a_message_goes_through_an_engine_that_connects_late(controller, client):
    # Registered and alive, but its shell socket is not connected yet. (One that was, and is closed,
    # may still be there for the controller, which then sends the request to it.)
    engine = Engine(controller, "late", shell=False).join().keep_beating()
    msg_id = client.send(client.mux, "apply_request", to=[b"late"])
    wait_until(lambda: controller.stats()["direct"] > 0, "the request to arrive")
    info = engine.info
    engine.shell = engine.connect(zmq.ROUTER, info["mux"], b"late")
    assert engine.serve_one().header["msg_id"] == msg_id
    assert client.receive(client.mux).content == {"status": "ok"}
    engine.close()
