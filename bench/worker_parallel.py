"""Runs the parallel programs of one system; a process of its own, because OpenMP runtimes get in each
other's way: their threads spin for a while after each loop.

worker_parallel.py SYSTEM PACKAGES… makes the system ready, prints READY, and then answers each line of
its input, "key threads rounds", by a line with the best time of a call in seconds and a checksum.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import site
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FLAGS = ["-O3", "-march=native", "-fopenmp"]
COMPILERS = {"c": "gcc", "clang": "clang-19"}
# Where data lies in memory matters, too: after so many measurements there is new data.
MOST_USED = 16
# gcc rounds a*b + c once, if the processor can; we do if asked.
CONTRACT = "# distutils: extra_compile_args = -ffp-contract=fast\n"


def load(system: str) -> Any:
    if system in ("c", "clang"):
        library = Path("kernels.so").resolve()
        source = str(HERE / "parallel_kernels.c")
        command = [COMPILERS[system], *FLAGS, "-shared", "-fPIC", "-o", str(library), source, "-lm"]
        subprocess.run(command, check=True)
        loaded = ctypes.CDLL(str(library))
        loaded.sieve.restype = ctypes.c_long
        loaded.total.restype = ctypes.c_double
        return loaded
    if system == "numba":
        return importlib.import_module("parallel_numba")
    text = (HERE / "parallel_kernels.pyx").read_text()
    if system == "cython":
        from worker_compiler import cython_module

        return cython_module(text, "parallel_kernels", Path.cwd(), FLAGS)
    import engineroom

    return engineroom.compile(CONTRACT + text, "parallel_kernels")


def main() -> None:
    system = sys.argv[1]
    for folder in sys.argv[2:]:
        site.addsitedir(folder)
    from parallel_programs import PROGRAMS

    programs = {program.key: program for program in PROGRAMS}
    module = load(system)
    print("READY", flush=True)
    made, data, n_used = "", {}, 0
    for line in sys.stdin:
        key, threads, rounds = line.split()
        program = programs[key]
        call = program.call_c if system in COMPILERS else program.call
        if key != made or n_used == MOST_USED:
            made, data, n_used = key, program.make(), 0
        n_used += 1
        # Once for what is made at the first call, and so that the threads are there.
        call(module, data, int(threads))
        # On one thread it is this thread's time on the processor: others may want the processor,
        # too, and threads of an earlier round may still spin. With more threads it is no measure.
        clock = time.thread_time if threads == "1" else time.perf_counter
        best, result = float("inf"), None
        for _ in range(int(rounds)):
            begin = clock()
            for _ in range(program.calls):
                result = call(module, data, int(threads))
            best = min(best, (clock() - begin) / program.calls)
        answer = program.checksum(data, result)
        print(best, answer, flush=True)


if __name__ == "__main__":
    # Threads that spin would take the other systems' time.
    os.environ.setdefault("OMP_PROC_BIND", "false")
    main()
