"""Cython compiled in this process: the language of plain functions, from text to what calls give."""

import math
import traceback

import engineroom as er
import pytest


@pytest.fixture(scope="module")
def build():
    """The module of some Cython text."""

    def build(source, **options):
        import textwrap

        return er.compile(textwrap.dedent(source), **options)

    return build


# ---- functions ----


def test_square(build):
    m = build("def square(x):\n    return x * x")
    assert m.square(12) == 144
    assert m.square(1.5) == 2.25
    assert m.square.__name__ == "square"


def test_typed_parameters_convert(build):
    m = build("def f(int n, double x):\n    return n + x")
    assert m.f(2, 3) == 5.0
    assert m.f(True, 0.5) == 1.5
    with pytest.raises(TypeError):
        m.f("2", 3)
    with pytest.raises(OverflowError, match="value too large to convert to int"):
        m.f(2**40, 1)


def test_calls_of_all_kinds(build):
    m = build(
        """
        def f(a, b=2, *args, c, d=4, **kwargs):
            return a, b, args, c, d, kwargs
        """
    )
    assert m.f(1, c=3) == (1, 2, (), 3, 4, {})
    assert m.f(1, 5, 6, 7, c=8, e=9) == (1, 5, (6, 7), 8, 4, {"e": 9})
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'c'"):
        m.f(1)
    with pytest.raises(TypeError):
        m.f(c=1)


def test_cdef_and_cpdef(build):
    m = build(
        """
        cdef int twice(int x):
            return 2 * x

        cpdef double half(double x):
            "Half of it."
            return x / 2

        def both(int x):
            return half(twice(x) + 1)
        """
    )
    assert m.both(4) == 4.5
    assert m.half(3) == 1.5
    assert m.half.__doc__ == "Half of it."
    assert not hasattr(m, "twice")


def test_exceptions_pass_through_c_functions(build):
    m = build(
        """
        cdef int check(int x) except -1:
            if x < 0:
                raise ValueError("negative: %d" % x)
            return x

        cdef double ask(double x):
            if x < 0:
                raise KeyError(x)
            return -1

        def f(x):
            return check(x)

        def g(x):
            return ask(x)
        """
    )
    assert m.f(3) == 3
    with pytest.raises(ValueError, match="negative: -2"):
        m.f(-2)
    assert m.g(1) == -1.0
    with pytest.raises(KeyError):
        m.g(-1)


def test_recursion(build):
    m = build(
        """
        cdef long fib(long n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        def fibonacci(n):
            return fib(n)

        def factorial(n):
            return 1 if n < 2 else n * factorial(n - 1)
        """
    )
    assert m.fibonacci(20) == 6765
    assert m.factorial(25) == math.factorial(25)


# ---- C arithmetic ----


@pytest.mark.parametrize("a", [-7, 7, 0])
@pytest.mark.parametrize("b", [-2, 2, 3])
def test_division_is_pythons(build, a, b):
    m = build(
        """
        def f(int a, int b):
            return a // b, a % b, a / b
        """
    )
    assert m.f(a, b) == (a // b, a % b, a / b)


def test_division_by_zero(build):
    m = build("def f(int a, int b): return a // b\ndef g(double a, double b): return a / b")
    with pytest.raises(ZeroDivisionError):
        m.f(1, 0)
    with pytest.raises(ZeroDivisionError):
        m.g(1, 0)


def test_cdivision(build):
    m = build("# cython: cdivision=True\ndef f(int a, int b): return a // b, a % b")
    assert m.f(-7, 2) == (-3, -1)


def test_cdivision_divides_integers_at_every_language_level(build):
    m = build(
        """
        # cython: cdivision=True
        import cython
        def f(int a, int b, double d):
            return a / b, a / d, 1 / 2, 7 / a, cython.typeof(a / b)
        def halved(int a):
            a /= 2
            return a
        @cython.cdivision(False)
        def truly(int a): return a / 2
        """
    )
    assert m.f(7, 2, 2.0) == (3, 3.5, 0, 1, "int")
    assert m.f(-7, 2, 2.0) == (-3, -3.5, 0, -1, "int")
    assert (m.halved(7), m.truly(7)) == (3, 3.5)


def test_libc(build):
    m = build(
        """
        from libc.math cimport sqrt, M_PI
        cimport libc.stdlib

        def area(double r):
            return M_PI * r * r

        def root(double x):
            return sqrt(x)

        def parse(bytes text):
            return libc.stdlib.atoi(text)

        def limits():
            return libc.stdlib.RAND_MAX
        """
    )
    assert m.area(2) == pytest.approx(4 * math.pi)
    assert m.root(2) == math.sqrt(2)
    assert m.parse(b"42") == 42
    assert m.limits() == 2**31 - 1


def test_pointers_arrays_and_structs(build):
    m = build(
        """
        from libc.stdlib cimport malloc, free

        cdef struct Point:
            int x
            double y

        def f(int n):
            cdef int *p = <int *> malloc(n * sizeof(int))
            cdef int i, total = 0
            for i in range(n):
                p[i] = i * i
            for i in range(n):
                total += p[i]
            free(p)
            return total

        def g():
            cdef int a[5]
            cdef int i
            for i in range(5):
                a[i] = i
            cdef int *q = &a[2]
            return q[0] + q[1]

        def h():
            cdef Point p
            p.x = 3
            p.y = 0.5
            cdef Point *q = &p
            q.x += 1
            return p.x, q.y
        """
    )
    assert m.f(10) == sum(i * i for i in range(10))
    assert m.g() == 5
    assert m.h() == (4, 0.5)


# ---- statements ----


def test_sieve(build):
    m = build(
        """
        def primes(int n):
            cdef int i, k
            flags = [True] * (n + 1)
            found = []
            for i in range(2, n + 1):
                if flags[i]:
                    found.append(i)
                    for k in range(i * i, n + 1, i):
                        flags[k] = False
            return found
        """
    )
    assert m.primes(50) == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]


def test_loops(build):
    m = build(
        """
        def evens(n):
            out = []
            for i in range(n):
                if i % 2:
                    continue
                if i > 10:
                    break
                out.append(i)
            else:
                out.append("end")
            return out

        def countdown(int n):
            cdef int i
            return [i for i in range(n, 0, -1)]

        def pairs(d):
            return sorted((k, v) for k, v in d.items())

        def last(int n):
            cdef int i = -1
            for i in range(n):
                pass
            return i

        def old(int n):
            cdef int i
            total = 0
            for i from 0 <= i < n:
                total += i
            return total, i

        def loop(n):
            while n > 3:
                n -= 1
            else:
                n = -n
            return n
        """
    )
    assert m.evens(5) == [0, 2, 4, "end"]
    assert m.evens(100) == [0, 2, 4, 6, 8, 10]
    assert m.countdown(3) == [3, 2, 1]
    assert m.pairs({"b": 1, "a": 2}) == [("a", 2), ("b", 1)]
    assert (m.last(0), m.last(5)) == (-1, 4)
    assert m.old(5) == (10, 5)
    assert m.loop(10) == -3


def test_assignments(build):
    m = build(
        """
        def f():
            a = b = [1, 2, 3]
            a, c = 10, 20
            a, c = c, a
            x, *y, z = range(5)
            b[0] += 5
            (p, q), r = (1, 2), 3
            d = {}
            d["k"] = 1
            d["k"] *= 7
            return a, b, c, x, y, z, p, q, r, d
        def g(n):
            if (m := n * 2) > 5:
                return m
            return -m
        """
    )
    assert m.f() == (20, [6, 2, 3], 10, 0, [1, 2, 3], 4, 1, 2, 3, {"k": 7})
    assert (m.g(3), m.g(1)) == (6, -2)
    with pytest.raises(ValueError, match="not enough values to unpack"):
        build("def f(x):\n    a, b = x\n    return a").f([1])


def test_try(build):
    m = build(
        """
        def f(x):
            log = []
            try:
                log.append("try")
                if x == 1:
                    raise ValueError("one")
                if x == 2:
                    return log
                10 / x
            except ValueError as e:
                log.append(str(e))
            except (ZeroDivisionError, KeyError):
                log.append("zero")
            else:
                log.append("else")
            finally:
                log.append("finally")
            return log

        def chained():
            try:
                {}["k"]
            except KeyError as error:
                raise RuntimeError("outer") from error
        """
    )
    assert m.f(5) == ["try", "else", "finally"]
    assert m.f(1) == ["try", "one", "finally"]
    assert m.f(2) == ["try", "finally"]
    assert m.f(0) == ["try", "zero", "finally"]
    with pytest.raises(RuntimeError) as caught:
        m.chained()
    assert isinstance(caught.value.__cause__, KeyError)


def test_with(build):
    m = build(
        """
        def f(manager, fail):
            with manager as value:
                if fail:
                    raise KeyError("inside")
                return value
        """
    )

    class Manager:
        def __init__(self, swallow):
            self.swallow, self.seen = swallow, []

        def __enter__(self):
            return "value"

        def __exit__(self, *exc):
            self.seen.append(exc[0])
            return self.swallow

    manager = Manager(False)
    assert m.f(manager, False) == "value"
    assert manager.seen == [None]
    with pytest.raises(KeyError):
        m.f(manager, True)
    assert manager.seen == [None, KeyError]
    assert m.f(Manager(True), True) is None


def test_displays_and_strings(build):
    m = build(
        """
        def f(name, x, items):
            return (f"{name!r}: {x:>6.2f} {len(items)}", [*items, 1], {"a": 1, **{"b": 2}},
                    {i: i * i for i in items if i}, {1, 2}, items[1:], "n=%d" % x)
        """
    )
    assert m.f("n", 1.5, [0, 2]) == (
        "'n':   1.50 2", [0, 2, 1], {"a": 1, "b": 2}, {2: 4}, {1, 2}, [2], "n=1",
    )  # fmt: skip


def test_comparisons(build):
    m = build(
        """
        def between(int a, int b, int c):
            return a < b < c

        def chain(a, b, c):
            return a < b <= c, a is b, a in (1, 2), a not in (1, 2), not a, a and b, a or c
        """
    )
    assert m.between(1, 2, 3) is True
    assert m.between(1, 3, 3) is False
    assert m.chain(1, 1, 2) == (False, True, True, False, False, 1, 1)


def test_module_level_code(build):
    m = build(
        """
        '''A module.'''
        import math as maths
        from os.path import join as joined
        LIMIT = 10
        table = [i * i for i in range(3)]
        def f():
            global LIMIT
            LIMIT += 1
            return LIMIT, maths.floor(2.5), joined("a", "b")
        """,
        name="some_module",
    )
    assert m.__doc__ == "A module."
    assert m.__name__ == "some_module"
    assert m.f() == (11, 2, "a/b")
    assert m.LIMIT == 11
    assert m.table == [0, 1, 4]


# ---- errors ----


def test_tracebacks_show_the_source(build):
    m = build("def f(x):\n    y = x\n    return y / 0\n", name="shown")
    with pytest.raises(ZeroDivisionError) as caught:
        m.f(1)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.name, last.lineno, last.line) == ("f", 3, "return y / 0")


def test_unbound_local(build):
    m = build("def f(x):\n    if x:\n        y = 1\n    return y")
    assert m.f(1) == 1
    with pytest.raises(UnboundLocalError, match="'y'"):
        m.f(0)
    with pytest.raises(NameError, match="name 'gone' is not defined"):
        build("gone = 1\ndef f(): return gone\ndel gone").f()


def test_walrus_in_the_bounds_of_a_loop(build):
    m = build("def f(x):\n    for 0 <= i < (a := x): pass\n    return a")
    assert m.f(3) == 3


def test_warnings_do_not_fail():
    with pytest.warns(er.CompileWarning, match="unreachable code") as caught:
        m = er.compile("def f():\n    return 1\n    f()\n", file="<a text>")
    assert m.f() == 1
    assert (caught[0].filename, caught[0].lineno) == ("<a text>", 3)
    with pytest.raises(er.CompileError, match="local variable 'x' referenced before assignment"):
        er.compile("def f():\n    print(x)\n    x = 1\n")


def test_undeclared_names_hint_at_our_pxd_files():
    with pytest.raises(er.CompileError) as caught:
        er.compile("def f(double x):\n    return sqrt(x) * RAND_MAX\n")
    assert [d.hint for d in caught.value.diagnostics] == [
        "did you mean 'from libc.math cimport sqrt'?",
        "did you mean 'from libc.stdlib cimport RAND_MAX'?",
    ]


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        ("def f(:\n    pass\n", 1, 6, ""),
        ("cdef nothing x\n", 1, 6, "'nothing' is not a type"),
        ("def f():\n    cdef int *p = 1.5\n    return 1\n", 2, 19, "cannot assign type 'double'"),
        ("cdef int f(int x):\n    return x\ndef g():\n    return f(1, 2)\n", 4, 17, "takes 1 argument"),
        ("def f():\n    yield 1\n", 2, 5, "not supported yet: generators"),
        ("class A:\n    pass\n", 1, 1, "not supported yet: classes"),
        ("from libc.maths cimport sqrt\n", 1, 1, "there is no module 'libc.maths'"),
        ("x = 1\ny = z\n", 2, 5, "undeclared name 'z'"),
    ],
)  # fmt: skip
def test_mistakes(source, line, column, message):
    with pytest.raises(er.CompileError) as caught:
        er.compile(source)
    first = caught.value.diagnostics[0]
    assert (first.line, first.column) == (line, column)
    assert message in first.message
    assert f":{line}:{column}: error:" in str(caught.value)


def test_several_mistakes_at_once():
    with pytest.raises(er.CompileError) as caught:
        er.compile("cdef one a\ncdef two b\n")
    assert [d.line for d in caught.value.diagnostics] == [1, 2]


def test_explain():
    source = "def square(x):\n    return x * x\n"
    assert "FunctionDef square" in er.explain(source, "syntax")
    assert "square" in er.explain(source, "types")
    assert "er::multiply" in er.explain(source, "c++")
    assert "define" in er.explain(source, "llvm")
    with pytest.raises(ValueError, match="stage must be one of"):
        er.explain(source, "nonsense")


def test_explain_where_the_time_goes():
    lines = er.explain("def square(x):\n    return x * x\n", "times").splitlines()
    stages = [line.split("ms")[1].split(":")[0].strip() for line in lines]
    assert stages == [
        "syntax", "sema", "emit", "header", "front end", "optimize", "generate", "link", "total",
    ]  # fmt: skip
    took = [float(line.split()[0]) for line in lines]
    assert 0 < max(took[:-1]) <= took[-1]


def test_compile_file(tmp_path):
    path = tmp_path / "shapes.pyx"
    path.write_text("from helper cimport Size\ndef f(Size n):\n    return n + 1\n")
    (tmp_path / "helper.pxd").write_text("ctypedef long Size\n")
    module = er.compile_file(path)
    assert module.__name__ == "shapes"
    assert module.f(2) == 3


def test_raw_unicode_of_python_2_has_code_points(build):
    m = build(r"""
        from __future__ import unicode_literals
        a = ur'\t\u00f8\\u00f8'
        b = r'\x41\U000000f8'
        c = br'\u00f8'
    """, level="2")  # fmt: skip
    assert m.a == "\\t\u00f8\\\\u00f8"
    assert m.b == "\\x41\u00f8"
    assert m.c == b"\\u00f8"
    assert build(r"a = r'\u00f8'", level="3").a == "\\u00f8"


def test_except_with_a_comma(build):
    # As Cython reads it if the second name is a variable's, and Python 3.14 if it is a class's.
    m = build(
        """
        def old(e):
            try:
                raise e
            except ValueError, error:
                caught = error
            return caught, error

        def new(e):
            try:
                raise e
            except ValueError, TypeError:
                return "caught"
        """
    )
    error = ValueError("a")
    assert m.old(error) == (error, error)
    assert m.new(TypeError()) == "caught"


def test_a_class_that_is_cimported_and_imported(build):
    m = build(
        """
        from cpython.datetime cimport timedelta
        from datetime import timedelta
        def days(timedelta t): return t.days, timedelta(days=2).days
        """
    )
    assert m.days(__import__("datetime").timedelta(3)) == (3, 2)


def test_an_unknown_result_type_is_one_mistake(build):
    with pytest.raises(er.CompileError) as raised:
        build("cdef foo_t callback(unsigned int n) noexcept nogil:\n    return 0\n")
    assert [d.message for d in raised.value.diagnostics] == ["'foo_t' is not a type"]
