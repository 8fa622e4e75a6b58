"""What must not hurt engineroom-controller: bad bytes, strangers, floods, peers that do not read."""

import json
import select
import socket
import struct

import pytest
import zmq
from controller_peers import Client, ControllerProcess, Engine
from peer_messages import DELIMITER
from waiting import wait_until


@pytest.fixture
def controller():
    with ControllerProcess() as process:
        yield process


def garbage(peer):
    """Frames that are no message, by the counter they end in."""
    good = peer.frames("apply_request")
    forged = [good[0], b"0" * 64, *good[2:]]
    unsigned = [good[0], b"", *good[2:]]
    no_version = [b"{}", b"{}", b"{}", b"{}"]
    deep = b"[" * 100_000
    return {
        "bad_signature": [forged, unsigned],
        "malformed": [
            [b""],
            [b"\xff" * 50],
            good[:3],
            [DELIMITER],
            [DELIMITER, peer.sign(no_version), *no_version],
            [DELIMITER, peer.sign([b"not json"] * 4), *[b"not json"] * 4],
        ],
        "too_large": [
            [DELIMITER, peer.sign([b"{}", b"{}", b"{}", deep]), b"{}", b"{}", b"{}", deep],
        ],
    }


@pytest.mark.parametrize("channel", ["hub", "mux", "task", "broadcast", "control"])
def test_bad_messages_are_counted_and_dropped(controller, channel):
    client = Client(controller)
    engine = Engine(controller, "engine-1").join()
    where = getattr(client, channel)
    before = controller.stats()["dropped"]
    expected = {}
    for cause, messages in garbage(client).items():
        # Once each: a copy of a signed one would count as a replay.
        expected[cause] = before[cause] + len(messages)
        for frames in messages:
            to = [b"engine-1"] if channel in ("mux", "control") else []
            where.send_multipart([*to, *frames])

    def all_counted():
        dropped = controller.stats()["dropped"]
        return all(dropped[cause] >= n for cause, n in expected.items())

    wait_until(all_counted, f"{expected} in {controller.stats()['dropped']}")
    # One line per peer and cause, not per message.
    assert controller.log().count("dropped a message from") <= 3
    # And it still works.
    client.send(client.mux, "apply_request", to=[engine.identity])
    engine.serve_one()
    assert client.receive(client.mux).content == {"status": "ok"}


def test_engines_send_garbage_too(controller):
    client = Client(controller)
    engine = Engine(controller, "engine-1").join()
    for messages in garbage(engine).values():
        for frames in messages:
            engine.shell.send_multipart([b"mux_out", b"x", *frames])
            engine.shell.send_multipart([b"task_out", b"x", *frames])
            engine.shell.send_multipart([b"broadcast_out", b"x", *frames])
            engine.control.send_multipart([b"control_out", b"x", *frames])
            engine.iopub.send_multipart([b"engine.0.stdout", *frames])
            engine.pong.send_multipart(frames)
            engine.registration.send_multipart(frames)
    client.send(client.task, "apply_request")
    request = engine.receive(engine.shell)
    # Parents that nobody sent.
    for parent in ({}, {"msg_id": "x"}, {"msg_id": 3}, {"msg_id": "x_engine-1", "version": "5.3"}):
        for route in (b"mux_out", b"task_out", b"broadcast_out"):
            frames = engine.frames("apply_reply", {"status": "ok"}, parent=parent)
            engine.shell.send_multipart([route, b"x", *frames])
    engine.answer(request)
    assert client.receive(client.task).content == {"status": "ok"}


@pytest.mark.parametrize(
    "content",
    [
        {"msg_ids": 3},
        {"msg_ids": [None, {}]},
        {"targets": {"a": 1}},
        {"targets": [[]]},
        {"uuid": 5},
        {"id": "x"},
        {"id": -(2**70)},
    ],
)
def test_requests_of_the_wrong_shape_get_an_answer_or_none(controller, content):
    client = Client(controller)
    for msg_type in ("queue_request", "result_request", "purge_request"):
        assert client.ask(msg_type, content).content["status"] in ("ok", "error")
    engine = Engine(controller, "engine-1", register=False)
    engine.send(engine.registration, "registration_request", content)
    assert engine.receive(engine.registration).content["status"] == "error"
    engine.send(engine.registration, "unregistration_request", content)
    for channel in (client.task, client.broadcast):
        client.send(channel, "apply_request", content, metadata=content | {"after": content})
    assert client.ask("connection_request").content["status"] == "ok"


def test_a_replayed_message_is_dropped(controller):
    client = Client(controller)
    engine = Engine(controller, "engine-1").join()
    frames = client.frames("apply_request")
    client.mux.send_multipart([engine.identity, *frames])
    client.mux.send_multipart([engine.identity, *frames])
    engine.receive(engine.shell)
    wait_until(lambda: controller.stats()["dropped"]["bad_signature"], "the copy to be counted")
    assert not engine.shell.poll(0)


def zmtp_connect(port, socket_type=b"DEALER"):
    """A raw connection that has shaken hands, by ZMTP 3.0 with the NULL mechanism."""
    raw = socket.create_connection(("127.0.0.1", port), 5)
    greeting = b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" * 32
    raw.sendall(greeting)
    size = struct.pack(">I", len(socket_type))
    ready = b"\x05READY" + b"\x0bSocket-Type" + size + socket_type
    raw.sendall(b"\x04" + bytes([len(ready)]) + ready)
    raw.settimeout(10)
    # What comes along with the handshake, ZeroMQ may leave until something else comes.
    seen = b""
    while b"READY" not in seen:
        seen += (part := raw.recv(4096))
        assert part, "the connection was closed"
    return raw


def test_a_frame_that_claims_gigabytes_ends_its_connection(controller):
    raw = zmtp_connect(controller.client_info["registration"])
    raw.sendall(b"\x02" + struct.pack(">Q", 2 << 30) + b"x" * 1000)

    def is_closed():
        try:
            return raw.recv(4096) == b""
        except ConnectionError:
            return True

    wait_until(is_closed, "the connection to be closed")
    assert controller.memory_mib() < 40
    assert Client(controller).engines() == {}


def test_half_a_message_and_no_zeromq_at_all(controller):
    for port in set(filter(lambda p: isinstance(p, int), controller.engine_info.values())):
        raw = socket.create_connection(("127.0.0.1", port), 5)
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        raw.close()
    half = zmtp_connect(controller.client_info["task"])
    half.sendall(b"\x01\x05ab")
    half.close()
    assert Client(controller).engines() == {}


def test_a_client_that_never_reads_does_not_stop_others(controller):
    engine = Engine(controller, "engine-1").join()
    mute = Client(controller, "mute")
    # Its output channel too: nothing it gets is ever taken out of its socket.
    for channel in (mute.iopub, mute.notification):
        channel.close()
    reader = Client(controller)
    for _ in range(200):
        mute.send(mute.mux, "apply_request", to=[engine.identity])
        engine.serve_one(buffers=[b"x" * 10_000])
    reader.send(reader.mux, "apply_request", to=[engine.identity])
    engine.serve_one()
    assert reader.receive(reader.mux).content == {"status": "ok"}
    mute.close()
    # One that is gone is noticed: its replies are counted, not kept. Nothing tells when the other
    # side knows that a connection was closed, so there are more replies than will be in time for it.
    gone = Client(controller, "gone")
    for _ in range(1000):
        gone.send(gone.mux, "apply_request", to=[engine.identity])
    requests = [engine.receive(engine.shell) for _ in range(1000)]
    gone.close()

    def is_dropped():
        engine.answer(requests.pop())
        return controller.stats()["dropped"]["no_peer"]

    wait_until(is_dropped, "a reply to be dropped")


def test_a_subscriber_that_never_reads_costs_bounded_memory(controller):
    engine = Engine(controller, "engine-1").join()
    mute = Client(controller, "mute")
    mute.engines()
    raw = zmtp_subscribe(controller.client_info["iopub"])
    reader = Client(controller)
    reader.engines()
    text = engine.frames("display_data", {"data": "x" * 200})

    def is_subscribed():
        """Subscriptions travel: this one has arrived when something comes."""
        engine.iopub.send_multipart([b"engine.0.displaypub", *text])
        return select.select([raw], [], [], 0)[0] and b"displaypub" in raw.recv(1 << 20)

    wait_until(is_subscribed, "the subscription")
    before = controller.memory_mib()
    for i in range(50_000):
        engine.iopub.send_multipart([b"engine.0.displaypub", *text])
        if i % 100 == 0:
            engine.beat()
            while reader.iopub.poll(0):
                reader.iopub.recv_multipart()
    reader.send(reader.mux, "apply_request", to=[engine.identity])
    engine.serve_one()
    assert reader.receive(reader.mux).content == {"status": "ok"}
    assert controller.memory_mib() - before < 150
    raw.close()


def zmtp_subscribe(port):
    """A subscriber of everything that never reads."""
    raw = zmtp_connect(port, b"SUB")
    raw.sendall(b"\x00\x01\x01")
    return raw


def test_a_flood_of_strangers_is_bounded(controller):
    client = Client(controller)
    before = controller.memory_mib()
    for i in range(2000):
        stranger = controller.context.socket(zmq.DEALER)
        stranger.linger = 0
        stranger.identity = f"s{i % 500}".encode() * 10
        stranger.connect(f"tcp://127.0.0.1:{controller.engine_info['hb_pong']}")
        stranger.send_multipart([b"12.0"])
        if i % 50 == 0:
            client.engines()
        stranger.close(linger=50)
    assert client.engines() == {}
    assert controller.memory_mib() - before < 30
    assert len(controller.log()) < 1 << 20
    json.dumps(controller.stats())
