"""Measures loops on threads beside Cython with gcc -O3 -march=native -fopenmp, Numba, and C with OpenMP.

Each system is a process of its own; they take turns, in which all but one stand still. What counts
is the median of what ours takes beside another in the same turn, as the machine is never the same
for long; ours is compared with the fastest of the others. All is written to build/bench_parallel.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import processes
import report
from clusters import clean_environment
from environments import ROOT
from parallel_programs import MISSING, PROGRAMS, Program
from report import Row
from run import machine
from run_compiler import choose_peers

HERE = Path(__file__).resolve().parent
# At worst a twentieth slower than the fastest of the others.
BAR = 0.95
SYSTEMS = ["ours", "cython", "numba", "c", "clang"]
# Programs that take long get fewer turns: no more after these seconds, but at least as many as these.
SECONDS, FEWEST = 25.0, 9
# Of text whose turns have loops of their own, single thread: ours beside Cython's.
LANES_BAR = 2.5


def key_of(program: Program, threads: int) -> str:
    return f"{program.key}_{threads}"


def rows() -> list[Row]:
    made = []
    for program in PROGRAMS:
        for threads in program.threads:
            bar = 1 / 1.2 if program.key == "enter" else 1.0 if program.key == "first" else BAR
            label = f"{program.label}, {threads} thread" + "s" * (threads > 1)
            made.append(Row(key_of(program, threads), label, "ms", -1, bar=round(bar, 3)))
        if program.threads == (1, 2):
            made.append(
                Row(f"{program.key}_scaling", "  … from one thread to two", "x", +1, bar=0.97)
            )
    return made


class Worker:
    """A system's process."""

    def __init__(self, system: str, python: str, folder: Path) -> None:
        folder.mkdir()
        packages = [sysconfig.get_path("purelib")] if system == "ours" else []
        self.process = processes.start(
            [python, str(HERE / "worker_parallel.py"), system, *packages],
            env={**clean_environment(folder), "XDG_CACHE_HOME": str(folder)},
            log=str(folder / "log.txt"), cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.log = folder / "log.txt"

    def line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            words = self.log.read_text(errors="replace").strip().splitlines()
            raise RuntimeError(words[-1] if words else "ended")
        return line

    def measure(self, program: Program, threads: int, rounds: int) -> tuple[float, float]:
        """Meanwhile it runs, and at no other time: OpenMP's threads spin after a loop."""
        assert self.process.stdin is not None
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{program.key} {threads} {rounds}\n")
        self.process.stdin.flush()
        seconds, answer = self.line().split()
        self.process.send_signal(signal.SIGSTOP)
        return float(seconds), float(answer)


def start_all(python: str, systems: list[str], folder: Path) -> dict[str, Worker]:
    workers = {system: Worker(system, python, folder / system) for system in systems}
    for system, worker in list(workers.items()):
        try:
            while worker.line().strip() != "READY":
                pass
            worker.process.send_signal(signal.SIGSTOP)
        except RuntimeError as error:
            print(f"{system}: left out: {error}", flush=True)
            del workers[system]
    return workers


# Seconds of each turn, by system and number of threads.
Times = dict[str, dict[int, list[float]]]


def measure(workers: dict[str, Worker], program: Program, turns: int, rounds: int) -> Times:
    systems = [system for system in workers if program.key not in MISSING.get(system, ())]
    times: Times = {system: {threads: [] for threads in program.threads} for system in systems}
    answers: dict[str, float] = {}
    began = time.monotonic()
    for turn in range(turns):
        if turn >= FEWEST and time.monotonic() - began > SECONDS:
            break
        # Nobody is always the first.
        first = turn % len(systems)
        for threads in program.threads:
            for system in systems[first:] + systems[:first]:
                seconds, answers[system] = workers[system].measure(program, threads, rounds)
                times[system][threads].append(seconds)
    expected = answers["cython"]
    for system, answer in answers.items():
        if not math.isclose(answer, expected, rel_tol=1e-4):
            raise RuntimeError(f"{program.key}: {system} says {answer!r}, Cython {expected!r}")
    return times


def middle_ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def measure_all(
    workers: dict[str, Worker], turns: int, rounds: int, only: list[str]
) -> tuple[dict, list[str]]:
    """system -> key -> milliseconds, the least. "fastest" is ours times the ratio that counts."""
    values: dict[str, dict[str, float]] = {system: {} for system in [*workers, "fastest"]}
    lines = []
    for program in PROGRAMS:
        if only and program.key not in only:
            continue
        times = measure(workers, program, turns, rounds)
        for threads in program.threads:
            key = key_of(program, threads)
            for system, of_threads in times.items():
                values[system][key] = min(of_threads[threads]) * 1e3
            others = [system for system in times if system != "ours"]
            if program.key == "enter" and "clang" in times:
                others = ["clang"]
            ours = times["ours"][threads]
            ratio = min(middle_ratio(ours, times[system][threads]) for system in others)
            values["fastest"][key] = values["ours"][key] * ratio
        if program.threads == (1, 2):
            gains = {
                system: [a / b for a, b in zip(of[1], of[2], strict=True)]
                for system, of in times.items()
            }
            key = f"{program.key}_scaling"
            for system, gain in gains.items():
                values[system][key] = statistics.median(gain)
            if "c" in gains:
                values["fastest"][key] = values["ours"][key] * middle_ratio(
                    gains["ours"], gains["c"]
                )
        if program.key.startswith("julia"):
            ratio = middle_ratio(times["ours"][1], times["cython"][1])
            holds = "holds" if ratio >= LANES_BAR else "MISSED"
            lines.append(
                f"{program.label}, one thread: {ratio:.2f}x of Cython (>= {LANES_BAR}x: {holds})"
            )
        print(f"  {program.label}", flush=True)
    return values, lines


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument(
        "--only", action="append", metavar="KEY", help="this program alone, may be repeated"
    )
    parser.add_argument("--json", default=str(ROOT / "build" / "bench_parallel.json"))
    return parser.parse_args()


def main() -> int:
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    processes.become_subreaper()
    peers = choose_peers()
    names = {peer.name for peer in peers}
    if "cython" not in names:
        return 1
    systems = [system for system in SYSTEMS if system in ("ours", "c", "clang") or system in names]
    folder = Path(tempfile.mkdtemp(prefix="bench-parallel-"))
    load = [os.getloadavg()]
    workers: dict[str, Worker] = {}
    try:
        workers = start_all(peers[0].python, systems, folder)
        # Many short turns: what is compared should be measured a moment after each other.
        turns, rounds = (9, 1) if args.quick else (61, 1)
        values, lines = measure_all(workers, turns, rounds, args.only or [])
    finally:
        for worker in workers.values():
            worker.process.send_signal(signal.SIGCONT)
            processes.stop(worker.process, grace=0.5)
        processes.reap_strays(())
        shutil.rmtree(folder, ignore_errors=True)
    load.append(os.getloadavg())
    lists = {system: {k: [v] for k, v in keys.items()} for system, keys in values.items()}
    entries = report.summary(lists, rows(), "fastest")
    print("\n" + report.table(entries, list(workers)))
    print("\n" + "\n".join(lines))
    print(
        "Run times are the least; better: than the fastest of the others, scaling than C's, medians of "
        "what was measured side by side."
    )
    print(
        "Cython and C: gcc -O3 -march=native -fopenmp; clang: the same, with libomp; ours: "
        "-ffp-contract=fast, which gcc does by itself. "
        + ", ".join(f"{p.name} {p.version}" for p in peers)
    )
    print(f"load average {load[0][0]:.1f} before, {load[1][0]:.1f} after")
    os.makedirs(os.path.dirname(args.json) or ".", exist_ok=True)
    document = {"machine": machine(), "load": load, "quick": args.quick, "summary": entries,
                "versions": {peer.name: peer.version for peer in peers}}  # fmt: skip
    Path(args.json).write_text(json.dumps(document, indent=1))
    print(f"written to {os.path.relpath(args.json)}")
    return 0 if "ours" in workers else 1


if __name__ == "__main__":
    sys.exit(main())
