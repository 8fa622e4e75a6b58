"""Heat in a plate, cut into strips: engines swap their edges with their neighbours over connections of their own.

As examples/mpi/heat.py, without MPI. The client introduces neighbours to each other, starts their
work and looks at the result; the edges never pass through it.
"""

import os

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


@ipp.interactive  # what it makes stays in the engine's namespace
def listen(key):
    """On each engine: wait for the neighbour below. Returns where."""
    global listener
    from multiprocessing.connection import Listener

    # The engines of this example are on one machine.
    listener = Listener(("127.0.0.1", 0), authkey=key)
    return listener.address


@ipp.interactive
def connect(address_above, has_below, key):
    global above, below
    from multiprocessing.connection import Client

    # A connection is there before the other side has accepted it, but not its greeting: so from the
    # top, one after the other.
    above = Client(address_above, authkey=key) if address_above else None
    below = listener.accept() if has_below else None  # noqa: F821 - on the engine
    listener.close()  # noqa: F821


@ipp.interactive
def simulate(u, number, steps):
    """The strip `u`, with a rim of 1, after so many steps."""

    def swap(neighbour, edge, rim):
        neighbour.send_bytes(edge.tobytes())
        rim[:] = np.frombuffer(neighbour.recv_bytes())

    def swap_as_second(neighbour, edge, rim):
        arrived = neighbour.recv_bytes()
        neighbour.send_bytes(edge.tobytes())
        rim[:] = np.frombuffer(arrived)

    u = u.copy()
    # Of two neighbours one sends first and one receives first, whatever a connection can hold.
    exchange = swap if number % 2 else swap_as_second
    for _ in range(steps):
        if above is not None:  # noqa: F821
            exchange(above, u[1], u[0])  # noqa: F821
        if below is not None:  # noqa: F821
            exchange(below, u[-2], u[-1])  # noqa: F821
        step(u)
    return u[1:-1, 1:-1]


plate = start(SHAPE)
strips = [plate[rows[0] : rows[-1] + 3] for rows in np.array_split(np.arange(SHAPE[0]), 3)]

with ipp.Cluster(n=len(strips)) as rc:
    engines = rc[:]
    key = os.urandom(32)
    addresses = engines.apply_sync(listen, key)
    introduced = [
        rc[i].apply_async(connect, addresses[i - 1] if i else None, i + 1 < len(strips), key)
        for i in range(len(strips))
    ]
    rc.wait(introduced)
    working = [rc[i].apply_async(simulate, strip, i, STEPS) for i, strip in enumerate(strips)]
    parallel = np.concatenate([part.get() for part in working])

for _ in range(STEPS):
    step(plate)
print("strips:", [strip.shape[0] - 2 for strip in strips])
print(f"in the middle: {parallel[45, 35]:.3f} degrees")
print("as computed by one process:", np.array_equal(parallel, plate[1:-1, 1:-1]))
