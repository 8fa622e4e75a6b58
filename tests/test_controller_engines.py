"""Engines come, live, die and come back: engineroom-controller seen by raw peers."""

import resource

import pytest
import zmq
from controller_peers import Client, ControllerProcess, Engine
from waiting import wait_until

# An engine is given up when its heart has stopped for 0.6 s.
IMPATIENT = "--HeartMonitor.max_heartmonitor_misses=3"


def silenced(engine):
    """Seen by clients, and from then on its heart is still."""
    engine.keep_beating().join().stop_heart()
    return engine


@pytest.fixture
def controller():
    with ControllerProcess() as process:
        yield process


@pytest.fixture
def client(controller):
    return Client(controller)


def next_notification(client, uuid):
    message = client.receive(client.notification)
    while message.content.get("uuid") != uuid:
        message = client.receive(client.notification)
    return message


def test_registration_does_not_wait_for_the_next_scheduled_ping():
    # That one comes in an hour.
    with ControllerProcess("--ping=3600000") as controller:
        client = Client(controller)
        client.engines()
        engine = Engine(controller, "engine-1")
        assert engine.reply.parent == {}
        assert engine.reply.content["hb_period"] == 3_600_000
        assert engine.reply.content["connection_info"]["mux"] == controller.engine_info["mux"]
        assert "key" not in engine.reply.content["connection_info"]
        wait_until(engine.beat, "a ping")
        assert next_notification(client, "engine-1").content == {"id": 0, "uuid": "engine-1"}


def test_a_uuid_in_use_is_refused(controller):
    Engine(controller, "engine-1").join()
    other = Engine(controller, "engine-2", register=False)
    other.send(other.registration, "registration_request", {"uuid": "engine-1"})
    reply = other.receive(other.registration).content
    assert reply["status"] == "error"
    assert "in use" in reply["evalue"]


def test_a_requested_id_is_honoured_if_free(controller):
    assert Engine(controller, "engine-1", id=7).id == 7
    assert Engine(controller, "engine-2", id=7).id == 8
    assert Engine(controller, "engine-3").id == 9


def test_a_closed_connection_is_noticed_before_any_heartbeat_is_missed(controller, client):
    engine = Engine(controller, "engine-1").join()
    client.send(client.task, "apply_request", msg_id="t1")
    engine.receive(engine.shell)
    engine.close()
    reply = client.receive(client.task)
    assert reply.parent["msg_id"] == "t1"
    assert reply.content["ename"] == "EngineError"
    assert reply.content["evalue"] == "Engine b'engine-1' died while running task 't1'"
    message = next_notification(client, "engine-1")
    while message.type != "unregistration_notification":
        message = next_notification(client, "engine-1")
    assert client.engines() == {}
    assert "0" not in client.ask("queue_request", {"targets": None}).content


def test_a_silent_engine_is_dead_after_too_many_misses():
    with ControllerProcess(IMPATIENT) as controller:
        client = Client(controller)
        silenced(Engine(controller, "engine-1"))
        wait_until(lambda: not client.engines(), "the engine to be given up")


def test_whoever_has_the_engines_key_may_unregister_an_engine(controller, client):
    """As the process does that watches a stock engine."""
    engine = Engine(controller, "engine-1").join()
    other = Engine(controller, "engine-2", register=False)
    other.send(other.registration, "unregistration_request", {"id": engine.id})
    wait_until(lambda: not client.engines(), "the engine to be gone")
    assert not other.registration.poll(0)


def test_clients_neither_register_nor_unregister(controller, client):
    engine = Engine(controller, "engine-1").join()
    # Where clients ask, registration is no question; where engines register, their key counts.
    assert client.ask("registration_request", {"uuid": "false"}).type == "hub_error"
    assert client.ask("unregistration_request", {"id": engine.id}).type == "hub_error"
    port = controller.engine_info["registration"]
    at_registration = client.connect(zmq.DEALER, port, b"false")
    client.send(at_registration, "registration_request", {"uuid": "false"})
    client.send(at_registration, "unregistration_request", {"id": engine.id})
    wait_until(lambda: controller.stats()["dropped"]["bad_signature"] == 2, "both to be counted")
    assert client.engines() == {"0": "engine-1"}
    assert not at_registration.poll(0)


def test_an_engine_of_ours_that_returns_registers_anew():
    with ControllerProcess(IMPATIENT) as controller:
        client = Client(controller)
        engine = Engine(controller, "engine-1", engineroom="0.1.0").keep_beating().join()
        client.send(client.mux, "apply_request", to=[b"engine-1"], msg_id="m1")
        request = engine.receive(engine.shell)
        engine.stop_heart()
        wait_until(lambda: not client.engines(), "the engine to be given up")

        # What it was doing is of no interest any more, but it is asked to come back.
        engine.answer(request)
        told = engine.receive(engine.registration)
        assert told.type == "unregistration_notification"
        assert told.content == {"id": 0, "uuid": "engine-1"}
        assert not client.mux.poll(300)
        engine.register(engineroom="0.1.0")
        assert engine.id == 1
        engine.keep_beating().join()
        client.send(client.mux, "apply_request", to=[b"engine-1"], msg_id="m2")
        engine.serve_one()
        assert client.receive(client.mux).parent["msg_id"] == "m2"


def test_a_stock_engine_that_returns_is_told_to_exit():
    with ControllerProcess(IMPATIENT) as controller:
        client = Client(controller)
        engine = silenced(Engine(controller, "engine-1"))
        wait_until(lambda: not client.engines(), "the engine to be given up")
        wait_until(engine.beat, "a ping")
        assert engine.receive(engine.control).type == "shutdown_request"


def test_hundreds_of_engines_register_within_seconds():
    # One process for all of them keeps this test light; the controller cannot tell.
    n = 300
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 20 * n)), hard))
    with ControllerProcess("--ping=2000") as controller:
        client = Client(controller)
        client.engines()
        engines = [Engine(controller, f"engine-{i}", register=False) for i in range(n)]
        for engine in engines:
            engine.send(engine.registration, "registration_request", {"uuid": engine.uuid})
        for engine in engines:
            engine.id = engine.receive(engine.registration).content["id"]

        def all_registered():
            for engine in engines:
                engine.beat()
            return len(client.engines()) == n

        wait_until(all_registered, "all engines", 30)
        assert sorted(engine.id for engine in engines) == list(range(n))

        # And each can be reached, at once, on a connection that may just have been made.
        targets = [[engine.uuid, engine.id] for engine in engines]
        metadata = {"targets": targets, "is_broadcast": True, "is_coalescing": True}
        client.send(client.broadcast, "apply_request", metadata=metadata, msg_id="b")
        for engine in engines:
            engine.serve_one(buffers=[engine.uuid.encode()])
        reply = client.receive(client.broadcast)
        assert reply.buffers == [engine.identity for engine in engines]
