"""Task graphs to look at: which task waits for which, where each ran, and when.

    ar = view.apply_async(f, view.apply_async(g), view.apply_async(h))
    engineroom.graph.draw(ar)                  # in a notebook: the picture as it is at this moment
    engineroom.graph.draw(ar, "graph.svg")     # or .dot; .png and .pdf by Graphviz
    client.task_graph(msg_ids).to_networkx()

Tasks that are not given, but waited for, are looked up in the controller's records.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client.client import Client

# Pictures of more are of no use to anybody.
MAX_TASKS = 5_000
_RECORD_KEYS = ["metadata", "engine_uuid", "started", "completed", "result_content", "label"]


@dataclass
class Node:
    """A task as it was when somebody looked."""

    msg_id: str
    name: str
    status: str = "pending"  # or "ok", "error", "aborted"; "unknown": there is no record of it
    engine_id: int | None = None
    started: datetime | None = None
    completed: datetime | None = None
    # msg_id → "input" (its result is an argument), "after" or "follow".
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """How long it ran."""
        if self.started is None or self.completed is None:
            return None
        return max(0.0, (self.completed - self.started).total_seconds())


class TaskGraph:
    """Tasks and what they wait for. What is shown is how things stand when it is shown."""

    def __init__(self, client: "Client", results: Iterable[Any]) -> None:
        """results: AsyncResults or msg_ids."""
        self._client = client
        self._results = list(results)

    def nodes(self) -> list[Node]:
        """The tasks, each after those that it waits for. ValueError beyond MAX_TASKS."""
        found: dict[str, Node] = {}
        strangers: list[str] = []
        for result in self._results:
            if isinstance(result, str):
                strangers.append(result)
                continue
            for task in result._tasks:
                found[task.msg_id] = _live_node(self._client, task, result._fname)
        while missing := _missing(found, strangers):
            if len(found) + len(missing) > MAX_TASKS:
                raise ValueError(f"the graph has more than {MAX_TASKS} tasks: draw a part of it")
            found.update(self._look_up(missing))
            strangers = []
        return _in_order(found)

    def _look_up(self, msg_ids: list[str]) -> dict[str, Node]:
        query = {"msg_id": {"$in": msg_ids}}
        records = {r["msg_id"]: r for r in self._client.db_query(query, keys=_RECORD_KEYS)}
        return {
            msg_id: _recorded_node(self._client, msg_id, records.get(msg_id)) for msg_id in msg_ids
        }

    # ---- pictures ----

    def svg(self) -> str:
        """A drawing, made without any other program."""
        from .graph_svg import to_svg

        return to_svg(self.nodes())

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return f'<div style="overflow:auto;max-height:40em">{self.svg()}</div>'

    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        from .graph_svg import FAILED, colour_of

        lines = ["digraph tasks {", '  node [shape=box, style="filled,rounded"];']
        for node in self.nodes():
            label = "\\n".join(describe(node)).replace('"', r"\"")
            look = f'fillcolor="{colour_of(node)}"'
            if node.status in ("error", "aborted"):
                look += f', color="{FAILED}", penwidth=2'
            elif node.status in ("pending", "unknown"):
                look += ', style="filled,rounded,dashed"'
            lines.append(f'  "{node.msg_id}" [label="{label}", {look}];')
            for source, kind in node.sources.items():
                style = {"input": "solid", "after": "dashed", "follow": "bold"}[kind]
                lines.append(f'  "{source}" -> "{node.msg_id}" [style={style}];')
        return "\n".join([*lines, "}"])

    def save(self, path: str | Path) -> Path:
        """Writes .svg or .dot; other kinds (.png, .pdf) by Graphviz, which must be installed."""
        path = Path(path)
        if path.suffix == ".svg":
            path.write_text(self.svg(), encoding="utf-8")
        elif path.suffix in (".dot", ".gv"):
            path.write_text(self.dot(), encoding="utf-8")
        else:
            program = shutil.which("dot")
            if program is None:
                raise RuntimeError(
                    f"a {path.suffix or 'file without suffix'} is made by Graphviz, which is not "
                    "installed: install the package graphviz, or save as .svg"
                )
            command = [program, f"-T{path.suffix[1:]}", "-o", str(path)]
            done = subprocess.run(command, input=self.dot(), text=True, capture_output=True)
            if done.returncode:
                raise RuntimeError(f"Graphviz made no {path.suffix}: {done.stderr.strip()}")
        return path

    def to_networkx(self) -> Any:
        """A networkx.DiGraph; what is known of a task are attributes of its node."""
        import networkx

        graph = networkx.DiGraph()
        for node in self.nodes():
            attributes = {key: value for key, value in vars(node).items() if key != "sources"}
            graph.add_node(node.msg_id, **attributes, seconds=node.seconds)
            for source, kind in node.sources.items():
                graph.add_edge(source, node.msg_id, kind=kind)
        return graph


def draw(results: Any, path: str | Path | None = None) -> TaskGraph:
    """The graph of AsyncResults (one or several), which notebooks show; also saved if `path`."""
    results = [results] if hasattr(results, "msg_ids") else list(results)
    if not results:
        raise ValueError("there are no tasks to draw")
    graph = TaskGraph(results[0]._client, results)
    if path is not None:
        graph.save(path)
    return graph


def describe(node: Node) -> list[str]:
    """The lines in a task's box: its name, and how it went."""
    if node.status == "ok" and node.seconds is not None:
        state = _duration(node.seconds)
    else:
        state = {"ok": "done", "error": "failed"}.get(node.status, node.status)
    where = f" on {node.engine_id}" if node.engine_id is not None else ""
    return [node.name, state + where]


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


# ---- where nodes come from ----


def _sources(metadata: Any) -> dict[str, str]:
    metadata = json.loads(metadata or "{}") if isinstance(metadata, str) else metadata or {}
    sources = {}
    for kind in ("after", "follow"):
        value = metadata.get(kind) or []
        if isinstance(value, dict):
            value = value.get("dependencies", [])
        sources.update(dict.fromkeys([value] if isinstance(value, str) else value, kind))
    sources.update((place["id"], "input") for place in metadata.get("inputs", []))
    return sources


def _live_node(client: "Client", task: Any, name: str) -> Node:
    from .client.metadata import FIELDS

    node = Node(task.msg_id, name, task.status, sources=_sources(task.request_metadata))
    if task.done:
        engine_id = FIELDS["engine_id"](client, task)
        node.engine_id = engine_id if isinstance(engine_id, int) else None
        node.started = FIELDS["started"](client, task)
        node.completed = FIELDS["completed"](client, task)
    return node


def _recorded_node(client: "Client", msg_id: str, record: dict[str, Any] | None) -> Node:
    short = msg_id.rpartition("_")[2] or msg_id
    if record is None:
        return Node(msg_id, f"task {short}", "unknown")
    content = record.get("result_content") or {}
    uuid = record.get("engine_uuid")
    return Node(
        msg_id,
        record.get("label") or f"task {short}",
        content.get("status", "pending"),
        client._engine_id(uuid) if uuid else None,
        record.get("started"),
        record.get("completed"),
        _sources(record.get("metadata")),
    )


def _missing(found: dict[str, Node], wanted: list[str]) -> list[str]:
    sources = (source for node in found.values() for source in node.sources)
    return [msg_id for msg_id in dict.fromkeys([*wanted, *sources]) if msg_id not in found]


def _in_order(found: dict[str, Node]) -> list[Node]:
    """Sources first. Without recursion, as chains may be long."""
    done: dict[str, Node] = {}
    for start in found:
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(found[start].sources))]
        open_ids = {start}
        while stack:
            msg_id, rest = stack[-1]
            source = next((s for s in rest if s not in done and s not in open_ids), None)
            if source is None:
                done.setdefault(msg_id, found[msg_id])
                stack.pop()
            else:
                open_ids.add(source)
                stack.append((source, iter(found[source].sources)))
    return list(done.values())


__all__ = ["MAX_TASKS", "Node", "TaskGraph", "describe", "draw"]
