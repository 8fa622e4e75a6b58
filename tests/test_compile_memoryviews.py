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
