"""Sockets by which consoles and notebooks reach an engine that has become a kernel (bind_kernel).

    jupyter console --existing kernel-1234.json

They are Jupyter's five, on this machine's loopback address, under a key of their own; a thread tends
them. Requests go to a queue for the engine's main thread, which runs them between tasks, and what it
answers comes back through a queue. Only here are pyzmq and jupyter_client needed.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import threading
import uuid
from collections.abc import Callable
from typing import Any

HOST = "127.0.0.1"
# What is printed waits so long for what is printed next.
TEXT_WAITS_MS = 30


class Frontends:
    """Binds, writes the connection file, and starts the thread.

    requests: (channel, identities, message) as they come. on_request is called, in the thread,
    after each; on_interrupt for an interrupt_request.
    """

    def __init__(
        self,
        on_request: Callable[[], None],
        on_interrupt: Callable[[], None],
        connection_file: str = "",
        ip: str = HOST,
    ) -> None:
        try:
            import zmq
            from jupyter_client.connect import write_connection_file
            from jupyter_client.session import Session
        except ImportError as error:
            raise ImportError(
                f"bind_kernel() needs Jupyter's messages on the engine: {error};"
                " pip install jupyter_client"
            ) from None
        self.requests: queue.SimpleQueue[tuple[str, Any, dict[str, Any]]] = queue.SimpleQueue()
        self._on_request = on_request
        self._on_interrupt = on_interrupt
        self._zmq = zmq
        self._session = Session(key=uuid.uuid4().hex.encode(), username="engine")
        self._context = zmq.Context()
        kinds = {
            "shell": "ROUTER",
            "control": "ROUTER",
            "stdin": "ROUTER",
            "iopub": "PUB",
            "hb": "REP",
        }
        self._sockets = {
            name: self._context.socket(getattr(zmq, kind)) for name, kind in kinds.items()
        }
        ports = {
            f"{name}_port": socket.bind_to_random_port(f"tcp://{ip}")
            for name, socket in self._sockets.items()
        }
        if not connection_file:
            connection_file = _default_file()
        self.connection_file, self.connection_info = write_connection_file(
            connection_file, ip=ip, key=self._session.key, **ports
        )
        atexit.register(self._remove_file)
        # (socket, message type, content, parent, identities, buffers, metadata), or None: the end.
        self._outgoing: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._text: list[Any] = []
        threading.Thread(target=self._run, name="engineroom-frontends", daemon=True).start()

    def _remove_file(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.connection_file)

    # ---- for the main thread, or any ----

    def reply(self, channel: str, identities: Any, request: dict[str, Any], content: Any) -> None:
        """The answer to a request; its type follows from the request's."""
        msg_type = request["header"]["msg_type"].replace("request", "reply")
        self._put(channel, msg_type, content, request["header"], identities)

    def publish(
        self,
        msg_type: str,
        content: dict[str, Any],
        parent: dict[str, Any],
        buffers: Any = (),
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Something for all frontends, caused by the request with the header `parent`."""
        self._put("iopub", msg_type, content, parent, msg_type.encode(), buffers, metadata)

    def close(self) -> None:
        """Sends what is left, and closes."""
        self._outgoing.put(None)
        self._wake()

    def _put(
        self,
        channel: str,
        msg_type: str,
        content: Any,
        parent: Any,
        identities: Any,
        buffers: Any = (),
        metadata: Any = None,
    ) -> None:
        copies = [bytes(buffer) for buffer in buffers]
        self._outgoing.put((channel, msg_type, content, parent, identities, copies, metadata))
        self._wake()

    def _wake(self) -> None:
        os.write(self._wake_write, b"x")

    # ---- the thread ----

    def _run(self) -> None:
        poller = self._zmq.Poller()
        poller.register(self._wake_read, self._zmq.POLLIN)
        for name in ("shell", "control", "hb"):
            poller.register(self._sockets[name], self._zmq.POLLIN)
        while True:
            ready = dict(poller.poll(TEXT_WAITS_MS if self._text else None))
            if self._wake_read in ready:
                os.read(self._wake_read, 65536)
                if not self._send_all():
                    break
            elif self._text:
                self._send_text()
            if self._sockets["hb"] in ready:
                self._sockets["hb"].send(self._sockets["hb"].recv())
            for name in ("control", "shell"):
                if self._sockets[name] in ready:
                    self._receive(name)
        self._remove_file()
        self._context.destroy(linger=200)

    def _receive(self, channel: str) -> None:
        try:
            identities, message = self._session.recv(self._sockets[channel])
        except ValueError:
            # Not signed with our key.
            return
        if message is None:
            return
        if message["header"]["msg_type"] == "interrupt_request":
            self._on_interrupt()
            self.reply(channel, identities, message, {"status": "ok"})
            return
        self.requests.put((channel, identities, message))
        self._on_request()

    def _send_all(self) -> bool:
        """What is laid out; text waits for more of its stream. False: the end."""
        while True:
            try:
                item = self._outgoing.get_nowait()
            except queue.Empty:
                return True
            if self._text and not (item and _continues(self._text, item)):
                self._send_text()
            if item is None:
                return False
            if self._text:
                self._text[2]["text"] += item[2]["text"]
            elif item[1] == "stream":
                self._text = list(item)
            else:
                self._send(item)

    def _send_text(self) -> None:
        self._send(self._text)
        self._text = []

    def _send(self, item: Any) -> None:
        channel, msg_type, content, parent, identities, buffers, metadata = item
        self._session.send(
            self._sockets[channel],
            msg_type,
            content,
            parent=parent,
            ident=identities,
            buffers=buffers,
            metadata=metadata,
        )


def _continues(held: list[Any], item: Any) -> bool:
    """Whether it is text of the same stream, printed by the same request."""
    return item[1] == "stream" and held[2]["name"] == item[2]["name"] and held[3] is item[3]


def _default_file() -> str:
    """Where `jupyter console --existing` looks."""
    from jupyter_core.paths import jupyter_runtime_dir

    folder = jupyter_runtime_dir()
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return os.path.join(folder, f"kernel-{os.getpid()}.json")
