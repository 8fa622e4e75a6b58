"""Functions inside functions that use what is around them."""

import array
import gc
import pickle
import textwrap
import weakref

import engineroom as er
import pytest

# Runs as plain Python too: both give the same.
PLAIN = textwrap.dedent(
    """
    def counter():
        n = 0

        def more(by=1):
            nonlocal n
            n += by
            return n

        def get():
            return n

        return more(), more(5), get()

    def loops():
        return [f() for f in [lambda: i for i in range(3)]]

    def shared_in_a_loop():
        fs = []
        for i in range(3):
            fs.append(lambda: i)
        return [f() for f in fs]

    def defaults():
        return [f() for f in [lambda i=i: i for i in range(3)]]

    def comprehensions():
        nested = [[(lambda: i + j) for i in range(j)] for j in (2, 3)]
        return [[f() for f in fs] for fs in nested]

    def conditions(n):
        return [k for k in range(n) if (lambda: k % 2)()], {k: (lambda: k)() for k in range(n)}

    def decides(n):
        return any((lambda: k > 2)() for k in range(n))

    def deep(a=1):
        def g(b):
            def h(c):
                a_ = a
                def i():
                    nonlocal b
                    b += c
                    return a, a_, b
                return i
            return h
        one = g(2)
        return one(3)(), one(4)(), g(0)(5)()

    def only_the_innermost_looks_out(x=7):
        def g():
            return [lambda: (lambda: x)()]
        return g()[0]()

    def recursion(n=20):
        def f(k):
            return 1 if k <= 1 else k * f(k - 1)
        return f(n)

    def without_a_value():
        said = []

        def g():
            return x

        def attempt(f):
            try:
                said.append(f())
            except NameError as e:
                said.append((type(e).__name__, str(e)))

        attempt(g)
        try:
            x
        except NameError as e:
            said.append((type(e).__name__, str(e)))
        x = 1
        attempt(g)
        del x
        attempt(g)
        try:
            del x
        except NameError as e:
            said.append((type(e).__name__, str(e)))
        return said

    def deletes():
        x = [1]

        def g():
            nonlocal x
            del x

        y = x
        g()
        try:
            return x
        except NameError as e:
            return y, str(e)

    def arguments(*a, k=3, **kw):
        def g():
            return a, k, kw
        return g(), sorted(locals())

    def namespaces(a=1, b=2):
        def g(c=3):
            d = a
            return sorted(locals().items())
        return g(), b

    def decorated():
        def twice(f):
            def both(*a, **k):
                return f(*a, **k), f(*a, **k)
            return both

        @twice
        def g(x, *, y=2):
            return x + y

        return g(1), g(1, y=5)

    def assigned_everywhere():
        log = []

        def see():
            log.append((i, e, m, w, a, star))

        i = e = m = w = a = star = None
        for i in [1, 2]:
            see()
        try:
            raise KeyError(3)
        except KeyError as e:
            see()
        e = 4
        import math as m
        (a, *star) = "xyz"
        if (w := a):
            see()
        return [(i, repr(e), getattr(m, "__name__", m), w, a, star)
                for i, e, m, w, a, star in log]

    def operators():
        x = [1]
        y = 3
        n = 10

        def f():
            nonlocal x, y, n
            x += [2]
            y **= 3
            n -= y
            return x, y, n

        return f(), f(), (x, y, n)

    def while_it_is_used():
        x = "before"

        def change():
            nonlocal x
            x = "after"
            return 1

        return [x, change(), x], x + str(change()), (x := "walrus") + str(change()) + x

    def arguments_change(x, y=0):
        def f():
            nonlocal x
            x += 1
            return x
        f()
        return x, f(), x

    def swapped():
        a, b = 1, 2

        def swap():
            nonlocal a, b
            a, b = b, a

        swap()
        return a, b

    def globals_in_between():
        total = 5

        def g():
            global total
            total = 6

            def h():
                return total
            return h()

        return g(), total

    def finished():
        def make():
            x = 0
            try:
                return lambda: x
            finally:
                x = 1
        return make()()

    def named():
        def inner():
            return named
        return inner.__name__, inner.__qualname__, (lambda: inner).__qualname__

    at_module_level = [lambda: q for q in range(3)]

    def of_the_module():
        return [f() for f in at_module_level]
    """
)

CYTHON = textwrap.dedent(
    """
    cdef struct Point:
        int x
        double y

    def typed(int k):
        cdef double x = 1.5
        cdef int i
        cdef Point p
        cdef int[3] a
        p.x = 1
        a[0] = a[1] = a[2] = 0

        def f(y):
            nonlocal i
            i += 1
            p.x += 1
            a[1] += p.x
            return x * k + y, i, p.x, a[1]

        for i in range(3):
            x += i
        return f

    def views(double[:] m, double[::1] n=None):
        def at(i):
            return m[i]

        def change(v):
            nonlocal m
            m = v

        def forget():
            nonlocal m
            del m

        return at, change, forget

    cdef object added(x):
        return lambda y: x + y

    cdef int total(values) except -1:
        cdef int t = 0

        def add(int v):
            nonlocal t
            t += v

        for v in values:
            add(v)
        return t

    def of_c(x, y):
        return added(x)(y), total([x, y])

    def without_gil(int n):
        cdef long s = 0
        cdef int i

        def result():
            return s

        with nogil:
            for i in range(n):
                s += i
        return result()

    def converted(int x, str s not None, *, double d=0.5):
        return lambda: (x, s, d)

    def annotated():
        import cython
        x: cython.double = 1
        def f():
            return x / 2
        return f

    def cycle():
        def g():
            return g
        return g

    def chain(n):
        def wrap(inner):
            return lambda: inner
        f = None
        for _ in range(n):
            f = wrap(f)
        return f
    """
)


def functions(text: str) -> list[str]:
    return [line[4 : line.index("(")] for line in text.splitlines() if line.startswith("def ")]


@pytest.fixture(scope="module")
def compiled():
    return er.compile(PLAIN)


@pytest.fixture(scope="module")
def cython():
    return er.compile(CYTHON)


@pytest.mark.parametrize("name", functions(PLAIN))
def test_like_python(compiled, name):
    python = {}
    exec(PLAIN, python)
    arguments = [4] if name in {"conditions", "decides", "arguments_change"} else []
    assert getattr(compiled, name)(*arguments) == python[name](*arguments)


def test_c_variables_keep_their_types(cython):
    f = cython.typed(3)
    assert f(1) == (14.5, 3, 2, 2)
    assert f(0) == (13.5, 4, 3, 5)
    with pytest.raises(OverflowError):
        cython.typed(2**40)
    assert cython.annotated()() == 0.5


def test_memoryviews_are_held(cython):
    data = array.array("d", [1, 2, 3])
    at, change, forget = cython.views(data)
    assert at(1) == 2
    with pytest.raises(BufferError):
        data.append(4)
    change(array.array("d", [7, 8]))
    data.append(4)
    assert at(-1) == 8
    forget()
    with pytest.raises(UnboundLocalError):
        at(0)
    again = cython.views(data)
    del again
    data.append(5)


def test_c_functions_make_closures(cython):
    assert cython.of_c(3, 4) == (7, 7)
    assert cython.without_gil(10) == 45
    assert cython.converted(1, "a", d=2)() == (1, "a", 2.0)


def test_cycles_are_collected(cython):
    class Thing:
        pass

    gc.collect()
    g = cython.cycle()
    g.thing = Thing()
    alive = weakref.ref(g.thing)
    assert g() is g
    del g
    gc.collect()
    assert alive() is None


def test_long_chains_are_freed(cython):
    f = cython.chain(200_000)
    del f


def test_closures_are_not_pickled(cython):
    with pytest.raises((pickle.PicklingError, AttributeError), match="converted|lambda"):
        pickle.dumps(cython.converted(1, "a"))


def test_code_is_kept_as_long_as_its_functions():
    module = er.compile("def f(x):\n    def g():\n        return x\n    return g\n")
    g = module.f([1])
    del module
    gc.collect()
    assert g() == [1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f():\n    nonlocal x\n    x = 1\n", "no binding for nonlocal 'x' found"),
        ("x = 1\ndef f():\n    nonlocal x\n    x = 2\n", "no binding for nonlocal 'x' found"),
        (
            "def f():\n    x = 1\n    def g():\n        x = 2\n        nonlocal x\n    return g\n",
            "'x' redeclared as nonlocal",
        ),
        (
            "def f():\n    x = 1\n    def g(x):\n        nonlocal x\n    return g\n",
            "'x' redeclared as nonlocal",
        ),
        ("nonlocal x\n", "nonlocal declaration not allowed at module level"),
        (
            "cpdef f(x):\n    return lambda: x\n",
            "closures inside cpdef functions not yet supported",
        ),
        (
            "from cython.parallel import prange\n"
            "def f(int n):\n    cdef int i\n    cdef double s = 0\n"
            "    for i in prange(n, nogil=True):\n        s += i\n    return lambda: s\n",
            "not supported yet: closures over variables that threads assign to: 's'",
        ),
    ],
)
def test_mistakes(text, said):
    with pytest.raises(er.CompileError, match=said):
        er.compile(text)
