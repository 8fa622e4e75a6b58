"""What is known about a task besides its result.

Nothing here is computed before somebody asks: a field is read from the native task, or from the
JSON of its messages, when it is looked at.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.utils.capture import RichOutput

from .._core import Task
from ..util import _parse_date, from_timestamp, get_ipython

if TYPE_CHECKING:
    from .client import Client


class Metadata(dict[str, Any]):
    """The metadata of one task: a dict with these keys and no others; keys are attributes too.

    msg_id, label; submitted, started, completed, received (aware datetimes, None until then);
    engine_id, engine_uuid (lists for a coalescing broadcast); status ("ok", "error", "aborted" or
    None), error; follow, after (msg_ids); stdout, stderr (text), outputs (list of display_data
    contents), execute_input, execute_result, data (what publish_data sent).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__((key, _empty(key)) for key in KEYS)
        self.update(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Metadata, (dict(self),))

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(key) from None

    def __setattr__(self, key: str, value: Any) -> None:
        if key not in self:
            raise AttributeError(key)
        self[key] = value

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self:
            raise KeyError(key)
        super().__setitem__(key, value)


def _empty(key: str) -> Any:
    if key in ("stdout", "stderr"):
        return ""
    return {"outputs": [], "data": {}}.get(key)


def _from_outputs(task: Task, kind: str) -> list[Any]:
    return [json.loads(content) for msg_type, content in task.outputs if msg_type == kind]


def _last(task: Task, kind: str) -> Any:
    for msg_type, content in reversed(task.outputs):
        if msg_type == kind:
            return json.loads(content)
    return None


def _reply(task: Task, key: str) -> Any:
    return json.loads(task.metadata).get(key)


def _request(task: Task, key: str, default: Any = None) -> Any:
    value = json.loads(task.request_metadata or "{}").get(key)
    return default if value is None else value


def _engine_uuid(client: "Client", task: Task) -> Any:
    if task.done and '"broadcast_targets"' in task.metadata:
        return [uuid for uuid, _ in _reply(task, "broadcast_targets")]
    return task.engine_uuid or None


def _engine_id(client: "Client", task: Task) -> Any:
    uuid = _engine_uuid(client, task)
    if isinstance(uuid, list):
        return [client._engine_id(each) for each in uuid]
    return client._engine_id(uuid) if uuid else None


def _error(client: "Client", task: Task) -> Any:
    content = _last(task, "error")
    if content is None and task.status == "error":
        # Our engines do not say it twice.
        content = json.loads(task.content)
    return client._unwrap_exception(content, task) if content else None


def _execute_input(client: "Client", task: Task) -> Any:
    content = _last(task, "execute_input")
    return content["code"] if content else None


def _data(client: "Client", task: Task) -> dict[str, Any]:
    from ..serialize import unpack_object

    data: dict[str, Any] = {}
    for (msg_type, _), buffers in zip(task.outputs, task.output_buffers, strict=False):
        if msg_type == "data_message":
            data.update(unpack_object(buffers))
    return data


# How each field is read: field(client, task).
FIELDS: dict[str, Callable[["Client", Task], Any]] = {
    "msg_id": lambda client, task: task.msg_id,
    "submitted": lambda client, task: from_timestamp(task.submitted),
    "started": lambda client, task: _parse_date(_reply(task, "started")) if task.done else None,
    "completed": lambda client, task: (
        _parse_date(json.loads(task.header).get("date")) if task.done else None
    ),
    "received": lambda client, task: from_timestamp(task.received),
    "engine_uuid": _engine_uuid,
    "engine_id": _engine_id,
    "follow": lambda client, task: _request(task, "follow", []),
    "after": lambda client, task: _request(task, "after", []),
    "status": lambda client, task: task.status if task.done else None,
    "execute_input": _execute_input,
    "execute_result": lambda client, task: _last(task, "execute_result"),
    "error": _error,
    "stdout": lambda client, task: task.stdout,
    "stderr": lambda client, task: task.stderr,
    "outputs": lambda client, task: _from_outputs(task, "display_data"),
    "data": _data,
    "label": lambda client, task: _request(task, "label"),
}
KEYS = frozenset(FIELDS)


def field(client: "Client", task: Task, key: str) -> Any:
    """One field of a task's metadata; KeyError for a name that is not in KEYS."""
    if client._foreign and (known := client._foreign.get(task.msg_id)) and key in known:
        return known[key]
    return FIELDS[key](client, task)


def metadata_of(client: "Client", task: Task) -> Metadata:
    """All fields, as they are now."""
    return Metadata((key, field(client, task, key)) for key in FIELDS)


class LiveMetadata:
    """The fields of a task as they are when one is looked at."""

    __slots__ = ("client", "task")

    def __init__(self, client: "Client", task: Task) -> None:
        self.client = client
        self.task = task

    def __getitem__(self, key: str) -> Any:
        return field(self.client, self.task, key)

    def snapshot(self) -> Metadata:
        return metadata_of(self.client, self.task)


class ExecuteReply(RichOutput):
    """The result of `execute`: looks like the value of the cell's last line, and has metadata.

    msg_id, execution_count; metadata (Metadata); source, data (mime type → value). Metadata keys
    are attributes and items too: reply.stdout, reply["stdout"].
    """

    def __init__(
        self, msg_id: str, content: dict[str, Any], metadata: Metadata | LiveMetadata
    ) -> None:
        self.msg_id = msg_id
        self._content = content
        self.execution_count = content.get("execution_count")
        self._fields = metadata

    @property
    def metadata(self) -> Metadata:
        """All fields, as they are now: output may arrive after the reply."""
        fields = self._fields
        return fields if isinstance(fields, Metadata) else fields.snapshot()

    def _result(self, key: str, default: Any) -> Any:
        return (self._fields["execute_result"] or {}).get(key, default)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExecuteReply) and other.msg_id == self.msg_id

    def __hash__(self) -> int:
        return hash(self.msg_id)

    def __reduce__(self) -> tuple[Any, ...]:
        return (ExecuteReply, (self.msg_id, self._content, self.metadata))

    @property
    def source(self) -> str:
        return self._result("source", "")

    @property
    def data(self) -> dict[str, Any]:
        return self._result("data", {})

    @property
    def _metadata(self) -> dict[str, Any]:
        return self._result("metadata", {})

    def display(self) -> None:
        from IPython.display import publish_display_data

        publish_display_data(self.data, self._metadata)

    def _repr_mime_(self, mime: str) -> Any:
        if mime not in self.data:
            return None
        data = self.data[mime]
        return (data, self._metadata[mime]) if mime in self._metadata else data

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> tuple[dict[str, Any], Any]:
        data = dict(self.data)
        if "text/plain" in data:
            data["text/plain"] = self._plaintext()
        return data, self._metadata

    def __getitem__(self, key: str) -> Any:
        return self._fields[key]

    def __getattr__(self, key: str) -> Any:
        if key not in KEYS:
            raise AttributeError(key)
        return self._fields[key]

    def __repr__(self) -> str:
        text = self.data.get("text/plain", "")
        if len(text) > 32:
            text = text[:29] + "..."
        return f"<ExecuteReply[{self.execution_count}]: {text}>"

    def _plaintext(self) -> str:
        text = self.data.get("text/plain", "")
        if not text:
            return ""
        shell = get_ipython()
        colours = shell is not None and str(shell.colors).lower() != "nocolor"
        red, normal = ("\033[0;31m", "\033[0m") if colours else ("", "")
        if "\n" in text and not text.startswith("\n"):
            text = "\n" + text
        return f"{red}Out[{self._fields['engine_id']}:{self.execution_count}]: {normal}{text}"

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        p.text(self._plaintext())
