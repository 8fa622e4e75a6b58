"""A random walk: with NumPy in Python, and compiled, with C's random numbers and a typed array.

`python compiled_walk.py walk.png` draws the path as well, if there is matplotlib.
"""

import sys
import timeit

import engineroom as er
import numpy as np


def step():
    return 2 * np.round(np.random.random()) - 1


def walk(n):
    """n steps of 1/√n, to one side or the other, from 0 on."""
    x = np.zeros(n + 1)
    dx = 1 / np.sqrt(n)
    for i in range(n):
        x[i + 1] = x[i] + dx * step()
    return x


TYPED = """
import numpy as np
cimport numpy as np
from libc.math cimport round, sqrt
from libc.stdlib cimport rand, RAND_MAX

DTYPE = np.double
ctypedef np.double_t DTYPE_t

cdef double step():
    return 2 * round(<double>rand() / RAND_MAX) - 1

def walk(int n):
    cdef np.ndarray[DTYPE_t, ndim=1] x = np.zeros(n + 1, dtype=DTYPE)
    cdef double dx = 1 / sqrt(n)
    cdef int i
    for i in range(n):
        x[i + 1] = x[i] + dx * step()
    return x
"""


def best(f, n):
    """Seconds, the best of five."""
    return min(timeit.repeat(lambda: f(n), number=1, repeat=5))


def draw(path, axes):
    axes.plot(np.linspace(0, 1, len(path)), path, linewidth=0.6)
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set(xlabel="time", title=f"{len(path) - 1} random steps")


def main(n=20_000, picture=None):
    typed = er.compile(TYPED)
    path = typed.walk(n)
    steps = np.abs(np.diff(path)) * np.sqrt(n)
    print("steps are all of one length:", np.allclose(steps, 1))
    seconds = best(walk, n)
    print(f"{n} steps: {seconds * 1e3:.2f} ms with NumPy in Python")
    print(f"with C types: {seconds / best(typed.walk, n):.0f} times as fast")
    if picture:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(figsize=(8, 4))
        draw(path, axes)
        figure.savefig(picture, dpi=120)
        print("drawn:", picture)


if __name__ == "__main__":
    main(picture=sys.argv[1] if len(sys.argv) > 1 else None)
