#!/usr/bin/env python3
"""Runs stock ipyparallel's own test suite on our programs, beside stock in the same run.

Nobody here wrote those tests, which is what makes them worth running. The package comes from PyPI
into `build/compat`; nothing of it is committed. Columns:

  stock       its client, controller and engines: the baseline of this machine, now
  controller  its client and engines on engineroom-controller
  engines     its client on engineroom-controller and engineroom-engine
  engineroom  all ours: its tests with `engineroom` imported in place of `ipyparallel`

The first three are copies of the package tree in which only `controller/__main__.py` (and
`engine/__main__.py`) is replaced by a stub that executes our program, which catches every way in
which the suite starts one. The last is described in `scripts/compat_own.py`. Afterwards a few basic
operations are tried across the border both ways (`scripts/compat_cross.py`).

    scripts/compat.py                       # everything: about half an hour
    scripts/compat.py --only test_view --column controller

Exit status 1 if a test fails that passes with stock, unless EXPECTED says why; in the last column,
if one fails that `scripts/compat_reasons.toml` does not explain, or if fewer than 95 % of those pass
that ask for nothing private.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import compat_own
import compat_sites

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / "build" / "compat"
STOCK = "9.2.0"
OUR_BIN = Path(sys.executable).parent

# Columns, by file. Our engines are asked for what talks to engines; in the last column there is
# everything, also what only looks at the package.
FILES = {
    "test_view": "stock controller engines engineroom",
    "test_view_broadcast": "stock controller engines engineroom",
    "test_lbview": "stock controller engines engineroom",
    "test_asyncresult": "stock controller engines engineroom",
    "test_client": "stock controller engineroom",
    "test_dependency": "stock controller engineroom",
    "test_executor": "stock controller engineroom",
    "test_remotefunction": "stock controller engineroom",
    "test_joblib": "stock controller engineroom",
    "test_magics": "stock controller engines engineroom",
    "test_label": "stock controller engineroom",
    "test_cluster": "stock controller engineroom",
    "test_mpi": "stock controller engineroom",
    "test_slurm": "stock engineroom",
    "test_ssh": "stock engineroom",
    "test_apps": "stock engineroom",
    "test_launcher": "stock engineroom",
    "test_shellcmd": "stock engineroom",
    "test_db": "stock engineroom",
    "test_mongodb": "stock engineroom",
    "test_async": "stock engineroom",
    "test_canning": "stock engineroom",
    "test_serialize": "stock engineroom",
    "test_util": "stock engineroom",
}
COLUMNS = ["stock", "controller", "engines", "engineroom"]

# Tests that may fail on ours, each with its reason. The patterns match "file::test".
EXPECTED = [
    (r"test_client::.*become_(dask|distributed)", "asks for become_dask_request"),
]

STUB = """\
# Written by scripts/compat.py: starts our program in place of the stock one.
import os
import sys

arguments = sys.argv[1:]
if "--version" in arguments:
    import ipyparallel

    print(ipyparallel.__version__)
    raise SystemExit(0)
{environment}
os.execv({program!r}, [{program!r}, *{more!r}, *arguments])
"""

# A file of the suite that takes longer than this hangs: the longest takes about two minutes.
FILE_LIMIT_S = 600
PYTEST_INI = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
# Open MPI refuses to run as root, which is what a container's user is, and more processes than there
# are cores, unless told to.
MPI_ANYWHERE = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


def run(command: list[object], **options: object) -> None:
    subprocess.run([str(word) for word in command], check=True, **options)


def make_environment() -> Path:
    """The scratch environment with stock ipyparallel; returns its python."""
    python = SCRATCH / "venv" / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", SCRATCH / "venv"])
    have = subprocess.run(
        [python, "-c", "import ipyparallel, joblib, mpi4py, numpy; print(ipyparallel.__version__)"],
        capture_output=True,
        text=True,
    )
    if have.stdout.strip() != STOCK:
        print(f"installing ipyparallel {STOCK} from PyPI ...", flush=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run([*pip, f"ipyparallel[test]=={STOCK}", "numpy", "joblib", "cloudpickle", "mpi4py"])
    return python


def site_packages(python: Path) -> Path:
    found = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(found.stdout.strip())


def make_tree(column: str, python: Path) -> Path:
    """A fresh copy of the stock package in which `column`'s programs are ours."""
    site = site_packages(python)
    tree = SCRATCH / f"tree-{column}"
    if column == "engineroom":
        compat_own.make_tree(tree, site / "ipyparallel")
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    shutil.copytree(site / "ipyparallel", tree / "ipyparallel")
    # Launchers are found by entry points: the distribution's metadata has to be beside the package.
    for info in site.glob("ipyparallel-*.dist-info"):
        shutil.copytree(info, tree / info.name)
    if column != "stock":
        controller = OUR_BIN / "engineroom-controller"
        stub = STUB.format(program=str(controller), environment="", more=[])
        (tree / "ipyparallel/controller/__main__.py").write_text(stub)
    if column == "engines":
        # Tasks of a stock client name ipyparallel modules, which our engine has to import.
        paths = os.pathsep.join([str(tree), str(site)])
        stub = STUB.format(
            program=str(OUR_BIN / "engineroom-engine"),
            environment=f"os.environ['PYTHONPATH'] = {paths!r}",
            # What stock engines have imported when they register: some tests measure the time.
            more=["--preload=ipyparallel"],
        )
        (tree / "ipyparallel/engine/__main__.py").write_text(stub)
    return tree


class Outcome(dict):
    """Test name → passed, failed or skipped; with the first line of why."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[str, str] = {}
        self.note = ""

    def count(self, what: str) -> int:
        return sum(result == what for result in self.values())


def run_file(name: str, column: str, tree: Path, python: Path) -> Outcome:
    report = tree / f"{name}.xml"
    log = tree / f"{name}.log"
    environment = dict(os.environ, PYTHONPATH=str(tree), IPP_NONINTERACTIVE="1", **MPI_ANYWHERE)
    environment.pop("VIRTUAL_ENV", None)
    if column == "engineroom":
        python = Path(sys.executable)
        environment.update(compat_own.environment(tree, SCRATCH))
    command = [python, "-m", "pytest", "-p", "no:cacheprovider"]
    # Not this repository's settings, in whose folder the tree is.
    (tree / "pytest.ini").write_text(PYTEST_INI)
    command += [f"--junitxml={report}", f"ipyparallel/tests/{name}.py"]
    if column == "engineroom":
        command += compat_own.left_out(name)
    with (
        tempfile.TemporaryDirectory() as home,
        log.open("w") as output,
        compat_sites.site_for(name) as site,
    ):
        environment.update(site, IPYTHONDIR=home)
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        note = ""
        try:
            process.wait(FILE_LIMIT_S)
        except subprocess.TimeoutExpired:
            note = f"stopped after {FILE_LIMIT_S} s"
        end_session(process.pid)
        process.wait()
    outcome = read_report(report)
    outcome.note = note or ("" if report.exists() else f"no report, see {log}")
    return outcome


def end_session(session: int) -> None:
    """Kills what the test run left behind: its session, and what works in a column's tree."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
            directory = os.readlink(entry / "cwd")
        except OSError:
            continue
        fields = stat[stat.rindex(")") + 2 :].split()
        if int(fields[3]) == session or directory.startswith(str(SCRATCH / "tree-")):
            try:
                os.kill(int(entry.name), signal.SIGKILL)
            except ProcessLookupError:
                pass


def read_report(report: Path) -> Outcome:
    outcome = Outcome()
    if not report.exists():
        return outcome
    for case in ElementTree.parse(report).iter("testcase"):
        place = case.get("classname", "").split(".")[-1]
        if place and not place.startswith("test_"):
            name = f"{place}::{case.get('name')}"
        else:
            # A function; or a whole file that could not be imported.
            name = case.get("name") if place else "collection"
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        if problem is not None:
            outcome[name] = "failed"
            outcome.reasons[name] = (problem.get("message") or "").split("\n")[0][:150]
        elif case.find("skipped") is not None:
            # pytest reports expected failures (xfail) as skipped as well.
            outcome.setdefault(name, "skipped")
        else:
            outcome.setdefault(name, "passed")
    return outcome


def expected(test: str) -> str | None:
    for pattern, reason in EXPECTED:
        if re.search(pattern, test):
            return reason
    return None


def print_table(results: dict[str, dict[str, Outcome]], columns: list[str]) -> None:
    print(f"\n{'passed / failed / skipped':22}" + "".join(f"{column:>20}" for column in columns))
    totals = {column: [0, 0, 0] for column in columns}
    for name, row in results.items():
        line = f"{name:22}"
        for column in columns:
            if column not in row:
                line += f"{'-':>20}"
                continue
            counts = [row[column].count(what) for what in ("passed", "failed", "skipped")]
            totals[column] = [a + b for a, b in zip(totals[column], counts, strict=True)]
            line += f"{' / '.join(map(str, counts)):>20}"
        print(line)
    print(f"{'total':22}" + "".join(f"{' / '.join(map(str, totals[c])):>20}" for c in columns))


def report_differences(results: dict[str, dict[str, Outcome]], columns: list[str]) -> int:
    """Names every test whose result differs from stock's; returns how many fail unexpectedly."""
    unexpected = 0
    for name, row in results.items():
        stock = row.get("stock", Outcome())
        for column in columns:
            if column in ("stock", "engineroom") or column not in row:
                continue
            ours = row[column]
            if ours.note:
                print(f"{column}: {name}: {ours.note}")
                unexpected += 1
            for test in sorted(set(stock) | set(ours)):
                before, now = stock.get(test, "absent"), ours.get(test, "absent")
                if before == now or (before == "absent" and now != "failed"):
                    continue
                reason = expected(f"{name}::{test}") if now == "failed" else None
                verdict = f"expected: {reason}" if reason else ours.reasons.get(test, "")
                print(f"{column}: {name}::{test}: stock {before}, ours {now}  {verdict}")
                lost = before == "passed" and now in ("failed", "absent")
                fails_alone = now == "failed" and "stock" not in row
                unexpected += (lost or fails_alone) and not reason
    return unexpected


def cross_check(python: Path) -> int:
    """Every mixture of stock and our programs; returns the number of failed operations."""
    print("\nacross the border:", flush=True)
    script = ROOT / "scripts" / "compat_cross.py"
    environment = dict(os.environ, STOCK_PYTHON=str(python), STOCK_SITE=str(site_packages(python)))
    return subprocess.run([sys.executable, str(script)], env=environment).returncode


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--only", action="append", choices=list(FILES), help="only this file (repeatable)"
    )
    parser.add_argument(
        "--column", action="append", choices=COLUMNS, help="only this column (repeatable)"
    )
    parser.add_argument("--no-cross", action="store_true", help="leave out the cross check")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    files = arguments.only or list(FILES)
    columns = [column for column in COLUMNS if column in (arguments.column or COLUMNS)]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    python = make_environment()
    results: dict[str, dict[str, Outcome]] = {name: {} for name in files}
    for column in columns:
        tree = make_tree(column, python)
        for name in files:
            if column not in FILES[name].split() and not (arguments.only and arguments.column):
                continue
            began = time.monotonic()
            outcome = run_file(name, column, tree, python)
            results[name][column] = outcome
            counts = ", ".join(f"{outcome.count(w)} {w}" for w in ("passed", "failed", "skipped"))
            print(
                f"{column:10} {name:22} {counts} ({time.monotonic() - began:.0f} s) {outcome.note}",
                flush=True,
            )
    print_table(results, columns)
    print()
    unexpected = report_differences(results, columns)
    if "engineroom" in columns:
        own = {name: row["engineroom"] for name, row in results.items() if "engineroom" in row}
        notes = {name: outcome.note for name, outcome in own.items() if outcome.note}
        # A part of the suite says nothing about the bar.
        unexpected += compat_own.judge(own, notes, whole=not arguments.only)
    if not arguments.no_cross:
        unexpected += cross_check(python)
    print(f"\n{unexpected} unexpected differences")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
