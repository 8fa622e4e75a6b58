"""For engines under MPI: one sum over the parts of all of them."""

import numpy as np
from mpi4py import MPI


def psum(a):
    local = np.array(a.sum(), dtype="d")
    total = np.empty_like(local)
    MPI.COMM_WORLD.Allreduce(local, total, op=MPI.SUM)
    return float(total)
