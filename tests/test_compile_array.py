"""cpython.array: the memory of Python's arrays, and the functions that make and grow them."""

import array
import textwrap

import engineroom as er
import pytest


def build(source):
    head = "from cpython cimport array\nimport array\n"
    return er.compile(head + textwrap.dedent(source))


@pytest.fixture(scope="module")
def functions():
    return build(
        """
        def clone(array.array a, Py_ssize_t n, bint zero):
            return array.clone(a, n, zero)

        def copy(array.array a):
            return array.copy(a)

        def zero(array.array a):
            array.zero(a)

        def resize(array.array a, Py_ssize_t n):
            return array.resize(a, n)

        def resize_smart(array.array a, Py_ssize_t n):
            return array.resize_smart(a, n)

        def extend(array.array a, array.array b):
            return array.extend(a, b)

        def append_two(array.array a, int x, int y):
            cdef int[2] items
            items[0] = x
            items[1] = y
            array.extend_buffer(a, <char *>items, 2)
        """
    )


def test_memory():
    m = build(
        """
        cdef array.array table = array.array('d', [1, 2, 3])

        def total(array.array a not None):
            cdef Py_ssize_t i
            cdef double s = 0
            for i in range(len(a)):
                s += a.data.as_doubles[i]
            return s

        def scale(array.array a not None, int by):
            cdef int *items = a.data.as_ints
            for i in range(a.ob_size):
                items[i] *= by
            a.data.as_ints[0] += 1

        def about(array.array a not None):
            return chr(a.ob_descr.typecode), a.ob_descr.itemsize, a.ob_size

        def of_table():
            return total(table), table.data.as_doubles[2], table.typecode
        """
    )
    assert m.total(array.array("d", [0.5, 1.5])) == 2.0
    a = array.array("i", [1, 2, 3])
    m.scale(a, 10)
    assert a.tolist() == [11, 20, 30]
    assert m.about(array.array("h", [1])) == ("h", 2, 1)
    assert m.of_table() == (6.0, 3.0, "d")
    with pytest.raises(TypeError):
        m.total([1.0])
    with pytest.raises(TypeError):
        m.total(None)


@pytest.mark.parametrize("typecode", "bBhHiIlLqQfd")
def test_clone_and_copy(functions, typecode):
    a = array.array(typecode, [1, 2, 3])
    made = functions.clone(a, 5, True)
    assert made == array.array(typecode, [0] * 5)
    assert made.typecode == typecode
    made.append(7)
    assert made[5] == 7
    assert len(functions.clone(a, 2, False)) == 2
    copied = functions.copy(a)
    copied[0] = 9
    assert (a[0], copied.tolist()) == (1, [9, 2, 3])
    functions.zero(copied)
    assert copied.tolist() == [0, 0, 0]


def test_of_nothing(functions):
    empty = array.array("i")
    assert functions.clone(empty, 0, True) == empty
    assert functions.copy(empty) == empty
    functions.zero(empty)
    functions.extend(empty, empty)
    assert len(empty) == 0
    with pytest.raises(ValueError, match="negative"):
        functions.clone(empty, -1, True)
    with pytest.raises(MemoryError):
        functions.clone(empty, 2**62, True)


def test_subclass(functions):
    class Mine(array.array):
        pass

    made = functions.clone(Mine("i", [1]), 2, True)
    assert type(made) is Mine
    assert made.tolist() == [0, 0]


def test_grow_and_shrink(functions):
    a = array.array("i", [1, 2])
    functions.append_two(a, 3, 4)
    assert a.tolist() == [1, 2, 3, 4]
    functions.extend(a, array.array("i", [5]))
    for _ in range(10):
        functions.extend(a, a)
    assert a.tolist() == [1, 2, 3, 4, 5] * 1024
    assert functions.resize(a, 3) == 0
    assert a.tolist() == [1, 2, 3]
    functions.resize_smart(a, 1)
    a.append(6)
    assert a.tolist() == [1, 6]
    functions.resize(a, 0)
    a.extend([7, 8])
    assert a.tolist() == [7, 8]
    with pytest.raises(TypeError, match="different types"):
        functions.extend(a, array.array("f", [1]))


@pytest.mark.parametrize("name", ["resize", "resize_smart"])
def test_length_of_exported_memory_stays(functions, name):
    a = array.array("i", [1, 2, 3])
    with memoryview(a), pytest.raises(BufferError):
        getattr(functions, name)(a, 100)
    assert a.tolist() == [1, 2, 3]


def test_as_a_buffer():
    m = build(
        """
        def total(array.array[float] a):
            cdef float s = 0
            for i in range(len(a)):
                s += a[i]
            return s
        """
    )
    assert m.total(array.array("f", [1, 2, 3])) == 6.0
    with pytest.raises(ValueError, match="mismatch"):
        m.total(array.array("d", [1, 2, 3]))


def test_a_memoryview_of_an_array():
    m = build(
        """
        def doubled(array.array a):
            cdef int[:] view = a
            view[0] *= 2
        """
    )
    a = array.array("i", [4, 5])
    m.doubled(a)
    assert a.tolist() == [8, 5]
