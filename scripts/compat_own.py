"""The column of `scripts/compat.py` in which everything is ours: client, controller and engines.

The tree of this column has ipyparallel's `tests` folder as it is, and in place of the package
`compat_alias.py`, which makes `import ipyparallel` give engineroom. Interpreter and packages are
those engineroom is installed in; only pytest's plug-ins are added.

`compat_reasons.toml` says of every test that cannot pass why, under one of these heads:

  private   it asks for what stock has behind its public interface: an attribute with an underscore,
            a function patched inside a module, classes of its controller. These are not counted.
  left_out  private too, and not even run, because it breaks the tests after it.
  differs   it asks for what we do otherwise, or not at all. These are counted as failures.

A failure without a reason is an error, and so is a reason whose test passes: the table stays true.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REASONS = HERE / "compat_reasons.toml"
# Of the tests that ask for nothing private.
BAR = 0.95

# `python -m ipyparallel.X` is this command of ours.
PROGRAMS = {"cluster": [], "controller": ["controller"], "engine": ["engine"]}
MAIN = """\
import sys

from engineroom.cli import main

sys.exit(main({command!r} + sys.argv[1:]))
"""


def make_tree(tree: Path, stock_package: Path) -> None:
    package = tree / "ipyparallel"
    shutil.rmtree(tree, ignore_errors=True)
    package.mkdir(parents=True)
    shutil.copytree(stock_package / "tests", package / "tests")
    shutil.copy(HERE / "compat_alias.py", package / "__init__.py")
    for name, command in PROGRAMS.items():
        (package / name).mkdir()
        (package / name / "__main__.py").write_text(MAIN.format(command=command))


def plugins(scratch: Path) -> Path:
    """A folder with the plug-ins of pytest that the suite wants."""
    folder = scratch / "plugins"
    if not (folder / "pytest_asyncio").exists():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run(
            [*pip, "--no-deps", "--target", str(folder), "pytest-asyncio", "testpath"], check=True
        )
    return folder


def environment(tree: Path, scratch: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(tree), str(plugins(scratch))])}


@dataclass
class Reason:
    test: str  # file::test, as fnmatch
    kind: str
    text: str
    used: bool = False


def read_table() -> dict[str, dict[str, str]]:
    with REASONS.open("rb") as file:
        return tomllib.load(file)


def left_out(name: str) -> list[str]:
    """Arguments for pytest: the tests of a file that it is not to run."""
    tests = [test.partition("::") for test in read_table().get("left_out", {})]
    return [
        f"--deselect=ipyparallel/tests/{name}.py::{test}" for file, _, test in tests if file == name
    ]


def read_reasons() -> list[Reason]:
    table = read_table()
    return [
        Reason(test, kind, text)
        for kind in ("private", "differs")
        for test, text in table.get(kind, {}).items()
    ]


def judge(results: dict[str, dict[str, str]], notes: dict[str, str], whole: bool) -> int:
    """Prints what became of each file's tests (test → outcome); returns the number of problems.

    The bar is only for the whole suite.
    """
    reasons = read_reasons()
    counts = {"passed": 0, "differs": 0, "private": 0, "skipped": 0, "unexplained": 0}
    problems = 0
    for name, note in notes.items():
        print(f"engineroom: {name}: {note}")
        problems += 1
    for name, outcomes in results.items():
        for test, outcome in sorted(outcomes.items()):
            full = f"{name}::{test}"
            # Brackets of parameters are no pattern.
            found = [r for r in reasons if fnmatch.fnmatchcase(full, r.test.replace("[", "[[]"))]
            for reason in found:
                reason.used = reason.used or outcome == "failed"
            if outcome == "failed" and found:
                counts[found[0].kind] += 1
                print(f"engineroom: {full}: {found[0].kind}: {found[0].text}")
            elif outcome == "failed":
                counts["unexplained"] += 1
                problems += 1
                print(f"engineroom: {full}: failed, and no reason is given")
            else:
                counts[outcome] += 1
    for reason in reasons:
        if not reason.used and reason.test.split("::")[0] in results:
            print(f"engineroom: {reason.test}: does not fail; remove its reason")
            problems += 1
    counted = counts["passed"] + counts["differs"] + counts["unexplained"]
    share = counts["passed"] / counted if counted else 0.0
    print(
        f"engineroom: {counts['passed']} of {counted} passed ({share:.1%}; the bar is {BAR:.0%});"
        f" {counts['differs']} differ, {counts['unexplained']} unexplained;"
        f" not counted: {counts['private']} private, {counts['skipped']} skipped"
    )
    return problems + (whole and share < BAR)
