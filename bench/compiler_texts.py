"""Programs to compile: texts with a number that makes each one new, and how to see that it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SQUARE = """
def square(x):
    return x * x + {i}
"""

TWO_LINES = """
def f(double x, double y):
    return x * y + {i}
"""

SIEVE = """
def primes(n):
    is_prime = [False, False] + [True] * (n - 2)
    i = 2
    while i * i < n:
        if is_prime[i]:
            k = i * i
            while k < n:
                is_prime[k] = False
                k += i
        i += 1
    return [{i}] + [i for i in range(n) if is_prime[i]]
"""

TYPED_SIEVE = SIEVE.replace("def primes(n):\n", "def primes(int n):\n    cdef int i, k\n")

WALK = """
import numpy as np
cimport numpy as np
from libc.math cimport round, sqrt
from libc.stdlib cimport rand, RAND_MAX

DTYPE = np.double
ctypedef np.double_t DTYPE_t

cdef double step():
    return 2 * round(<double>rand() / RAND_MAX) - 1

def walk(int n):
    cdef np.ndarray[DTYPE_t, ndim=1] x = np.zeros(n + 1, dtype=DTYPE)
    cdef double dx = 1 / sqrt(n)
    cdef int i
    x[0] = {i}
    for i in range(n):
        x[i + 1] = x[i] + dx * step()
    return x
"""

VIEW_SUM = """
def total(double[:, ::1] a):
    cdef double s = {i}
    cdef Py_ssize_t i, j
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += a[i, j]
    return s
"""

PARALLEL_SUM = """
from cython.parallel cimport prange

def total(double[::1] a):
    cdef double s = {i}
    cdef Py_ssize_t i
    for i in prange(a.shape[0], nogil=True):
        s += a[i]
    return s
"""

JULIA = (
    Path(__file__).resolve().parent.parent / "examples" / "julia_set" / "julia.pyx"
).read_text()
JULIA += """

number = {i}
"""

# As Cython's users compile loops on threads.
FAST = ("-O3", "-march=native", "-fopenmp")


@dataclass(frozen=True)
class Text:
    key: str
    label: str
    template: str
    function: str
    # True if the function gives what it should, for this number.
    check: Callable[[Callable, int], bool]
    # gcc's, for Cython.
    flags: tuple[str, ...] = ("-O2",)
    # How much faster ours is to be there.
    bar: float = 15
    # At most so many milliseconds.
    ceiling: float | None = 50

    def with_number(self, i: int) -> str:
        return self.template.replace("{i}", str(i))


def _primes(f: Callable, i: int) -> bool:
    found: list[Any] = f(12)
    return found == [i, 2, 3, 5, 7, 11]


TEXTS = [
    Text("square", "square(x)", SQUARE, "square", lambda f, i: f(3) == 9 + i),
    Text("two_lines", "two lines with doubles", TWO_LINES, "f", lambda f, i: f(2, 3) == 6 + i),
    Text("sieve", "the sieve", SIEVE, "primes", _primes),
    Text("typed_sieve", "the sieve with C types", TYPED_SIEVE, "primes", _primes),
    Text("walk", "random walk in an array", WALK, "walk", lambda f, i: f(9)[0] == i),
    Text(
        "view", "sum over a memoryview", VIEW_SUM, "total",
        lambda f, i: f(np.ones((2, 3))) == 6 + i, FAST, bar=40,
    ),
    Text(
        "prange", "sum with prange", PARALLEL_SUM, "total",
        lambda f, i: f(np.ones(7)) == 7 + i, FAST, bar=40,
    ),
    Text(
        "julia", "Julia set with prange", JULIA, "calc_julia",
        lambda f, i: f(3, 0.1j).shape == (4, 4), FAST, bar=40, ceiling=None,
    ),
]  # fmt: skip
