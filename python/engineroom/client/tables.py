"""Small HTML tables for notebooks."""

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import View
    from .client import Client

MAX_ROWS = 20


def _table(title: str, header: list[str], rows: list[list[Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows[:MAX_ROWS]
    )
    more = f"<p>… {len(rows) - MAX_ROWS} more</p>" if len(rows) > MAX_ROWS else ""
    return f"<b>{escape(title)}</b><table><tr>{head}</tr>{body}</table>{more}"


def _rows(client: "Client", engine_ids: list[int]) -> list[list[Any]]:
    try:
        status = client.queue_status()
    except Exception:  # a table must not fail; the engines are shown without their queues
        status = {}
    table = client._engine_table()
    rows = []
    for engine_id in engine_ids:
        queue = status.get(engine_id, {})
        counts = [queue.get(key, "") for key in ("queue", "tasks", "completed")]
        rows.append([engine_id, table.get(engine_id, "gone")[:13], *counts])
    return rows


HEADER = ["engine", "uuid", "queue", "tasks", "completed"]


def client_table(client: "Client") -> str:
    return _table(repr(client).strip("<>"), HEADER, _rows(client, client.ids))


def view_table(view: "View") -> str:
    targets = view.targets
    if isinstance(targets, int):
        targets = [targets]
    engine_ids = targets if isinstance(targets, list) else view.client.ids
    return _table(repr(view).strip("<>"), HEADER, _rows(view.client, engine_ids))
