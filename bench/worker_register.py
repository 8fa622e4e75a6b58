"""Hundreds of simulated engines that register and answer heartbeats, by raw ZeroMQ.

    python worker_register.py crowd JSON    some of the engines, for as long as it is let live
    python worker_register.py count JSON    starts the crowds and counts who is registered

An engine here is what a controller sees of one until its first task: three sockets, one signed
request, and an echo of every ping. The same script serves both controllers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import resource
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime

import processes
import zmq

DELIMITER = b"<IDS|MSG>"


class Wire:
    """Just enough of Jupyter's messages."""

    def __init__(self, connection_file: str):
        with open(connection_file) as file:
            self.info = json.load(file)
        self.key = self.info["key"].encode()
        self.session = uuid.uuid4().hex

    def url(self, channel: str) -> str:
        return f"{self.info['interface']}:{self.info[channel]}"

    def frames(self, msg_type: str, content: dict) -> list[bytes]:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": msg_type,
            "username": "bench",
            "session": self.session,
            "date": datetime.now(UTC).isoformat(),
            "version": "5.3",
        }
        parts = [json.dumps(part).encode() for part in (header, {}, {}, content)]
        signature = hmac.new(self.key, b"".join(parts), hashlib.sha256).hexdigest().encode()
        return [DELIMITER, signature, *parts]

    @staticmethod
    def content(frames: list[bytes]) -> dict:
        return json.loads(frames[frames.index(DELIMITER) + 5])


def raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def socket(context, kind, url, identity=None):
    result = context.socket(kind)
    result.linger = 0
    # A controller may be slow, but what it queues for us must not be lost here.
    result.sndhwm = result.rcvhwm = 0
    if identity:
        result.identity = identity
    if kind == zmq.SUB:
        result.subscribe(b"")
    result.connect(url)
    return result


class Crowd:
    def __init__(self, params):
        raise_file_limit()
        self.wire = Wire(params["engine_file"])
        self.context = zmq.Context()
        self.context.max_sockets = 4 * params["size"] + 16
        self.poller = zmq.Poller()
        self.pongs = {}
        self.registrations = {}
        # A real engine holds its connection; a closed one means that it has left.
        self.registered = []
        for _ in range(params["size"]):
            self.add_engine()

    def add_engine(self):
        name = str(uuid.uuid4())
        identity = name.encode()
        registration = socket(self.context, zmq.DEALER, self.wire.url("registration"), identity)
        registration.send_multipart(self.wire.frames("registration_request", {"uuid": name}))
        self.registrations[registration] = identity
        self.poller.register(registration, zmq.POLLIN)

    def on_reply(self, registration):
        """Registered, provided that the heart beats from now on."""
        identity = self.registrations.pop(registration)
        reply = self.wire.content(registration.recv_multipart())
        self.poller.unregister(registration)
        self.registered.append(registration)
        if reply.get("status") != "ok":
            return
        ping = socket(self.context, zmq.SUB, self.wire.url("hb_ping"))
        self.pongs[ping] = socket(self.context, zmq.DEALER, self.wire.url("hb_pong"), identity)
        self.poller.register(ping, zmq.POLLIN)

    def run(self):
        while True:
            for ready, _ in self.poller.poll():
                if ready in self.registrations:
                    self.on_reply(ready)
                else:
                    self.pongs[ready].send_multipart(ready.recv_multipart())


class Counter:
    """A client that asks again and again who is there."""

    def __init__(self, params):
        self.wire = Wire(params["connection_file"])
        context = zmq.Context()
        self.socket = socket(context, zmq.DEALER, self.wire.url("registration"))

    def engines(self, timeout_ms=5000):
        """None if the controller has no time for us."""
        self.socket.send_multipart(self.wire.frames("connection_request", {}))
        count = None
        # Also late answers to earlier questions: the last one counts.
        while self.socket.poll(timeout_ms if count is None else 0):
            count = len(self.wire.content(self.socket.recv_multipart())["engines"])
        return count


def count(params):
    counter = Counter(params)
    counter.engines()
    crowds, begin = start_crowds(params), time.monotonic()
    try:
        return observe(counter, params, begin)
    finally:
        for crowd in crowds:
            crowd.kill()


def start_crowds(params):
    share, rest = divmod(params["simulated"], params["crowds"])
    crowds = []
    for index in range(params["crowds"]):
        part = json.dumps({**params, "size": share + (index < rest)})
        crowds.append(subprocess.Popen([sys.executable, __file__, "crowd", part]))
    return crowds


def observe(counter, params, begin):
    expected, most, since = params["simulated"], 0, 0.0
    controller = processes.tree(params["controller"])
    before = processes.cpu_seconds(controller)
    while time.monotonic() - begin < params["give_up"] and most < expected:
        now = counter.engines() or 0
        if now > most:
            most, since = now, time.monotonic() - begin
        time.sleep(0.05)
    cpu = processes.cpu_seconds(controller) - before
    # Long enough for every heart that does not beat to be found out.
    time.sleep(params["hold"])
    left = counter.engines(30_000) or 0
    return {
        "register_seconds": since if most >= expected else None,
        "register_cpu": cpu,
        "register_reached": most,
        "register_lost": expected - left,
    }


def main():
    params = json.loads(sys.argv[2])
    if sys.argv[1] == "crowd":
        Crowd(params).run()
    print("RESULT " + json.dumps(count(params)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
