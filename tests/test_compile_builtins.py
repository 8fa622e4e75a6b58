"""Cython compiled in this process: Python's builtins, and what is known of what they return."""

import textwrap

import engineroom as er
import pytest


def build(source, **options):
    return er.compile(textwrap.dedent(source), **options)


def test_namespaces_are_those_of_the_compiled_module():
    m = build(
        """
        y = 5
        def here(): return globals()
        def looked_up(): return eval("y")
        def with_locals(int n, s):
            if n < 0:
                late = 1
            return eval("n + len(s)"), locals(), sorted(vars()), dir()
        def run(): exec("z = y + 1")
        def run_in(d): exec("z = 1", d)
        """
    )
    assert m.here() is m.__dict__
    assert m.looked_up() == 5
    names = {"n": 2, "s": "abc"}
    assert m.with_locals(2, "abc") == (5, names, ["n", "s"], ["n", "s"])
    m.run()
    assert m.z == 6
    elsewhere = {}
    m.run_in(elsewhere)
    assert elsewhere["z"] == 1


def test_locals_in_a_comprehension_are_those_of_the_function():
    m = build("def f(x, *a, **k):\n    return [key for key, value in locals().items()]")
    assert m.f(1) == ["x", "a", "k"]


def test_the_module_may_have_a_builtin_name_of_its_own():
    m = build(
        """
        def len(x): return 42
        range = lambda n: [n]
        def f(x): return len(x)
        def g(): return [i for i in range(3)]
        def h(abs): return abs(-1)
        def takes_over():
            global min
            min = max
        def k(int a, int b): return min(a, b)
        """
    )
    assert m.f([]) == 42
    assert m.g() == [3]
    assert m.h(str) == "-1"
    m.takes_over()
    assert m.k(1, 2) == 2


def test_abs_of_the_smallest_integer_overflows():
    m = build("def f(int n): return abs(n)\ndef g(short n): return abs(n)")
    assert m.f(-(2**31) + 1) == 2**31 - 1
    assert m.g(-(2**15)) == 2**15
    with pytest.raises(OverflowError):
        m.f(-(2**31))


def test_names_of_python_2_stay():
    m = build("def f(): return unicode(1), list(xrange(2)), unichr(65), isinstance('', basestring)")
    assert m.f() == ("1", [0, 1], "A", True)


def test_a_dict_that_is_none_contains_nothing():
    m = build("def f(dict d): return 1 in d")
    assert m.f({1: 2}) is True
    with pytest.raises(TypeError, match="'NoneType' object is not iterable"):
        m.f(None)


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        ("hex(5)", "str object"),
        ("'a'.join(['b'])", "str object"),
        ("b'a b'.split()", "list object"),
        ("'%s' % 1", "str object"),
        ("range(3)", "range object"),
        ("sorted('ba')", "list object"),
        ("[1] + [2]", "list object"),
        ("(10 ** 2 - 1) / 3", "double"),
        ("1ULL", "unsigned long long"),
        ("None if n else 1", "Python object"),
        ("n and True", "Python object"),
        ("open", "Python object"),
    ],
)
def test_typeof(value, type_name):
    m = build(f"cimport cython\ndef f(int n):\n    return cython.typeof({value})")
    assert m.f(1) == type_name


def test_variables_get_the_type_of_all_their_values():
    m = build(
        """
        cimport cython
        cdef struct Point:
            int x, y
        def f(int n, other):
            cdef Point p = Point(n, 2)
            l = []
            l += [n]
            text = None
            text = 'a' + 'b'
            q = &p
            r = q[0]
            mixed = [] if n else ()
            grown = (1,)
            grown += other
            del l
            l = [q.x, r.y]
            return ([cython.typeof(l), cython.typeof(text), cython.typeof(q), cython.typeof(r),
                     cython.typeof(mixed), cython.typeof(grown)], l)
        """
    )
    types = ["list object", "str object", "Point *", "Point", "Python object", "Python object"]
    assert m.f(1, (2,)) == (types, [1, 2])


def test_methods_of_python_2_of_what_is_declared_as_dict():
    m = build("def f(dict d): return list(d.iteritems()), next(d.iterkeys()), d.viewvalues()")
    items, key, values = m.f({1: 2})
    assert (items, key, list(values)) == ([(1, 2)], 1, [2])


def test_c_integers_as_bytes_and_bool():
    m = build("def f(char c, int n):\n    cdef bytes b = c\n    return b, <bytes>n, <bool>n")
    assert m.f(65, 200) == (b"A", b"\xc8", True)
    with pytest.raises(OverflowError, match="value too large to pack into a byte"):
        m.f(65, 256)


def test_structs_from_lists():
    m = build(
        """
        cdef struct S:
            int x
            float y
        def f(n):
            cdef S s = [n, 2.5]
            s = (n + 1, s.y)
            return s
        """
    )
    assert m.f(1) == {"x": 2, "y": 2.5}


def test_what_is_not_done_says_so():
    for source in (
        "def f(n):\n    for i from 0 <= i < n:\n        if i: i = i * 2\n",
        "cdef int version\nfrom sys import *",
    ):
        with pytest.raises(er.CompileError, match="not supported yet"):
            build(source)


def test_generators_that_are_consumed_at_once():
    m = build(
        """
        def f(xs):
            seen = []
            found = any(seen.append(x) or x > 1 for x in xs)
            return (found, seen, all(x for x in xs if x != 1), ','.join(str(x) for x in xs),
                    [i for i from 0 <= i < 6 by 2], bytes(x for x in xs))
        """
    )
    assert m.f([1, 2, 3]) == (True, [1, 2], True, "1,2,3", [0, 2, 4], b"\x01\x02\x03")
    assert m.f([]) == (False, [], True, "", [0, 2, 4], b"")


def test_characters_by_name():
    assert build("def f(): return '\\N{SNOWMAN}', f'\\N{greek small letter alpha}'").f() == (
        "☃",
        "α",
    )


def test_pointers_to_functions():
    m = build(
        """
        cdef double up(double x) noexcept: return x + 1
        cdef double twice(double x) noexcept: return x * 2
        cdef int fails(int x) except -2: raise KeyError(x)
        def f(double x):
            cdef double (*table[2])(double) noexcept
            table[0] = up
            table[1] = &twice
            g = up
            cdef int i
            return [table[i](x) for i in range(2)], g(x)
        def h(int x):
            cdef int (*always_asks)(int) except *
            always_asks = fails
            return always_asks(x)
        """
    )
    assert m.f(3) == ([4.0, 6.0], 4.0)
    with pytest.raises(KeyError):
        m.h(1)
    with pytest.raises(er.CompileError, match="cannot assign"):
        build(
            """
            cdef int fails(int x) except -2: raise KeyError(x)
            def h():
                cdef int (*never)(int) noexcept = fails
            """
        )


def test_constants_and_fields_with_names_of_cpp():
    m = build(
        """
        cdef struct S:
            int new, do
        cdef const int limit = 3
        def f():
            cdef const int k = 4
            cdef S s = S(new=1, do=2)
            s.new += k
            return limit, k, s
        """
    )
    assert m.f() == (3, 4, {"new": 5, "do": 2})
    with pytest.raises(er.CompileError, match="assignment to const 'limit'"):
        build("cdef const int limit = 3\ndef f():\n    global limit\n    limit = 4")


def test_ord_is_a_c_integer():
    m = build(
        """
        cimport cython

        def f(c):
            n = ord(c)
            return n, cython.typeof(n)

        def g(str text):
            return [ord(c) for c in text]

        def h(Py_UCS4 c):
            return cython.typeof(ord(c)), ord(c) + 1

        def large(c):
            n = ord(c)
            return n << 62
        """
    )
    assert m.f("5") == (53, "long")
    assert m.f(b"\xff") == (255, "long")
    assert m.g("aé") == [97, 233]
    assert m.h("a") == ("long", 98)
    assert m.large("a") == 97 << 62
    with pytest.raises(TypeError, match="expected a character"):
        m.f("ab")


def test_names_of_encodings_may_be_bytes():
    m = build(
        """
        def f(str s, bytes b):
            return s.encode(b"latin-1", b"strict"), b.decode(b"utf8")
        """
    )
    assert m.f("é", b"a") == (b"\xe9", "a")
