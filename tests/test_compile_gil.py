"""Code without the GIL: blocks, functions, and what fails in them."""

import sys
import textwrap
import threading
import traceback

import engineroom as er
import pytest


@pytest.fixture(scope="module")
def build():
    def build(source, **options):
        return er.compile(textwrap.dedent(source), **options)

    return build


def errors(source):
    """What is said of it: "line message", one a line."""
    with pytest.raises(er.CompileError) as raised:
        er.compile(textwrap.dedent(source))
    return [f"{one.line} {one.message}" for one in raised.value.diagnostics]


# ---- blocks ----


def test_other_threads_run_meanwhile(build):
    m = build("""
        cdef extern from "<unistd.h>" nogil:
            int usleep(unsigned int)

        cdef int flag = 0

        def wait():
            cdef int turns = 0
            with nogil:
                while flag == 0 and turns < 100000:
                    usleep(100)
                    turns += 1
            return flag

        def go(int x):
            global flag
            flag = x
        """)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(m.wait()))
    thread.start()
    m.go(5)
    thread.join()
    assert seen == [5]


def test_blocks_nest(build, capsys):
    m = build("""
        def f(double x):
            cdef double y
            with nogil:
                y = x * 2
                with gil:
                    print("y is", y)
                    with nogil:
                        y += 1
                y += 1
            return y
        """)
    assert m.f(3) == 8.0
    assert capsys.readouterr().out == "y is 6.0\n"


def test_leaving_a_block_takes_the_gil_back(build):
    m = build("""
        cdef int leave(int how) except -1:
            cdef int i, turns = 0
            for i in range(10):
                turns += 1
                with nogil:
                    if how == 0:
                        return i + 100
                    if how == 1:
                        break
                    if how == 2:
                        continue
                    if how == 3:
                        raise ValueError(f"how {how}")
                    turns += 10
            return turns

        def f(how):
            made = [leave(how)]
            return made
        """)
    assert [m.f(how) for how in (0, 1, 2, 4)] == [[100], [1], [10], [110]]
    with pytest.raises(ValueError, match="how 3") as raised:
        m.f(3)
    assert [entry.lineno for entry in traceback.extract_tb(raised.tb)][-1] == 14


def test_finally_without_the_gil(build):
    m = build("""
        cdef int n_cleaned = 0

        cdef int fails(int x) except -1 nogil:
            if x < 0:
                raise ValueError("negative")
            return x

        def f(int x):
            cdef int made = 0
            with nogil:
                try:
                    made = fails(x)
                finally:
                    global n_cleaned
                    n_cleaned += 1
            return made, n_cleaned

        def cleaned():
            return n_cleaned
        """)
    assert m.f(5) == (5, 1)
    with pytest.raises(ValueError, match="negative"):
        m.f(-1)
    assert m.cleaned() == 2


def test_conditional_blocks(build):
    m = build("""
        def f(int x):
            cdef int y
            with nogil(True):
                y = x
                with gil(True):
                    z = [y]
            with nogil(False):
                z.append(x)
            return z
        """)
    assert m.f(4) == [4, 4]


# ---- functions ----


def test_failures_in_nogil_functions(build):
    m = build("""
        cdef double half(double x) except? -1 nogil:
            assert x > 0, "not positive"
            return x / 2

        cdef int divide(int a, int b) except? -1 nogil:
            return a // b

        def f(double x):
            with nogil:
                x = half(x)
            return x

        def g(int a, int b):
            cdef int c
            with nogil:
                c = divide(a, b)
            return c
        """)
    assert m.f(3) == 1.5
    assert m.f(-0.0 + 2) == 1.0
    with pytest.raises(AssertionError, match="not positive") as raised:
        m.f(-1)
    names = [entry.name for entry in traceback.extract_tb(raised.tb)]
    assert names[-2:] == ["f", "half"]
    assert m.g(7, -2) == -4
    with pytest.raises(ZeroDivisionError):
        m.g(1, 0)


def test_with_gil_functions(build):
    m = build("""
        cdef int append(void* target, int x) except -1 with gil:
            objects = <list>target
            objects.append(x)
            if x == 3:
                raise KeyError(x)
            return 0

        ctypedef int (*visitor)(void*, int) except -1 nogil

        cdef int visit(visitor f, void* target, int n) except -1 nogil:
            cdef int i
            for i in range(n):
                f(target, i)
            return n

        def collect(int n):
            made = []
            cdef int done
            try:
                with nogil:
                    done = visit(append, <void*>made, n)
            except KeyError as e:
                return made, e.args
            return made, done
        """)
    assert m.collect(2) == ([0, 1], 2)
    assert m.collect(9) == ([0, 1, 2, 3], (3,))


def test_objects_in_nogil_functions(build):
    """Locals that only the parts with the GIL use are let go with it."""
    m = build("""
        cdef int work(int n) except -1 nogil:
            cdef int total = 0, i
            for i in range(n):
                with gil:
                    made = [i] * 3
                    total += len(made)
            return total

        def f(int n):
            cdef int total
            with nogil:
                total = work(n)
            return total
        """)
    assert m.f(100) == 300


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_unraisable_without_the_gil(build, monkeypatch):
    m = build("""
        cdef void forgets(int x) noexcept nogil:
            if x:
                raise ValueError("forgotten")

        def f(int x):
            with nogil:
                forgets(x)
            return "done"
        """)
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(str(args.exc_value)))
    assert m.f(1) == "done"
    assert seen == ["forgotten"]


def test_whether_a_list_is_empty(build):
    m = build("""
        cdef bint has_items(list xs) noexcept nogil:
            if xs:
                return True
            return False

        def f(xs):
            return has_items(xs)
        """)
    assert [m.f(xs) for xs in ([], [0], None)] == [False, True, False]


# ---- mistakes ----


def test_what_needs_the_gil():
    assert errors("""
        cdef int slow(int x):
            return x

        def f(object o, list xs):
            cdef int i = 0
            with nogil:
                i = slow(i)
                o.x
                xs[0]
                i = o
                o = None
                for x in xs:
                    pass
                return i
        """) == [
        "8 Calling gil-requiring function not allowed without gil",
        "9 Accessing Python attribute not allowed without gil",
        "10 Indexing Python object not allowed without gil",
        "11 Coercion from Python not allowed without the GIL",
        "12 Assignment of Python object not allowed without gil",
        "13 Iterating over Python object not allowed without gil",
        "15 Converting to Python object not allowed without gil",
    ]


def test_blocks_that_change_nothing():
    assert errors("""
        def g(int x):
            with nogil:
                with nogil:
                    x += 1

        cdef int f(int x) nogil:
            with nogil:
                x += 1
            with gil:
                with gil:
                    x += 1
            return x
        """) == [
        "4 Trying to release the GIL while it was previously released.",
        "11 Trying to acquire the GIL while it is already held.",
    ]


def test_objects_from_nogil_functions():
    assert errors("""
        cdef object f(int x) nogil:
            pass
        """) == ["2 Function with Python return type cannot be declared nogil"]


def test_locals_of_functions_without_the_gil():
    assert errors("""
        cdef void f(object given) nogil:
            cdef int n
            cdef object z
            z = None
            cdef object other
        cdef void g() nogil:
            with gil:
                z = [1]
        """) == [
        "2 Function declared nogil has Python locals or temporaries",
        "5 Assignment of Python object not allowed without gil",
    ]


def test_what_is_never_reached():
    source = """
        cdef void f(object o):
            with nogil:
                return
                if o:
                    pass
        """
    er.compile(textwrap.dedent(source))
    assert errors("        # cython: remove_unreachable=False" + source) == [
        "5 unreachable code",
        "5 Truth-testing Python object not allowed without gil",
    ]


def test_conditions_of_blocks():
    assert errors("""
        cimport cython
        def f():
            with cython.nogil(1, 2):
                pass
            with cython.nogil(kw=True):
                pass
        """) == [
        "4 Compiler directive nogil accepts one positional argument.",
        "6 Compiler directive nogil accepts one positional argument.",
    ]


def test_slices_of_c_arrays_are_checked_without_the_gil(build):
    m = build(
        """
        cdef int copy(int n) except -1 nogil:
            cdef double[3] a = [1, 2, 3]
            cdef double[4] b
            b[:n] = a
            return 0

        def f(int n):
            with nogil:
                n = copy(n)
            return n
        """
    )
    assert m.f(3) == 0
    with pytest.raises(ValueError, match="Assignment to slice of wrong length, expected 3, got 4"):
        m.f(4)
