"""Loops that need no objects: over the characters of a str, bytes, and ranges."""

import array
import textwrap

import engineroom as er
import pytest

SOURCE = textwrap.dedent(
    """
    def letters(str s):
        cdef Py_UCS4 c
        seen = []
        for c in s:
            if c == 'e' or c == u'é' or c == '😀':
                seen.append(c)
        else:
            seen.append('end')
        return seen

    def made(n):
        cdef Py_UCS4 c
        total = 0
        for c in str(n) + 'x':  # nothing else holds the text
            if c == 'x':
                break
            total += <int>c - 48
        return total

    def replaced(str s):
        cdef Py_UCS4 c
        n = 0
        for c in s:
            s = ''
            n += 1
        return n, s

    def octets(bytes data):
        cdef unsigned char u
        cdef int i
        cdef long total = 0
        for u in data:
            total += u
        for i in data:
            total += i
        return total

    def nested(str s):
        cdef Py_UCS4 a, b
        return [(a, b) for a in s for b in s if a != b]

    def items(xs, ys):
        total = 0
        for i in range(len(xs)):
            total += xs[i] * ys[i]
        return total, i

    def sums(xs):
        total = 0
        for i in range(len(xs)):
            total += i * 2**40
        return total
    """
)


@pytest.fixture(scope="module")
def m():
    return er.compile(SOURCE)


@pytest.mark.parametrize("text", ["", "e", "the", "é€", "😀e", "a" * 1000])
def test_characters(m, text):
    assert m.letters(text) == [c for c in text if c in "eé😀"] + ["end"]
    assert m.replaced(text) == (len(text), "" if text else text)
    assert m.nested(text[:5]) == [(a, b) for a in text[:5] for b in text[:5] if a != b]


def test_text_lives_as_long_as_the_loop(m):
    assert m.made(10**40 + 7) == 8


@pytest.mark.parametrize("data", [b"", b"\x00\xff", bytes(range(256))])
def test_bytes(m, data):
    assert m.octets(data) == 2 * sum(data)


def test_none_is_not_iterable(m):
    for f in (m.letters, m.octets, m.nested):
        with pytest.raises(TypeError, match="'NoneType' object is not iterable"):
            f(None)


def test_indices(m):
    assert m.items([1, 2], [3, 4]) == (11, 1)
    assert m.items((1, 2), [3, 4]) == (11, 1)
    with pytest.raises(IndexError):
        m.items([1, 2], [3])
    # An index that is an operand stays a Python int, which does not overflow.
    assert m.sums(range(10)) == 45 * 2**40
    assert (
        er.compile(
            "def f(n):\n    t = 0\n    for i in range(len(n)):\n        t += (i + 1) << 70\n    return t"
        ).f("ab")
        == 3 << 70
    )


def test_division_rounds_down(m):
    numbers = er.compile(
        textwrap.dedent(
            """
            def by_three(long a): return a // 3, a % 3, a // -3, a % -3
            def by(int a, int b): return a // b, a % b
            """
        )
    )
    for a in (-(2**63), -7, -6, -1, 0, 1, 5, 6, 2**63 - 1):
        if a != -(2**63):
            assert numbers.by_three(a) == (a // 3, a % 3, a // -3, a % -3)
        for b in (-3, -1, 1, 2, 7):
            if -(2**31) < a < 2**31:
                assert numbers.by(a, b) == (a // b, a % b)
    with pytest.raises(ZeroDivisionError):
        numbers.by(1, 0)
    with pytest.raises(OverflowError):
        numbers.by(-(2**31), -1)


def test_a_range_of_an_enum_counts_in_it():
    m = er.compile(
        textwrap.dedent(
            """
        cimport cython
        ctypedef enum Color:
            RED, GREEN, BLUE

        def f():
            cdef Color n = BLUE
            out = []
            for c in range(n):
                out.append(c)
            return out, cython.typeof(c)
        """
        )
    )
    assert m.f() == ([0, 1], "Color")


def test_variables_of_list_comprehensions_at_level_2_stay():
    source = textwrap.dedent(
        """
        def f(n):
            i = 'before'
            squares = [i * i for i in range(n)]
            return squares, i

        def g(xs):
            [(a, b) for a, b in xs if a]
            return a, b, {x for x in xs}, [[y for y in x] for x in xs], x, y

        [m for m in (1, 2, 3)]
        """
    )
    two = er.compile(source, level="2")
    assert two.f(3) == ([0, 1, 4], 2)
    assert two.f(0) == ([], "before")
    assert two.g([(1, 2), (0, 3)]) == (0, 3, {(1, 2), (0, 3)}, [[1, 2], [0, 3]], (0, 3), 3)
    assert two.m == 3
    three = er.compile(source.split("def g")[0], level="3")
    assert three.f(3) == ([0, 1, 4], "before")


def test_what_a_vectorized_loop_leaves_over():
    m = er.compile(
        textwrap.dedent(
            """
            def add(double[::1] to, double x, double[::1] values):
                cdef Py_ssize_t i
                for i in range(to.shape[0]):
                    to[i] += x * values[i]
            """
        )
    )
    for n in range(100):
        to = array.array("d", [1.0] * n)
        m.add(to, 2.0, array.array("d", range(n)))
        assert list(to) == [1.0 + 2.0 * i for i in range(n)]
