"""MPI on an engine that mpiexec started: joined before the engine registers, with the rank as its id.

Registering as a rank needs no order among the engines: each asks for its own id, which the
controller grants if it is free, as all are for the first set of engines.
"""

from __future__ import annotations

import os

# What runs in the namespace of users then.
DEFAULT_CODE = """\
from mpi4py import MPI
mpi_rank = MPI.COMM_WORLD.Get_rank()
mpi_size = MPI.COMM_WORLD.Get_size()
"""

# Where an mpiexec tells its processes how many they are: Open MPI, MPICH and Intel MPI.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


class MPIUnavailable(Exception):
    """The message says why, and what to do."""


def join() -> int | None:
    """Initialise MPI. The rank; None for a process on its own."""
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise MPIUnavailable(
            f"--mpi needs the Python package mpi4py and the library of an MPI: {error}; "
            "pip install mpi4py (on Debian also: apt-get install libopenmpi-dev)"
        ) from None
    except RuntimeError as error:
        # Its wheels look for the library themselves.
        raise MPIUnavailable(
            f"mpi4py finds no MPI: {error}; install one (on Debian: apt-get install openmpi-bin)"
        ) from None
    size = MPI.COMM_WORLD.Get_size()
    started = max((_number(os.environ.get(name, "")) for name in _SIZES), default=1)
    if started > 1 and size == 1:
        library = MPI.Get_library_version().partition(",")[0].strip()
        raise MPIUnavailable(
            f"mpiexec started {started} engines, but mpi4py's MPI ({library}) sees only this one: "
            "mpiexec belongs to another MPI; set MPILauncher.mpi_cmd to the one of mpi4py's, or "
            "install mpi4py anew"
        )
    return MPI.COMM_WORLD.Get_rank() if size > 1 else None


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 1
