"""Loops that would race are errors, what cannot be decided is a warning, and what adds up is a reduction.

docs/races.md says the same to users, in the same order.
"""

import pathlib
import shutil
import subprocess
import sys
import textwrap
import warnings

import engineroom as er
import pytest

HEAD = """
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport fmax
from libc.stdlib cimport free, malloc

cdef struct Point:
    double x
    double y

cdef void fill(double[:] row) noexcept nogil:
    row[0] = 1

cdef double total(const double[:] row) noexcept nogil:
    return row[0]

cdef int divided(int x, int *rest) noexcept nogil:
    rest[0] = x % 3
    return x // 3

def f(double[:] a, double[:] b, double[:, ::1] t, int[:] idx, int[:] ptr, int n, int m):
    cdef int i, j, k = 0, low, high, rest, given = 0
    cdef double s = 0, x = 1, y = 1, z = 1
    cdef long bits = 0
    cdef bint ok = True, found = False
    cdef Point point = Point(0, 0)
    cdef double *p = &a[0]
    cdef double *w
    cdef double[8] own
"""


def check(body, head=""):
    """The errors and warnings, a line each, and the typed tree."""
    text = head + HEAD + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    text += "\n    return s, x, y, k, bits, ok, found, point.x\n"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            tree = er.explain(text, "types")
        except er.CompileError as error:
            return [line for line in str(error).splitlines() if ": error: " in line], ""
    return [str(warning.message) for warning in caught], tree


def loop(body):
    return "for i in prange(n, nogil=True):\n" + textwrap.indent(
        textwrap.dedent(body).strip("\n"), "    "
    )


# ---- what adds up ----

REDUCTIONS = {
    "s = s + a[i]": "reduce + s",
    "s = a[i] + s": "reduce + s",
    "s = s + a[i] - b[i]": "reduce + s",
    "s = s - a[i]": "reduce + s",
    "s += a[i]\ns -= b[i]": "reduce + s",
    "s += a[i]\ns = s + b[i]": "reduce + s",
    "x = a[i] * x": "reduce * x",
    "x = max(x, a[i])": "reduce max x",
    "x = max(a[i], b[i], x)": "reduce max x",
    "x = fmax(a[i], x)": "reduce max x",
    "x = min(a[i], x)": "reduce min x",
    "if a[i] > x:\n    x = a[i]": "reduce max x",
    "if x <= a[i]:\n    x = a[i]": "reduce max x",
    "if a[i] < x: x = a[i]": "reduce min x",
    "if x >= a[i]: x = a[i]": "reduce min x",
    "x = a[i] if a[i] > x else x": "reduce max x",
    "x = x if x < a[i] else a[i]": "reduce min x",
    "ok = ok and a[i] > 0": "reduce && ok",
    "found = a[i] > 0 or found": "reduce || found",
    "if a[i] > 0: found = True": "reduce || found",
    "if a[i] > 0: ok = False": "reduce && ok",
    "bits = bits | idx[i]": "reduce | bits",
    "bits = bits & idx[i]": "reduce & bits",
    "bits = idx[i] ^ bits": "reduce ^ bits",
    "for j in range(m):\n    s = s + t[i, j]": "reduce + s",
    "if a[i] > x:\n    x = a[i]\n    k = i": "reduce max x with k",
    "if x >= a[i]:\n    k = i\n    x = a[i]\n    y = b[i]": "reduce min x with k with y of the last",
    "for j in range(m):\n    if t[i, j] < x:\n        k, x = j, t[i, j]": "reduce min x with k",
    "if a[i] < 0: break\ns += a[i]": "reduce + s",
}


@pytest.mark.parametrize("body", REDUCTIONS)
def test_what_adds_up_is_a_reduction(body):
    messages, tree = check(loop(body))
    assert messages == []
    assert REDUCTIONS[body] in tree


# ---- what is right ----

SILENT = [
    # A value that each iteration makes for itself.
    "s = 0\ns += a[i]\nb[i] = s",
    "s = 0\nfor j in range(m):\n    s += t[i, j]\na[i] = s",
    "k = idx[i]\nif k > 0:\n    x = 1\nelse:\n    x = 2\na[i] = x",
    "while True:\n    x = a[i]\n    if x > 3: break\nb[i] = x",
    "if a[i] > 0:\n    z = a[i]\n    b[i] = z",
    "x = x\na[i] = x",
    "if a[i] < 0:\n    k = i\n    x = a[i]\n    break",
    "for j in range(3):\n    k = j\nb[i] = k",
    # Items of its own.
    "a[i] = b[i - 1] + b[i + 1]",
    "a[i] = 2 * a[i]",
    "a[2 * i] = a[2 * i + 1]",
    "a[n - 1 - i] = b[i]",
    "a[i] = a[i + n]",
    "k = 2 * i\na[k] = a[k + 1]",
    "a[3 * i + i % 3] = 1",
    "a[i // 2 * 2 + i % 2] += b[i]",
    "t[0, i] += t[i, 0]",
    # Rows and columns.
    "for j in range(m):\n    t[i, j] = t[i, j - 1] + 1",
    "for j in range(m):\n    t[j, i] = t[j - 1, i] + 1",
    "for j in range(m):\n    a[i * m + j] = 1",
    "for j in range(m):\n    a[j * n + i] = 1",
    "for j in range(i * m, (i + 1) * m):\n    a[j] = 1",
    "for j in range(i * m, min((i + 1) * m, n)):\n    a[j] = 1",
    "k = i * m\nfor j in range(m):\n    a[k] = 1\n    k = k + 1",
    "for j in range(i):\n    t[i, j] = t[j, i] = 1",
    "j = 0\nwhile j < m:\n    a[i * m + j] = 1\n    j += 1",
    "j = m - 1\nwhile j >= 0 and b[j] > 0:\n    a[i * m + j] = 1\n    j -= 1",
    "j = i * m\nwhile j < (i + 1) * m:\n    a[j] = 1\n    j += 1",
    "for j in range(i + 1, n):\n    t[i, j] = 1\n    t[j, i] = 1",
    "for j in range(ptr[i], ptr[i + 1]):\n    a[j] = 1",
    "low = ptr[i]\nhigh = ptr[i + 1]\nfor j in range(low, high):\n    a[j] = 1",
    "t[i, :] = 0\nt[i, 1:] = b[3:]",
    # Pointers.
    "p[i] = 1",
    "w = &t[i, 0]\nw[3] = i\nfor j in range(m):\n    w[j] += 1",
    "w = p + i * m\nfor j in range(m):\n    w[j] = 1",
    "w = <double *>malloc(8)\nw[0] = i\na[i] = w[0]\nfree(w)",
    # One iteration, or one at a time.
    "if i == 3: a[0] = 1",
    "with gil:\n    a[0] += 1",
    # What a function does is not looked at.
    "fill(t[i])",
    "a[i] = total(b)",
    "given = 0\ndivided(i, &given)\na[i] = given",
]


@pytest.mark.parametrize("body", SILENT)
def test_correct_loops_compile_without_a_word(body):
    assert check(loop(body))[0] == []


HALVES = {
    ("n // 2", "a[i], a[n - 1 - i] = a[n - 1 - i], a[i]"): 0,
    ("n // 2", "a[i], a[n - i] = a[n - i], a[i]"): 0,
    ("n // 3", "a[2 * i], a[n - i] = a[n - i], a[2 * i]"): 0,
    ("n // 2", "a[i], a[n - 2 - i] = a[n - 2 - i], a[i]"): 1,
    ("(n + 1) // 2", "a[i], a[n - 2 - i] = a[n - 2 - i], a[i]"): 1,
    ("n // 3", "a[3 * i], a[n - i] = a[n - i], a[3 * i]"): 1,
}


@pytest.mark.parametrize("stop, body", HALVES)
def test_halves_that_are_swapped(stop, body):
    text = loop(body).replace("(n,", f"({stop},")
    assert len(check(text)[0]) == HALVES[stop, body]


ROWS = [("", 0), (", schedule='static'", 0), (", schedule='static', chunksize=2", 1)]


@pytest.mark.parametrize(
    "schedule, n", [*ROWS, (", schedule='dynamic'", 1), (", schedule='guided'", 1)]
)
def test_sums_of_loops_that_are_left_need_threads_with_a_row_of_iterations_each(schedule, n):
    text = loop("if a[i] < 0: break\ns += a[i]").replace("=True", "=True" + schedule)
    messages = check(text)[0]
    assert len(messages) == n
    assert n == 0 or "after this 'break' 's' may hold what iterations beyond it" in messages[0]
    # Nobody reads it.
    assert check(text + "\ns = 0")[0] == []


def test_loops_that_are_one_have_turns_of_both():
    text = "for i in prange(n, nogil=True, collapse=2):\n    for j in range(m):\n        "
    assert check(text + "t[i, j] = 1")[0] == []
    assert check(text + "a[i * m + j] = 1")[0] == []
    assert check(text + "s += t[i, j]")[0] == []
    assert "parallel-dependence" in check(text + "t[i, j] = t[i, j - 1]")[0][0]
    assert "parallel-shared-write" in check(text + "a[i] = 1")[0][0]
    assert "parallel-carried" in check(text + "b[j] = z\n        z = j")[0][0]


def test_threads_have_what_they_need_for_themselves():
    body = """
        with nogil, parallel():
            w = <double *>malloc(8 * m)
            b[threadid()] = 0
            for i in prange(n):
                for j in range(m):
                    w[j] = i
                t[i, 0] = w[0]
                b[threadid()] += 1
            free(w)
    """
    assert check(body)[0] == []


def test_the_shape_of_an_array_is_not_among_its_items():
    pytest.importorskip("numpy")
    text = HEAD[: HEAD.index("def f(")].replace(
        "\ncdef struct", "\ncimport numpy as np\n\ncdef struct", 1
    )
    text += """
def f(np.ndarray[double, ndim=2] a):
    cdef Py_ssize_t i, j
    for i in prange(a.shape[0], nogil=True):
        for j in range(a.shape[1]):
            a[i, j] *= 2
"""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        er.explain(text, "types")


def test_threads_wait_at_the_end_of_a_loop():
    body = """
        with nogil, parallel():
            for i in prange(n):
                s += a[i] * a[i]
            z = s
            for i in prange(n):
                a[i] /= z
    """
    assert check(body)[0] == []
    body = """
        with nogil, parallel():
            for k in range(m):
                for i in prange(1, n - 1):
                    b[i] = a[i - 1] + a[i + 1]
                for i in prange(1, n - 1):
                    a[i] = b[i]
    """
    assert check(body)[0] == []
    # Some threads may be in the next turn of the loop around by then.
    assert len(check(body + "        b[threadid()] = 1")[0]) == 1


# ---- what is wrong ----

ERRORS = {
    # A value from another iteration.
    "b[i] = y\ny = a[i]": (
        "parallel-carried",
        "'y' may still have the value of another iteration here",
    ),
    "if a[i] > 2: x = 1\nb[i] = x": ("parallel-carried", "'x' may still have the value"),
    "x = a[i] - x": ("parallel-carried", "'x' may still have the value"),
    "x = -x": ("parallel-carried", "'x' may still have the value"),
    # Integers take less than all that there is to compare.
    "if a[i] > k:\n    k = <int>a[i]\n    y = i": (
        "parallel-carried",
        "'k' may still have the value",
    ),
    # What is known after a loop that is left.
    "if a[i] < 0: break\nx = a[i]": (
        "parallel-carried",
        "an iteration that ends with 'break' may not have given it a value",
    ),
    "x = x / 2": ("parallel-carried", "'/=' continues 'x' from iteration to iteration"),
    "k = k // 2": ("parallel-carried", "'//=' continues 'k'"),
    "k = k % 2": ("parallel-carried", "'%=' continues 'k'"),
    "bits = bits << 1": ("parallel-carried", "'<<=' continues 'bits'"),
    "x = x ** 2": ("parallel-carried", "'**=' continues 'x'"),
    "s = s + a[i]\ns = s * 2": ("parallel-carried", "iterations combine 's' by '+' and by '*'"),
    "s = s + a[i]\nb[i] = s": (
        "parallel-carried",
        "the value of 's' that the iterations add up is read",
    ),
    "if a[i] > 3: s = 0\ns = s + 1": (
        "parallel-carried",
        "'s' is given a value here, and continues",
    ),
    "if a[i] > 3: k = i": ("parallel-carried", "only some iterations give 'k' a value"),
    # The same item for all.
    "a[0] += i": ("parallel-shared-write", "iterations add to 'a[0]' at the same time"),
    "point.x += i": ("parallel-shared-write", "iterations add to 'point.x'"),
    "p[0] += i": ("parallel-shared-write", "iterations add to 'p[0]'"),
    "a[i % 3] += 1": ("parallel-shared-write", "iterations add to 'a[i % 3]'"),
    "a[i // 2] = i": ("parallel-shared-write", "several iterations write to 'a[i // 2]'"),
    "a[0] = i": ("parallel-shared-write", "several iterations write to 'a[0]'"),
    "own[0] = i\na[i] = own[0]": ("parallel-shared-write", "several iterations write to 'own[0]'"),
    "a[i] = 1\na[i + 1] = 2": ("parallel-shared-write", "several iterations write to 'a[i]'"),
    "t[:, 0] = i": ("parallel-shared-write", "several iterations write to 't[:, 0]'"),
    "for j in range(m):\n    b[j] += t[i, j]": (
        "parallel-shared-write",
        "iterations add to 'b[j]'",
    ),
    # What another iteration writes.
    "a[i] = a[i - 1] + 1": (
        "parallel-dependence",
        "'a[i - 1]' reads what another iteration writes to 'a[i]'",
    ),
    "a[i] = a[i + 100]": ("parallel-dependence", "'a[i + 100]' reads"),
    "a[2 * i] = a[i]": ("parallel-dependence", "'a[i]' reads"),
    "p[i] = a[i + 1]": ("parallel-dependence", "'a[i + 1]' reads"),
    "for j in range(m):\n    t[i, j] = t[i - 1, j] + 1": (
        "parallel-dependence",
        "'t[i - 1, j]' reads",
    ),
    "t[:, i] = t[:, i - 1]": ("parallel-dependence", "'t[:, i - 1]' reads"),
    "t[1, i] += t[i, 0]": ("parallel-dependence", "'t[i, 0]' reads"),
    "a[i // 2 + i % 2] = 1": ("parallel-shared-write", "several iterations write"),
}


@pytest.mark.parametrize("body", ERRORS)
def test_races_are_errors(body):
    messages, _ = check(loop(body))
    code, message = ERRORS[body]
    assert len(messages) == 1, messages
    assert message in messages[0] and f"[{code}]" in messages[0], messages


@pytest.mark.parametrize(
    "body",
    [
        "if a[i] > x:\n    y = x\n    x = a[i]",  # of the one before it
        "if a[i] > x:\n    x = a[i]\n    k = i\nb[i] = k",
        "if a[i] > x:\n    x = a[i]\n    k = i\nb[i] = x",
        "if a[i] > x:\n    x = a[i]\n    k = i\nif b[i] > y:\n    y = b[i]\n    k = i",
    ],
)
def test_what_comes_with_an_extreme_and_is_used_otherwise(body):
    assert "parallel-carried" in check(loop(body))[0][0]


def test_one_place_for_all_threads():
    assert (
        "several iterations write to 'a[0]'" in check("with nogil, parallel():\n    a[0] = 1")[0][0]
    )


# ---- what cannot be decided ----

UNDECIDED = {
    "a[idx[i]] = 1": "it cannot be decided whether two iterations write to the same item: 'a[idx[i]]'",
    "a[i * i] = 1": "'a[i * i]'",
    "a[i] = a[idx[i]]": "it cannot be decided whether another iteration reads what is written to 'a[i]'",
    "a[i] = a[i + m]": "whether another iteration reads",
    "a[i] = a[i - n + 1]": "whether another iteration reads",
    "w = &a[0] if a[i] > 0 else &b[0]\nw[0] = 1": "it is not known where 'w[0]' is",
    "if a[i] > 0:\n    w = &a[0]\nelse:\n    w = &b[0]\nw[0] = 1": "it is not known where 'w[0]' is",
    "divided(i, &rest)\na[i] = rest": "it is not known whether 'divided' writes to what all iterations share",
    "for j in range(m):\n    k = j\nb[i] = k": "'k' has no value of this iteration",
    # What a function may have given another value.
    "k = i\ndivided(0, &k)\na[k] = 1": "whether two iterations write to the same item: 'a[k]'",
    "divided(i, &given)\na[i] = given": "whether 'divided' writes to what all iterations share",
    "a[i], a[n - 1 - i] = a[n - 1 - i], a[i]": "whether two iterations write to the same item",
    "j = 0\nwhile j <= m:\n    a[i * m + j] = 1\n    j += 1": "'a[i * m + j]'",
    "low = m\nj = 0\nwhile j < low:\n    low = idx[j]\n    a[i * m + j] = 1\n    j += 1": "'a[i * m + j]'",
    "j = 0\nwhile j < m:\n    a[i * m + j] = 1\n    if a[j] > 0: continue\n    j += 1": "'a[i * m + j]'",
}


@pytest.mark.parametrize("body", UNDECIDED)
def test_what_cannot_be_decided_is_a_warning(body):
    messages, tree = check(loop(body))
    assert len(messages) == 1 and UNDECIDED[body] in messages[0]
    assert tree
    messages, tree = check(loop(body), "# cython: strict_parallel_checks=True\n")
    assert len(messages) == 1 and UNDECIDED[body] in messages[0] and ": error: " in messages[0]


STRICT = [
    "fill(a)",
    "for j in range(ptr[i], ptr[i + 1]):\n    a[j] = 1",
    "for j in range(ptr[i], ptr[i + 1]):\n    p[j] += 1",
]


@pytest.mark.parametrize("body", STRICT)
def test_strict_checks_trust_nobody(body):
    assert check(loop(body))[0] == []
    assert len(check(loop(body), "# cython: strict_parallel_checks=True\n")[0]) == 1


@pytest.mark.parametrize(
    "body", ["a[0] += i", "b[i] = y\ny = a[i]", "a[i] = a[i - 1]", "a[idx[i]] = 1"]
)
def test_checks_can_be_turned_off(body):
    assert check(loop(body), "# cython: parallel_checks=False\n")[0] == []


# ---- against ThreadSanitizer ----


@pytest.mark.skipif(not any(map(shutil.which, ["clang++-19", "clang++"])), reason="needs clang++")
def test_what_threadsanitizer_flags_is_not_silent():
    script = pathlib.Path(__file__).parent.parent / "scripts" / "race_verdicts.py"
    done = subprocess.run(
        [sys.executable, script, "--loops", "200", "--seed", "7"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "silent   is fine" in done.stdout and "error    races" in done.stdout


# ---- results ----

PROGRAM = """
from cython.parallel cimport prange

def results(double[:] a, long[:] c, int threads):
    cdef Py_ssize_t i, n = a.shape[0]
    cdef double total = 10, product = 1, low = 1e9, high = -1e9, least = 1e9, most = -1e9
    cdef long both = -1, either = 0, odd = 5
    cdef bint all_small = True, any_large = False, found = False
    for i in prange(n, nogil=True, num_threads=threads):
        total = total + a[i]
        total -= 1
        product = (1 + a[i] / 1000) * product
        low = min(low, a[i])
        high = max(a[i], high)
        if a[i] < least: least = a[i]
        if most <= a[i]:
            most = a[i]
        both = both & c[i]
        either = c[i] | either
        odd = odd ^ c[i]
        all_small = all_small and a[i] < 1000
        any_large = any_large or a[i] > 98
        if a[i] == 50: found = True
    return (round(total, 6), round(product, 6), low, high, least, most, both, either, odd,
            all_small, any_large, found)
"""


@pytest.fixture(scope="module")
def program():
    return er.compile(PROGRAM)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_reductions_have_the_sequential_result(program, threads):
    np = pytest.importorskip("numpy")
    a = np.arange(100.0)[::-1].copy()
    c = np.arange(64, 164)
    odd = 5
    for value in c:
        odd ^= int(value)
    assert program.results(a, c, threads) == (
        round(10 + a.sum() - 100, 6),
        round(float(np.prod(1 + a / 1000)), 6),
        0.0,
        99.0,
        0.0,
        99.0,
        int(np.bitwise_and.reduce(c)),
        int(np.bitwise_or.reduce(c)),
        odd,
        True,
        True,
        True,
    )


def test_reductions_of_nothing_keep_their_values(program):
    np = pytest.importorskip("numpy")
    nothing = program.results(np.empty(0), np.empty(0, dtype=np.int64), 2)
    assert nothing == (10.0, 1.0, 1e9, -1e9, 1e9, -1e9, -1, 0, 5, True, False, False)
