"""C tuples: (int, double) as a type."""

import textwrap

import engineroom as er
import pytest


def build(source, **options):
    return er.compile(textwrap.dedent(source), **options)


def test_a_c_tuple_is_a_tuple_to_python():
    m = build(
        """
        ctypedef (int, double) Pair

        cdef Pair swapped((double, int) p):
            return p[1], p[0]

        cpdef (int, bint) cpdefined(int n, flag):
            return n, flag

        def through((int, double) p):
            p[0] += 1
            p[1] = p[0] / 4
            n, x = p
            return p, n, x, len(p), p[-1], p + (None,), [y for y in p]

        def convert(values):
            cdef Pair p = values
            cdef (long, float) q = p
            return p, q, swapped((p[1], p[0]))

        def nested():
            cdef ((int, int), (double complex,)) t = ((1, 2), (3j,))
            cdef (int, int) first = t[0]
            t[0] = (first[1], first[0])
            t[1] = [4,]
            return t, t[0][0]

        def characters((Py_UCS4, unsigned int) c, (bint, int) d):
            return c, d

        def dynamic((int, int) p, i):
            return p[i], p == (1, 2), p < (2, 0), bool(p), not p

        def pointers(int a, double b):
            cdef (int*, double*) p = (&a, &b)
            p[0][0] += 1
            x, y = p
            return x[0], y[0]
        """
    )
    assert m.through((1, 9)) == ((2, 0.5), 2, 0.5, 2, 0.5, (2, 0.5, None), [2, 0.5])
    assert m.convert([1, 0.5]) == ((1, 0.5), (1, 0.5), (1, 0.5))
    assert m.cpdefined(3, []) == (3, False)
    assert m.cpdefined(3, 1)[1] is True
    assert m.nested() == (((2, 1), (4 + 0j,)), 2)
    assert m.characters(("a", 98), (7, 7)) == (("a", 98), (True, 7))
    assert m.dynamic((1, 2), 1) == (2, True, True, True, False)
    assert m.pointers(3, 1.5) == (4, 1.5)
    with pytest.raises(TypeError, match="Expected a sequence of size 2, got size 3"):
        m.through((1, 2, 3))
    with pytest.raises(TypeError, match="Expected a sequence of size 2, got int"):
        m.through(1)
    with pytest.raises(TypeError, match="str"):
        m.through((1, "a"))
    with pytest.raises(TypeError):
        m.through(None)
    with pytest.raises(IndexError):
        m.dynamic((1, 2), 2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cdef (int, object) t", "C tuples cannot have Python objects"),
        ("def f((int, int) t): return t[2]", "the tuple has 2 items"),
        ("cdef (int, int) f((int, int, int) t): return t", "cannot assign type"),
        ("def f(int* p):\n  cdef (int*, int) t = (p, 1)", "cannot be of type"),
        ("cdef f(int* p):\n  cdef (int*, int) t = (p, 1)\n  return t", "cannot convert"),
    ],
)
def test_mistakes(source, message):
    with pytest.raises(er.CompileError, match=message):
        build(source)


def test_cells_share_tuple_types():
    first = build("ctypedef (int, double) P\ncdef P f(P p): return p[0] + 1, p[1]\n", name="one")
    assert first
