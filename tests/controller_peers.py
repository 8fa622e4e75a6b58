"""A controller process and raw peers for it: frames made here, byte by byte, with pyzmq alone.

The tests that use this judge engineroom-controller from outside, by what goes over its sockets. Nothing of the
package is imported, so that a mistake in it cannot hide one in the controller.
"""

import hashlib
import hmac
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import zmq
from peer_messages import DELIMITER, Message
from waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_FILE = "profile_default/security/ipcontroller-{role}.json"
# Engines of tests answer heartbeats when a test lets them, which a busy machine delays: what is not
# about silence is not to depend on it.
PATIENT = "--HeartMonitor.max_heartmonitor_misses=1000"


def controller_binary():
    """The program under test: $ENGINEROOM_CONTROLLER, the build folder's, or the installed one."""
    candidates = [
        os.environ.get("ENGINEROOM_CONTROLLER"),
        ROOT / "build" / "release" / "bin" / "engineroom-controller",
        Path(sys.executable).parent / "engineroom-controller",
    ]
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            return str(candidate)
    pytest.skip("engineroom-controller is not built")


class ControllerProcess:
    """engineroom-controller with a profile of its own in a temporary folder.

    file: what its connection files are to be called, below the folder, with {role} in it.
    """

    def __init__(self, *flags, env=None, folder=None, file=DEFAULT_FILE):
        self.own_folder = folder is None
        # Short: the path of a Unix socket has to fit 107 characters.
        self.folder = Path(folder or tempfile.mkdtemp(prefix="er", dir="/tmp"))
        self.file = file
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IPP_")}
        environment |= {"IPYTHONDIR": str(self.folder), **(env or {})}
        self.log_path = self.folder / "controller.log"
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [controller_binary(), "--ping=200", PATIENT, "--log-level=10", *flags],
            env=environment,
            stdout=self.log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.context = zmq.Context()
        self.context.max_sockets = 20_000
        # Kept here, for a peer that is forgotten closes its sockets, which is to leave.
        self.peers = []

    def __enter__(self):
        try:
            wait_until(self._is_ready, "the connection files")
        except BaseException:
            self.close()
            raise
        self.client_info = self.read_file("client")
        self.engine_info = self.read_file("engine")
        return self

    def _is_ready(self):
        assert self.process.poll() is None, self.log()
        return all(self.path(role).exists() for role in ("client", "engine"))

    def path(self, role):
        return self.folder / self.file.format(role=role)

    def read_file(self, role):
        return json.loads(self.path(role).read_text())

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stats(self):
        """The counters, which the controller logs on SIGUSR1."""
        before = self.log().count("stats {")
        self.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.log().count("stats {") > before, "the counters in the log")
        line = [line for line in self.log().splitlines() if "stats {" in line][-1]
        return json.loads(line[line.index("{") :])

    def memory_mib(self):
        """Resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def wait(self, timeout=10):
        return self.process.wait(timeout)

    def close(self):
        for peer in self.peers:
            peer.stop_heart()
        self.context.destroy(linger=0)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log_file.close()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __exit__(self, *exc):
        self.close()


# For message ids: a peer that takes the name of an earlier one must not repeat its messages.
counter = itertools.count()


class Peer:
    """What clients and engines have in common: a session, a key, sockets."""

    def __init__(self, controller, info, uuid):
        self.controller = controller
        self.info = info
        self.uuid = uuid
        self.key = info["key"].encode()
        self.sockets = []
        controller.peers.append(self)

    def connect(self, kind, port, identity=None, subscribe=False):
        socket = self.controller.context.socket(kind)
        socket.linger = 0
        if identity:
            socket.identity = identity
        if self.info.get("curve_serverkey"):
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
            socket.curve_serverkey = self.info["curve_serverkey"].encode()
        if subscribe:
            socket.subscribe(b"")
            socket.rcvhwm = 0
        interface = self.info["interface"].replace("*", "127.0.0.1")
        for one in port if isinstance(port, list) else [port]:
            socket.connect(f"{interface}:{one}")
        self.sockets.append(socket)
        return socket

    def sign(self, parts):
        if not self.key:
            return b""
        return hmac.new(self.key, b"".join(parts), hashlib.sha256).hexdigest().encode()

    def frames(
        self, msg_type, content=None, *, metadata=None, parent=None, buffers=(), msg_id=None
    ):
        """A signed message, without identities."""
        header = {
            "msg_id": msg_id or f"{self.uuid}_{next(counter)}",
            "msg_type": msg_type,
            "username": "test",
            "session": self.uuid,
            "date": "2026-11-21T05:57:34.884217Z",
            "version": "5.3",
        }
        parts = [json.dumps(part).encode() for part in (header, parent or {}, metadata or {})]
        parts.append(json.dumps(content or {}).encode())
        return [DELIMITER, self.sign(parts), *parts, *buffers]

    def send(self, socket, msg_type, content=None, *, to=(), **more):
        """Returns the message's id."""
        frames = self.frames(msg_type, content, **more)
        socket.send_multipart([*to, *frames])
        return json.loads(frames[2])["msg_id"]

    def receive(self, socket, timeout=10.0):
        assert socket.poll(int(timeout * 1000)), f"nothing came\n{self.controller.log()[-2000:]}"
        return Message(socket.recv_multipart())

    def stop_heart(self):
        """Engines have one."""

    def close(self):
        self.stop_heart()
        for socket in self.sockets:
            socket.close(linger=0)


class Client(Peer):
    def __init__(self, controller, name="client"):
        super().__init__(controller, controller.client_info, name)
        info = self.info
        self.hub = self.connect(zmq.DEALER, info["registration"])
        self.mux = self.connect(zmq.DEALER, info["mux"])
        self.task = self.connect(zmq.DEALER, info["task"])
        self.broadcast = self.connect(zmq.DEALER, info["broadcast"])
        self.control = self.connect(zmq.DEALER, info["control"])
        self.iopub = self.connect(zmq.SUB, info["iopub"], subscribe=True)
        self.notification = self.connect(zmq.SUB, info["notification"], subscribe=True)

    def ask(self, msg_type, content=None):
        msg_id = self.send(self.hub, msg_type, content)
        reply = self.receive(self.hub)
        assert reply.parent["msg_id"] == msg_id
        return reply

    def engines(self):
        return self.ask("connection_request").content["engines"]

    def wait_for_engines(self, n, timeout=15.0):
        return wait_until(
            lambda: (found := self.engines()) and len(found) >= n and found,
            f"{n} engines",
            timeout,
        )


class Engine(Peer):
    """An engine that answers every request at once, or when told to.

    shell: whether to connect the socket for requests now, or not at all yet.
    """

    def __init__(self, controller, uuid, register=True, shell=True, **content):
        super().__init__(controller, controller.engine_info, uuid)
        self.identity = uuid.encode()
        info = self.info
        self.ping = self.connect(zmq.SUB, info["hb_ping"], subscribe=True)
        self.pong = self.connect(zmq.DEALER, info["hb_pong"], self.identity)
        ports = [info["mux"], info["task"], *info["broadcast"]]
        self.shell = self.connect(zmq.ROUTER, ports, self.identity) if shell else None
        self.control = self.connect(zmq.ROUTER, info["control"], self.identity)
        self.iopub = self.connect(zmq.PUB, info["iopub"])
        self.registration = self.connect(zmq.DEALER, info["registration"], self.identity)
        self.id = None
        self._heart = None
        self._stopped = threading.Event()
        if register:
            self.register(**content)

    def register(self, **content):
        self.send(self.registration, "registration_request", {"uuid": self.uuid, **content})
        self.reply = self.receive(self.registration)
        self.id = self.reply.content.get("id")

    def beat(self, timeout=0.0):
        """Answers the pings that have come."""
        if not self.ping.poll(int(timeout * 1000)):
            return False
        while self.ping.poll(0):
            self.pong.send(self.ping.recv())
        return True

    def keep_beating(self):
        """From now on by itself, until it is closed, however long the test is busy with others."""

        def run():
            while not self._stopped.is_set():
                self.beat(0.02)

        self._heart = threading.Thread(target=run)
        self._heart.start()
        return self

    def stop_heart(self):
        if self._heart is not None:
            self._stopped.set()
            self._heart.join()
            self._heart = None
            self._stopped.clear()

    def join(self, timeout=10.0):
        """Registers and waits until clients can see it."""
        assert self.reply.content["status"] == "ok", self.reply
        client = Client(self.controller, f"{self.uuid}-watch")
        try:

            def is_registered():
                if self._heart is None:
                    self.beat()
                return self.uuid in client.engines().values()

            wait_until(is_registered, f"{self.uuid} to be registered", timeout)
        finally:
            client.close()
        return self

    def answer(self, request, content=None, *, buffers=(), status="ok", socket=None):
        """Sends the reply to `request`."""
        header = request.header
        metadata = {"engine": self.uuid, "status": status, "dependencies_met": True}
        return self.send(
            socket or self.shell,
            header["msg_type"].replace("_request", "_reply"),
            content or {"status": status},
            to=request.identities,
            metadata=metadata,
            parent=header,
            buffers=buffers,
        )

    def serve_one(self, timeout=10.0, **answer):
        request = self.receive(self.shell, timeout)
        self.answer(request, **answer)
        return request
