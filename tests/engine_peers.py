"""An engine process and a controller made of raw sockets, to judge the engine by what it sends.

Frames are made here, byte by byte. Of the package, only the pickles of calls are used.
"""

import hashlib
import hmac
import itertools
import json
import os
import signal
import subprocess
import sys

import zmq
from peer_messages import DELIMITER, Message
from waiting import DEADLINE, wait_until

KEY = b"a key for tests"
OURS = {"engineroom": 1}

counter = itertools.count()


def sign(parts):
    return hmac.new(KEY, b"".join(parts), hashlib.sha256).hexdigest().encode()


class FakeController:
    """Binds what engines connect to. Nothing happens by itself but heartbeats, in pump()."""

    def __init__(self):
        self.context = zmq.Context()
        self.info = {
            "ssh": "",
            "interface": "tcp://127.0.0.1",
            "location": "localhost",
            "key": KEY.decode(),
            "pack": "json",
            "unpack": "json",
            "signature_scheme": "hmac-sha256",
        }
        self.registration = self.bind(zmq.ROUTER, "registration")
        self.control = self.bind(zmq.ROUTER, "control")
        self.mux = self.bind(zmq.ROUTER, "mux")
        self.task = self.bind(zmq.ROUTER, "task")
        self.iopub = self.bind(zmq.SUB, "iopub")
        self.ping = self.bind(zmq.PUB, "hb_ping")
        self.pong = self.bind(zmq.ROUTER, "hb_pong")
        self.leaves = [self.bind(zmq.ROUTER, f"leaf{i}") for i in range(2)]
        self.info["broadcast"] = [self.info.pop(f"leaf{i}") for i in range(2)]
        self.processes = []
        self.uuid = None

    def bind(self, kind, name):
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = 0
        if kind == zmq.ROUTER:
            socket.router_mandatory = True
            # The engine has one ROUTER for three of these, which must differ in their names.
            socket.identity = name.encode()
        if kind == zmq.SUB:
            socket.subscribe(b"")
        self.info[name] = socket.bind_to_random_port("tcp://127.0.0.1")
        return socket

    # ---- processes ----

    def start_engine(self, *arguments, **environment):
        """Starts an engine process; its stderr is `process.stderr`."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("IPP_")}
        env["IPP_CONNECTION_INFO"] = json.dumps(self.info)
        process = subprocess.Popen(
            [sys.executable, "-m", "engineroom.engine", *arguments],
            env=env | environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def accept(self, engine_id=0, hb_period=3000):
        """Answers a registration, and waits until the engine can be reached."""
        request = self.receive(self.registration, "registration_request")
        self.uuid = request.identities[0]
        content = {"id": engine_id, "status": "ok", "hb_period": hb_period}
        self.send(self.registration, "registration_reply", content)
        starting = self.receive(self.iopub, "status")
        assert starting.content == {"execution_state": "starting"}
        return request

    def add_engine(self, *arguments, **registration):
        process = self.start_engine(*arguments)
        self.accept(**registration)
        return process

    def close(self):
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
            process.stderr.close()
        self.context.destroy(linger=0)

    # ---- messages ----

    def send(self, socket, msg_type, content=None, *, metadata=None, buffers=(), route=()):
        """To the engine; returns the message's id."""
        msg_id = f"client_{next(counter)}"
        header = {
            "msg_id": msg_id,
            "msg_type": msg_type,
            "username": "test",
            "session": "client",
            "date": "2026-11-21T05:57:34.884217Z",
            "version": "5.3",
        }
        parts = [json.dumps(part).encode() for part in (header, {}, metadata or {}, content or {})]
        frames = [self.uuid, *route, DELIMITER, sign(parts), *parts, *buffers]
        wait_until(lambda: self.try_send(socket, frames), "the engine to be connected")
        return msg_id

    @staticmethod
    def try_send(socket, frames):
        try:
            socket.send_multipart(frames)
        except zmq.ZMQError as error:
            assert error.errno == zmq.EHOSTUNREACH
            return False
        return True

    def ask(self, msg_type, content=None, *, metadata=None, buffers=(), socket=None):
        """Sends a request over mux, or another socket, and returns the reply."""
        socket = socket or self.mux
        msg_id = self.send(
            socket, msg_type, content, metadata=metadata, buffers=buffers, route=[b"client"]
        )
        reply = self.receive(socket)
        assert reply.parent["msg_id"] == msg_id
        assert reply.identities == [self.uuid, b"client"]
        return reply

    def receive(self, socket, msg_type=None, timeout=DEADLINE):
        assert socket.poll(int(timeout * 1000)), f"no {msg_type or 'message'} came"
        message = Message(socket.recv_multipart())
        assert message.signature == sign(message.raw)
        assert msg_type is None or message.type == msg_type, message
        return message

    def published(self, until_idle_of):
        """The iopub messages up to the idle status of a request, as (topic, type, content)."""
        messages = []
        while True:
            message = self.receive(self.iopub)
            assert message.parent["msg_id"] == until_idle_of, message
            messages.append((message.identities[0].decode(), message.type, message.content))
            if message.content == {"execution_state": "idle"}:
                return messages

    def nothing_published(self):
        """REQUIRES: whatever would have been published was before the last reply."""
        return not self.iopub.poll(200)
