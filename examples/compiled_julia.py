"""The Julia set: compiled from julia_set/julia.pyx, on every core, with vectors in each.

`python compiled_julia.py julia.png` draws it as well, if there is matplotlib. The same file is a
module on disk after `python setup.py build_ext --inplace` in julia_set.
"""

import sys
import time
from pathlib import Path

import engineroom as er
import numpy as np

TEXT = (Path(__file__).resolve().parent / "julia_set" / "julia.pyx").read_text()
C = -0.1 + 0.65j
BOUND = 1.5


def rows_in_python(resolution, c, rows, bound=BOUND, z_max=4.0, n_max=1000):
    """The escape times of some rows, in Python."""
    step = 2.0 * bound / resolution
    found = []
    for i in rows:
        counts = []
        for j in range(resolution + 1):
            z = complex(-bound + i * step, -bound + j * step)
            n = 0
            while z.real * z.real + z.imag * z.imag < z_max * z_max and n < n_max:
                z = z * z + c
                n += 1
            counts.append(n)
        found.append(counts)
    return found


def draw(counts, axes):
    # The step from one shade to the next is small where there are many points.
    shades = np.log1p(counts)
    axes.imshow(shades.T, cmap="magma", origin="lower", extent=(-BOUND, BOUND) * 2)
    axes.set(xlabel="real part", ylabel="imaginary part", title=f"z → z² + {C}")


def main(resolution=1000, picture=None):
    julia = er.compile(TEXT)
    began = time.perf_counter()
    counts = julia.calc_julia(resolution, C)
    took = time.perf_counter() - began
    rows = range(0, resolution + 1, max(1, resolution // 10))
    began = time.perf_counter()
    some = rows_in_python(resolution, C, rows)
    in_python = (time.perf_counter() - began) * (resolution + 1) / len(rows)
    print("the same numbers as in Python:", counts[list(rows)].tolist() == some)
    print(
        f"{counts.size} points: {took * 1e3:.0f} ms, {in_python / took:.0f} times as fast as Python"
    )
    print(f"{julia.julia_fraction(counts):.2%} of them have not escaped")
    if picture:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(figsize=(6, 5.6))
        draw(counts, axes)
        figure.savefig(picture, dpi=120)
        print("drawn:", picture)


if __name__ == "__main__":
    main(picture=sys.argv[1] if len(sys.argv) > 1 else None)
