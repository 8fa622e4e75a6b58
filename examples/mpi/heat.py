"""Heat in a plate, cut into blocks: each engine computes one, and swaps its edges with its neighbours by MPI.

The client only starts the engines' work and looks at the result; the edges never pass through it.
Needs an MPI (on Debian: apt-get install openmpi-bin) and mpi4py.

    python heat.py [ENGINES]
"""

import sys

import engineroom as ipp
import numpy as np

SHAPE = (90, 70)
STEPS = 400


def step(u):
    """One step of time for all points of `u` but its edge, which it needs."""
    middle = u[1:-1, 1:-1]
    around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
    u[1:-1, 1:-1] = middle + 0.2 * (around - 4 * middle)


def start(shape):
    """A cold plate with one hot edge and a warm spot; a rim of 1 keeps its temperature."""
    u = np.zeros((shape[0] + 2, shape[1] + 2))
    u[0, :] = 100
    u[20:30, 40:50] = 60
    return u


def simulate(shape, steps):
    """On each engine: the block of this rank after so many steps, and the rows and columns that it is."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    grid = comm.Create_cart(MPI.Compute_dims(comm.size, 2))
    # Blocks of (nearly) the same size along each axis.
    rows, columns = (
        slice(length * at // blocks, length * (at + 1) // blocks)
        for length, at, blocks in zip(shape, grid.coords, grid.dims, strict=True)
    )
    # The block and a rim of 1: of the plate, or what the neighbours have there.
    u = start(shape)[rows.start : rows.stop + 2, columns.start : columns.stop + 2].copy()
    up, down = grid.Shift(0, 1)
    left, right = grid.Shift(1, 1)
    # (what goes out, to whom, where what comes in belongs, from whom); at the plate's edge there is
    # nobody, and nothing happens.
    swaps = [
        (u[1, 1:-1], up, u[-1, 1:-1], down),
        (u[-2, 1:-1], down, u[0, 1:-1], up),
        (u[1:-1, 1], left, u[1:-1, -1], right),
        (u[1:-1, -2], right, u[1:-1, 0], left),
    ]
    for _ in range(steps):
        for out, to, rim, source in swaps:
            arrived = rim.copy()
            grid.Sendrecv(out.copy(), to, recvbuf=arrived, source=source)
            rim[:] = arrived
        step(u)
    return u[1:-1, 1:-1], rows, columns


def main(n=4):
    plate = start(SHAPE)
    for _ in range(STEPS):
        step(plate)

    parallel = np.empty(SHAPE)
    with ipp.Cluster(n=n, engines="mpi") as rc:
        for block, rows, columns in rc[:].apply_sync(simulate, SHAPE, STEPS):
            print(f"rows {rows.start}–{rows.stop}, columns {columns.start}–{columns.stop}")
            parallel[rows, columns] = block
    print(f"in the middle: {parallel[45, 35]:.3f} degrees")
    print("as computed by one process:", np.array_equal(parallel, plate[1:-1, 1:-1]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
