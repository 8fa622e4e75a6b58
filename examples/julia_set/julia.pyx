# cython: language_level=3
"""Julia sets: how long points of the plane stay near 0 under z → z² + c."""
cimport cython
from cython.parallel cimport prange
import numpy as np


cdef inline double norm2(double complex z) noexcept nogil:
    return z.real * z.real + z.imag * z.imag


cdef inline int escape(double complex z, double complex c, double z_max, int n_max) noexcept nogil:
    """After how many steps |z| is z_max or more; n_max if that takes longer."""
    cdef int i = 0
    cdef double z_max2 = z_max * z_max
    while norm2(z) < z_max2 and i < n_max:
        z = z * z + c
        i += 1
    return i


@cython.boundscheck(False)
@cython.wraparound(False)
def tile(double complex corner, double step, int rows, int columns, double complex c,
         double z_max=4.0, int n_max=1000):
    """Escape times of a rectangle: row i, column j is the point corner + i·step + j·step·1j."""
    cdef int[:, ::1] counts = np.empty((rows, columns), dtype=np.int32)
    cdef int i, j
    cdef double real, imag
    for i in prange(rows, nogil=True, schedule='static', chunksize=1):
        real = corner.real + i * step
        for j in range(columns):
            imag = corner.imag + j * step
            counts[i, j] = escape(real + imag * 1j, c, z_max, n_max)
    return np.asarray(counts)


def calc_julia(int resolution, double complex c, double bound=1.5, double z_max=4.0,
               int n_max=1000):
    """Escape times of the square from -bound to bound, resolution + 1 points each way."""
    return tile(-bound - bound * 1j, 2.0 * bound / resolution, resolution + 1, resolution + 1,
                c, z_max, n_max)


@cython.boundscheck(False)
@cython.wraparound(False)
def julia_fraction(int[:, ::1] counts, int n_max=1000):
    """Which part of the points has not escaped."""
    cdef Py_ssize_t i, j, inside = 0
    for i in prange(counts.shape[0], nogil=True):
        for j in range(counts.shape[1]):
            if counts[i, j] == n_max:
                inside += 1
    return inside / <double>counts.size
