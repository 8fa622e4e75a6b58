#!/usr/bin/env python3
"""Runs joblib's and scikit-learn's own tests of parallel work on our backend, beside joblib's own.

Nobody here wrote those tests, which is what makes them worth running. Both packages come from PyPI
into `build/joblib`; nothing of them is committed. Columns:

  loky        joblib as it is, on processes of its own: the baseline of this machine, now
  engineroom  our backend in loky's place (scripts/joblib_place), on a cluster of four engines

Counted are the tests in which our backend was used: those of threads, pickles and what else there
is say nothing of it.

    scripts/joblib_tests.py                          # everything: 20 minutes on two busy cores
    scripts/joblib_tests.py --only test_parallel -k generator

Exit status 1 if a test does worse with ours than with loky, unless `scripts/joblib_reasons.toml` says
why, or if what is explained there does not.
"""

from __future__ import annotations

import argparse
import ast
import os
import secrets
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

from compat import Outcome

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build" / "joblib"
PLACE = ROOT / "scripts" / "joblib_place"
REASONS = ROOT / "scripts" / "joblib_reasons.toml"
# What they need besides is in .venv.
PACKAGES = ["joblib==1.6.0", "scikit-learn==1.9.1", "threadpoolctl==3.8.0", "narwhals==2.29.0"]
ENGINES = 4
TEST_LIMIT_S = 120
ROW_LIMIT_S = 1800
# Of joblib: all of these files. Of scikit-learn: every test that says how many jobs it wants.
JOBLIB = ("test_parallel", "test_config", "test_memmapping", "test_memory")
MANY_JOBS = ("n_jobs", "parallel_config", "parallel_backend")
COLUMNS = ("loky", "engineroom")


@dataclass
class Results:
    """Of one row, by column; and the tests that our backend was used in, as pytest calls them."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)  # by their names in the outcomes


def install() -> None:
    versions = SITE / "versions.txt"
    wanted = "\n".join(PACKAGES)
    if versions.exists() and versions.read_text() == wanted:
        return
    print(f"installing {', '.join(PACKAGES)} from PyPI ...", flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command = [*pip, "--no-deps", "--upgrade", "--target", str(SITE), *PACKAGES]
    subprocess.run(command, check=True)
    # Not this repository's settings, in whose folder they are.
    (SITE / "pytest.ini").write_text("[pytest]\n")
    versions.write_text(wanted)


def start_cluster(folder: str) -> tuple[object, str]:
    """A cluster whose engines have the same joblib, and the connection file of its clients."""
    import engineroom

    os.environ["PYTHONPATH"] = str(SITE)
    cluster = engineroom.Cluster(n=ENGINES, profile_dir=folder)
    client = cluster.start_and_connect_sync()
    return cluster, client


def share_authkey(client: object) -> str:
    """Proxies of a multiprocessing.Manager only work among processes with one key, as loky's have."""
    key = secrets.token_hex()

    def set_key(key: str) -> None:
        import multiprocessing

        multiprocessing.current_process().authkey = key.encode()

    client[:].apply_sync(set_key, key)
    return key


def rows(only: str) -> dict[str, list[str]]:
    """What pytest is given, for each row of the table."""
    table = {f"joblib/{name}": [f"joblib/test/{name}.py"] for name in JOBLIB}
    for path in sorted((SITE / "sklearn").rglob("test_*.py")):
        nodes = [f"{path.relative_to(SITE)}::{name}" for name in tests_of_many_jobs(path)]
        table.setdefault("sklearn", []).extend(nodes)
    return {name: words for name, words in table.items() if only in name}


def tests_of_many_jobs(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if not any(word in text for word in MANY_JOBS):
        return []
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    tests = [function for function in functions if function.name.startswith("test")]
    return [test.name for test in tests if any(w in ast.unparse(test) for w in MANY_JOBS)]


def run_column(row: str, column: str, words: list[str], environment: dict[str, str]) -> Outcome:
    name = f"{row.replace('/', '.')}-{column}"
    report, log = SITE / f"{name}.xml", SITE / f"{name}.log"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "pytest.ini", "-q"]
    command += [f"--timeout={TEST_LIMIT_S}", f"--junitxml={report}", *words]
    note = ""
    with log.open("w") as output:
        try:
            subprocess.run(
                command,
                cwd=SITE,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=ROW_LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            note = f"stopped after {ROW_LIMIT_S} s"
    outcome = read_outcome(report)
    outcome.note = note or ("" if report.exists() else f"no report, see {log}")
    return outcome


def read_outcome(report: Path) -> Outcome:
    """By "folder.file::name": of several files two may have a test of one name."""
    outcome = Outcome()
    if not report.exists():
        return outcome
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        if problem is not None:
            outcome[name] = "failed"
            outcome.reasons[name] = (problem.get("message") or "").split("\n")[0][:150]
        else:
            outcome.setdefault(name, "passed" if case.find("skipped") is None else "skipped")
    return outcome


def report_name(node: str) -> str:
    """What pytest's report calls the test "folder/file.py::Class::name[parameters]"."""
    path, bracket, parameters = node.partition("[")
    file, *names = path.split("::")
    module = file.removesuffix(".py").replace("/", ".")
    return f"{'.'.join([module, *names[:-1]])}::{names[-1]}{bracket}{parameters}"


def run_both(row: str, words: list[str], keyword: str, place: dict[str, str]) -> Results:
    """First ours, all of it; then loky, what was ours."""
    used_file = Path(place["JOBLIB_PLACE_USED_FILE"])
    used_file.write_text("")
    only = ["-k", keyword] if keyword else []
    path = os.pathsep.join([str(PLACE), str(SITE)])
    ours = run_column(row, "engineroom", [*only, *words], {**place, "PYTHONPATH": path})
    nodes = sorted(filter(None, set(used_file.read_text().splitlines())))
    used = {report_name(node): node for node in nodes}
    results = Results({"engineroom": ours}, used)
    if used:
        results.outcomes["loky"] = run_column(row, "loky", nodes, {"PYTHONPATH": str(SITE)})
    return results


def count(outcome: Outcome | None, used: dict[str, str]) -> str:
    """passed / failed / skipped, of the tests that count."""
    if outcome is None:
        return "-"
    kinds = [outcome.get(test, "absent") for test in used]
    return " / ".join(str(kinds.count(kind)) for kind in ("passed", "failed", "skipped"))


def explains(key: str, test: str) -> bool:
    """A key is a test with its parameters, without (then of all), or the beginning of one and *."""
    if key.endswith("*"):
        return test.startswith(key[:-1])
    return key in (test, test.partition("[")[0])


def short_name(test: str) -> str:
    """ "file::name" of "folder.file::name"."""
    module, _, name = test.partition("::")
    return f"{module.rpartition('.')[2]}::{name}"


def judge(table: dict[str, Results], reasons: dict[str, str], is_whole: bool) -> int:
    """Prints the differences; returns how many problems there are."""
    problems = 0
    needed = set()
    for row, results in table.items():
        ours, loky = results.outcomes["engineroom"], results.outcomes.get("loky", Outcome())
        for column, outcome in results.outcomes.items():
            if outcome.note:
                problems += 1
                print(f"{row}: {column}: {outcome.note}")
        for test in sorted(results.used):
            mine, theirs = ours.get(test, "absent"), loky.get(test, "absent")
            if mine == theirs:
                continue
            if mine == "passed":
                print(f"{test}: ours {mine}, loky {theirs}")
                continue
            keys = [key for key in reasons if explains(key, short_name(test))]
            needed.update(keys)
            problems += not keys
            why = reasons[keys[0]] if keys else f"NO REASON: {ours.reasons.get(test, mine)}"
            print(f"{test}: {mine}: {why}")
    for key in reasons.keys() - needed if is_whole else ():
        problems += 1
        print(f"{key}: does as with loky, or is not there; remove its reason")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    parser.add_argument("-k", default="", dest="keyword", help="tests, as for pytest")
    options = parser.parse_args()
    install()
    table = {}
    with tempfile.TemporaryDirectory() as folder:
        cluster, client = start_cluster(folder)
        place = {
            "JOBLIB_PLACE_CONNECTION_FILE": cluster.controller.connection_files["client"],
            "JOBLIB_PLACE_USED_FILE": f"{folder}/used",
            "JOBLIB_PLACE_AUTHKEY": share_authkey(client),
        }
        try:
            for row, words in rows(options.only).items():
                results = table[row] = run_both(row, words, options.keyword, place)
                counts = [count(results.outcomes.get(c), results.used) for c in COLUMNS]
                print(f"{row:24}" + "".join(f"{text:>18}" for text in counts), flush=True)
        finally:
            client.close()
            cluster.stop_cluster_sync()
    with REASONS.open("rb") as reasons_file:
        reasons = tomllib.load(reasons_file)
    problems = judge(table, reasons, is_whole=not (options.only or options.keyword))
    print_totals(table)
    return 1 if problems else 0


def print_totals(table: dict[str, Results]) -> None:
    for package in ("joblib", "sklearn"):
        chosen = [results for row, results in table.items() if row.startswith(package)]
        total = sum(len(results.used) for results in chosen)
        for column in COLUMNS:
            passed = sum(
                results.outcomes.get(column, Outcome()).get(test) == "passed"
                for results in chosen
                for test in results.used
            )
            print(f"{package}: {column}: {passed} of {total} passed")


if __name__ == "__main__":
    sys.exit(main())
