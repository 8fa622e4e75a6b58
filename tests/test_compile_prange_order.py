"""After a prange that is left early, or that looks for an extreme and its place, variables have the values
which the sequential loop gives them, whichever thread was first."""

import itertools
import math
import textwrap

import engineroom as er
import pytest

THREADS = [1, 2, 4]
HEAD = "from cython.parallel cimport prange\n"


def build(text):
    return er.compile(HEAD + textwrap.dedent(text))


# ---- break ----

LEFT = """
cdef double slow(double x) noexcept nogil:
    cdef int k
    for k in range(200000):
        x = x * 0.5 + 1
    return x

def broken(double[:] a, double stop, int threads):
    cdef Py_ssize_t i
    cdef double total = 10, product = 1, high = -1, last = -1, x
    cdef bint any_large = False
    for i in prange(a.shape[0], nogil=True, num_threads=threads):
        last = a[i]
        if a[i] < 0:
            x = slow(a[i])          # the others have long been beyond by then
            last = a[i] if x > 0 else 0
            total += 100
            break
        total += a[i]
        product = product * (1 + a[i] / 1e6)
        high = max(high, a[i])
        any_large = any_large or a[i] > 50
    else:
        total += 1000
    return i, total, round(product, 9), high, last, any_large

def in_order(double[:] a, double stop):
    cdef Py_ssize_t i
    cdef double total = 10, product = 1, high = -1, last = -1
    cdef bint any_large = False
    for i in range(a.shape[0]):
        last = a[i]
        if a[i] < 0:
            total += 100
            break
        total += a[i]
        product = product * (1 + a[i] / 1e6)
        high = max(high, a[i])
        any_large = any_large or a[i] > 50
    else:
        total += 1000
    return i, total, round(product, 9), high, last, any_large
"""


@pytest.fixture(scope="module")
def left():
    return build(LEFT)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("stops", [[], [0], [7], [7, 8, 60, 99], [49, 50, 51], [99], [25, 26]])
def test_reductions_end_with_the_iteration_that_breaks(left, threads, stops):
    np = pytest.importorskip("numpy")
    a = np.arange(100.0)
    a[stops] = -1.0
    for _ in range(3):
        assert left.broken(a, 0, threads) == left.in_order(a, 0)


@pytest.mark.parametrize("threads", THREADS)
def test_reductions_end_with_the_iteration_that_raises(threads):
    m = build("""
        cdef long total

        cdef double slow(double x) noexcept nogil:
            cdef int k
            for k in range(200000):
                x = x * 0.5 + 1
            return x

        def fails(int n, int at, int threads):
            global total
            cdef int i
            total = 0
            for i in prange(n, nogil=True, num_threads=threads):
                if i == at:
                    if slow(i) > 0:
                        raise ValueError(i)
                total += i
            return total

        def seen():
            return total
        """)
    for at in (0, 3, 30, 99):
        with pytest.raises(ValueError, match=str(at)):
            m.fails(100, at, threads)
        assert m.seen() == sum(range(at))
    assert m.fails(100, 100, threads) == sum(range(100))


@pytest.mark.parametrize("threads", THREADS)
def test_what_only_the_breaking_iteration_sets(threads):
    m = build("""
        def first(double[:] a, double x, int threads):
            cdef Py_ssize_t i, where = -1
            for i in prange(a.shape[0], nogil=True, num_threads=threads, schedule='dynamic'):
                if a[i] == x:
                    where = i
                    break
            return where
        """)
    np = pytest.importorskip("numpy")
    a = np.arange(1000.0) % 250
    for x in (0, 3, 249):
        assert m.first(a, x, threads) == x
    assert m.first(a, 1000, threads) == -1


# ---- extremes and their places ----

EXTREMES = """
def {name}(double[:] a, double start, int threads):
    cdef Py_ssize_t i, where = -1
    cdef double best = start, twice = 0.5
    for i in {loop}:
        if a[i] {op} best:
            where = i
            best = a[i]
            twice = 2 * best + i
    return best, where, twice
"""
SCHEDULES = ["", ", schedule='static', chunksize=1", ", schedule='dynamic'", ", schedule='guided'"]


@pytest.fixture(scope="module")
def extremes():
    text = ""
    for (number, schedule), (name, op) in itertools.product(
        enumerate(SCHEDULES), [("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")]
    ):
        loop = f"prange(a.shape[0], nogil=True, num_threads=threads{schedule})"
        text += EXTREMES.format(name=f"{name}{number}", op=op, loop=loop)
        back = f"prange(a.shape[0] - 1, -1, -1, nogil=True, num_threads=threads{schedule})"
        text += EXTREMES.format(name=f"{name}{number}_back", op=op, loop=back)
    for name, op in [("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")]:
        text += EXTREMES.format(name=name, op=op, loop="range(a.shape[0])")
        text += EXTREMES.format(name=f"{name}_back", op=op, loop="range(a.shape[0] - 1, -1, -1)")
    return build(text)


def series():
    np = pytest.importorskip("numpy")
    random = np.random.default_rng(1)
    nan = np.array([1.0, math.nan, 5.0, math.nan, 5.0, 0.0, math.nan, 0.0])
    return {
        "ties": random.integers(0, 5, 200).astype(float),
        "all the same": np.zeros(50),
        "zeros": np.array([0.0, -0.0, 0.0, -0.0, -1.0, -1.0]),
        "nan": nan,
        "only nan": np.full(20, math.nan),
        "infinite": np.array([-math.inf, math.inf, math.inf, -math.inf]),
        "one": np.array([3.0]),
        "nothing": np.array([]),
    }


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("op", ["gt", "ge", "lt", "le"])
@pytest.mark.parametrize("back", ["", "_back"])
def test_the_place_of_an_extreme_is_that_of_the_sequential_loop(extremes, op, back, threads):
    for name, a in series().items():
        for start in (-math.inf, math.inf, 0.0, 4.0, math.nan):
            wanted = getattr(extremes, op + back)(a, start, 1)
            for number in range(len(SCHEDULES)):
                found = getattr(extremes, f"{op}{number}{back}")(a, start, threads)
                assert repr(found) == repr(wanted), (name, start, SCHEDULES[number])


@pytest.mark.parametrize("threads", THREADS)
def test_extremes_in_inner_loops_and_several_at_once(threads):
    m = build("""
        def f(long[:, :] t, int threads):
            cdef int i, j, row = -1, column = -1, low_row = -1
            cdef long high = -1, low = 1000
            for i in prange(t.shape[0], nogil=True, num_threads=threads):
                for j in range(t.shape[1]):
                    if t[i, j] > high:
                        high = t[i, j]
                        row = i
                        column = j
                    if low >= t[i, j]:
                        low_row, low = i, t[i, j]
            return high, row, column, low, low_row

        def until(long[:] a, int threads):
            cdef int i, where = -1
            cdef long high = -1
            for i in prange(a.shape[0], nogil=True, num_threads=threads):
                if a[i] < 0:
                    break
                if a[i] > high:
                    high = a[i]
                    where = i
            return high, where
        """)
    np = pytest.importorskip("numpy")
    t = np.random.default_rng(2).integers(0, 9, (40, 7))
    row, column = np.unravel_index(t.argmax(), t.shape)
    low_row = 39 - np.unravel_index(t[::-1, ::-1].argmin(), t.shape)[0]
    assert m.f(t, threads) == (t.max(), row, column, t.min(), low_row)
    a = np.arange(100)
    assert m.until(a, threads) == (99, 99)
    a[60] = -1
    assert m.until(a, threads) == (59, 59)
    a[0] = -1
    assert m.until(a, threads) == (-1, -1)
