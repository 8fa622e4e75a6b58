# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Loops over arrays, on as many threads as are asked for: the programs that are compared.

parallel_kernels.c and parallel_numba.py have the same ones, as C and Numba want them written.
"""
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport sqrt


cdef inline double norm2(double complex z) noexcept nogil:
    return z.real * z.real + z.imag * z.imag


cdef inline int escape(double complex z, double complex c, double z_max, int n_max) noexcept nogil:
    cdef int i = 0
    cdef double z_max2 = z_max * z_max
    while norm2(z) < z_max2 and i < n_max:
        z = z * z + c
        i += 1
    return i


def julia(int[:, ::1] counts, double complex c, double bound, double z_max, int n_max, int threads):
    """Escape times over a square of the plane."""
    cdef int n = counts.shape[0]
    cdef double step = 2.0 * bound / (n - 1)
    cdef int i, j
    cdef double real, imag
    for i in prange(n, nogil=True, schedule='static', chunksize=1, num_threads=threads):
        real = -bound + i * step
        for j in range(n):
            imag = -bound + j * step
            counts[i, j] = escape(real + imag * 1j, c, z_max, n_max)


def sieve(unsigned char[:, ::1] segments, int[::1] primes, int threads):
    """Marks multiples of the primes, in segments that stay in the cache: how many numbers are left."""
    cdef long size = segments.shape[1]
    cdef long s, p, k, first, total = 0
    cdef int i
    cdef unsigned char* marks
    for s in prange(segments.shape[0], nogil=True, schedule='dynamic', num_threads=threads):
        marks = &segments[s, 0]
        first = s * size
        for k in range(size):
            marks[k] = 1
        for i in range(primes.shape[0]):
            p = primes[i]
            k = p * p
            if k < first:
                k = first + (p - first % p) % p
            k = k - first
            while k < size:
                marks[k] = 0
                k = k + p
        for k in range(size):
            total += marks[k]
    return total


def heat(double[:, ::1] old, double[:, ::1] new, double k, int steps, int threads):
    """Heat that spreads over a plate, by differences of neighbours."""
    cdef Py_ssize_t i, j
    cdef Py_ssize_t n = old.shape[0], m = old.shape[1]
    cdef int step
    for step in range(steps):
        for i in prange(1, n - 1, nogil=True, schedule='static', num_threads=threads):
            for j in range(1, m - 1):
                new[i, j] = old[i, j] + k * (
                    old[i - 1, j] + old[i + 1, j] + old[i, j - 1] + old[i, j + 1] - 4.0 * old[i, j])
        old, new = new, old


def n_body(double[:, ::1] where, double[:, ::1] pull, double[::1] mass, int threads):
    """The pull of all bodies on each other."""
    cdef Py_ssize_t i, j, n = where.shape[0]
    cdef double x, y, z, dx, dy, dz, d2, w, fx, fy, fz
    for i in prange(n, nogil=True, schedule='static', num_threads=threads):
        x = where[i, 0]
        y = where[i, 1]
        z = where[i, 2]
        fx = 0.0
        fy = 0.0
        fz = 0.0
        for j in range(n):
            dx = where[j, 0] - x
            dy = where[j, 1] - y
            dz = where[j, 2] - z
            d2 = dx * dx + dy * dy + dz * dz + 1e-9
            w = mass[j] / (d2 * sqrt(d2))
            fx = fx + w * dx
            fy = fy + w * dy
            fz = fz + w * dz
        pull[i, 0] = fx
        pull[i, 1] = fy
        pull[i, 2] = fz


def matrix_product(double[:, ::1] a, double[:, ::1] b, double[:, ::1] c, int threads):
    """c = a b, row by row."""
    cdef Py_ssize_t i, j, k, n = a.shape[0], m = b.shape[1], inner = a.shape[1]
    cdef double x
    for i in prange(n, nogil=True, schedule='static', num_threads=threads):
        for j in range(m):
            c[i, j] = 0.0
        for k in range(inner):
            x = a[i, k]
            for j in range(m):
                c[i, j] += x * b[k, j]


def histogram(double[::1] values, long[:, ::1] parts, double low, double high, int threads):
    """How many values are in each bin; each thread counts in a row of its own."""
    cdef Py_ssize_t i, n = values.shape[0]
    cdef int bins = parts.shape[1], bin, me
    cdef double scale = bins / (high - low)
    with nogil, parallel(num_threads=threads):
        me = threadid()
        for i in prange(n, schedule='static'):
            bin = <int>((values[i] - low) * scale)
            if 0 <= bin < bins:
                parts[me, bin] += 1


def total(double[::1] values, int threads):
    """A sum: the least that a loop on threads can do."""
    cdef Py_ssize_t i
    cdef double s = 0.0
    for i in prange(values.shape[0], nogil=True, schedule='static', num_threads=threads):
        s += values[i]
    return s


def enter(int times, int threads):
    """Enters and leaves a loop on threads so often."""
    cdef int i, turn, s = 0
    for turn in range(times):
        for i in prange(threads, nogil=True, schedule='static', num_threads=threads):
            s += i
    return s


def first(double[::1] values):
    """Takes an array, and looks at one item."""
    return values[0]
