"""C values: arrays as a whole and in slices, arguments that calls of C functions leave out."""

import textwrap

import engineroom as er
import pytest


def build(source):
    return er.compile(textwrap.dedent(source))


def test_optional_c_arguments():
    m = build(
        """
        calls = []

        def default():
            calls.append(1)
            return 20

        cdef int add(int a, int b=3, c=None, double d=-0.5) except -1:
            return a + b + (0 if c is None else c) + <int>(2 * d)

        cdef int late(int a=default()):
            return a

        cpdef str text(str a, str b="b", int n=default()):
            return a + b * (n - 19)

        def f():
            return add(1), add(1, 2), add(1, 2, 3), add(1, 2, 3, 1.5), add(1, d=0, c=10)

        def g():
            return late(), late(5), late(), len(calls), text("a"), text("a", "c"), text("a", n=21)
        """
    )
    assert m.f() == (3, 2, 5, 9, 14)
    assert m.g() == (20, 5, 20, 2, "ab", "ac", "abb")
    assert m.text("x") == "xb"
    with pytest.raises(er.CompileError, match="'f' takes 2 arguments, not 0"):
        build("cdef int f(int a, int b=1): return a\ndef g(): return f()")


def test_arrays_are_assigned_as_a_whole():
    m = build(
        """
        cdef int numbers[3]
        numbers = [7, 8, 9]

        def f(values):
            cdef int a[3]
            cdef int b[3]
            a = values
            b = a
            a[0] = 100
            return a, b, numbers

        def parts(values):
            cdef double a[5]
            a[:] = [1, 2, 3, 4, 5]
            a[1:3] = values
            a[-1:] = (0.5,)
            return a

        def slices(int n):
            cdef int a[4]
            cdef int *p = a
            a = [1, 2, 3, 4]
            return a[:], a[1:], a[:-1], a[1:n], p[:2], p[1:n]
        """
    )
    assert m.f([1, 2, 3]) == ([100, 2, 3], [1, 2, 3], [7, 8, 9])
    assert m.f(range(3))[1] == [0, 1, 2]
    with pytest.raises((IndexError, ValueError)):
        m.f([1, 2])
    with pytest.raises(TypeError):
        m.f(["a", 2, 3])
    assert m.parts([7, 8]) == [1.0, 7.0, 8.0, 4.0, 0.5]
    assert m.slices(3) == ([1, 2, 3, 4], [2, 3, 4], [1, 2, 3], [2, 3], [1, 2], [2, 3])


def test_steps_of_slices_that_are_assigned_to_are_refused():
    with pytest.raises(er.CompileError, match="not supported yet"):
        build("def f():\n    cdef int a[4]\n    a[::2] = [1, 2]\n")


def test_the_outer_decorator_wins():
    m = build(
        """
        cimport cython

        @cython.cdivision(False)
        @cython.cdivision(True)
        def f(int a, int b):
            return a // b
        """
    )
    assert m.f(-7, 2) == -4
    with pytest.raises(ZeroDivisionError):
        m.f(1, 0)


def test_names_which_end_as_those_of_repeated_ones_do():
    m = build(
        """
        def f_2(): return 1
        def f(): return 2
        g = f
        def f(): return 3

        def shadowed(x_2):
            x = 1
            return [x for x in range(3)], x_2, x

        def shadowed_later():
            x = 1
            y = [x for x in range(3)]
            x_2 = 5
            return y, x_2, x
        """
    )
    assert (m.f_2(), m.g(), m.f()) == (1, 2, 3)
    assert m.shadowed(7) == ([0, 1, 2], 7, 1)
    assert m.shadowed_later() == ([0, 1, 2], 5, 1)


def test_characters_assigned_to_items():
    m = build(
        """
        def f():
            cdef char b[5]
            cdef char *p = b
            cdef unsigned char u[1]
            cdef Py_UCS4 text[1]
            p[0] = b'-'
            p[1] = '0'
            b[2] = b'\\xff'
            p[3] = c'x'
            u[0] = b'\\xff'
            text[0] = '\\u20ac'
            return p[:4], u[0], text[0], p[0] == b'-', b[1] in b'01'
        """
    )
    assert m.f() == (b"-0\xffx", 255, "€", True, True)


def test_whether_something_is_left():
    m = er.compile(
        """
def ints(int a, int b):
    return a % b == 0, a % b != 0, not a % b, bool(a % b), a % b
def longs(long long a, long long b):
    return a % b == 0, 1 if a % b else 0, a % 2 == 0, a % -2 != 0, a % 2
def unsigneds(unsigned int a, unsigned int b):
    return a % b == 0, a % 7 == 0
def floats(double a, double b):
    return a % b == 0, a % 2.0 != 0
""",
        "rests",
    )

    def expected(a, b):
        return a % b == 0, a % b != 0, not a % b, bool(a % b), a % b

    for a in (0, 1, 6, -6, 7, -7, 2**31 - 1, -(2**31)):
        for b in (1, -1, 2, -2, 7, -7, -(2**31)):
            assert m.ints(a, b) == expected(a, b), (a, b)
            assert m.longs(a, b) == (a % b == 0, int(a % b != 0), a % 2 == 0, a % -2 != 0, a % 2)
            assert m.floats(a, b) == (a % b == 0, a % 2.0 != 0)
        with pytest.raises(ZeroDivisionError):
            m.ints(a, 0)
    assert m.longs(-(2**63), -1) == (True, 0, True, False, 0)
    assert m.unsigneds(2**32 - 1, 3) == ((2**32 - 1) % 3 == 0, (2**32 - 1) % 7 == 0)


def test_an_array_becomes_a_tuple_where_one_is_wanted():
    m = er.compile(
        "def f():\n    cdef int[3] a = [1, 2, 3]\n    cdef tuple t = a\n    return <tuple>a, t, a\n"
    )
    assert m.f() == ((1, 2, 3), (1, 2, 3), [1, 2, 3])
