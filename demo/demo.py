#!/usr/bin/env python3
"""A tour of engineroom in less than a minute: `make demo`, or `python demo/demo.py --help`.

Starts an engine per core, lets them sleep together, estimates π from random points on one core and
on all, and draws what happened into demo/pi.png. The second act compiles programs in Cython's
language, races them against Python's, and draws demo/walk.png. The third puts all together: parts
of a Julia set, on engines that use threads, and demo/julia.png.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engineroom as ipp
import second_act
import third_act
from tqdm import tqdm

PICTURE = Path(__file__).resolve().parent / "pi.png"
PI = 3.141592653589793


@dataclass
class Sizes:
    """How much there is to do."""

    nap: float  # seconds per square
    chunks: int  # of random points
    chunk: int  # points
    primes: int  # below this
    steps: int  # of the random walk
    resolution: int  # of the Julia set
    size: int  # of the large one, in points
    tiles: int  # along each of its sides


FULL = Sizes(
    nap=1.0,
    chunks=100,
    chunk=5_000_000,
    primes=500_000,
    steps=50_000,
    resolution=1000,
    size=6000,
    tiles=8,
)
QUICK = Sizes(
    nap=0.1, chunks=20, chunk=200_000, primes=10_000, steps=2_000, resolution=100, size=300, tiles=2
)


# ---- what runs on engines ----


def slow_square(x: int, nap: float) -> int:
    import time

    time.sleep(nap)
    return x * x


def count_inside(seed: int, points: int) -> int:
    """How many of so many random points in the unit square lie in the quarter circle."""
    import numpy

    random = numpy.random.default_rng(seed)
    block = 1 << 16  # what fits into a core's cache
    inside = 0
    for begin in range(0, points, block):
        x, y = random.random((2, min(block, points - begin)))
        inside += int(numpy.count_nonzero(x * x + y * y <= 1))
    return inside


# ---- the tour ----


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-n", type=int, default=None, help="engines (default: one per core)")
    parser.add_argument("--quick", action="store_true", help="small numbers, for a test")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to draw")
    args = parser.parse_args(argv)
    sizes = QUICK if args.quick else FULL

    with step("1. A controller and an engine per core"):
        cluster = ipp.Cluster(n=args.n)
        client = cluster.start_and_connect_sync()
    try:
        show_engines(client)
        with step(f"2. Ten squares, each of which takes {sizes.nap:g} s"):
            sleep_together(client, sizes)
        with step(f"3. π from {sizes.chunks * sizes.chunk / 1e6:g} million random points"):
            result, speed = estimate_pi(client, sizes)
        with step("4. A picture of it"):
            draw(result, speed, sizes, args.picture)
    finally:
        client.close()
        cluster.stop_cluster_sync()
    with step("5. A function in Cython's language"):
        second_act.compile_square()
    with step("6. The sieve of Eratosthenes, three ways"):
        second_act.race_sieves(sizes.primes)
    with step("7. A random walk, and its picture"):
        second_act.walk(sizes.steps, args.picture.with_name("walk.png"))
    with step("8. The Julia set, on every core"):
        module = third_act.julia_alone(sizes.resolution)
    title = f"9. {sizes.tiles**2} parts of a large one, over engines that use threads"
    with step(title), ipp.Cluster(n=args.n) as client:
        picture = args.picture.with_name("julia.png")
        third_act.julia_together(client, module, sizes.size, sizes.tiles, with_bar, picture)
    return 0


@contextmanager
def step(title: str) -> Any:
    print(f"\n{title}", flush=True)
    began = time.perf_counter()
    yield
    print(f"   ({time.perf_counter() - began:.2f} s)", flush=True)


def show_engines(client: Any) -> None:
    pids = client[:].apply_sync(os.getpid)
    for engine_id, pid in zip(client.ids, pids, strict=True):
        print(f"   engine {engine_id}: process {pid}")


def sleep_together(client: Any, sizes: Sizes) -> None:
    view = client.load_balanced_view()
    naps = [sizes.nap] * 10
    began = time.perf_counter()
    squares = list(with_bar(view.map_async(slow_square, range(10), naps), "squares"))
    took = time.perf_counter() - began
    print(f"   {squares}")
    print(f"   {10 * sizes.nap:g} s of sleep took {took:.2f} s on {len(client)} engines")
    assert squares == [x * x for x in range(10)]


def estimate_pi(client: Any, sizes: Sizes) -> tuple[Any, float]:
    """The map's AsyncResult, and how much faster it was than one process."""
    seeds, points = range(sizes.chunks), [sizes.chunk] * sizes.chunks
    half = sizes.chunks // 2
    # Half before and half after: what else the machine does should not decide the comparison.
    before, seconds_before = timed(lambda: count_alone(seeds[:half], sizes))
    view = client.load_balanced_view()
    client[:].execute("import numpy", block=True)  # as this process did before its first chunk

    def together() -> tuple[Any, list[int]]:
        result = view.map_async(count_inside, seeds, points)
        return result, list(with_bar(result, f"{len(client)} engines"))

    (result, counts), seconds = timed(together)
    after, seconds_after = timed(lambda: count_alone(seeds[half:], sizes))
    total = sizes.chunks * sizes.chunk
    estimate = 4 * sum(counts) / total
    print(f"   π ≈ {estimate:.6f}, off by {abs(estimate - PI):.1e}")
    # Each chunk has its own seed, so that it does not matter where it is counted.
    assert counts == before + after
    seconds_alone = seconds_before + seconds_after
    speed = seconds_alone / seconds
    print(
        f"   one process: {seconds_alone:.2f} s; {len(client)} engines: {seconds:.2f} s, "
        f"{speed:.2f} times as fast, the same counts"
    )
    return result, speed


def count_alone(seeds: range, sizes: Sizes) -> list[int]:
    return [count_inside(seed, sizes.chunk) for seed in with_bar(seeds, "one process")]


def with_bar(items: Any, name: str) -> Any:
    return tqdm(items, desc=f"   {name:12}", total=len(items), file=sys.stdout, ncols=80)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


# ---- the picture ----


def draw(result: Any, speed: float, sizes: Sizes, picture: Path) -> None:
    try:
        import matplotlib
    except ImportError:
        print("   no matplotlib, no picture")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.6), width_ratios=(1, 1.5))
    draw_points(left)
    draw_timeline(right, result)
    right.set_title(f"{sizes.chunks} chunks, {speed:.2f} times as fast as one process")
    figure.tight_layout()
    figure.savefig(picture, dpi=120)
    print(f"   {picture}")


def draw_points(axes: Any) -> None:
    import numpy

    x, y = numpy.random.default_rng(0).random((2, 3000))
    inside = x * x + y * y <= 1
    axes.scatter(x[inside], y[inside], s=3, color="tab:blue")
    axes.scatter(x[~inside], y[~inside], s=3, color="tab:orange")
    angle = numpy.linspace(0, numpy.pi / 2, 200)
    axes.plot(numpy.cos(angle), numpy.sin(angle), color="black", linewidth=1)
    axes.set(aspect="equal", xlim=(0, 1), ylim=(0, 1), title="π/4 of the points are inside")


def draw_timeline(axes: Any, result: Any) -> None:
    """Which engine worked on which chunk, and when, from the metadata of the tasks."""
    from matplotlib import colormaps

    tasks = result.metadata
    began = min(task["started"] for task in tasks)
    engines = sorted({task["engine_id"] for task in tasks})
    for number, task in enumerate(tasks):
        start = (task["started"] - began).total_seconds()
        length = (task["completed"] - task["started"]).total_seconds()
        row = engines.index(task["engine_id"])
        # From dark to light, in the order of the chunks.
        colour = colormaps["viridis"](number / len(tasks))
        axes.barh(row, length, left=start, height=0.6, color=colour, edgecolor="white")
    axes.set_yticks(range(len(engines)), [f"engine {engine_id}" for engine_id in engines])
    axes.set_xlabel("seconds")
    axes.invert_yaxis()


if __name__ == "__main__":
    sys.exit(main())
