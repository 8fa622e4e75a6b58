"""Small HTML tables for notebooks. None of them waits for anything but the controller's answer."""

from html import escape
from typing import TYPE_CHECKING, Any

from .metadata import field

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .base import View
    from .client import Client

MAX_ROWS = 20


def table(title: str, header: list[str], rows: list[list[Any]], more: int = 0) -> str:
    """more: rows that there are besides these."""
    more += max(0, len(rows) - MAX_ROWS)
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows[:MAX_ROWS]
    )
    rest = f"<p>… {more} more</p>" if more else ""
    return f"<b>{escape(title)}</b><table><tr>{head}</tr>{body}</table>{rest}"


def _rows(client: "Client", engine_ids: list[int]) -> list[list[Any]]:
    try:
        status = client.queue_status()
    except Exception:  # a table must not fail; the engines are shown without their queues
        status = {}
    engines = client._engine_table()
    rows = []
    for engine_id in engine_ids:
        queue = status.get(engine_id, {})
        counts = [queue.get(key, "") for key in ("queue", "tasks", "completed")]
        rows.append([engine_id, engines.get(engine_id, "gone")[:13], *counts])
    return rows


HEADER = ["engine", "uuid", "queue", "tasks", "completed"]


def client_table(client: "Client") -> str:
    return table(repr(client).strip("<>"), HEADER, _rows(client, client.ids))


def view_table(view: "View") -> str:
    targets = view.targets
    if isinstance(targets, int):
        targets = [targets]
    engine_ids = targets if isinstance(targets, list) else view.client.ids
    return table(repr(view).strip("<>"), HEADER, _rows(view.client, engine_ids))


def result_table(result: "AsyncResult") -> str:
    """A row per task: where it runs or ran, how it ended, and how long it took there."""
    client = result._client
    # What the status of a task without a reply means. (Replies of other clients' tasks come late.)
    without = "cancelled" if result.cancelled() else "" if result.ready() else "pending"
    rows = []
    for number, task in enumerate(result._tasks[:MAX_ROWS]):
        started, completed = (field(client, task, key) for key in ("started", "completed"))
        took = f"{(completed - started).total_seconds():.3g} s" if started and completed else ""
        engine_id = field(client, task, "engine_id")
        engine = "" if engine_id is None else engine_id
        rows.append([number, engine, field(client, task, "status") or without, took])
    more = len(result._tasks) - len(rows)
    return table(repr(result)[1:-1], ["task", "engine", "status", "time"], rows, more)
