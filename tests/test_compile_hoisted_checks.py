"""Checks of subscripts that are made before a loop: IndexError comes where it would come anyhow."""

from __future__ import annotations

import random
from typing import Any

import engineroom as er
import numpy as np
import pytest

# Loops over x and y, of 10 and 12 items. Each is run with many values of a, b and c; `log` is what
# was done before an error, which is compared with what Python does on lists.
LOOPS = {
    "plain": "for i in range(a, b):\n    y[i] = x[i]",
    "neighbours": "for i in range(a, b):\n    y[i] = x[i - 1] + x[i + 1]",
    "invariant": "for i in range(a, b):\n    y[c] = y[c] + x[i]",
    "mirrored": "for i in range(a, b):\n    y[c - i] = x[i]",
    "product": "for i in range(a, b):\n    y[i * c] = x[i]",
    "invariant product": "for i in range(a, b):\n    y[a * c + i] = x[i]",
    "downwards": "for i in range(b, a, -1):\n    y[i + c] = x[i]",
    "under a condition": "for i in range(a, b):\n    if i > 0:\n        y[i] = x[i - 1]",
    "an index from an index": "for i in range(a, b):\n    y[<int>x[i] % 12] = x[i]",
    "twice the variable": "for i in range(a, b):\n    y[i + i] = x[i]",
    "nothing of the variable": "for i in range(a, b):\n    y[c * 5] = y[c * 5] + x[a]",
    "cancelled": "for i in range(a, b):\n    y[c + i - i] = x[i]",
    "square": "for i in range(a, b):\n    y[i * i] = x[i]",
    "break": "for i in range(a, b):\n    if x[i] > 7:\n        break\n    y[i + c * 3] = x[i]",
    "continue": "for i in range(a, b):\n    if x[i] > 7:\n        continue\n    y[i + c] = x[i]",
    "assigned in it": "for i in range(a, b):\n    y[i + k] = x[i]\n    k = k + c",
    "the variable assigned": "for i in range(a, b):\n    i = i + c\n    y[i] = x[i]",
    "nested": "for k in range(a, b):\n    for i in range(0, k):\n        y[i + c] += x[k - i]",
}  # fmt: skip

TEXT = """
def run(double[:] x, double[:] y, int a, int b, int c):
    cdef {type} i = -99
    cdef int k = 0
    try:
{loop}
    except IndexError:
        return i, k, True
    return i, k, False
"""


def expected(loop: str, x: list, y: list, a: int, b: int, c: int) -> Any:
    text = TEXT.replace("double[:] x, double[:] y, int a, int b, int c", "x, y, a, b, c")
    text = (
        text.replace("cdef {type} ", "").replace("cdef int ", "").replace("{loop}", indented(loop))
    )
    space: dict[str, Any] = {}
    exec(text.replace("<int>x[i]", "int(x[i])"), space)
    return space["run"](x, y, a, b, c)


def indented(loop: str) -> str:
    return "\n".join(" " * 8 + line for line in loop.split("\n"))


@pytest.mark.parametrize("type", ["int", "long", "Py_ssize_t", "short"])
@pytest.mark.parametrize("name", LOOPS)
def test_errors_come_where_they_would(name: str, type: str) -> None:
    loop = LOOPS[name]
    run = er.compile(TEXT.format(type=type, loop=indented(loop)), f"checks_{type}").run
    chance = random.Random(name)
    outcomes = set()
    for _ in range(300):
        a, b, c = chance.randint(-3, 5), chance.randint(-2, 13), chance.randint(-3, 4)
        x = np.arange(10.0)
        y = np.arange(12.0)
        in_lists = list(x), list(y)
        answer = run(x, y, a, b, c)
        assert answer == expected(loop, *in_lists, a, b, c), (a, b, c)
        assert list(y) == in_lists[1], (a, b, c)
        outcomes.add(answer[-1])
    assert outcomes == {True, False}


STENCIL = """
# cython: {directives}
from cython.parallel cimport prange
def run(double[:, ::1] old, double[:, :] new, int n, int m):
    cdef int i, j
    for i in {outer}:
        for j in range(1, m - 1):
            new[i, j] = old[i - 1, j] + old[i + 1, j] + old[i, j - 1] + old[i, j + 1]
def scaled(double[:] x, double[:] y, double k):
    cdef Py_ssize_t i
    for i in {flat}:
        y[i] = k * x[i]
"""


@pytest.mark.parametrize("directives", ["", "wraparound=False", "boundscheck=False"])
@pytest.mark.parametrize("parallel", [False, True])
def test_stencils(parallel: bool, directives: str) -> None:
    words = "prange({}, nogil=True, num_threads=2)" if parallel else "range({})"
    text = STENCIL.format(
        directives=directives, outer=words.format("1, n - 1"), flat=words.format("x.shape[0]")
    )
    assert "er::is_inside(" in er.explain(text, "c++")
    module = er.compile(text, "stencils")
    old = np.random.default_rng(1).random((20, 30))
    new = np.zeros((20, 30))
    module.run(old, new, 20, 30)
    want = np.zeros((20, 30))
    want[1:-1, 1:-1] = old[:-2, 1:-1] + old[2:, 1:-1] + old[1:-1, :-2] + old[1:-1, 2:]
    assert np.allclose(new, want, rtol=1e-15)
    y = np.zeros(30)
    module.scaled(old[3], y, 2.0)
    assert list(y) == list(2.0 * old[3])
    if directives == "boundscheck=False":
        return
    with pytest.raises(IndexError):
        module.run(old, new, 20, 32)
    with pytest.raises(IndexError):
        module.scaled(old[3], y[:20], 2.0)


def test_an_error_after_its_effects() -> None:
    text = """
def run(double[:] x, int n):
    cdef int i
    for i in range(n):
        x[i] = i
"""
    x = np.full(5, -1.0)
    with pytest.raises(IndexError, match="Out of bounds on buffer access"):
        er.compile(text, "effects").run(x, 7)
    assert list(x) == [0, 1, 2, 3, 4]


def test_views_that_change_in_the_loop() -> None:
    text = """
def run(double[:] x, double[:] y, int n):
    cdef int i
    cdef double s = 0
    for i in range(n):
        s += x[i]
        x = y
    return s
"""
    run = er.compile(text, "changing").run
    assert run(np.ones(8), np.full(9, 2.0), 8) == 15
    with pytest.raises(IndexError):
        run(np.ones(8), np.ones(4), 8)


def test_limits_that_types_cannot_hold() -> None:
    text = """
def narrow(double[:] x, long n):
    cdef short i
    cdef double s = 0
    for i in range(n):
        s += x[i]
    return s
def overflowing(double[:] x, long a, long n, long k):
    cdef long i
    cdef double s = 0
    for i in range(a, n):
        if k == 0:
            s += x[i + k]
    return s
def unsigned(double[:] x, size_t n):
    cdef size_t i
    cdef double s = 0
    for i in range(n):
        s += x[i]
    return s
def below(double[:] x, unsigned int n):
    cdef unsigned int i
    cdef double s = 0
    for i in range(n):
        s += x[i - 1]
    return s
"""
    module = er.compile(text, "limits")
    x = np.arange(40000.0)
    assert module.narrow(x, 32767) == x[:32767].sum()
    # Here the variable becomes negative, and counts from the end.
    assert module.narrow(x, 32769) == x[:32768].sum() + x[-32768]
    big = 2**63 - 1
    assert module.overflowing(x, big - 3, big, big) == 0
    assert module.overflowing(x, -(2**63), -(2**63), -1) == 0
    assert module.unsigned(x, 40000) == x.sum()
    with pytest.raises(IndexError):
        module.unsigned(x, 40001)
    with pytest.raises(IndexError):
        module.below(x, 3)


def test_buffers() -> None:
    text = """
cimport numpy as np
def run(np.ndarray[np.float64_t, ndim=2] x, int n):
    cdef int i, j
    cdef double s = 0
    for i in range(x.shape[0]):
        for j in range(n):
            s += x[i, j]
    return s
"""
    run = er.compile(text, "buffers").run
    x = np.arange(12.0).reshape(3, 4)
    assert run(x, 4) == 66
    with pytest.raises(IndexError):
        run(x, 5)


def test_none_and_no_value() -> None:
    text = """
def none(double[:] x, int n):
    cdef int i
    cdef double s = 0
    for i in range(n):
        s += x[i]
    return s
def unbound(int n, bint has):
    cdef double[:] x
    cdef int i
    cdef double s = 0
    if has:
        x = None
    for i in range(n):
        s += x[i]
    return s
"""
    module = er.compile(text, "none")
    assert module.none(None, 0) == 0
    with pytest.raises(IndexError):
        module.none(None, 1)
    with pytest.raises(UnboundLocalError):
        module.unbound(1, False)


def test_what_is_left_as_it_is() -> None:
    objects = """
def run(double[:] x, list into):
    cdef int i
    for i in range(10):
        into.append(x[i])
"""
    loops_in_it = """
def run(double[:] x):
    cdef int i, j
    cdef double s = 0
    for i in range(10):
        j = 0
        while j < i:
            s += x[i] + j
            j += 1
    return s
"""
    for text in (objects, loops_in_it):
        assert "er::is_inside(" not in er.explain(text, "c++")
