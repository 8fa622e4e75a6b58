"""The second act of the demo: three programs in Cython's language, compiled in this process.

The texts are those of examples/compiled_*.py.
"""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engineroom as er

sys.path.append(str(Path(__file__).resolve().parent.parent / "examples"))
SQUARE = "def square(x):\n    return x * x\n"


def compile_square() -> None:
    square = compiled(SQUARE).square
    print(f"   {square(12)}, {square(1.5)}, {square(10**20)}")


def race_sieves(n: int) -> None:
    import compiled_sieve as example

    plain: dict[str, Any] = {}
    exec(example.PYTHON, plain)
    in_python = best(plain["primes"], n)
    same = compiled(example.PYTHON).primes
    typed = compiled(example.TYPED).primes
    assert plain["primes"](n) == same(n) == typed(n)
    print(f"   {len(typed(n))} primes below {n}: {in_python * 1e3:.1f} ms in Python")
    tell("the same text", in_python, best(same, n))
    tell("with int n, i, k", in_python, best(typed, n))


def walk(n: int, picture: Path) -> None:
    import compiled_walk as example

    in_python = best(example.walk, n)
    typed = compiled(example.TYPED).walk
    print(f"   {n} steps: {in_python * 1e3:.1f} ms with NumPy in Python")
    tell("with C types", in_python, best(typed, n))
    draw(typed(n), example.draw, picture)


def compiled(source: str) -> Any:
    """The module, compiled anew, whatever is in the cache."""
    began = time.perf_counter()
    module = er.compile(source, use_cache=False)
    took = (time.perf_counter() - began) * 1e3
    print(f"   {source.strip().count(chr(10)) + 1} lines compiled in {took:.0f} ms")
    return module


def best(f: Callable[[int], Any], n: int) -> float:
    return min(timeit.repeat(lambda: f(n), number=1, repeat=3))


def tell(what: str, in_python: float, seconds: float) -> None:
    ratio = in_python / seconds
    print(f"   {what}: {seconds * 1e3:.2f} ms, {ratio:.1f} times as fast")


def draw(
    what: Any,
    onto: Callable[[Any, Any], None],
    picture: Path,
    figsize: tuple[float, float] = (8, 4),
) -> None:
    try:
        import matplotlib
    except ImportError:
        print("   no matplotlib, no picture")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=figsize)
    onto(what, axes)
    figure.tight_layout()
    figure.savefig(picture, dpi=120)
    print(f"   {picture}")
