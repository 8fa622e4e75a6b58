"""Cython compiled in this process: numbers of C and of Python, together and apart."""

import textwrap

import engineroom as er
import pytest


def build(source, **options):
    return er.compile(textwrap.dedent(source), **options)


@pytest.mark.parametrize(
    "expression",
    [
        "2 ** 64",
        "-2 ** 64 + 1",
        "2 ** 200",
        "9223372036854775807 + 1",
        "-9223372036854775808",
        "-9223372036854775807 - 1",
        "(-9223372036854775807 - 1) // -1",
        "4294967296 * 4294967296",
        "1 << 64",
        "1 << 200",
        "-7 // 2, -7 % 2, 7 // -2, 7 % -2",
        "5 >> 70, -5 >> 70",
        "2 ** -1",
        "(-1) ** 1000001",
        "0xffffffff & -1",
    ],
)
def test_written_numbers_are_exact(expression):
    assert build(f"def f(): return {expression}").f() == eval(expression)


def test_numbers_beyond_32_bits_do_not_wrap_around():
    m = build("def f(int n): return n * 4294967296, n - 9223372036854775807, n + 4294967296")
    for n in (-(2**31), -1, 0, 2**31 - 1):
        assert m.f(n) == (n * 4294967296, n - 9223372036854775807, n + 4294967296)


def test_divisions_of_written_numbers_by_zero():
    m = build("def f(): return 1 // 0\ndef g(): return 1 % 0\ndef h(): return 1 / 0")
    for f in (m.f, m.g, m.h):
        with pytest.raises(ZeroDivisionError):
            f()


def test_a_truth_stays_one():
    m = build(
        """
        def f(bint b, int n): return (b if n else n), (n and b), (n or b), (b or 1.5)
        def g(): return (True and True or 0), (5 and True), (True or 5), (0 or False), (None or 3)
        """
    )
    assert repr(m.f(True, 2)) == "(True, True, 2, True)"
    assert repr(m.f(False, 0)) == "(0, 0, False, 1.5)"
    assert repr(m.g()) == "(True, True, True, False, 3)"


def test_loop_variables_in_arithmetic_anywhere_do_not_overflow():
    m = build(
        """
        def f(int n, list log):
            for i in range(n, n + 1):
                assert i ** 9 > 0, i * i
                log[0] += i * i * i
                with open(log[1][i * i * i * i * i * i * i * i > 0:]):
                    pass
        """
    )
    log = [0, "x/dev/null"]
    m.f(2**30, log)
    assert log[0] == 2**90


def test_chains_of_comparisons_with_characters():
    m = build(
        """
        def f(char c, Py_UCS4 u, char* text):
            return c == 'a', 'a' == c == 'a', 'A' < c <= 'a', u'a' == u, text == b'a' == b'a'
        """
    )
    assert m.f(97, "a", b"a") == (True,) * 5
    assert m.f(65, "b", b"b") == (False,) * 5


def test_signs_of_written_floats():
    assert build("def f(): return - -2.0, - - -2.0, -+-2.0").f() == (2.0, -2.0, 2.0)


def test_powers_of_doubles_may_be_complex():
    m = build(
        """
        cimport cython
        def f(double x, double y): return x ** y
        def g(double x, double y):
            z = x ** y
            return z
        def h(double x, double y):
            z = x ** y
            z -= 1
            return z, cython.typeof(z)
        def root(double x):
            y = x ** 0.5
            return y, x ** 0.5
        def of_int(int x, double y): return x ** y
        def whole(double x, int n):
            a, b, c = x ** n, x ** 2.0, x ** -2
            return cython.typeof(a), cython.typeof(b), cython.typeof(c)
        def either(double x, double y, which):
            if which:
                z = x ** y
            else:
                z = x
            return cython.typeof(z), z
        """
    )
    for f in (m.f, m.g):
        assert f(-2, 0.5) == (-2.0) ** 0.5
        assert repr(f(-2, 2)) == "4.0"
        with pytest.raises(ZeroDivisionError):
            f(0, -1)
    assert m.h(2, 3) == (7.0, "soft double complex")
    assert m.h(-2, 0.5)[0] == (-2.0) ** 0.5 - 1
    assert m.root(4) == (2.0, 2.0)
    assert m.root(-4) == ((-4.0) ** 0.5,) * 2
    assert m.of_int(-4, 0.5) == (-4) ** 0.5
    assert m.whole(2, 3) == ("double", "double", "double")
    assert m.either(2, 3, True) == ("soft double complex", 8.0)


def test_powers_that_c_numbers_take():
    """A power that goes right into a C number is C's, unless a directive says how it is to be."""
    m = build(
        """
        cimport cython
        cdef object of_double(double x): return x
        cdef object of_int(int x): return x
        def f(double x, double y):
            cdef double z = x ** y
            return z, of_double(x ** y)
        def g(int x, int y):
            cdef int z = x ** y
            return z, of_int(x ** y)
        @cython.cpow(False)
        def h(double x, double y):
            cdef double z
            with nogil:
                z = x ** y
            return z
        cdef double twice(double x) nogil: return 2 * x
        def later(double x, double y):
            z = x ** y
            with nogil:
                w = twice(z)
            return w
        def unsigned_exponent(int x, unsigned int n): return cython.typeof(x ** n), x ** n
        """
    )
    assert m.f(2, 3) == (8.0, 8.0)
    assert repr(m.f(-2, 0.5)) == "(nan, nan)"
    assert m.g(2, 5) == (32, 32)
    assert m.h(2, 3) == 8.0
    assert m.later(2, 3) == 16.0
    for f in (m.h, m.later):
        with pytest.raises(TypeError, match="non-zero imaginary component"):
            f(-2, 0.5)
    assert m.unsigned_exponent(3, 4) == ("unsigned int", 81)
    with pytest.raises(er.CompileError, match="cannot assign type 'double' to 'int'"):
        build("import cython\n@cython.cpow(False)\ndef f(int x, int y):\n    cdef int z = x ** y\n")


@pytest.mark.parametrize(
    "statement", ["cdef int n = 2.5", "cdef int n = x", "cdef int n = 1\n    n *= x", "return g(x)"]
)
def test_a_fraction_is_not_lost_by_itself(statement):
    source = f"cdef int g(int n): return n\ndef f(double x):\n    {statement}"
    with pytest.raises(er.CompileError, match="cannot assign type 'double' to 'int'"):
        build(source)


def test_signs_of_truths():
    assert (
        repr(build("def f(bint b): return +b, -b, ~b, +True, -True").f(2)) == "(1, -1, -2, 1, -1)"
    )


def test_pointers_move_by_objects():
    m = build("def f(bytes b, n):\n    cdef char* p = b\n    p += n\n    p -= 1\n    return p")
    assert m.f(b"abc", 2) == b"bc"


def test_unsigned_ints_wrap_around_as_in_c():
    m = build("def f(unsigned int n, int i): return n - 1, n * 3 + 5, 0 - n, i - 1")
    assert m.f(0, -(2**31)) == (2**32 - 1, 5, 0, -(2**31) - 1)
    assert m.f(2**32 - 1, 0) == (2**32 - 2, 2, 1, -1)


def test_and_or_and_conditionals_keep_the_type_of_what_they_choose():
    m = build(
        """
        def f(int a, double b): return (a and b), (a or b), (b or a), (a if a else b), (a or 2.5)
        def g(int a, double b):
            cdef double x = a or b
            return x
        """
    )
    assert repr(m.f(2, 0.5)) == "(0.5, 2, 0.5, 2, 2)"
    assert repr(m.f(0, 0.0)) == "(0, 0.0, 0, 0.0, 2.5)"
    assert repr(m.g(2, 0.5)) == "2.0"


def test_shifts_are_checked_for_overflow():
    m = build(
        """
        # cython: overflowcheck=True
        def f(int a, int b): return a << b
        def g(unsigned int a, long long b): return a << b
        def h(long long a, int b):
            a <<= b
            return a
        """
    )
    assert (m.f(1, 30), m.f(0, 31), m.f(2**31 - 1, 0)) == (2**30, 0, 2**31 - 1)
    assert (m.g(1, 31), m.h(1, 62), m.h(0, 63)) == (2**31, 2**62, 0)
    for f, a, b in [
        (m.f, 1, 31),
        (m.f, 0, 32),
        (m.f, 1, -1),
        (m.f, -1, 1),
        (m.g, 2, 31),
        (m.g, 1, 2**32),
        (m.h, 2, 62),
        (m.h, 1, 64),
    ]:
        with pytest.raises(OverflowError):
            f(a, b)


def test_a_sign_before_a_truth_makes_a_number():
    m = build(
        """
        def f():
            a = +True
            b = -True
            c = --True
            d = ~True
            return a, b, c, d, not True
        """
    )
    assert repr(m.f()) == "(1, -1, 1, -2, False)"


def test_characters_are_texts_to_operators():
    m = build(
        """
        def add(Py_UCS4 a, Py_UCS4 b): return a + b
        def times(Py_UCS4 a, int n): return a * n, n * a
        def minus(Py_UCS4 a, int n): return a - n
        def item(values, Py_UCS4 key): return values[key]
        def store(values, Py_UCS4 key): values[key] = 1; return values
        """
    )
    assert m.add("a", "b") == "ab"
    assert m.times("a", 3) == ("aaa", "aaa")
    assert m.item({"k": 1}, "k") == 1
    assert m.store({}, "k") == {"k": 1}
    with pytest.raises(TypeError):
        m.minus("a", 1)
    with pytest.raises(TypeError):
        m.item([1] * 100, "a")


def test_inferred_variables_without_a_value():
    m = build(
        """
        def turns(xs):
            for i in range(len(xs)):
                pass
            return i
        def real(b):
            if b:
                x = 1.5
            return x
        def declared(int n):
            cdef int i = -1
            for i in range(n):
                pass
            return i
        """
    )
    assert (m.turns("abc"), m.real(True), m.declared(0)) == (2, 1.5, -1)
    for f, argument in [(m.turns, ""), (m.real, False)]:
        with pytest.raises(UnboundLocalError):
            f(argument)


@pytest.mark.parametrize(
    "text",
    [
        "import cython\ndef f(x: tuple[cython.int, cython.double]): return x",
        "import cython\ndef f(): x: tuple[cython.int] = (1,)",
        "import cython\n@cython.locals(x=cython.double)\ncdef f(x): return x",
    ],
)
def test_types_that_would_be_ignored_are_refused(text):
    with pytest.raises(er.CompileError, match="not supported yet"):
        build(text)


def test_what_a_power_can_be_used_for():
    """Like the float that it is, as long as it is none of the complex numbers."""
    m = build(
        """
        def f(double x, double y):
            z = x ** y
            w = z if x > 0 else 0.5
            return (z > 1, z == 8, 1 < z, z // 3, z % 3, -z, abs(z), max(z, 1), int(z), round(z),
                    z / 2, 2 / z, z * z, z ** 2, f"{z:.1f}", bool(z), w, [z], z + 1j, z and 1)
        def g(double x, double y):
            z = x ** y
            return z < 1
        """
    )
    assert m.f(2, 3) == (
        True, True, True, 2.0, 2.0, -8.0, 8.0, 8.0, 8, 8, 4.0, 0.25, 64.0, 64.0, "8.0", True, 8.0,
        [8.0], 8 + 1j, 1,
    )  # fmt: skip
    with pytest.raises(TypeError, match="not supported between"):
        m.g(-2, 0.5)
