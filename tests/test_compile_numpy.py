"""Buffers: np.ndarray[double] x and object[int] x, and `cimport numpy` with NumPy's own .pxd."""

import array
import textwrap

import engineroom as er
import pytest

np = pytest.importorskip("numpy")


@pytest.fixture(scope="module")
def build():
    """The module of some Cython text that begins with the imports."""

    def build(source, **options):
        head = "import numpy as np\ncimport numpy as np\ncimport cython\n"
        return er.compile(head + textwrap.dedent(source), **options)

    return build


@pytest.fixture(scope="module")
def walk(build):
    return build(
        """
        from libc.stdlib cimport rand, RAND_MAX
        from libc.math cimport round
        ctypedef np.double_t DTYPE_t

        cdef double step():
            return 2 * round(<double>rand() / RAND_MAX) - 1

        def walk(int n, double dx):
            cdef np.ndarray[DTYPE_t, ndim=1] x = np.zeros(n + 1)
            cdef int i
            for i in range(n):
                x[i + 1] = x[i] + dx * step()
            return x

        def total(np.ndarray[DTYPE_t, ndim=1] x not None):
            cdef Py_ssize_t i
            cdef double s = 0
            for i in range(x.shape[0]):
                s += x[i]
            return s
        """
    )


def test_random_walk(walk):
    path = walk.walk(1000, 0.5)
    assert path.shape == (1001,)
    assert path[0] == 0
    assert set(np.abs(np.diff(path))) == {0.5}


def test_argument(walk):
    assert walk.total(np.arange(10.0)) == 45.0
    assert walk.total(np.arange(20.0)[::-2]) == np.arange(20.0)[::-2].sum()
    assert walk.total(np.zeros(0)) == 0.0


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        (None, TypeError, "Argument 'x' must not be None"),
        ([1.0], TypeError, r"Argument 'x' has incorrect type \(expected numpy.ndarray, got list\)"),
        (
            np.arange(3),
            ValueError,
            "Buffer dtype mismatch, expected 'DTYPE_t' but got 'long'",
        ),
        (
            np.zeros((2, 2)),
            ValueError,
            r"Buffer has wrong number of dimensions \(expected 1, got 2\)",
        ),
        (np.zeros(2, ">f8"), ValueError, "Big-endian buffer not supported on little-endian"),
        (np.zeros(2, "f4"), ValueError, "expected 'DTYPE_t' but got 'float'"),
        (np.zeros(2, "c16"), ValueError, "expected 'DTYPE_t' but got 'complex double'"),
        (np.zeros(2, "O"), ValueError, "expected 'DTYPE_t' but got Python object"),
    ],
)
def test_wrong_argument(walk, argument, error, message):
    with pytest.raises(error, match=message):
        walk.total(argument)


def test_indices(build):
    m = build(
        """
        def get(np.ndarray[np.int64_t, ndim=2] x, int i, int j):
            return x[i, j]

        def get_unsigned(np.ndarray[np.int64_t, ndim=2] x, unsigned int i, unsigned char j):
            return x[i, j]

        @cython.wraparound(False)
        def get_positive(np.ndarray[np.int64_t, ndim=2] x, int i, int j):
            return x[i, j]

        @cython.boundscheck(False)
        @cython.wraparound(False)
        def get_unchecked(np.ndarray[np.int64_t] x, int i):
            return x[i]

        def get_no_negative(np.ndarray[np.int64_t, negative_indices=False] x, int i):
            return x[i]

        def get_last(np.ndarray[np.int64_t, ndim=2] x):
            return x[-1, -2]

        def by_python(np.ndarray[np.int64_t, ndim=2] x, i):
            return x[i], x[0, 1:], x[i, i]
        """
    )
    x = np.arange(6).reshape(2, 3)
    for i in range(-2, 2):
        for j in range(-3, 3):
            assert m.get(x, i, j) == x[i, j]
    assert m.get_unsigned(x, 1, 2) == 5
    assert m.get_last(x) == x[-1, -2]
    for i, j, axis in [(2, 0, 0), (-3, 0, 0), (0, 3, 1), (0, -4, 1)]:
        with pytest.raises(IndexError, match=rf"Out of bounds on buffer access \(axis {axis}\)"):
            m.get(x, i, j)
    with pytest.raises(IndexError, match=r"axis 0"):
        m.get_positive(x, -1, 0)
    with pytest.raises(IndexError, match=r"axis 0"):
        m.get_no_negative(x[0], -1)
    with pytest.raises(IndexError, match=r"axis 0"):
        m.get_unsigned(x, 2, 0)
    y = np.arange(10)
    assert m.get_unchecked(y[5:7], -3) == 2
    row, part, item = m.by_python(x, 1)
    assert row.tolist() == [3, 4, 5]
    assert part.tolist() == [1, 2]
    assert item == 4


def test_modes(build):
    m = build(
        """
        def c(np.ndarray[double, ndim=2, mode="c"] x, int i, int j):
            return x[i, j]

        def fortran(np.ndarray[double, ndim=2, mode="fortran"] x, int i, int j):
            return x[i, j]

        def full(object[double, ndim=2] x, int i, int j):
            return x[i, j]
        """
    )
    x = np.arange(12.0).reshape(3, 4)
    assert m.c(x, 2, 1) == m.fortran(np.asfortranarray(x), 2, 1) == m.full(x.T, 1, 2) == x[2, 1]
    with pytest.raises(ValueError, match="ndarray is not C-contiguous"):
        m.c(x.T, 0, 0)
    with pytest.raises(ValueError, match="ndarray is not Fortran contiguous"):
        m.fortran(x, 0, 0)


@pytest.mark.parametrize(
    ("declared", "dtype"),
    [
        ("char", "i1"),
        ("signed char", "i1"),
        ("unsigned char", "u1"),
        ("short", "i2"),
        ("unsigned int", "u4"),
        ("long long", "i8"),
        ("np.uint16_t", "u2"),
        ("np.intp_t", "p"),
        ("size_t", "u8"),
        ("float", "f4"),
        ("np.float64_t", "f8"),
        ("long double", "g"),
        ("double complex", "c16"),
        ("np.complex64_t", "c8"),
        ("object", "O"),
    ],
)
def test_items(build, declared, dtype):
    m = build(
        f"""
        def double_all(np.ndarray[{declared}] x):
            cdef int i
            for i in range(x.shape[0]):
                x[i] = x[i] + x[i]
                x[i] += 1
            return x[0]
        """
    )
    x = np.array([1, 2, 3], dtype)
    assert m.double_all(x) == 3
    assert x.tolist() == [3, 5, 7]


def test_structs(build):
    m = build(
        """
        cdef struct Point:
            int id
            double x
            double y

        cdef packed struct Tight:
            char tag
            int n

        cdef struct Path:
            int n
            float at[3]

        def move(np.ndarray[Point] points, double by):
            cdef int i
            cdef Point p
            for i in range(points.shape[0]):
                points[i].x += by
                p = points[i]
                p.y = p.x
                points[i] = p
            return points[0]

        def tight(np.ndarray[Tight] x):
            return x[1].n

        def path(np.ndarray[Path] x):
            return x[0].at[2]
        """
    )
    point = np.dtype([("id", "i4"), ("x", "f8"), ("y", "f8")], align=True)
    points = np.array([(1, 2.0, 0.0), (2, 3.0, 0.0)], point)
    assert m.move(points, 0.5) == {"id": 1, "x": 2.5, "y": 2.5}
    assert points.tolist() == [(1, 2.5, 2.5), (2, 3.5, 3.5)]
    tight = np.array([(1, 2), (3, 4)], np.dtype([("tag", "i1"), ("n", "i4")]))
    assert m.tight(tight) == 4
    path = np.zeros(1, np.dtype([("n", "i4"), ("at", "f4", 3)], align=True))
    path["at"][0, 2] = 7
    assert m.path(path) == 7.0
    other = np.dtype([("id", "i4"), ("x", "f8"), ("y", "f4")], align=True)
    with pytest.raises(ValueError, match="expected 'double' but got 'float' in 'Point.y'"):
        m.move(np.zeros(1, other), 1)
    with pytest.raises(ValueError, match="next field is at offset 4 but 8 expected"):
        m.move(np.zeros(1, np.dtype([("id", "i4"), ("x", "f8"), ("y", "f8")])), 1)
    with pytest.raises(ValueError, match="expected 'double' but got end in 'Point.y'"):
        m.move(np.zeros(1, np.dtype([("id", "i4"), ("x", "f8")], align=True)), 1)


def test_structs_like_complex_numbers(build):
    m = build(
        """
        cdef struct Like:
            double real
            double imag

        cdef struct Mixed:
            double real
            float imag

        def like(np.ndarray[Like] x):
            x[0].imag += 1
            return x[0]

        def mixed(np.ndarray[Mixed] x):
            return x[0]
        """
    )
    x = np.array([1 + 2j])
    assert m.like(x) == {"real": 1.0, "imag": 3.0}
    assert x[0] == 1 + 3j
    with pytest.raises(ValueError, match="got 'complex double' in 'Mixed.real'"):
        m.mixed(x)


def test_read_only(build):
    m = build(
        """
        def read(np.ndarray[double] x):
            return x[0]

        def write(np.ndarray[double] x):
            x[0] = 1
        """
    )
    x = np.ones(3)
    x.setflags(write=False)
    assert m.read(x) == 1.0
    with pytest.raises(ValueError, match="buffer source array is read-only"):
        m.write(x)


def test_exporter_is_released(build):
    m = build(
        """
        def sum_of(object[unsigned char] x, then=None):
            cdef int i
            cdef long s = 0
            for i in range(len(x)):
                s += x[i]
            if then is not None:
                then()
            return s

        def again(a, b, last=None):
            cdef object[unsigned char] x = a
            first = x[0]
            x = b
            second = x[0]
            x = last
            return first, second

        def keeps_the_old(a, b):
            cdef object[unsigned char] x = a
            try:
                x = b
            except TypeError:
                pass
            return x[0], x
        """
    )
    data = bytearray(b"abc")

    def grow():
        data.append(0)

    assert m.sum_of(data) == sum(b"abc")
    grow()
    with pytest.raises(BufferError):
        m.sum_of(data, grow)
    grow()
    other = bytearray(b"xyz")
    assert m.again(data, other) == (ord("a"), ord("x"))
    grow()
    other.append(0)
    with pytest.raises(TypeError, match="'int'"):
        m.again(data, 3)
    grow()
    value, kept = m.keeps_the_old(data, 3)
    assert value == ord("a")
    assert kept is data
    grow()


def test_every_way_of_assignment_acquires(build):
    m = build(
        """
        def loop(arrays):
            cdef object[int] x
            found = []
            for x in arrays:
                found.append(x[0])
            return found

        def several(a, b):
            cdef object[int] x, y, z
            x, y = a, b
            z = w = b
            return x[0], y[0], z[0]

        def unpacked(pair):
            cdef object[int] x, y
            x, y = pair
            return x[0], y[0]
        """
    )
    one, two = array.array("i", [1]), array.array("i", [2])
    assert m.loop([one, two, one]) == [1, 2, 1]
    assert m.several(one, two) == (1, 2, 2)
    assert m.unpacked([one, two]) == (1, 2)


def test_none_has_no_items(build):
    m = build(
        """
        def get(object[int] x, int i):
            return x[i]

        def unbound(bint has):
            cdef object[int] x
            if has:
                x = None
            return x[0]
        """
    )
    with pytest.raises(IndexError):
        m.get(None, 0)
    with pytest.raises(IndexError):
        m.unbound(True)
    with pytest.raises(UnboundLocalError):
        m.unbound(False)


def test_other_names_have_no_buffer(build):
    m = build(
        """
        def f(object[unsigned char] x):
            y = x
            del x
            y.append(1)
            return y

        def g(object[unsigned char] x):
            y = x
            y.append(x[0])
        """
    )
    assert m.f(bytearray(b"ab")) == b"ab\1"
    with pytest.raises(BufferError):
        m.g(bytearray(b"ab"))


def test_cast(build):
    m = build(
        """
        def get(object[unsigned int, cast=True] x):
            return x[0]

        def small(object[char, cast=True] x):
            return x[0]
        """
    )
    assert m.get(array.array("i", [-1])) == 2**32 - 1
    with pytest.raises(
        ValueError,
        match=r"Item size of buffer \(4 bytes\) does not match size of 'char' \(1 byte\)",
    ):
        m.small(array.array("i", [1]))


def test_objects_are_counted(build):
    m = build(
        """
        def swap(object[object] x, int i, value):
            old = x[i]
            x[i] = value
            return old

        def add(object[object] x, int i, value):
            x[i] += value
        """
    )
    import sys

    first, second = ["first"], ["second"]
    x = np.array([None, None], object)
    x[0] = first
    before = sys.getrefcount(first), sys.getrefcount(second)
    assert m.swap(x, 0, second) is first
    assert (sys.getrefcount(first), sys.getrefcount(second)) == (before[0] - 1, before[1] + 1)
    m.add(x, 0, [3])
    assert x[0] is second
    assert second == ["second", 3]


def test_attributes(build):
    m = build(
        """
        def about(np.ndarray x):
            return x.ndim, x.size, x.shape[0], x.strides[0], x.dtype

        def about_buffer(np.ndarray[double, ndim=2] x):
            return x.shape[0] * x.shape[1], x.size, x.sum()

        def is_array(x):
            return isinstance(x, np.ndarray)

        def checked(x):
            cdef np.ndarray y = x
            return y is x
        """
    )
    x = np.arange(6.0).reshape(2, 3)
    assert m.about(x) == (2, 6, 2, 24, x.dtype)
    assert m.about_buffer(x) == (6, 6, 15.0)
    assert m.is_array(x)
    assert not m.is_array([])
    assert m.checked(x)
    assert m.checked(None)
    with pytest.raises(TypeError, match="Cannot convert list to numpy.ndarray"):
        m.checked([1])


def test_c_api(build):
    m = build(
        """
        def zeros(int n):
            cdef np.npy_intp dims[1]
            dims[0] = n
            return np.PyArray_SimpleNew(1, dims, np.NPY_DOUBLE).shape

        cdef double total(double *x, int n):
            cdef double s = 0
            for i in range(n):
                s += x[i]
            return s

        def by_pointer(np.ndarray[double, mode="c"] x):
            return total(&x[0], x.shape[0])
        """
    )
    assert m.zeros(3) == (3,)
    assert m.by_pointer(np.arange(5.0)) == 10.0


def test_value_before_index(build):
    m = build(
        """
        def f(object[int] x, list log):
            def_value = log.append
            x[len(log)] = (def_value(1), 7)[1]
            return x[1]
        """
    )
    assert m.f(array.array("i", [0, 0]), []) == 7


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cdef object[int] x", "only possible as a local variable"),
        ("cdef int f(object[int] x) nogil: return 0", "cannot be taken without the GIL"),
        ("def f(object[int, ndim=9] x): pass", "number from 1 to 8"),
        ("def f(object[int, mode='x'] x): pass", "'mode' is"),
        ("def f(object[int, whatever=1] x): pass", "no option 'whatever'"),
        ("def f(object[int*] x): pass", "items of a buffer"),
    ],
)
def test_wrong_declaration(source, message):
    with pytest.raises(er.CompileError, match=message):
        er.compile(source)


def test_buffers_of_c_functions(build):
    m = build(
        """
        cdef double total(np.ndarray[double, ndim=1] x, int k) except? -1:
            cdef Py_ssize_t i
            cdef double s = 0
            for i in range(x.shape[0]):
                s += x[i] * k
            return s

        cpdef np.ndarray[double, ndim=2] doubled(np.ndarray[double, ndim=2] x):
            cdef int i, j
            for i in range(x.shape[0]):
                for j in range(x.shape[1]):
                    x[i, j] *= 2
            return x

        def f(x):
            return total(x, 2)
        """
    )
    assert m.f(np.arange(4.0)) == 12.0
    assert m.doubled(np.ones((2, 1))).tolist() == [[2.0], [2.0]]
    with pytest.raises(
        ValueError, match="^Buffer dtype mismatch, expected 'double' but got 'long'$"
    ):
        m.f(np.arange(4))
    with pytest.raises(ValueError, match="wrong number of dimensions"):
        m.doubled(np.arange(4.0))
    with pytest.raises(TypeError, match="Argument 'x' has incorrect type"):
        m.doubled(5)
