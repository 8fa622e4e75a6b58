"""Types in Python's own syntax: cython.declare() and @cython.locals()."""

import textwrap

import engineroom as er
import pytest


def build(source):
    return er.compile("import cython\n" + textwrap.dedent(source))


def test_variables_of_functions():
    m = build(
        """
        def f(n):
            x = cython.declare(cython.int, n)
            y = cython.declare(int)
            y = x // 2
            p = cython.declare(cython.p_int, cython.address(x))
            q = cython.declare(cython.pointer(cython.int), p)
            q[0] += 1
            items = cython.declare(cython.int[3])
            items[0] = items[1] = items[2] = x
            return x, y, items[0] + items[2], cython.typeof(x), cython.typeof(y)

        def g(n):
            cython.declare(a=cython.double, b=list, c=float)
            a = n
            b = [n]
            c = n
            return a, b, cython.typeof(c)

        def wrong(n):
            b = cython.declare(list, n)
            return b

        def branches(n):
            if n:
                x = cython.declare(cython.uchar, n)
            else:
                x = 7
            return x
        """
    )
    assert m.f(5) == (6, 2, 12, "int", "int")
    assert m.g(2) == (2.0, [2], "float")
    assert m.branches(300 - 256) == 44
    assert m.branches(0) == 7
    with pytest.raises(OverflowError):
        m.branches(300)
    with pytest.raises(TypeError):
        m.wrong(1)


def test_a_declaration_is_no_value():
    m = build(
        """
        def f(n):
            x = cython.declare(list)
            if n:
                x = [n]
            return x
        """
    )
    assert m.f(1) == [1]
    with pytest.raises(UnboundLocalError):
        m.f(0)


def test_size_of_a_variable_without_value():
    m = build(
        """
        def f():
            x = cython.declare(cython.short)
            return cython.sizeof(x), cython.sizeof(cython.longlong)
        """
    )
    assert m.f() == (2, 8)


def test_variables_of_the_module():
    m = build(
        """
        import cython as cy
        from cython import declare, double

        n = cython.declare(cython.int, 40)
        text = cython.declare(str, "a")
        cy.declare(total=cy.longlong)
        ratio = declare(double, 0.5)

        def add(k):
            global n, total
            n += k
            total = n
            return n, total, text, ratio, cython.typeof(n), cython.typeof(total)

        def set_to(value):
            global n
            n = value
        """
    )
    assert m.add(2) == (42, 42, "a", 0.5, "int", "long long")
    assert not hasattr(m, "n")
    with pytest.raises(TypeError):
        m.set_to("no number")


def test_locals():
    m = build(
        """
        @cython.locals(x=cython.int, y=int, z=float, i=cython.Py_ssize_t, w=list)
        def f(x, y=3, w=None):
            z = x / y
            for i in range(3):
                z += i
            return z, w, cython.typeof(x), cython.typeof(y), cython.typeof(i)

        @cython.cdivision(True)
        @cython.locals(a=cython.int, b=cython.int)
        def g(a, b):
            return a // b

        @cython.locals(t=cython.int)
        cdef int h(int n):
            t = n
            t *= 2
            return t

        def call_h(n):
            return h(n)

        @cython.returns(cython.int)
        def same(x):
            return x
        """
    )
    z, w, *types = m.f(7, w=[1])
    assert (z, w) == (pytest.approx(7 / 3 + 3), [1])
    assert types == ["int", "int", "Py_ssize_t"]
    with pytest.raises(TypeError):
        m.f("a")
    with pytest.raises(TypeError):
        m.f(1, 2, (3,))
    assert m.g(-7, 2) == -3
    assert m.call_h(4) == 8
    # A def function returns objects, as they are.
    assert m.same(1.5) == 1.5


@pytest.mark.parametrize(
    "source",
    [
        "x = y = cython.declare(cython.int, 1)",
        "def f():\n    return cython.declare(cython.int)",
        "x = cython.declare(cython.int, visibility='public')",
        "if True:\n    x = cython.declare(cython.int, 1)",
        "@cython.locals(x=cython.int)\ncdef f(x): return x",
    ],
)
def test_other_forms_are_refused(source):
    with pytest.raises(er.CompileError, match="not supported yet"):
        build(source)


def test_not_a_type():
    with pytest.raises(er.CompileError, match="'cython.nothing' is not a type"):
        build("x = cython.declare(cython.nothing)")
    with pytest.raises(er.CompileError, match="takes names and their types"):
        build("@cython.locals(cython.int)\ndef f(x): return x")


def test_another_declare():
    m = build(
        """
        def declare(x, y=None):
            return x

        def f():
            x = declare(list)
            return x
        """
    )
    assert m.f() is list


def test_c_functions():
    m = build(
        """
        import cython

        @cython.cfunc
        def scaled(x, i: cython.int, by: cython.double = 2) -> cython.double:
            own: cython.int = x
            with cython.nogil:
                return own * i * by

        @cython.ccall
        @cython.exceptval(-1, check=False)
        def checked(x: cython.int) -> cython.int:
            if x < 0:
                raise ValueError("negative")
            return x

        @cython.nogil
        @cython.cfunc
        @cython.inline
        @cython.noexcept
        def total(values: cython.p_int, n: cython.int) -> cython.long:
            s: cython.long = 0
            i: cython.int
            for i in range(n):
                s += values[i]
            return s

        @cython.cfunc
        @cython.returns(cython.double)
        @cython.cdivision(True)
        def half(x: cython.double):
            return x / 0

        @cython.cfunc
        def plain(x):
            return [x]

        def f(x):
            values: cython.int[3] = [1, 2, 3]
            with cython.nogil:
                n: cython.long = total(values, 3)
            return scaled(x, 3), scaled(x, 3, 0.5), n, half(1), plain(x)

        def g(x): return checked(x)
        """
    )
    assert m.f(4) == (24.0, 6.0, 6, float("inf"), [4])
    assert m.g(3) == m.checked(3) == 3
    for f in (m.g, m.checked):
        with pytest.raises(ValueError, match="negative"):
            f(-1)
    assert not hasattr(m, "scaled")


@pytest.mark.parametrize(
    "source",
    [
        "@cython.cfunc\ndef f(x: int): pass",
        "@cython.cfunc\ndef f(*args): pass",
        "@cython.cfunc\ndef f() -> int: pass",
        "@cython.nogil\ndef f(): pass",
    ],
)
def test_c_functions_that_are_refused(source):
    with pytest.raises(er.CompileError, match="not supported yet"):
        build("import cython\n" + source)
