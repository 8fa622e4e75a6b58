"""Output of many engines made short: what several of them say alike is shown once.

    [stdout:0-997,999]
    ready
    [stdout:998]
    no disk space

as cluster shells do it. Up to a handful of engines, each is shown by itself, as in ipyparallel.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

# From so many engines on, output is collated unless asked otherwise.
COLLATE_FROM = 16


def engine_ranges(engines: Iterable[int]) -> str:
    """Engine ids in short: "0-997,999". Two in a row are no range: "3,4"."""
    runs: list[list[int]] = []
    for engine in sorted(set(engines)):
        if runs and engine == runs[-1][-1] + 1:
            runs[-1].append(engine)
        else:
            runs.append([engine])
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs
    )


def group_alike(engines: Sequence[Any], items: Sequence[Hashable]) -> list[tuple[list[Any], int]]:
    """Engines whose items are equal, in the order in which each item first appears.

    Each with the index of the first such item. Falsy items are left out.
    """
    groups: dict[Hashable, tuple[list[Any], int]] = {}
    for index, (engine, item) in enumerate(zip(engines, items, strict=True)):
        if item:
            groups.setdefault(item, ([], index))[0].append(engine)
    return list(groups.values())


def labelled(engines: Sequence[Any], texts: Sequence[str], collate: bool) -> list[tuple[str, str]]:
    """(engines as words, text) of what is to be shown, one after the other."""
    # The engine of a task may be unknown or, for a coalesced broadcast, a list: then no ranges.
    if not collate or not all(isinstance(engine, int) for engine in engines):
        return [(str(engine), text) for engine, text in zip(engines, texts, strict=True)]
    return [(engine_ranges(group), texts[first]) for group, first in group_alike(engines, texts)]
