"""From a reply to what it means: a value, or the exception that says why there is none."""

import json
from typing import TYPE_CHECKING, Any

from .. import error, serialize
from .._core import Task
from .metadata import ExecuteReply, LiveMetadata

if TYPE_CHECKING:
    from .client import Client


def unpack_reply(client: "Client", task: Task) -> Any:
    """The value of a task that is done; an exception as a value if it failed."""
    if task.status == "aborted":
        return error.TaskAborted(task.msg_id)
    if task.status == "error":
        return client._unwrap_exception(json.loads(task.content), task)
    msg_type = task.msg_type
    if client._foreign and task.msg_id in client._foreign:
        # Its request is not known here, its reply is.
        msg_type = json.loads(task.header)["msg_type"].replace("_reply", "_request")
    if msg_type == "apply_request":
        return unpack_result(task.metadata, task.buffers)
    content = json.loads(task.content)
    if msg_type == "execute_request":
        return ExecuteReply(task.msg_id, content, LiveMetadata(client, task))
    return {"content": content, "buffers": task.buffers}


def unpack_result(metadata: str, buffers: Any) -> Any:
    """What a function returned; for a coalescing broadcast a list of it, per engine."""
    if '"is_coalescing":true' in metadata or '"is_coalescing": true' in metadata:
        return _unpack_all(buffers)
    if '"engineroom"' in metadata:
        return serialize.unpack_object(buffers)
    return serialize.uncan_foreign(buffers)[0]


def _unpack_all(buffers: Any) -> list[Any]:
    # The controller made this reply's metadata; the pickles themselves say who made them.
    if not any(b"ipyparallel" in bytes(buffer[:1024]) for buffer in buffers):
        return serialize.unpack_objects(buffers)
    values = []
    while buffers:
        value, buffers = serialize.uncan_foreign(buffers)
        values.append(value)
    return values
