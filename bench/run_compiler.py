"""Measures the compiler beside Cython 3.3 with gcc -O2, and Numba where it applies.

Ours and theirs are called in turns in one process, the best of several rounds counts. On a machine
that does other things as well, trust the ratios and not the times. All is written to
build/bench_compiler.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import processes
import report
from clusters import clean_environment
from compiled_calls import CALLS
from compiler_texts import TEXTS
from environments import ROOT, Environment, compiler_peers, prepare
from report import Row
from run import machine

HERE = Path(__file__).resolve().parent
LIMIT = 600.0
# Times of the compiled functions: at worst a twentieth slower than Cython's.
RUN_BAR = 0.95
# Measure -> its parameters, and those of --quick.
MEASURES = {
    "compile": ({"ours": 10, "cython": 3}, {"ours": 5, "cython": 1}),
    "start": ({"turns": 7}, {"turns": 3}),
    "run": ({"batch": 0.003, "rounds": 15}, {"batch": 0.001, "rounds": 5}),
    "memory": ({"cells": 200}, {"cells": 50}),
}

ROWS = [
    *(
        Row(f"compile_{t.key}", f"text to callable: {t.label}", "ms", -1, t.bar, t.ceiling)
        for t in TEXTS
    ),
    Row("first", "first compilation of a process, and import", "ms", -1, ceiling=400),
    Row("first_cached", "  … of a cell that is cached on disk", "ms", -1),
    Row("cached", "cached cell in a warm process", "ms", -1, ceiling=5),
    Row("header", "very first: makes the precompiled header", "ms", -1),
    Row("import_engineroom", "import engineroom", "ms", -1),
    Row("import_ratio", "  … as a part of import IPython", "", -1, ceiling=1.2),
    *(
        Row(f"emitted_{t.key}", f"C++ per source line: {t.label}", "lines", -1, ceiling=5)
        for t in TEXTS
    ),
    Row("emitted_kernels", "C++ per source line: all functions below", "lines", -1, ceiling=5),
    Row("memory_cell", "memory per compiled cell", "KiB", -1),
    Row("memory_all", "  … of the whole process", "MiB", -1),
    *(Row(call.key, call.label, "ns", -1, bar=RUN_BAR) for call in CALLS),
]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument(
        "--only", action="append", choices=MEASURES, metavar="NAME",
        help=f"this measure alone, may be repeated: {', '.join(MEASURES)}",
    )  # fmt: skip
    parser.add_argument("--json", default=str(ROOT / "build" / "bench_compiler.json"))
    return parser.parse_args()


def choose_peers() -> list[Environment]:
    usable = []
    for peer in compiler_peers():
        if problem := prepare(peer):
            print(f"{peer.name}: left out: {problem}", flush=True)
        else:
            usable.append(peer)
    return usable


def run_worker(python: str, name: str, parameters: dict, folder: Path) -> dict:
    """system -> key -> number. Raises RuntimeError with the worker's last words."""
    worker = processes.start(
        [python, str(HERE / "worker_compiler.py"), name, json.dumps(parameters)],
        env={**clean_environment(folder), "XDG_CACHE_HOME": str(folder)},
        log=str(folder / "log.txt"), cwd=folder, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        output, _ = worker.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"took more than {LIMIT:.0f} s") from None
    finally:
        processes.stop(worker, grace=0.5)
    for line in reversed(output.splitlines()):
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    words = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
    raise RuntimeError(words[-1] if words else f"exit code {worker.returncode}")


def measure_all(python: str, names: list[str], quick: bool, folder: Path) -> tuple[dict, dict]:
    values: dict[str, dict[str, float]] = {}
    failures: dict[str, str] = {}
    ours = {"python": sys.executable, "packages": [sysconfig.get_path("purelib")]}
    for name in names:
        begin = time.monotonic()
        try:
            # With caches of its own.
            (folder / name).mkdir()
            found = run_worker(python, name, {**MEASURES[name][quick], **ours}, folder / name)
        except RuntimeError as error:
            failures[name] = str(error)
            print(f"  {name:9s} FAILED: {error}", flush=True)
            continue
        for system, numbers in found.items():
            values.setdefault(system, {}).update(numbers)
        print(f"  {name:9s}{time.monotonic() - begin:6.1f} s", flush=True)
    return values, failures


def main() -> int:
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    processes.become_subreaper()
    peers = choose_peers()
    if not any(peer.name == "cython" for peer in peers):
        return 1
    folder = Path(tempfile.mkdtemp(prefix="bench-compiler-"))
    load = [os.getloadavg()]
    try:
        names = [name for name in MEASURES if not args.only or name in args.only]
        values, failures = measure_all(peers[0].python, names, args.quick, folder)
    finally:
        processes.reap_strays(())
        shutil.rmtree(folder, ignore_errors=True)
    load.append(os.getloadavg())
    lists = {system: {k: [v] for k, v in keys.items()} for system, keys in values.items()}
    entries = report.summary(lists, ROWS, "cython")
    show(entries, ["ours", *(peer.name for peer in peers)], peers, load)
    document = {
        "machine": machine(), "load": load, "quick": args.quick, "summary": entries,
        "versions": {peer.name: peer.version for peer in peers}, "failures": failures,
    }  # fmt: skip
    os.makedirs(os.path.dirname(args.json) or ".", exist_ok=True)
    Path(args.json).write_text(json.dumps(document, indent=1))
    print(f"written to {os.path.relpath(args.json)}")
    return 1 if failures else 0


def show(entries: list[dict], systems: list[str], peers: list[Environment], load: list) -> None:
    print("\n" + report.table(entries, systems))
    print("\nCompile times are medians, run times the best of several. better: than Cython.")
    print("Cython compiles with gcc -O2; Numba's functions were called before they are measured.")
    print(", ".join(f"{peer.name} {peer.version}" for peer in peers))
    print(f"load average {load[0][0]:.1f} before, {load[1][0]:.1f} after")


if __name__ == "__main__":
    sys.exit(main())
