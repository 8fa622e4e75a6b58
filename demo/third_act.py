"""The third act of the demo: all three together. A compiled function is mapped over engines, each of
which threads its part of one large picture.

The text is that of examples/julia_set/julia.pyx.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engineroom as er
import numpy as np
import second_act

sys.path.append(str(Path(__file__).resolve().parent.parent / "examples"))
Bar = Callable[[Any, str], Any]


def julia_alone(resolution: int) -> Any:
    """Compiles the program, and compares a few rows with Python's."""
    import compiled_julia as example

    began = time.perf_counter()
    module = er.compile(example.TEXT, use_cache=False)
    lines = example.TEXT.strip().count("\n") + 1
    print(f"   {lines} lines compiled in {(time.perf_counter() - began) * 1e3:.0f} ms")
    began = time.perf_counter()
    counts = module.calc_julia(resolution, example.C)
    took = time.perf_counter() - began
    rows = [resolution // 3, resolution // 2]
    began = time.perf_counter()
    assert counts[rows].tolist() == example.rows_in_python(resolution, example.C, rows)
    in_python = (time.perf_counter() - began) / len(rows) * (resolution + 1)
    print(f"   {counts.size} points on {os.cpu_count()} cores: {took * 1e3:.0f} ms,")
    print(
        f"   {in_python / took:.0f} times as fast as Python, to judge by two rows, with the same numbers"
    )
    print(f"   {module.julia_fraction(counts):.2%} of the points have not escaped")
    return module


def julia_together(
    client: Any, module: Any, size: int, tiles: int, bar: Bar, picture: Path
) -> None:
    """A picture of size x size points, in tiles x tiles parts."""
    import compiled_julia as example

    step = 2 * example.BOUND / size
    edges = np.linspace(0, size, tiles + 1).astype(int)
    parts = [(i, j) for i in range(tiles) for j in range(tiles)]
    corners = [
        complex(-example.BOUND + edges[i] * step, -example.BOUND + edges[j] * step)
        for i, j in parts
    ]
    heights = [int(edges[i + 1] - edges[i]) for i, _ in parts]
    widths = [int(edges[j + 1] - edges[j]) for _, j in parts]
    view = client.load_balanced_view()
    began = time.perf_counter()
    result = view.map_async(
        module.tile, corners, [step] * len(parts), heights, widths, [example.C] * len(parts)
    )
    counts = np.empty((size, size), dtype=np.int32)
    for (i, j), part in zip(parts, bar(result, f"{len(client)} engines"), strict=True):
        counts[edges[i] : edges[i + 1], edges[j] : edges[j + 1]] = part
    took = time.perf_counter() - began
    steps = counts.sum(dtype=np.int64)
    print(
        f"   {counts.size / 1e6:g} million points, {steps / 1e9:.2f} billion steps in {took:.2f} s"
    )
    # The tiles are where they belong.
    row = int(edges[1])
    corner = complex(-example.BOUND + row * step, -example.BOUND)
    edge = module.tile(corner, step, 1, widths[0], example.C)[0]
    assert (counts[row, : widths[0]] == edge).all()
    every = max(1, size // 1500)
    second_act.draw(counts[::every, ::every], example.draw, picture, figsize=(8, 7.5))
