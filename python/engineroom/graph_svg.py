"""Drawings of task graphs: layers from left to right, a box per task.

A box has its engine's colour; the bar below its text says when the task ran, within the time that
the whole graph took. Lines are arguments (solid), `after` (dashed) and `follow` (thick).
"""

import colorsys
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .graph import Node

_WIDTH, _HEIGHT = 132, 44  # of a box
_GAP_X, _GAP_Y = 56, 14
_MARGIN = 16
_LEGEND = 24
_LETTERS = 19  # that fit into a box
# Layers of more tasks than this get small boxes without text.
_CROWD = 60
_SMALL = 14
_IDLE = "#e4e4e7"
FAILED = "#d92d20"
_STROKES = {
    "input": 'stroke="#71717a"',
    "after": 'stroke="#71717a" stroke-dasharray="5 4"',
    "follow": 'stroke="#52525b" stroke-width="2.5"',
}


def colour_of(node: "Node") -> str:
    """The colour of the engine where a task ran, as #rrggbb; grey if it has not."""
    if node.engine_id is None or node.status in ("pending", "unknown"):
        return _IDLE
    # Neighbours differ most if hues go around by the golden ratio.
    hue = (0.58 + node.engine_id * 0.618034) % 1
    red, green, blue = colorsys.hls_to_rgb(hue, 0.82, 0.65)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def to_svg(nodes: Sequence["Node"]) -> str:
    """The picture of tasks, each of which comes after those that it waits for."""
    layers = _layers(nodes)
    height = _SMALL if max(map(len, layers), default=0) > _CROWD else _HEIGHT
    places = _places(layers, height)
    engines = sorted({n.engine_id for n in nodes if n.engine_id is not None and n.started})
    rows = max(map(len, layers), default=0)
    width = 2 * _MARGIN + len(layers) * (_WIDTH + _GAP_X) - _GAP_X
    total = 2 * _MARGIN + rows * (height + _GAP_Y) - _GAP_Y + _LEGEND
    body = [line for node in nodes for line in _edges(node, places, height)]
    span = _span(nodes)
    body += [line for node in nodes for line in _box(node, places[node.msg_id], height, span)]
    body += _legend(nodes, engines, span, total - _MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(width, 420)}" height="{total}" '
        'font-family="system-ui, sans-serif" font-size="11"><defs><marker id="er-arrow" '
        'viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#71717a"/></marker></defs>'
        '<rect width="100%" height="100%" fill="white"/>' + "".join(body) + "</svg>"
    )


# ---- where boxes go ----


def _layers(nodes: Sequence["Node"]) -> list[list["Node"]]:
    """A task's layer is one beyond the furthest of those that it waits for."""
    depth: dict[str, int] = {}
    layers: list[list[Node]] = []
    for node in nodes:
        depth[node.msg_id] = 1 + max((depth[s] for s in node.sources if s in depth), default=-1)
        while len(layers) <= depth[node.msg_id]:
            layers.append([])
        layers[depth[node.msg_id]].append(node)
    return layers


def _places(layers: list[list["Node"]], height: int) -> dict[str, tuple[float, float]]:
    """Upper left corners. Tasks are as high as their sources are in the mean: few lines cross."""
    rows = max(map(len, layers), default=0)
    rank: dict[str, float] = {}
    places = {}
    for column, layer in enumerate(layers):
        wishes = {}
        for index, node in enumerate(layer):
            known = [rank[source] for source in node.sources if source in rank]
            wishes[node.msg_id] = sum(known) / len(known) if known else float(index)
        layer.sort(key=lambda node: wishes[node.msg_id])
        first = (rows - len(layer)) / 2
        for index, node in enumerate(layer):
            rank[node.msg_id] = first + index
            x = _MARGIN + column * (_WIDTH + _GAP_X)
            places[node.msg_id] = (x, _MARGIN + (first + index) * (height + _GAP_Y))
    return places


def _span(nodes: Sequence["Node"]) -> tuple[float, float]:
    """When the first task began, and for how long at least one ran or waited, in seconds."""
    ran = [n for n in nodes if n.started is not None and n.completed is not None]
    if not ran:
        return 0.0, 0.0
    begin = min(n.started.timestamp() for n in ran)  # type: ignore[union-attr]
    end = max(n.completed.timestamp() for n in ran)  # type: ignore[union-attr]
    return begin, max(end - begin, 1e-9)


# ---- what is drawn ----


def _edges(node: "Node", places: dict[str, tuple[float, float]], height: int) -> list[str]:
    x, y = places[node.msg_id]
    lines = []
    for source, kind in node.sources.items():
        if source not in places:
            continue
        from_x, from_y = places[source][0] + _WIDTH, places[source][1] + height / 2
        to_y, bend = y + height / 2, (x - from_x) / 2
        lines.append(
            f'<path d="M{from_x:g} {from_y:g}C{from_x + bend:g} {from_y:g} {x - bend:g} {to_y:g} '
            f'{x:g} {to_y:g}" fill="none" {_STROKES[kind]} marker-end="url(#er-arrow)"/>'
        )
    return lines


def _box(
    node: "Node", place: tuple[float, float], height: int, span: tuple[float, float]
) -> list[str]:
    from .graph import describe

    x, y = place
    name, state = describe(node)
    failed = node.status in ("error", "aborted")
    stroke = f'stroke="{FAILED}" stroke-width="2"' if failed else 'stroke="#a1a1aa"'
    if node.status in ("pending", "unknown"):
        stroke += ' stroke-dasharray="3 3"'
    parts = [
        f"<g><title>{escape(f'{name}: {state} ({node.msg_id})')}</title>"
        f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{height}" rx="6" '
        f'fill="{colour_of(node)}" {stroke}/>'
    ]
    if height == _HEIGHT:
        short = name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…"
        parts.append(f'<text x="{x + 8:g}" y="{y + 16:g}" font-weight="600">{escape(short)}</text>')
        colour = FAILED if failed else "#52525b"
        parts.append(f'<text x="{x + 8:g}" y="{y + 30:g}" fill="{colour}">{escape(state)}</text>')
    parts += _time_bar(node, x, y + height - 7, span)
    return [*parts, "</g>"]


def _time_bar(node: "Node", x: float, y: float, span: tuple[float, float]) -> list[str]:
    if node.started is None or node.seconds is None or span[1] == 0:
        return []
    room = _WIDTH - 16
    left = (node.started.timestamp() - span[0]) / span[1] * room
    width = max(2.0, node.seconds / span[1] * room)
    left = max(0.0, min(left, room - width))
    return [
        f'<rect x="{x + 8:g}" y="{y:g}" width="{room}" height="3" fill="white" opacity="0.7"/>',
        f'<rect x="{x + 8 + left:.1f}" y="{y:g}" width="{width:.1f}" height="3" fill="#3f3f46"/>',
    ]


def _legend(
    nodes: Sequence["Node"], engines: list[int], span: tuple[float, float], y: float
) -> list[str]:
    from .graph import _duration

    count = len(nodes)
    done = sum(node.status == "ok" for node in nodes)
    text = f"{count} task{'s' if count != 1 else ''}, {done} done"
    if span[1] > 0:
        text += f" in {_duration(span[1])}"
    parts = [f'<text x="{_MARGIN}" y="{y:g}" fill="#52525b">{escape(text)}</text>']
    x = _MARGIN + 7 * len(text) + 8
    for engine_id in engines[:16]:
        example = next(node for node in nodes if node.engine_id == engine_id and node.started)
        parts.append(
            f'<rect x="{x}" y="{y - 9:g}" width="10" height="10" rx="2" '
            f'fill="{colour_of(example)}" stroke="#a1a1aa"/>'
            f'<text x="{x + 14}" y="{y:g}" fill="#52525b">engine {engine_id}</text>'
        )
        x += 78
    return parts
