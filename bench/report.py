"""From lists of numbers to a table, ratios, and whether the bars hold."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass
class Row:
    key: str
    label: str
    unit: str
    # +1: more is better, -1: less is better, 0: for information
    sense: int
    # ours must be this many times better than the reference's, which is stock's or Cython's
    bar: float = 0.0
    # ours must not exceed this, in `unit`
    ceiling: float | None = None


ROWS = [
    Row("lb_rate", "load-balanced no-ops, apply_async one by one", "tasks/s", +1, bar=25),
    Row("lb_submit_rate", "  … of that, submission alone", "tasks/s", +1),
    Row("lbmap_rate", "load-balanced map, one task per item", "tasks/s", +1, bar=25),
    Row("cpu_controller", "CPU per task: controller", "µs", -1, bar=50),
    Row("cpu_client", "CPU per task: client", "µs", -1),
    Row("cpu_engines", "CPU per task: engines", "µs", -1),
    Row("sync_direct_p50", "apply_sync direct, p50", "µs", -1, bar=6),
    Row("sync_direct_p99", "apply_sync direct, p99", "µs", -1),
    Row("sync_lb_p50", "apply_sync load-balanced, p50", "µs", -1, bar=6),
    Row("sync_lb_p99", "apply_sync load-balanced, p99", "µs", -1),
    Row("map_default", "map of trivial items, default chunksize", "items/s", +1),
    Row("map_100", "map of 100,000 items, chunksize=100", "items/s", +1),
    Row("graph_after", "graph of 100,000 tasks (others 2,000), after", "tasks/s", +1, bar=25),
    Row("graph_arguments", "  … with results as arguments", "tasks/s", +1),
    Row("map_arguments", "map over a map's results (10,000; others 1,000)", "items/s", +1),
    Row("map_arguments_recorded", "  … with records in a file", "items/s", 0),
    Row("map_arrays", "  … over 40 arrays of 8 MiB", "GiB/s", +1),
    Row("map_arrays_recorded", "  … with records in a file", "GiB/s", 0),
    Row("push", "push 100 MiB to one engine", "GiB/s", +1, bar=4),
    Row("pull", "pull 100 MiB from one engine", "GiB/s", +1),
    Row("push_all", "push 100 MiB to each of 2 engines", "GiB/s", +1),
    Row("memcpy", "  … (a copy of 100 MiB within one process)", "GiB/s", 0),
    Row("push_all_share", "  … push to all, of a copy's rate", "x", 0),
    Row("start", "start of 2 engines to the first result", "s", -1, bar=5),
    Row("start_import", "  … of that, interpreter and import", "s", -1),
    Row("start_connected", "  … of that, until connected", "s", -1),
    Row("stop", "stop of that cluster", "s", -1),
    Row("controller_processes", "controller processes", "", -1),
    Row("controller_idle_rss", "controller idle, RSS", "MiB", -1, ceiling=20),
    Row("controller_idle_pss", "controller idle, PSS", "MiB", -1),
    Row("controller_quarter_pss", "controller after 100,000 tasks (stock 2,500), PSS", "MiB", -1),
    Row("controller_half_pss", "  … after 200,000 (stock 5,000)", "MiB", -1),
    Row("controller_full_pss", "  … after 400,000 (stock 10,000)", "MiB", -1),
    Row("controller_growth", "  … growth in the last quarter", "MiB", -1, ceiling=1),
    Row("engine_rss", "an engine, RSS (all its processes)", "MiB", -1),
    Row("engine_pss", "an engine, PSS (all its processes)", "MiB", -1),
    Row("records_memory", "tasks recorded in memory", "tasks/s", +1),
    Row("records_sqlite", "  … in SQLite", "tasks/s", +1),
    Row("records_postgres", "  … in PostgreSQL", "tasks/s", +1),
    Row("journal_rate", "load-balanced no-ops with a journal", "tasks/s", +1),
    Row("restore_seconds", "kill -9 of the controller to the next result", "s", -1, ceiling=5),
    Row("register_seconds", "simulated engines (1,000; stock 500): all there", "s", -1),
    Row("register_cpu", "  … CPU time of the controller for it", "s", -1),
    Row("register_reached", "  … most registered at a time", "", 0),
    Row("register_lost", "  … missing at the end", "", 0, ceiling=0),
]


def medians(values: dict[str, dict[str, list]]) -> dict[str, dict[str, float]]:
    """system -> key -> median, of what was measured."""
    found: dict[str, dict[str, float]] = {}
    for system, keys in values.items():
        for key, numbers in keys.items():
            present = [number for number in numbers if number is not None]
            if present:
                found.setdefault(system, {})[key] = statistics.median(present)
    return found


def times_better(row: Row, ours: float | None, other: float | None) -> float | None:
    if not row.sense or ours is None or other is None or ours <= 0 or other <= 0:
        return None
    return ours / other if row.sense > 0 else other / ours


def verdict(row: Row, ours: float | None, reference: float | None) -> tuple[str, bool | None]:
    """The bars in words, and whether all hold; None if it cannot be said."""
    words, answers = [], []
    if row.bar:
        ratio = times_better(row, ours, reference)
        words.append(f">= {row.bar:g}x")
        answers.append(None if ratio is None else ratio >= row.bar)
    if row.ceiling is not None:
        words.append(f"<= {row.ceiling:g} {row.unit}".strip())
        answers.append(None if ours is None else ours <= row.ceiling)
    known = [answer for answer in answers if answer is not None]
    return ", ".join(words), all(known) if known else None


def summary(
    values: dict[str, dict[str, list]], rows: list[Row] = ROWS, reference: str = "stock"
) -> list[dict]:
    """One entry per row that was measured on anybody."""
    middle = medians(values)
    entries = []
    for row in rows:
        numbers = {system: keys[row.key] for system, keys in middle.items() if row.key in keys}
        if not numbers:
            continue
        ours, other = numbers.get("ours"), numbers.get(reference)
        rival = "" if other is not None else best_rival(row, numbers)
        bar, holds = verdict(row, ours, other)
        entries.append(
            {
                "key": row.key,
                "label": row.label,
                "unit": row.unit,
                "medians": numbers,
                "times_better": times_better(row, ours, numbers.get(rival or reference)),
                "rival": rival,
                "bar": bar,
                "holds": holds,
            }  # fmt: skip
        )
    return entries


def best_rival(row: Row, numbers: dict[str, float]) -> str:
    """Who comes next to ours where the reference has nothing to compare with; "" if nobody does."""
    rivals = [system for system in numbers if system not in ("ours", "hybrid")]
    return max(rivals, key=lambda system: row.sense * numbers[system], default="")


def number(value: float | None) -> str:
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(entries: list[dict], systems: list[str]) -> str:
    head = ["measure", "unit", *systems, "better", "bar", ""]
    lines = [head]
    for entry in entries:
        ratio = entry["times_better"]
        holds = {True: "holds", False: "MISSED", None: "not measured" if entry["bar"] else ""}
        numbers = [number(entry["medians"].get(system)) for system in systems]
        better = "" if ratio is None else f"{number(ratio)}x"
        if better and entry["rival"]:
            better += f" {entry['rival']}"
        lines.append(
            [entry["label"], entry["unit"], *numbers, better, entry["bar"], holds[entry["holds"]]]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(_aligned(line, widths, len(systems)) for line in lines)


def _aligned(line: list[str], widths: list[int], systems: int) -> str:
    # Numbers to the right: the systems' columns and the ratio after them.
    cells = []
    for column, (cell, width) in enumerate(zip(line, widths, strict=True)):
        right = 2 <= column <= 2 + systems
        cells.append(cell.rjust(width) if right else cell.ljust(width))
    return "  ".join(cells).rstrip()
