"""Typed memoryviews, `double[:, ::1] a`: what items, slices and assignments give."""

import textwrap

import engineroom as er
import numpy as np
import pytest


@pytest.fixture(scope="module")
def build():
    """The module of some Cython text."""

    def build(source, **options):
        return er.compile(textwrap.dedent(source), **options)

    return build


# ---- arguments and items ----


def test_items_of_arguments(build):
    m = build(
        """
        def total(double[:, ::1] a):
            cdef double s = 0
            for i in range(a.shape[0]):
                for j in range(a.shape[1]):
                    s += a[i, j]
            return s

        def double_all(int[:] a):
            for i in range(a.shape[0]):
                a[i] *= 2
            a[-1] = -1
        """
    )
    assert m.total(np.arange(6.0).reshape(2, 3)) == 15.0
    numbers = np.arange(10, dtype=np.intc)
    m.double_all(numbers[::3])
    assert numbers.tolist() == [0, 1, 2, 6, 4, 5, 12, 7, 8, -1]


def test_what_does_not_fit_is_refused(build):
    m = build("def f(double[::1] a): return a.shape[0]")
    with pytest.raises(ValueError, match="Buffer dtype mismatch, expected 'double' but got 'long'"):
        m.f(np.arange(3))
    with pytest.raises(ValueError, match="not C-contiguous"):
        m.f(np.zeros(4)[::2])
    with pytest.raises(ValueError, match="wrong number of dimensions"):
        m.f(np.zeros((2, 2)))
    with pytest.raises(TypeError):
        m.f(3)


def test_index_errors_name_the_axis(build):
    m = build("def f(double[:, :] a, int i, int j): return a[i, j]")
    a = np.arange(6.0).reshape(2, 3)
    assert m.f(a, -1, -3) == 3.0
    with pytest.raises(IndexError, match=r"axis 0"):
        m.f(a, 2, 0)
    with pytest.raises(IndexError, match=r"axis 1"):
        m.f(a, 0, -4)


def test_a_view_becomes_an_object_without_a_copy(build):
    m = build(
        """
        import numpy as np

        def f(double[:, :] a):
            return np.asarray(a)
        """
    )
    a = np.zeros((2, 3))
    m.f(a)[1, 2] = 5
    assert a[1, 2] == 5


# ---- slices ----


def test_slices(build):
    m = build(
        """
        import numpy as np

        def f(double[:, :] a, i, j):
            return [np.asarray(x).tolist() for x in (
                a[i], a[:, j], a[1:], a[::2, ::-1], a[-2:, 1:], a[..., 0], a[None, 0], a[0, None],
                a[i:j], a[...], a.T, a[1:, :2].T)]

        def steps(int[:] a, step):
            return np.asarray(a[::step]).tolist(), np.asarray(a[8:1:step]).tolist()
        """
    )
    a = np.arange(12.0).reshape(4, 3)
    i, j = 2, 1
    expected = [
        a[i], a[:, j], a[1:], a[::2, ::-1], a[-2:, 1:], a[..., 0], a[None, 0], a[0, None],
        a[i:j], a[...], a.T, a[1:, :2].T]  # fmt: skip
    assert m.f(a, i, j) == [x.tolist() for x in expected]
    n = np.arange(10, dtype=np.intc)
    for step in (1, 3, -1, -4, 100):
        assert m.steps(n, step) == (n[::step].tolist(), n[8:1:step].tolist())
    with pytest.raises(ValueError, match="Step may not be zero"):
        m.steps(n, 0)


def test_bounds_of_slices_are_cut(build):
    m = build(
        """
        def length(int[:] a, Py_ssize_t i, Py_ssize_t j):
            cdef int[:] part = a[i:j]
            return part.shape[0]
        """
    )
    n = np.arange(5, dtype=np.intc)
    ends = (-100, -6, -5, -1, 0, 2, 5, 6, 100)
    for i in ends:
        for j in ends:
            assert m.length(n, i, j) == len(n[i:j])


def test_types_of_slices(build):
    m = build(
        """
        cimport cython

        def f(double[:, ::1] a):
            return (cython.typeof(a), cython.typeof(a[0]), cython.typeof(a[:, 0]),
                    cython.typeof(a[::2]), cython.typeof(a.T), cython.typeof(a[None]),
                    cython.typeof(a.copy_fortran()), cython.typeof(a[0, 0]))
        """
    )
    assert m.f(np.zeros((2, 2))) == (
        "double[:, ::1]", "double[::1]", "double[:]", "double[:, ::contiguous]", "double[::1, :]",
        "double[:, :, ::1]", "double[::1, :]", "double")  # fmt: skip


def test_a_slice_keeps_its_memory(build):
    m = build(
        """
        def f(make):
            cdef double[:] part = tail(make())
            return [x for x in part]

        cdef double[:] tail(double[:] whole):
            return whole[1:]
        """
    )
    assert m.f(lambda: np.arange(4.0)) == [1.0, 2.0, 3.0]


# ---- assignments ----


def test_items_are_copied(build):
    m = build(
        """
        def rows(double[:, :] a, double[:] row):
            a[...] = row
            a[0, :2] = row[1:]

        def shift(int[:] a):
            a[1:] = a[:-1]

        def misfit(double[:] a, double[:] b):
            a[:] = b
        """
    )
    a = np.zeros((2, 3))
    m.rows(a, np.array([1.0, 2.0, 3.0]))
    assert a.tolist() == [[2, 3, 3], [1, 2, 3]]
    n = np.arange(5, dtype=np.intc)
    m.shift(n)
    assert n.tolist() == [0, 0, 1, 2, 3]
    with pytest.raises(ValueError, match="differing extents in dimension 0"):
        m.misfit(np.zeros(3), np.zeros(4))


def test_all_items_get_one_value(build):
    m = build(
        """
        cdef struct Point:
            int x
            double y

        def numbers(short[:, :] a, float[:] b, x):
            a[:, 0] = 7
            a[1:] = x
            b[...] = x

        def points(Point[:] p):
            cdef Point one = Point(3, 1.5)
            p[1:] = one

        def objects(object[:] a, x):
            a[:] = x
            a[0] = None
        """
    )
    a, b = np.zeros((2, 2), np.int16), np.zeros(3, np.float32)
    m.numbers(a, b, 4)
    assert a.tolist() == [[7, 0], [4, 4]] and b.tolist() == [4, 4, 4]
    p = np.zeros(3, dtype=[("x", "i4"), ("y", "f8")])
    p = np.zeros(3, dtype=np.dtype([("x", "i4"), ("y", "f8")], align=True))
    m.points(p)
    assert p.tolist() == [(0, 0.0), (3, 1.5), (3, 1.5)]
    things = np.array([1, 2, 3], dtype=object)
    m.objects(things, "x")
    assert things.tolist() == [None, "x", "x"]


def test_augmented_items(build):
    m = build(
        """
        def f(int[:] a, object[:] o, double complex[:, ::1] c):
            a[1] += 5
            a[-1] //= 2
            o[0] += "b"
            c[0, 1] *= 1j
        """
    )
    a = np.array([7, 7, 7], np.intc)
    o = np.array(["a", 1], dtype=object)
    c = np.ones((1, 2), complex)
    m.f(a, o, c)
    assert (a.tolist(), o.tolist(), c.tolist()) == ([7, 12, 3], ["ab", 1], [[1, 1j]])


# ---- variables ----


def test_locals_parameters_and_results(build):
    m = build(
        """
        import numpy as np

        cdef double total(double[:] a):
            cdef double s = 0
            for x in a:
                s += x
            a = None
            return s

        cdef int[:] largest(int[:] a, int[:] b):
            return a if a.shape[0] > b.shape[0] else b

        cpdef double[:] half(double[:] a, n=None):
            return a[:a.shape[0] // 2]

        def f(a):
            cdef double[:] v = a
            w = v[1:]
            t = total(v), total(w), total(half(v))
            v = w
            return t, total(v)

        def g(int[:] a, int[:] b):
            return len(largest(a, b))
        """
    )
    a = np.arange(5.0)
    assert m.f(a) == ((10.0, 10.0, 1.0), 10.0)
    assert np.asarray(m.half(a)).tolist() == [0, 1]
    assert m.g(np.zeros(3, np.intc), np.zeros(4, np.intc)) == 4


def test_module_variables(build):
    m = build(
        """
        cdef double[:] table
        cdef int[::1] empty

        def set(a):
            global table
            table = a

        def get(int i):
            return table[i]

        def first():
            return empty[0]
        """
    )
    with pytest.raises(UnboundLocalError, match="table"):
        m.get(0)
    m.set(np.array([1.0, 2.5]))
    assert m.get(1) == 2.5
    m.set(None)
    with pytest.raises(IndexError):
        m.get(0)
    with pytest.raises(UnboundLocalError, match="empty"):
        m.first()


@pytest.mark.filterwarnings("ignore::engineroom.CompileWarning")
def test_variables_without_a_value(build):
    m = build(
        """
        def f(a, bint has):
            cdef double[:] v
            if has:
                v = a
            return v[0]

        def deleted(double[:] a):
            del a
            return a.shape[0]
        """
    )
    assert m.f(np.ones(1), True) == 1.0
    with pytest.raises(UnboundLocalError, match="'v' referenced before assignment"):
        m.f(None, False)
    with pytest.raises(UnboundLocalError):
        m.deleted(np.ones(1))


def test_none(build):
    m = build(
        """
        cimport cython

        def is_none(double[:] a):
            return a is None, a is not None, a == None, not a

        def some(double[:] a not None): return a.shape[0]

        def annotated(a: cython.double[:]): return a is None

        def default(double[:] a=None): return a is None

        @cython.nonecheck(True)
        def checked(double[:] a): return a[0]

        def as_object(double[:] a): return a
        """
    )
    one = np.ones(1)
    assert m.is_none(None) == (True, False, True, True)
    assert m.is_none(one) == (False, True, False, False)
    assert m.some(one) == 1
    for f in (m.some, m.annotated):
        with pytest.raises(TypeError, match="Argument 'a' must not be None"):
            f(None)
    assert m.default() is True and m.default(one) is False
    with pytest.raises(TypeError, match="None"):
        m.checked(None)
    assert m.as_object(None) is None


def test_memory_is_given_back(build):
    m = build(
        """
        import numpy as np
        cdef double[:] kept

        cdef double[:] part(double[:] a, int i):
            if i > 2: raise ValueError(i)
            return a[i:]

        def f(a, int n):
            cdef double[:] v = a
            cdef double[:] w
            for i in range(n):
                w = part(v, i)
                v = w.copy()
                o = np.asarray(w)
            return v.shape[0]

        def keep(a):
            global kept
            kept = a
        """
    )
    import sys

    a = np.arange(8.0)
    before = sys.getrefcount(a)
    for n in (0, 1, 2, 3):
        m.f(a, n)
    with pytest.raises(ValueError):
        m.f(a, 5)
    assert sys.getrefcount(a) == before
    m.keep(a)
    assert sys.getrefcount(a) > before
    m.keep(None)
    assert sys.getrefcount(a) == before


# ---- what views have ----


def test_attributes(build):
    m = build(
        """
        def f(int[:, :, :] a):
            return (a.shape, a.strides[2], a.ndim, a.size, a.nbytes, a.itemsize, a.base, len(a),
                    a.is_c_contig(), a.is_f_contig(), a.suboffsets[0])

        def copies(double[:, :] a):
            cdef double[:, ::1] c = a.copy()
            cdef double[::1, :] f = a.copy_fortran()
            c[0, 0] = 5
            return (a[0, 0], c[0, 0], c.strides[0], f.strides[0], c.is_c_contig(), f.is_f_contig(),
                    a.T.is_f_contig())
        """
    )
    a = np.zeros((2, 3, 4), np.intc)
    shape, stride, ndim, size, nbytes, itemsize, base, n, c, f, suboffset = m.f(a[:, ::-1])
    assert (shape, stride, ndim, size, nbytes, itemsize) == ((2, 3, 4), 4, 3, 24, 96, 4)
    assert base is not None and (n, c, f, suboffset) == (2, False, False, -1)
    assert m.copies(np.zeros((2, 3))) == (0, 5, 24, 8, True, True, True)


def test_addresses_and_pointers(build):
    m = build(
        """
        import numpy as np
        from libc.stdlib cimport malloc, free
        from cython.view cimport array as cvarray

        def f(double[::1] a):
            cdef double* p = &a[0]
            p[2] = 9
            cdef double[:, :] grid = <double[:2, :2]> p
            return np.asarray(grid).tolist()

        def order(int n):
            cdef int* p = <int*> malloc(6 * sizeof(int))
            for i in range(6): p[i] = i
            cdef int[::1, :] f = <int[:2:1, :3]> p
            result = f[1, 0], f[0, 1]
            free(p)
            return result

        def c_array():
            cdef int a[2][3]
            cdef int[:, ::1] v = a
            v[...] = 4
            return a[1][2], v.shape

        def made():
            cdef int[:] v = cvarray(shape=(3,), itemsize=sizeof(int), format="i")
            v[:] = 2
            return [x for x in v]
        """
    )
    assert m.f(np.arange(4.0)) == [[0, 1], [9, 3]]
    assert m.order(6) == (1, 2)
    assert m.c_array() == (4, (2, 3))
    assert m.made() == [2, 2, 2]


def test_default_arguments(build):
    m = build(
        """
        cdef int[:] c_default(int n, int[:] a=None):
            return a

        cpdef int length(double[:] a=None, int k=3):
            return -1 if a is None else a.shape[0] + k

        def f(int[:] a):
            return c_default(1) is None, c_default(2, a) is None
        """
    )
    assert m.f(np.zeros(1, np.intc)) == (True, False)
    assert (m.length(), m.length(np.zeros(3)), m.length(k=2)) == (-1, 6, -1)


def test_without_the_gil(build):
    m = build(
        """
        cdef void fill(double[:, ::1] a, double x) noexcept nogil:
            cdef double[::1] row
            cdef Py_ssize_t i
            for i in range(a.shape[0]):
                row = a[i]
                row[:] = x + i
            del row

        def f(double[:, ::1] a):
            with nogil:
                fill(a, 1)
                a[0, 0] = 9
                a[1:, 1] = 7

        cdef int item(int[:] a, int i) except -1 nogil:
            return a[i]

        def g(int[:] a, int i):
            cdef int found
            with nogil:
                found = item(a, i)
            return found

        def unbound(a, bint has):
            cdef int[:] v
            if has: v = a
            with nogil:
                v[0] = 1
        """
    )
    a = np.zeros((2, 3))
    m.f(a)
    assert a.tolist() == [[9, 1, 1], [2, 7, 2]]
    with pytest.raises(IndexError):
        m.g(np.zeros(2, np.intc), 2)
    with pytest.raises(UnboundLocalError, match="'v'"):
        m.unbound(None, False)
    with pytest.raises(er.CompileError, match="GIL"):
        build("def f(x):\n    cdef int[:] a\n    with nogil:\n        a = x")


def test_one_of_two_views(build):
    m = build(
        """
        cimport cython

        def f(int[:] a, int[:] b, int k):
            x = a if k else b
            y = a or b
            return x[0], y[0], cython.typeof(x)

        def swapped(int[:] a, int[:] b):
            a, b = b, a
            return a[0], b[0]

        def names(int[:] a):
            cdef int[:] b
            cdef int[:] c = a
            return sorted(locals())
        """
    )
    a, b = np.array([1], np.intc), np.array([2], np.intc)
    assert m.f(a, b, 0) == (2, 1, "int[:]")
    assert m.f(a[:0], b, 0) == (2, 2, "int[:]")
    assert m.swapped(a, b) == (2, 1)
    assert m.names(a) == ["a", "c"]


def test_loops(build):
    m = build(
        """
        def rows(double[:, :] a):
            return [sum(row) for row in a]

        def total(a):
            cdef double[:, ::1] v = a
            cdef double s = 0
            for row in v:
                for x in row:
                    s += x
            return s
        """
    )
    a = np.arange(6.0).reshape(2, 3)
    assert m.rows(a) == [3.0, 12.0]
    assert m.total(a) == 15.0
    with pytest.raises(TypeError, match="None"):
        m.rows(None)


# ---- items of all kinds ----


def test_const_items(build):
    m = build(
        """
        def total(const double[:] a):
            cdef double s = 0
            for i in range(a.shape[0]): s += a[i]
            return s

        def text(const unsigned char[:] a): return a[0]

        def write(double[:] a): a[0] = 1
        """
    )
    a = np.arange(3.0)
    a.flags.writeable = False
    assert m.total(a) == 3.0
    assert m.text(b"A") == 65
    with pytest.raises(ValueError, match="read-only"):
        m.write(a)
    with pytest.raises(er.CompileError, match="const"):
        build("def f(const int[:] a): a[0] = 1")
    with pytest.raises(er.CompileError, match="const"):
        build("def f(const int[:] a): a[:] = 1")


def test_structs_and_pointers(build):
    m = build(
        """
        cdef struct Inner:
            int n[2][2]

        ctypedef int* intp

        cdef struct Outer:
            double x
            Inner inner

        def f(Outer[:] a):
            a[0].inner.n[1][0] = 5
            a[1].x += 2
            return a[0].inner.n[1][0], a[1].x, a[0]

        def addresses():
            cdef int a = 1, b = 2
            cdef int* p[2]
            p[0], p[1] = &a, &b
            cdef intp[:] v = <intp[:2]> p
            v[0] = v[1]
            return v[0][0], p[0][0]
        """
    )
    inner = np.dtype([("n", "i4", (2, 2))])
    a = np.zeros(2, dtype=[("x", "f8"), ("inner", inner)])
    assert m.f(a) == (5, 2.0, {"x": 0.0, "inner": {"n": [[0, 0], [5, 0]]}})
    assert m.addresses() == (2, 2)


def test_arrays_as_items(build):
    m = build(
        """
        ctypedef unsigned char Word[4]

        def f():
            cdef unsigned char text[2][4]
            text[0][0], text[1][0], text[1][3] = 1, 2, 3
            cdef Word[:] words = <Word[:2]> &text[0]
            cdef Word[:] copy = words[1:].copy()
            return len(words), copy[0][0], copy[0][3], copy.nbytes
        """
    )
    assert m.f() == (2, 2, 3, 4)


def test_eight_axes(build):
    m = build("def f(char[:, :, :, :, :, :, :, ::1] a): return a[0, 1, 0, 1, 0, 1, 0, -1]")
    a = np.zeros((2,) * 8, np.int8)
    a[0, 1, 0, 1, 0, 1, 0, 1] = 3
    assert m.f(a) == 3


# ---- directives ----


def test_directives(build):
    m = build(
        """
        cimport cython

        @cython.boundscheck(False)
        @cython.wraparound(False)
        @cython.initializedcheck(False)
        def f(double[::1] a):
            cdef double s = 0
            for i in range(a.shape[0]):
                s += a[i]
            return s

        def g(int[:] a, int i):
            with cython.wraparound(False):
                return a[i]
        """
    )
    assert m.f(np.arange(4.0)) == 6.0
    with pytest.raises(IndexError):
        m.g(np.zeros(3, np.intc), -1)


def test_pure_mode(build):
    m = build(
        """
        import cython
        from typing import Optional

        def f(a: cython.double[:, ::1], i: cython.int) -> cython.double:
            row: cython.double[::1] = a[i]
            return row[0]

        def g(a: Optional[cython.int[:]]):
            return a is None

        @cython.locals(v=cython.int[:])
        def h(v):
            w = cython.declare(cython.int[:], v[1:])
            return cython.typeof(v), w.shape[0]
        """
    )
    assert m.f(np.arange(4.0).reshape(2, 2), 1) == 2.0
    assert m.g(None) and not m.g(np.zeros(1, np.intc))
    assert m.h(np.zeros(3, np.intc)) == ("int[:]", 2)


# ---- mistakes ----


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(double[::1] a):\n    cdef int[:] b = a", "different items: 'double' and 'int'"),
        ("def f(double[:] a):\n    cdef double[::1] b = a", "does not conform to memoryview"),
        ("cdef double[::2] a", "the step of an axis is left out, 1, or"),
        ("cdef double[1:] a", "an axis has no start"),
        ("cdef double[:1] a", "behind two colons"),
        ("cdef double[::1, ::1] a", "contiguous in the order of both C and Fortran"),
        ("cdef double[:, ::1, :] a", "stands first, last"),
        ("cdef double[::nonsense] a", "'nonsense' is no kind of axis"),
        ("def f(int[:] a): return a[0, 0]", "too many indices"),
        ("def f(int[:] a): return a[1.5]", "cannot be indexed with 'double'"),
        ("def f(int[:] a): return &a", "a memoryview has no address"),
        ("def f(int[:] a): a[:] += 1", "augmented assignment does not work on slices"),
        ("def f(int[:] a, int[:] b): return a + b", "does not take"),
        ("def f(int[:] a, int[:] b): return a == b", "does not take"),
        ("def f(int[:] a, int[:] b): return a is b", "does not take"),
        ("def f(x):\n    cdef int[:] a = <int[:10]> x", "only a pointer or C array"),
        ("def f(int* p): pass\ncdef int g(int* p):\n    cdef int[:] a = <int[:]> p", "length"),
        ("cdef int[:, :, :, :, :, :, :, :, :] a", "at most 8 axes"),
    ],
)
def test_mistakes(source, message):
    with pytest.raises(er.CompileError) as caught:
        er.compile(source)
    assert message in str(caught.value)
