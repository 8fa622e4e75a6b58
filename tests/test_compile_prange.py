"""Parallel loops: prange() and parallel(), with one, two and four threads."""

import os
import subprocess
import sys
import textwrap
import traceback

import engineroom as er
import pytest

THREADS = (1, 2, 4)


@pytest.fixture(scope="module")
def build():
    def build(source, **options):
        return er.compile(
            "from cython.parallel cimport prange, parallel, threadid\n" + textwrap.dedent(source),
            **options,
        )

    return build


def errors(source):
    """What is said of it: "line message", one a line."""
    with pytest.raises(er.CompileError) as raised:
        er.compile(
            "from cython.parallel cimport prange, parallel, threadid\n" + textwrap.dedent(source)
        )
    return [f"{one.line} {one.message}" for one in raised.value.diagnostics]


# ---- reductions ----


@pytest.mark.parametrize("threads", THREADS)
def test_reductions(build, threads):
    m = build("""
        def f(int n, int threads):
            cdef int i
            cdef long total = 5, bits = -1, ones = 0, parity = 0
            cdef double product = 2, less = 10
            cdef double complex z = 1j
            for i in prange(1, n, nogil=True, num_threads=threads):
                total += i
                product *= 1 + 1.0 / i
                less -= i
                less += 1
                bits &= ~(1 << (i % 5))
                ones |= 1 << (i % 7)
                parity ^= i
                z += 1 + 2j
            return total, product, less, bits, ones, parity, z

        def product(int n, int threads):
            cdef int i
            cdef double complex z = 1
            for i in prange(n, nogil=True, num_threads=threads):
                z *= 1j
            return z
        """)
    n = 100
    parity = 0
    for i in range(1, n):
        parity ^= i
    total, product, less, bits, ones, xor, z = m.f(n, threads)
    assert total == 5 + sum(range(1, n))
    assert product == pytest.approx(2 * n)
    assert less == 10 - sum(range(1, n)) + n - 1
    assert (bits, ones, xor) == (~31, 127, parity)
    assert z == (n - 1) + (2 * (n - 1) + 1) * 1j
    assert m.product(7, threads) == 1j**7


# ---- limits, schedules ----


@pytest.mark.parametrize("threads", THREADS)
def test_limits(build, threads):
    m = build("""
        def turns(long start, long stop, long step, int threads):
            cdef long i = -77
            cdef long n = 0, total = 0
            for i in prange(start, stop, step, nogil=True, num_threads=threads):
                n += 1
                total += i
            return n, total, i

        def narrow(unsigned char stop, int threads):
            cdef unsigned char i
            cdef int n = 0
            for i in prange(stop, nogil=True, num_threads=threads):
                n += 1
            return n, i

        def as_float(int n, int threads):
            cdef double x = -1, total = 0
            for x in prange(n, nogil=True, num_threads=threads):
                total += x
            return total, x
        """)
    for limits in (
        (0, 10, 1),
        (3, 20, 4),
        (10, 0, -1),
        (10, -10, -3),
        (5, 5, 1),
        (5, 2, 1),
        (-7, 8, 100),
    ):
        wanted = range(*limits)
        assert m.turns(*limits, threads) == (
            len(wanted),
            sum(wanted),
            wanted[-1] if wanted else -77,
        )
    with pytest.raises(ValueError, match="must not be zero"):
        m.turns(0, 10, 0, threads)
    assert m.narrow(255, threads) == (255, 254)
    assert m.as_float(4, threads) == (6.0, 3.0)


def test_schedules(build):
    for options in (
        "schedule='static'", "schedule='static', chunksize=3", "schedule='dynamic'",
        "schedule='guided', chunksize=k", "schedule='runtime'", "use_threads_if=k > 3", "num_threads=k",
    ):  # fmt: skip
        m = build(f"""
            def f(int n, int k):
                cdef int i, total = 0
                for i in prange(n, nogil=True, {options}):
                    total += i * i
                return total, i
            """)
        assert m.f(50, 3) == (sum(i * i for i in range(50)), 49)
        assert m.f(50, 0) == m.f(50, 4)


def test_threads_are_as_many_as_asked_for(build):
    m = build("""
        def f(int threads):
            cdef int i, high = 0, t
            seen = set()
            for i in prange(threads * 4, nogil=True, num_threads=threads, schedule='static'):
                t = threadid()
                with gil:
                    seen.add(t)
            return sorted(seen)

        def serial(int threads):
            cdef int i, total = 0
            for i in prange(64, nogil=True, num_threads=threads, use_threads_if=threads > 100):
                total += threadid()
            return total
        """)
    assert [m.f(n) for n in (1, 2, 5)] == [[0], [0, 1], [0, 1, 2, 3, 4]]
    assert m.serial(4) == 0


# ---- variables ----


@pytest.mark.parametrize("threads", THREADS)
def test_values_after_the_loop(build, threads):
    m = build("""
        cdef struct Point:
            int x
            int y

        cdef int shared = -1

        def f(int n, int threads):
            cdef int i = -1, square = -2, untouched = 3
            cdef double inner
            cdef Point p
            p.x = p.y = 0
            global shared
            for i in prange(n, nogil=True, num_threads=threads):
                inner = i * 0.5
                square = <int>(inner * inner * 4)
                p = Point(i, square + untouched)
                shared = i
            return i, square, p.x, p.y, shared
        """)
    assert m.f(0, threads) == (-1, -2, 0, 0, -1)
    assert m.f(9, threads) == (8, 64, 8, 67, 8)


def test_memory_is_shared(build):
    m = build("""
        from libc.stdlib cimport malloc, free

        def f(int n, int threads):
            cdef int i
            cdef double* made = <double*>malloc(n * sizeof(double))
            cdef double scale = 0.5
            for i in prange(n, nogil=True, num_threads=threads):
                made[i] = i * scale
            result = [made[i] for i in range(n)]
            free(made)
            return result
        """)
    assert m.f(100, 3) == [i * 0.5 for i in range(100)]


@pytest.mark.parametrize("threads", THREADS)
def test_nested_loops(build, threads):
    m = build("""
        def f(int n, int threads):
            cdef int i, j, total = 0, last = 0
            for i in prange(n, nogil=True, num_threads=threads):
                for j in prange(i + 1):
                    total += j
                    last = i * 100 + j
            return total, i, j, last
        """)
    assert m.f(7, threads) == (sum(sum(range(i + 1)) for i in range(7)), 6, 6, 606)


@pytest.mark.parametrize("threads", THREADS)
def test_collapsed_loops(build, threads):
    m = build("""
        def f(int n, int k, int threads):
            cdef int i = -1, j = -1, total = 0, last = 0
            for i in prange(n, nogil=True, num_threads=threads, collapse=2):
                for j in range(10, 10 + 2 * k, 2):
                    last = i * 1000 + j
                    if j == 12:
                        continue
                    total += i * j
            return total, i, j, last

        def raises(int n, int threads):
            cdef int i, j
            for i in prange(n, nogil=True, num_threads=threads, collapse=2):
                for j in prange(n):
                    if i * n + j >= 25:
                        raise ValueError(i * n + j)

        def teams(int threads):
            cdef int i, j, t
            seen = set()
            for i in prange(1, nogil=True, num_threads=threads, collapse=2, schedule='static'):
                for j in prange(100):
                    t = threadid()
                    with gil:
                        seen.add(t)
            return len(seen)
        """)
    pairs = [(i, j) for i in range(5) for j in range(10, 18, 2)]
    total = sum(i * j for i, j in pairs if j != 12)
    assert m.f(5, 4, threads) == (total, 4, 16, 4016)
    assert m.f(0, 4, threads) == m.f(4, 0, threads) == (0, -1, -1, 0)
    assert m.teams(threads) == threads
    for _ in range(10):
        with pytest.raises(ValueError, match="^25$"):
            m.raises(10, threads)


def test_loops_that_cannot_be_collapsed():
    assert errors("""
        def f(int n):
            cdef int i, j, s = 0
            for i in prange(n, nogil=True, collapse=3):
                pass
            for i in prange(n, nogil=True, collapse=2):
                s += 1
            for i in prange(n, nogil=True, collapse=2):
                for j in range(i):
                    s += 1
            for i in prange(n, nogil=True, collapse=2):
                for j in range(n):
                    if j == 3:
                        break
        """) == [
        "5 collapse is 1 or 2",
        "8 collapse=2 needs a loop in the loop, and nothing beside it",
        "10 the limits of a loop that is collapsed are the same in each turn of the outer",
        "13 a loop that is collapsed cannot be left by 'break'",
    ]


def test_numpy_arrays(build):
    numpy = pytest.importorskip("numpy")
    m = build("""
        cimport numpy as np

        def f(np.ndarray[double, ndim=2] a, int threads):
            cdef Py_ssize_t i, j
            cdef double total = 0
            for i in prange(a.shape[0], nogil=True, num_threads=threads):
                for j in range(a.shape[1]):
                    a[i, j] *= 2
                    total += a[i, j]
            return total

        def out_of_bounds(np.ndarray[double] a):
            cdef Py_ssize_t i
            for i in prange(a.shape[0] + 5, nogil=True, num_threads=2):
                a[i] = i
        """)
    a = numpy.arange(12.0).reshape(3, 4)
    assert m.f(a, 2) == 132.0
    assert a[2, 3] == 22.0
    with pytest.raises(IndexError) as raised:
        m.out_of_bounds(numpy.zeros(10))
    assert traceback.extract_tb(raised.tb)[-1].lineno == 17


# ---- ways out ----


@pytest.mark.parametrize("threads", THREADS)
def test_the_lowest_turn_decides(build, threads):
    m = build("""
        def leaves(int n, int at, int threads):
            cdef int i = -1, last = -1
            cdef int completed = 0
            for i in prange(n, nogil=True, num_threads=threads, schedule='dynamic'):
                last = 2 * i
                if i >= at:
                    break
            else:
                completed = 1
            return i, last, completed

        cdef int find(int n, int at) noexcept nogil:
            cdef int i
            for i in prange(n, num_threads=4, schedule='static', chunksize=1):
                if i >= at:
                    return i
            return -1

        def returns(int n, int at):
            return find(n, at)

        def continues(int n, int threads):
            cdef int i, total = 0
            for i in prange(n, nogil=True, num_threads=threads):
                if i % 3:
                    continue
                total += 1
            return total
        """)
    for _ in range(20):
        assert m.leaves(1000, 13, threads) == (13, 26, 0)
        assert m.leaves(10, 13, threads) == (9, 18, 1)
        assert m.returns(1000, 40) == 40
    assert m.returns(10, 40) == -1
    assert m.continues(100, threads) == 34


@pytest.mark.parametrize("threads", THREADS)
def test_exceptions(build, threads):
    m = build("""
        cdef int check(int i) except -1 nogil:
            if i % 10 == 7:
                raise ValueError(i)
            return i

        def calls(int n, int threads):
            cdef int i, total = 0
            for i in prange(n, nogil=True, num_threads=threads):
                total += check(i)
            return total

        def raises(int n, int threads):
            cdef int i
            try:
                for i in prange(n, nogil=True, num_threads=threads, schedule='dynamic'):
                    if i > 20:
                        raise KeyError(i)
                    if i == 400:
                        break
            except KeyError as e:
                return e.args[0], i
            return None

        def asserts(int n, int threads):
            cdef int i
            for i in prange(n, nogil=True, num_threads=threads):
                assert i < 50, f"turn {i}"

        def divides(int n, int threads):
            cdef int i, total = 0
            for i in prange(-n, n, nogil=True, num_threads=threads):
                total += 100 // i
            return total
        """)
    assert m.calls(7, threads) == 21
    for _ in range(20):
        with pytest.raises(ValueError, match="^7$") as raised:
            m.calls(100, threads)
        entries = [(entry.name, entry.lineno) for entry in traceback.extract_tb(raised.tb)]
        assert entries[-2:] == [("calls", 11), ("check", 5)]
        assert m.raises(1000, threads) == (21, 21)
    assert m.raises(10, threads) is None
    with pytest.raises(AssertionError, match="turn 50"):
        m.asserts(1000, threads)
    with pytest.raises(ZeroDivisionError):
        m.divides(10, threads)


@pytest.mark.parametrize("threads", THREADS)
def test_objects_with_the_gil(build, threads):
    m = build("""
        def f(int n, int threads):
            cdef int i
            made = {}
            for i in prange(n, nogil=True, num_threads=threads):
                with gil:
                    made[i] = [str(i)] * 2
                    if i == 1000:
                        raise IndexError
            return len(made)

        def held(int n, int threads):
            cdef int i
            made = []
            for i in prange(n, num_threads=threads):
                made.append(i)
            return sorted(made)
        """)
    assert m.f(300, threads) == 300
    with pytest.raises(IndexError):
        m.f(2000, threads)
    assert m.held(50, threads) == list(range(50))


def test_objects_of_a_turn_are_its_own(build):
    """Another thread runs while one sleeps: what it assigns is not seen."""
    m = build("""
        import time

        def f(int n, int threads):
            cdef int i
            seen = []
            for i in prange(n, nogil=True, num_threads=threads, schedule='static', chunksize=1):
                with gil:
                    mine = [i] * 10
                    time.sleep(0.001)
                    seen.append(sum(mine) == 10 * i)
                    mine = str(i)
                    time.sleep(0.001)
                with gil:
                    seen.append(mine == str(i))
            return seen
        """)
    assert m.f(20, 4) == [True] * 40


def test_slices_of_a_turn_are_its_own(build):
    numpy = pytest.importorskip("numpy")
    m = build("""
        cdef double total(double[:] row) noexcept nogil:
            cdef double s = 0
            cdef Py_ssize_t j
            for j in range(row.shape[0]):
                s += row[j]
            return s

        def f(double[:, :] a, double[::1] out, int threads):
            cdef Py_ssize_t i
            for i in prange(a.shape[0], nogil=True, num_threads=threads):
                out[i] = total(a[i]) + total(a[i, ::-1])
                a[i, :] = 1
        """)
    a = numpy.arange(4000.0).reshape(1000, 4)
    wanted = 2 * a.sum(axis=1)
    out = numpy.zeros(1000)
    m.f(a, out, 4)
    assert (out == wanted).all()
    assert (a == 1).all()


# ---- parallel blocks ----


@pytest.mark.parametrize("threads", THREADS)
def test_parallel_blocks(build, threads):
    m = build("""
        from libc.stdlib cimport malloc, free

        def f(int n, int threads):
            cdef int i, j, total = 0, mine = 7
            cdef int* buffer
            with nogil, parallel(num_threads=threads):
                buffer = <int*>malloc(sizeof(int) * 10)
                mine = mine + threadid()
                for i in prange(n, schedule='static'):
                    for j in range(10):
                        buffer[j] = i * j
                    for j in range(10):
                        total += buffer[j]
                free(buffer)
            return total, i, mine

        def fails(int n, int threads):
            cdef int i
            with nogil, parallel(num_threads=threads):
                for i in prange(n):
                    if i == 5:
                        raise ValueError(i)
            return i

        cdef int returning(int n, int threads) except -2 nogil:
            cdef int i
            with parallel(num_threads=threads):
                for i in prange(n):
                    if i > 30:
                        return i
            return -1

        def returns(int n, int threads):
            return returning(n, threads)

        def breaks(int n, int threads):
            cdef int i, turn
            with nogil, parallel(num_threads=threads):
                for turn in range(5):
                    for i in prange(n):
                        if i == 3 + turn:
                            break
            return i
        """)
    n = 20
    assert m.f(n, threads) == (sum(i * j for i in range(n) for j in range(10)), n - 1, 7)
    assert m.fails(4, threads) == 3
    for _ in range(20):
        with pytest.raises(ValueError, match="5"):
            m.fails(100, threads)
        assert m.returns(100, threads) == 31
        assert m.breaks(100, threads) == 7
    assert m.returns(10, threads) == -1


# ---- processes ----


def run_python(text, **environment):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        env=os.environ | environment, capture_output=True, text=True, timeout=120, check=True,
    ).stdout.split()  # fmt: skip


COUNT = '''
import engineroom as er
m = er.compile("""
from cython.parallel cimport prange, threadid
def count(int n):
    cdef int i, t
    seen = set()
    for i in prange(n, nogil=True, schedule='static'):
        t = threadid()
        with gil:
            seen.add(t)
    return len(seen)
""")
'''


def test_the_environment_says_how_many_threads():
    for n in (1, 3):
        assert run_python(COUNT + "print(m.count(100))", OMP_NUM_THREADS=str(n)) == [str(n)]


@pytest.mark.parametrize("setting", [{}, {"KMP_INIT_AT_FORK": "FALSE"}], ids=["", "joblib"])
def test_forked_children_have_threads_of_their_own(setting):
    """Also where joblib was imported, which sets this for the whole process."""
    program = (
        COUNT
        + """
import os, multiprocessing
print(m.count(100), flush=True)
child = os.fork()
if child == 0:
    print(m.count(100), flush=True)
    os._exit(0)
os.waitpid(child, 0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(*pool.map(m.count, [100, 100]), flush=True)
print(m.count(100))
"""
    )
    assert run_python(program, OMP_NUM_THREADS="3", **setting) == ["3"] * 5


# ---- mistakes ----


def test_reductions_that_are_none():
    assert errors("""
        def f(int n):
            cdef int i
            cdef double s = 0, t = 1, u = 0
            total = 0
            for i in prange(n, nogil=True):
                s += i
                s *= 2
                t /= 2
                u += 1
                if u > 3:
                    pass
                total += i
        """) == [
        "9 Reduction operator '*' is inconsistent with previous reduction operator '+'",
        "10 '/=' carries a value from one turn of a parallel loop to the next",
        "12 Cannot read reduction variable in loop body",
        "14 Python objects cannot be reductions",
    ]


def test_limits_that_are_none():
    assert errors("""
        def f(int n, x):
            cdef int i
            cdef int* p
            for i in prange(x, nogil=True):
                pass
            for i in prange(0, n, 0, nogil=True):
                pass
            for x in prange(n, nogil=True):
                pass
            for p in prange(n, nogil=True):
                pass
            for p[0] in prange(n, nogil=True):
                pass
            for i in prange(nogil=True):
                pass
            prange(n)
        """) == [
        "6 stop argument must be numeric",
        "8 Iteration with step 0 is invalid.",
        "10 target may not be a Python object as we don't have the GIL",
        "12 Must be of numeric type, not int *",
        "14 Can only iterate over an iteration variable",
        "16 Invalid number of positional arguments to prange",
        "18 prange() can only be used as part of a for loop",
    ]


def test_options_that_are_none():
    assert errors("""
        def f(int n):
            cdef int i, p
            for i in prange(n, nogil=True, schedule='magic'):
                pass
            for i in prange(n, nogil=True, chunksize=3):
                pass
            for i in prange(n, nogil=True, schedule='static', chunksize=-1):
                pass
            for i in prange(n, nogil=True, schedule='runtime', chunksize=1):
                pass
            for i in prange(n, nogil=True, colour=1):
                pass
            with nogil, parallel(3):
                pass
            with nogil, parallel(colour=3):
                pass
            with nogil, parallel():
                p = 1
                p += 1
                with parallel():
                    pass
            with nogil, parallel():
                i = 1
                for p in prange(n):
                    i = 3
            with nogil, parallel():
                for p in prange(n, num_threads=3):
                    pass
            with nogil, parallel():
                n += 1
        """) == [
        "5 Invalid schedule argument to prange: magic",
        "7 Must provide schedule with chunksize",
        "9 Chunksize must not be negative",
        "11 Chunksize not valid for the schedule runtime",
        "13 Invalid keyword argument: colour",
        "15 cython.parallel.parallel() does not take positional arguments",
        "17 Invalid keyword argument: colour",
        "22 Nested parallel with blocks are disallowed",
        "27 Cannot assign to private of outer parallel block",
        "29 num_threads must be declared in the parent parallel section",
        "32 Reductions not allowed for parallel blocks",
    ]


def test_one_message_per_mistake():
    assert errors("""
        def f(int n):
            cdef unknown i, s = 0
            for i in prange(n, nogil=True):
                s += i
        cdef strange k
        for k in prange(3, nogil=True):
            pass
        """) == [
        "4 'unknown' is not a type",
        "7 'strange' is not a type",
    ]


def test_yield_in_parallel_sections():
    assert errors("""
        def f(n):
            cdef int i
            for i in prange(10, nogil=True):
                with gil:
                    yield n
            with nogil, parallel():
                with gil:
                    yield n
        """) == [
        "7 'yield' not allowed in parallel sections",
        "10 'yield' not allowed in parallel sections",
    ]
