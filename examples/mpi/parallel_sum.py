"""Engines that call MPI among themselves: the sum of an array that lies in parts on all of them.

Needs an MPI (on Debian: apt-get install openmpi-bin) and mpi4py.
"""

from pathlib import Path

import engineroom as ipp
import numpy as np

with ipp.Cluster(n=4, engines="mpi") as rc:
    view = rc[:]
    view.block = True
    # Engine ids are ranks.
    print("ranks:", view["mpi_rank"])

    view.run(Path(__file__).with_name("psum.py"))
    view.scatter("a", np.arange(16, dtype="float"))
    print("parts:", [part.tolist() for part in view["a"]])
    # At a prompt: %px totalsum = psum(a)
    view.execute("totalsum = psum(a)")
    print("total on each:", view["totalsum"])
