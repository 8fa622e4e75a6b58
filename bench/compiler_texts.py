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
    p = [0] * 1000
    result = []
    if n > 1000:
        n = 1000
    k = 0
    number = 2
    while k < n:
        i = 0
        while i < k and number % p[i] != 0:
            i = i + 1
        if i == k:
            p[k] = number
            k = k + 1
            result.append(number)
        number = number + 1
    return [{i}] + result
"""

TYPED_SIEVE = """
def primes(int n):
    cdef int i, k, number
    cdef int p[1000]
    result = []
    if n > 1000:
        n = 1000
    k = 0
    number = 2
    while k < n:
        i = 0
        while i < k and number % p[i] != 0:
            i = i + 1
        if i == k:
            p[k] = number
            k = k + 1
            result.append(number)
        number = number + 1
    return [{i}] + result
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
    found: list[Any] = f(5)
    return found == [i, 2, 3, 5, 7, 11]


TEXTS = [
    Text("square", "square(x)", SQUARE, "square", lambda f, i: f(3) == 9 + i),
    Text("two_lines", "two lines with doubles", TWO_LINES, "f", lambda f, i: f(2, 3) == 6 + i),
    Text("sieve", "the sieve", SIEVE, "primes", _primes),
    Text("typed_sieve", "the sieve with C types", TYPED_SIEVE, "primes", _primes),
]
