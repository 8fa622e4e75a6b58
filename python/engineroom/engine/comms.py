"""Comm messages: how widgets on an engine talk to their views in a client's notebook.

The `comm` package defines what a comm is; a kernel has to say how its messages travel. An engine
publishes them on iopub under a topic of their own, and clients relay them to the notebook.
"""

import json
from typing import Any

from comm.base_comm import BaseComm, CommManager

_manager: CommManager | None = None


class EngineComm(BaseComm):
    """A comm whose messages are published by the engine."""

    core: Any = None

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        from .errors import to_json

        content = {"data": data or {}, "comm_id": self.comm_id, **keys}
        full = {"engine": self.core.uuid, **(metadata or {})}
        self.core.publish(
            f"comm-{self.comm_id}",
            msg_type,
            to_json(content),
            buffers or (),
            verbatim=True,
            metadata=to_json(full),
        )


def install(core: Any) -> None:
    """Makes the `comm` package use EngineComm."""
    import comm

    EngineComm.core = core
    comm.create_comm = EngineComm
    comm.get_comm_manager = manager


def manager() -> CommManager:
    global _manager
    if _manager is None:
        _manager = CommManager()
    return _manager


def handle(task: Any) -> None:
    """A comm message from a client."""
    message = {
        "header": json.loads(task.header),
        "metadata": json.loads(task.metadata),
        "content": json.loads(task.content),
        "buffers": task.buffers,
    }
    getattr(manager(), task.msg_type)(None, None, message)
