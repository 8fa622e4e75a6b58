"""What this engine offers to tasks, and what a task that demands some of it sees of that.

Unless it was told (`--cpus`, `--gpus`, `--memory`, `--resource`), an engine offers its share of the
machine: as many processors as OpenMP may use in it, and of memory and GPUs an equal part for each of
the engines that were started here together. Which of them it is, it knows from its launcher.
"""

import ctypes
import glob
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from .._environment import changed_environment
from ..resources import Resources, parse_resource_text, without_zeros

# Our launchers', Open MPI's, MPICH's and Slurm's: engines here, and which of them this is.
_PLACES = (
    ("ENGINEROOM_ENGINES_HERE", "ENGINEROOM_ENGINE_HERE"),
    ("OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("MPI_LOCALNRANKS", "MPI_LOCALRANKID"),
    ("SLURM_NTASKS_PER_NODE", "SLURM_LOCALID"),
)
_MEBIBYTE = 1 << 20


class Offer:
    """amounts: by name. gpu_ids: which GPUs these are, as CUDA_VISIBLE_DEVICES names them; empty if
    nobody knows."""

    def __init__(self, told: str = "", environment: Mapping[str, str] | None = None) -> None:
        """told: "gpus=1,memory=4GiB", which replaces what would be offered else; 0: nothing of it."""
        environment = os.environ if environment is None else environment
        count, number = _place(environment)
        said = parse_resource_text(told)
        gpu_ids = _gpu_ids(environment)
        if "gpus" in said:
            each = said["gpus"]
            self.gpu_ids = gpu_ids[math.floor(number * each) : math.ceil((number + 1) * each)]
        else:
            self.gpu_ids = gpu_ids[number::count]
        share = {
            "cpus": _cpus(environment),
            "gpus": len(self.gpu_ids),
            "memory": _memory() // count // _MEBIBYTE * _MEBIBYTE,
        }
        self.amounts: Resources = without_zeros({**share, **said})

    def to_json(self) -> str:
        return json.dumps(self.amounts)


def _place(environment: Mapping[str, str]) -> tuple[int, int]:
    """How many engines were started here together, and which of them this is."""
    for count_name, number_name in _PLACES:
        try:
            count, number = int(environment[count_name]), int(environment[number_name])
        except (KeyError, ValueError):
            continue
        if 0 <= number < count:
            return count, number
    return 1, 0


def _cpus(environment: Mapping[str, str]) -> int:
    try:
        # A list has one number for each level of nesting.
        threads = int(environment.get("OMP_NUM_THREADS", "").split(",")[0])
    except ValueError:
        threads = 0
    return threads if threads > 0 else len(os.sched_getaffinity(0))


def _memory() -> int:
    """Bytes of this machine, or of the container's part of it."""
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                size = min(size, int(file.read()))
        except (OSError, ValueError):
            continue
    return size


def _gpu_ids(environment: Mapping[str, str]) -> list[str]:
    """NVIDIA's, by the driver's device files: asking nvidia-smi takes as long as all the rest."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        ids = [word.strip() for word in visible.split(",")]
        # CUDA ignores all from the first that is no device on.
        return ids[: next((i for i, each in enumerate(ids) if each in ("", "-1")), len(ids))]
    return [str(number) for number in range(len(glob.glob("/dev/nvidia[0-9]*")))]


# ---- while a task runs ----


@contextmanager
def granted(demand: Mapping[str, float], gpu_ids: Sequence[str]) -> Iterator[None]:
    """For the time of a task that demands this: OpenMP starts as many threads as it has processors,
    and CUDA sees as many GPUs."""
    changes: dict[str, str] = {}
    if demand.get("cpus"):
        changes["OMP_NUM_THREADS"] = str(max(1, math.floor(demand["cpus"])))
    if demand.get("gpus") and gpu_ids:
        changes["CUDA_VISIBLE_DEVICES"] = ",".join(gpu_ids[: math.ceil(demand["gpus"])])
    threads = _set_threads(changes)
    try:
        with changed_environment(changes):
            yield
    finally:
        if "OMP_NUM_THREADS" in changes:
            usual = _cpus(os.environ)
            for path, library in _openmp_libraries().items():
                library.omp_set_num_threads(threads.get(path, usual))


def _set_threads(changes: Mapping[str, str]) -> dict[str, int]:
    """What the libraries that are loaded already had before; others will read the environment."""
    before: dict[str, int] = {}
    if "OMP_NUM_THREADS" in changes:
        for path, library in _openmp_libraries().items():
            before[path] = library.omp_get_max_threads()
            library.omp_set_num_threads(int(changes["OMP_NUM_THREADS"]))
    return before


def _openmp_libraries() -> dict[str, ctypes.CDLL]:
    """By their files: there may be one of GCC, one of Clang, and some that wheels brought along."""
    libraries: dict[str, ctypes.CDLL] = {}
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line[line.find("/") :].rstrip("\n") if "omp" in line else ""
            name = os.path.basename(path)
            if not name.startswith(("libgomp", "libomp", "libiomp")) or path in libraries:
                continue
            try:
                library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
                library.omp_set_num_threads.restype = None
                libraries[path] = library
            except (OSError, AttributeError):
                continue
    return libraries
