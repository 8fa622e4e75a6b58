"""The programs of the parallel comparison: their data, how each system is called, and what comes out."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

C = complex(-0.1, 0.65)


@dataclass(frozen=True)
class Program:
    key: str
    label: str
    # Fresh data; the first argument of both calls.
    make: Callable[[], dict[str, Any]]
    # With the module of a system, or the C library; the last argument is how many threads.
    call: Callable[[Any, dict[str, Any], int], Any]
    call_c: Callable[[Any, dict[str, Any], int], Any]
    # A number that is the same whoever computed it, as far as floating point allows.
    checksum: Callable[[dict[str, Any], Any], float]
    threads: tuple[int, ...] = (1, 2)
    # So often in one measurement: what takes a millisecond says little.
    calls: int = 1


def at(a: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(a.ctypes.data)


def real(x: float) -> ctypes.c_double:
    return ctypes.c_double(x)


def many(n: int) -> ctypes.c_long:
    return ctypes.c_long(n)


# ---- data ----

# Every page is written to here: what the system takes to find one is nobody's.


def julia_data(n: int) -> dict[str, Any]:
    return {"counts": np.ones((n, n), dtype=np.int32)}


def sieve_data() -> dict[str, Any]:
    size, n = 32768, 300
    limit = int((size * n) ** 0.5) + 1
    small = np.ones(limit + 1, dtype=bool)
    small[:2] = False
    for p in range(2, int(limit**0.5) + 1):
        if small[p]:
            small[p * p :: p] = False
    return {
        "segments": np.ones((n, size), dtype=np.uint8),
        "primes": np.flatnonzero(small).astype(np.int32),
    }


def heat_data() -> dict[str, Any]:
    # Not from 0: numbers below the least normal one are slow, on some processors.
    old = np.ones((1000, 1000))
    old[400:600, 400:600] = 100.0
    return {"old": old, "new": old.copy()}


def n_body_data() -> dict[str, Any]:
    random = np.random.default_rng(1)
    n = 2000
    return {
        "where": random.random((n, 3)), "pull": np.ones((n, 3)), "mass": random.random(n),
    }  # fmt: skip


def matrix_data() -> dict[str, Any]:
    random = np.random.default_rng(2)
    return {
        "a": random.random((400, 400)),
        "b": random.random((400, 400)),
        "c": np.ones((400, 400)),
    }


def histogram_data() -> dict[str, Any]:
    random = np.random.default_rng(3)
    return {"values": random.random(2_000_000), "parts": np.zeros((8, 256), dtype=np.int64)}


def total_data() -> dict[str, Any]:
    return {"values": np.random.default_rng(4).random(2_000_000)}


# ---- the programs ----


def _julia(n: int) -> Program:
    return Program(
        f"julia_{n}", f"Julia set, {n} x {n} points", lambda: julia_data(n),
        lambda m, d, t: m.julia(d["counts"], C, 1.5, 4.0, 1000, t),
        lambda m, d, t: m.julia(at(d["counts"]), n, real(C.real), real(C.imag), real(1.5), real(4.0), 1000, t),
        lambda d, r: float(d["counts"].sum()),
    )  # fmt: skip


PROGRAMS = [
    _julia(1000),
    _julia(2000),
    Program(
        "sieve", "sieve on bytes, to 10 million", sieve_data,
        lambda m, d, t: m.sieve(d["segments"], d["primes"], t),
        lambda m, d, t: m.sieve(
            at(d["segments"]), many(len(d["segments"])), many(d["segments"].shape[1]),
            at(d["primes"]), many(len(d["primes"])), t),
        lambda d, r: float(r),
        calls=5,
    ),
    Program(
        "heat", "heat on a plate, 1000 x 1000, 60 steps", heat_data,
        lambda m, d, t: m.heat(d["old"], d["new"], 0.2, 60, t),
        lambda m, d, t: m.heat(at(d["old"]), at(d["new"]), many(1000), many(1000), real(0.2), 60, t),
        lambda d, r: float((d["old"] ** 2).sum()),
    ),
    Program(
        "n_body", "pull of 2000 bodies on each other", n_body_data,
        lambda m, d, t: m.n_body(d["where"], d["pull"], d["mass"], t),
        lambda m, d, t: m.n_body(at(d["where"]), at(d["pull"]), at(d["mass"]), many(len(d["mass"])), t),
        lambda d, r: float(np.abs(d["pull"]).sum()),
        calls=2,
    ),
    Program(
        "matrix", "matrix product, 400 x 400", matrix_data,
        lambda m, d, t: m.matrix_product(d["a"], d["b"], d["c"], t),
        lambda m, d, t: m.matrix_product(
            at(d["a"]), at(d["b"]), at(d["c"]), many(400), many(400), many(400), t),
        lambda d, r: float(d["c"].sum()),
        calls=4,
    ),
    Program(
        "histogram", "histogram of 2 million values", histogram_data,
        lambda m, d, t: m.histogram(d["values"], d["parts"], 0.0, 1.0, t),
        lambda m, d, t: m.histogram(
            at(d["values"]), many(len(d["values"])), at(d["parts"]), 256, real(0.0), real(1.0), t),
        lambda d, r: float((d["parts"].sum(axis=0) * np.arange(256)).sum()),
        calls=16,
    ),
    Program(
        "total", "sum of 2 million values", total_data,
        lambda m, d, t: m.total(d["values"], t),
        lambda m, d, t: m.total(at(d["values"]), many(len(d["values"])), t),
        lambda d, r: float(r),
        calls=16,
    ),
    Program(
        "enter", "1000 times into a loop on threads and out", lambda: {"times": 1000},
        lambda m, d, t: m.enter(d["times"], t),
        lambda m, d, t: m.enter(d["times"], t),
        lambda d, r: float(r),
        threads=(2,), calls=10,
    ),
    Program(
        "first", "100,000 calls with an array", lambda: {"values": np.ones(3), "times": range(100_000)},
        lambda m, d, t: sum(m.first(d["values"]) for _ in d["times"]),
        lambda m, d, t: None,
        lambda d, r: float(r),
        threads=(1,),
    ),
]  # fmt: skip
# What they leave out. C by Clang is there for what OpenMP's runtime costs, which is also ours.
MISSING = {
    "numba": {"enter", "first"},
    "c": {"first"},
    "clang": {program.key for program in PROGRAMS} - {"enter"},
}
