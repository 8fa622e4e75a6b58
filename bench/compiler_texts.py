"""Programs to compile: texts with a number that makes each one new, and how to see that it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Text:
    key: str
    label: str
    template: str
    function: str
    # True if the function gives what it should, for this number.
    check: Callable[[Callable, int], bool]

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
]
