"""prange(…, simd=True): turns in the lanes of vectors, with the same results as one by one."""

from __future__ import annotations

import engineroom as er
import numpy as np
import pytest

# A loop over x, y (of doubles), k (indices into them) and m.
TEXT = """
# cython: {directives}
from cython.parallel cimport prange
from libc.math cimport sqrt
cdef inline int steps(double z, double limit) noexcept nogil:
    cdef int i = 0
    while z < limit and i < 50:
        z = z * z + 0.3
        i += 1
    return i
def run(double[{packing}] x, double[{packing}] y, long[:] k, double[:, :] m, double a,
        Py_ssize_t start, Py_ssize_t stop):
    cdef {type} i = -7
    cdef int c, s
    cdef long at
    cdef double z, w
    for i in prange(start, stop, nogil=True, num_threads=2{options}):
{body}
    return i
"""

BODIES = {
    "scaled": "y[i] = a * x[i]",
    "neighbours": "y[i] = x[i - 1] + x[i + 1] * x[i]",
    "a square root": "y[i] = sqrt(x[i] * x[i] + a)",
    "shifted": "y[i + 1] = x[i]",
    "escape times": "y[i] = steps(x[i], a)",
    "an inner loop": "z = x[i]\nc = 0\nwhile z < 4.0 and c < 30:\n    z = z * z\n    c = c + 1\ny[i] = z + c",
    "a sum": "z = 0\nfor c in range(5):\n    z = z + x[c] * x[i]\ny[i] = z",
    "some turns": "if x[i] > 0.5:\n    y[i] = x[i - 1]",
    "one or the other": "y[i] = x[i - 1] if x[i] > 0.5 else -x[i + 1]",
    "left early": "if x[i] > 0.9:\n    continue\ny[i] = x[i]",
    "two items": "y[i] = x[i]\nm[2, i] = x[i] + 1",
    "a column": "m[1, i] = m[0, i] * a + x[i]",
    "gathered": "at = k[i]\ny[i] = x[at] + a",
    "gathered for some": "at = k[i]\nif x[i] > 0.5 and x[at] > 0.5:\n    y[i] = x[at]",
    "an item of all": "y[i] = x[3] + x[i]",
    "integers": "at = k[i] * 3 - 1\ny[i] = at",
}  # fmt: skip


def text(body: str, simd: bool, **words: str) -> str:
    words = {
        "directives": "boundscheck=False, wraparound=False", "packing": "::1", "type": "Py_ssize_t",
        "options": "", **words,
    }  # fmt: skip
    words["options"] += ", simd=True" if simd else ""
    return TEXT.format(body="\n".join(" " * 8 + line for line in body.split("\n")), **words)


def outcome(module: object, start: int, stop: int) -> tuple:
    chance = np.random.default_rng(7)
    x, y = chance.random(400), chance.random(400)
    k, m = chance.integers(0, 400, 400), chance.random((3, 400))
    last = module.run(x, y, k, m, 2.5, start, stop)  # type: ignore[attr-defined]
    return last, x.tobytes(), y.tobytes(), m.tobytes()


LIMITS = [(1, 399), (1, 1), (1, 2), (1, 9), (1, 65), (1, 66), (2, 68), (5, 134), (9, 3)]


@pytest.mark.parametrize("name", BODIES)
def test_the_same_bits(name: str) -> None:
    body = BODIES[name]
    assert "er::Lanes" in er.explain(text(body, True), "c++")
    lanes, plain = er.compile(text(body, True)), er.compile(text(body, False))
    for start, stop in LIMITS:
        assert outcome(lanes, start, stop) == outcome(plain, start, stop), (start, stop)


@pytest.mark.parametrize(
    "words",
    [
        {"packing": ":"},
        {"type": "int"},
        {"options": ", schedule='dynamic', chunksize=3"},
        {"options": ", schedule='static', chunksize=100"},
        {"options": ", schedule='guided'"},
        {"directives": ""},  # with all checks
    ],
)
@pytest.mark.parametrize("name", ["scaled", "neighbours", "an inner loop", "two items"])
def test_forms_of_loops(name: str, words: dict[str, str]) -> None:
    body = BODIES[name]
    lanes, plain = er.compile(text(body, True, **words)), er.compile(text(body, False, **words))
    for start, stop in LIMITS:
        assert outcome(lanes, start, stop) == outcome(plain, start, stop), (start, stop)


def test_errors_of_subscripts() -> None:
    module = er.compile(text("y[i] = a * x[i]", True, directives=""))
    with pytest.raises(IndexError):
        outcome(module, 1, 401)
    # A negative one counts from the end, which the plain loop does.
    plain = er.compile(text("y[i] = a * x[i]", False, directives=""))
    assert outcome(module, -3, 20) == outcome(plain, -3, 20)


REFUSED = {
    "a reduction": ("z += x[i]", "a reduction"),
    "an inner subscript that is checked": ("y[i] = x[k[i]]", "checked in each turn"),
    "a function of C": ("y[i] = fmod(x[i], a)", "functions of C"),
    "from float to int": ("y[i] = <int>x[i]", "it may not fit"),
    "the same item": ("y[3] = x[i]", "writes the same item"),
    "the loop is left": ("if x[i] > a:\n    break\ny[i] = 1", "the loop is left"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_says_why(name: str) -> None:
    body, why = REFUSED[name]
    directives = "parallel_checks=False" if "subscript" not in name else ""
    source = text(body, True, directives=directives).replace("import sqrt", "import sqrt, fmod")
    with pytest.raises(er.CompileError) as raised:
        er.compile(source)
    assert "simd=True cannot be done here" in str(raised.value)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("loop", "why"),
    [
        ("for i in prange(0, 10, 2, nogil=True, simd=True):\n        pass", "simd=True with a step"),
        ("for i in prange(10, nogil=True, simd=True, collapse=2):\n        for j in range(5):\n            pass",
         "simd=True with collapse=2"),
        ("for i in prange(10, nogil=True):\n        for j in prange(5, simd=True):\n            pass",
         "simd=True in another prange"),
        ("for i in prange(10, nogil=True, simd=n):\n        pass", "Only compile-time values"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together(loop: str, why: str) -> None:
    source = (
        f"from cython.parallel cimport prange\ndef run(int n):\n    cdef int i, j\n    {loop}\n"
    )
    with pytest.raises(er.CompileError, match=why):
        er.compile(source)
