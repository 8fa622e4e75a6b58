"""The functions of parallel_kernels.pyx as Numba wants them written."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numba import get_num_threads, get_thread_id, njit, prange, set_num_threads

FAST = {"parallel": True, "nogil": True, "error_model": "numpy", "boundscheck": False}


@njit(**FAST)
def escape(z, c, z_max, n_max):
    i = 0
    z_max2 = z_max * z_max
    while z.real * z.real + z.imag * z.imag < z_max2 and i < n_max:
        z = z * z + c
        i += 1
    return i


@njit(**FAST)
def _julia(counts, c, bound, z_max, n_max):
    n = counts.shape[0]
    step = 2.0 * bound / (n - 1)
    for i in prange(n):
        real = -bound + i * step
        for j in range(n):
            counts[i, j] = escape(complex(real, -bound + j * step), c, z_max, n_max)


def julia(counts, c, bound, z_max, n_max, threads):
    set_num_threads(threads)
    _julia(counts, c, bound, z_max, n_max)


@njit(**FAST)
def _sieve(segments, primes):
    size = segments.shape[1]
    total = 0
    for s in prange(segments.shape[0]):
        marks = segments[s]
        first = s * size
        marks[:] = 1
        for i in range(primes.shape[0]):
            p = primes[i]
            k = p * p
            if k < first:
                k = first + (p - first % p) % p
            k -= first
            while k < size:
                marks[k] = 0
                k += p
        count = 0
        for k in range(size):
            count += marks[k]
        total += count
    return total


def sieve(segments, primes, threads):
    set_num_threads(threads)
    return _sieve(segments, primes.astype(np.int64))


@njit(**FAST)
def _heat_step(old, new, k):
    n, m = old.shape
    for i in prange(1, n - 1):
        for j in range(1, m - 1):
            new[i, j] = old[i, j] + k * (
                old[i - 1, j] + old[i + 1, j] + old[i, j - 1] + old[i, j + 1] - 4.0 * old[i, j]
            )


@njit(**FAST)
def _heat(old, new, k, steps):
    for _ in range(steps):
        _heat_step(old, new, k)
        old, new = new, old


def heat(old, new, k, steps, threads):
    set_num_threads(threads)
    _heat(old, new, k, steps)


@njit(**FAST)
def _n_body(where, pull, mass):
    n = where.shape[0]
    for i in prange(n):
        x, y, z = where[i, 0], where[i, 1], where[i, 2]
        fx = fy = fz = 0.0
        for j in range(n):
            dx = where[j, 0] - x
            dy = where[j, 1] - y
            dz = where[j, 2] - z
            d2 = dx * dx + dy * dy + dz * dz + 1e-9
            w = mass[j] / (d2 * sqrt(d2))
            fx += w * dx
            fy += w * dy
            fz += w * dz
        pull[i, 0] = fx
        pull[i, 1] = fy
        pull[i, 2] = fz


def n_body(where, pull, mass, threads):
    set_num_threads(threads)
    _n_body(where, pull, mass)


@njit(**FAST)
def _matrix_product(a, b, c):
    n, inner = a.shape
    m = b.shape[1]
    for i in prange(n):
        for j in range(m):
            c[i, j] = 0.0
        for k in range(inner):
            x = a[i, k]
            for j in range(m):
                c[i, j] += x * b[k, j]


def matrix_product(a, b, c, threads):
    set_num_threads(threads)
    _matrix_product(a, b, c)


@njit(**FAST)
def _histogram(values, parts, low, high):
    bins = parts.shape[1]
    scale = bins / (high - low)
    for part in prange(get_num_threads()):
        me = get_thread_id()
        n = values.shape[0]
        threads = get_num_threads()
        for i in range(n * part // threads, n * (part + 1) // threads):
            bin = int((values[i] - low) * scale)
            if 0 <= bin < bins:
                parts[me, bin] += 1


def histogram(values, parts, low, high, threads):
    set_num_threads(threads)
    _histogram(values, parts, low, high)


@njit(**FAST)
def _total(values):
    s = 0.0
    for i in prange(values.shape[0]):
        s += values[i]
    return s


def total(values, threads):
    set_num_threads(threads)
    return _total(values)
