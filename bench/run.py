"""Measures engineroom beside stock ipyparallel, and beside others where they compare.

Repeats are interleaved (ours, stock, ours, stock …), medians are compared. On a machine that does
other things as well, trust the ratios and not the times. Everything lands in build/bench.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time

import processes
import report
from environments import ROOT, Environment, all_environments, prepare
from measures import MEASURES, Measure, MeasurementFailed, Runner

MICRO_LIMIT = 180.0


def parse() -> argparse.Namespace:
    names = [measure.name for measure in MEASURES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer tasks, one repeat")
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME",
        help=f"this measure alone, may be repeated: {', '.join(names)}",
    )  # fmt: skip
    parser.add_argument("--repeat", type=int, default=0, help="repeats of every measure")
    parser.add_argument(
        "--peers",
        default="stock,pool,dask,ray",
        help="whom to compare with, of stock,hybrid,pool,dask,ray; "
        "hybrid is our controller under stock's client and engines",
    )
    parser.add_argument("--skip-ours", action="store_true", help="measure the peers alone")
    parser.add_argument("--micro", action="store_true", help="the C++ micro benchmarks as well")
    parser.add_argument("--json", default=str(ROOT / "build" / "bench.json"), help="where to")
    return parser.parse_args()


def choose_systems(args: argparse.Namespace) -> tuple[list[Environment], dict[str, str]]:
    """Those that can be used, and why the others cannot."""
    known = all_environments()
    names = [] if args.skip_ours else ["ours"]
    names += [name.strip() for name in args.peers.split(",") if name.strip()]
    usable, missing = [], {}
    for name in names:
        if name not in known:
            sys.exit(f"no peer {name!r}; known are stock, hybrid, pool, dask and ray")
        problem = prepare(known[name])
        if problem:
            print(f"{name}: left out: {problem}", flush=True)
            missing[name] = problem
        else:
            usable.append(known[name])
    return usable, missing


class Results:
    """values: system -> key -> numbers in order of the repeats."""

    def __init__(self):
        self.values: dict[str, dict[str, list]] = {}
        self.failures: list[dict] = []

    def add(self, system: str, found: dict) -> None:
        for key, number in found.items():
            self.values.setdefault(system, {}).setdefault(key, []).append(number)

    def fail(self, measure: str, system: str, reason: str) -> None:
        self.failures.append({"measure": measure, "system": system, "reason": reason})
        print(f"  {measure:9s}{system:6s} FAILED: {reason}", flush=True)


def run_measure(runner: Runner, measure: Measure, repeats: int, results: Results) -> None:
    failures: dict[str, int] = {}
    for _ in range(repeats):
        for environment in runner.environments:
            name = environment.name
            if name not in measure.systems or failures.get(name, 0) > 1:
                continue
            begin = time.monotonic()
            try:
                found = runner.run(measure, environment)
            except MeasurementFailed as error:
                # What failed twice is not repeated; and the cluster may have been hurt.
                failures[name] = failures.get(name, 0) + 1
                runner.drop(name)
                results.fail(measure.name, name, str(error))
                continue
            results.add(name, found)
            took = time.monotonic() - begin
            numbers = ", ".join(f"{k} {report.number(v)}" for k, v in found.items())
            print(f"  {measure.name:9s}{name:6s}{took:6.1f} s  {numbers}", flush=True)


def run_micro() -> list[dict]:
    """The C++ benchmarks that were built; their own words, unchanged."""
    found = []
    for program in sorted((ROOT / "build" / "release" / "bench").glob("*_bench")):
        try:
            done = subprocess.run(
                [str(program)], capture_output=True, text=True, timeout=MICRO_LIMIT
            )
            output = done.stdout + done.stderr
        except (OSError, subprocess.TimeoutExpired) as error:
            output = str(error)
        print(f"\n{program.name}\n{output}", flush=True)
        found.append({"program": program.name, "output": output})
    if not found:
        print("no C++ benchmarks in build/release/bench")
    return found


def machine() -> dict:
    model = ""
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "cpu": model or platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def sizes(measures: list[Measure], runner: Runner) -> dict:
    """How many tasks each system was given."""
    return {
        measure.name: {
            environment.name: measure.parameters(environment.name, runner.quick)
            for environment in runner.environments
            if environment.name in measure.systems
        }
        for measure in measures
    }


def measure_all(args: argparse.Namespace, measures: list[Measure], runner: Runner) -> Results:
    results = Results()
    try:
        for measure in measures:
            repeats = args.repeat or (1 if args.quick else measure.repeats)
            run_measure(runner, measure, repeats, results)
    except KeyboardInterrupt:
        print("interrupted; the table has what there is")
    finally:
        # A second Ctrl-C shall not leave a cluster behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        runner.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return results


def show(entries: list[dict], systems: list[Environment], results: Results, load: list) -> None:
    print("\n" + report.table(entries, [environment.name for environment in systems]))
    print("\nMedians. better: how many times better ours is than stock, or than who is named.")
    print("Stock got fewer tasks where it is slow; compared are rates and costs per task.")
    print(", ".join(f"{e.name}: {e.module} {e.version}" for e in systems))
    print(f"load average {load[0][0]:.1f} before, {load[1][0]:.1f} after")
    for failure in results.failures:
        print(f"failed: {failure['measure']} of {failure['system']}: {failure['reason']}")


def main() -> int:
    args = parse()
    # So that the clean-up runs when somebody else ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    processes.become_subreaper()
    systems, missing = choose_systems(args)
    measures = [m for m in MEASURES if not args.only or m.name in args.only]
    runner = Runner(systems, args.quick)
    load = [os.getloadavg()]
    results = measure_all(args, measures, runner)
    load.append(os.getloadavg())
    entries = report.summary(results.values)
    show(entries, systems, results, load)
    document = {
        "machine": machine(), "load": load, "quick": args.quick, "left_out": missing,
        "versions": {e.name: f"{e.module} {e.version}" for e in systems},
        "sizes": sizes(measures, runner), "summary": entries, "values": results.values,
        "failures": results.failures, "micro": run_micro() if args.micro else [],
    }  # fmt: skip
    os.makedirs(os.path.dirname(args.json) or ".", exist_ok=True)
    with open(args.json, "w") as file:
        json.dump(document, file, indent=1)
    print(f"written to {os.path.relpath(args.json)}")
    # A missed bar is a finding; only a measurement that failed is an error.
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
