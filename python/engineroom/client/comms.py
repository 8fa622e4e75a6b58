"""Widgets of engines in the client's notebook: comm messages pass through to the frontend."""

import json
from typing import TYPE_CHECKING, Any

from ..util import get_ipython, in_kernel

if TYPE_CHECKING:
    from .client import Client


def relay_comms(client: "Client") -> None:
    """From now on, if this is a notebook's kernel."""
    if in_kernel():
        session = client._session
        client._events.observe("comm", lambda *message: _relay(session, *message))


def _relay(
    session: Any, msg_type: str, header: str, content: str, metadata: str, buffers: list[Any]
) -> None:
    kernel = get_ipython().kernel
    if msg_type == "comm_open":
        uuid = json.loads(metadata).get("engine", "")
        _open_proxy(session, kernel, uuid, json.loads(content)["comm_id"])
    kernel.session.send(
        kernel.iopub_socket,
        msg_type,
        content=json.loads(content),
        metadata=json.loads(metadata),
        buffers=buffers,
        parent=kernel.get_parent("shell"),
    )


def _open_proxy(session: Any, kernel: Any, uuid: str, comm_id: str) -> None:
    """A comm in this kernel that hands the frontend's messages to the engine."""
    from ipykernel.comm import Comm

    def send(msg_type: str, content: Any, metadata: Any = None, buffers: Any = ()) -> None:
        session.submit(
            "direct",
            uuid,
            msg_type,
            json.dumps(metadata or {}),
            json.dumps(content),
            list(buffers or ()),
            expect_reply=False,
        )

    comm = Comm(comm_id=comm_id, primary=False)
    comm.on_msg(
        lambda message: send(
            message["msg_type"], message["content"], message["metadata"], message["buffers"]
        )
    )
    comm.on_close(lambda message: send("comm_close", {"comm_id": comm_id}))
    kernel.comm_manager.register_comm(comm)
