"""Compiles modules of Python's standard library, and runs CPython's own tests on the result.

1. Every module of the library that is a file, and that CPython's tests name a file of tests for, is
   translated. What uses something not supported yet is counted, and left out.
2. Its tests run in a process of their own, once with the module as it is and once with ours in its
   place. A test that fails with ours alone is a difference; what is known to differ is below.

Printed are the modules, their tests, and the differences. Exits with 1 if one is not explained, or if
an explanation is not needed any more.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = Path(sysconfig.get_path("stdlib"))
# Seconds; the slowest test takes a tenth of it.
LIMIT = 300
# Test -> why it differs.
EXPLAINED = {
    "test.test_sndhdr.TestFormats.test_pickleable": "namedtuple() asks the frame that calls it for "
    "its module; compiled code has no frames, with Cython neither",
}
# Their tests are of something else that has their name, or run for minutes.
SKIPPED = {"antigravity", "this", "idlelib", "test", "turtle"}

# Run with: a module's name, the name of its tests, and whether it is to be compiled.
CHILD = """
import importlib, sys, unittest, warnings
warnings.simplefilter("ignore")
name, tests, is_compiled = sys.argv[1], sys.argv[2], sys.argv[3] == "compiled"
if is_compiled:
    import engineroom as er
    plain = importlib.import_module(name)
    module = er.compile_file(plain.__file__, name)
    for attribute in ("__spec__", "__loader__", "__package__"):
        setattr(module, attribute, getattr(plain, attribute))
    sys.modules[name] = module
    if name == "posixpath":
        import os
        os.path = sys.modules["os.path"] = module
suite = unittest.defaultTestLoader.loadTestsFromName(tests)
result = unittest.TextTestRunner(stream=open("/dev/null", "w")).run(suite)
print("RAN", result.testsRun)
for test, _ in result.failures + result.errors:
    print("FAILED", test.id())
"""


def modules() -> list[str]:
    """Those that have tests of their name."""
    names = sorted(path.stem for path in LIBRARY.glob("*.py"))
    tests = LIBRARY / "test"
    return [
        name
        for name in names
        if name not in SKIPPED
        and ((tests / f"test_{name}.py").is_file() or (tests / f"test_{name}").is_dir())
    ]


def refusal(name: str) -> str:
    """Why it cannot be compiled; empty if it can."""
    import engineroom as er

    path = LIBRARY / f"{name}.py"
    try:
        er.explain(path.read_text(encoding="utf-8"), "c++", file=str(path))
    except er.CompileError as error:
        first = next(d for d in error.diagnostics if d.severity == "error")
        return f"line {first.line}: {first.message}"
    return ""


def outcome(name: str, how: str) -> tuple[int, set[str]]:
    """How many tests ran, and which failed."""
    command = [sys.executable, "-P", "-c", CHILD, name, f"test.test_{name}", how]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return 0, {f"test.test_{name}: no end after {LIMIT} s"}
    lines = done.stdout.splitlines()
    failed = {line.split()[1] for line in lines if line.startswith("FAILED ")}
    ran = [int(line.split()[1]) for line in lines if line.startswith("RAN ")]
    if not ran:
        failed.add(f"test.test_{name}: ended with {done.returncode}: {done.stderr[-300:]}")
    return sum(ran), failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="modules; default: all that can be compiled")
    options = parser.parse_args()
    if importlib.util.find_spec("test.test_bisect") is None:
        # Debian packs them apart from Python.
        package = f"libpython{sys.version_info[0]}.{sys.version_info[1]}-testsuite"
        subprocess.run(["bash", str(ROOT / "scripts" / "apt_install.sh"), package], check=True)
    candidates = options.names or modules()
    refusals = {name: refusal(name) for name in candidates}
    names = [name for name in candidates if not refusals[name]]
    with ThreadPoolExecutor(2) as pool:
        plain = list(pool.map(lambda name: outcome(name, "plain"), names))
        compiled = list(pool.map(lambda name: outcome(name, "compiled"), names))
    unexplained = []
    needed = set()
    for name, (_, failed_before), (n, failed) in zip(names, plain, compiled, strict=True):
        different = failed - failed_before
        needed |= different & EXPLAINED.keys()
        unexplained += sorted(different - EXPLAINED.keys())
        print(f"{name:16} {n:5} tests, {len(different)} different")
    print(
        f"{len(names)} of {len(candidates)} modules that have tests can be compiled; "
        f"{sum(n for n, _ in compiled)} tests, {len(needed)} explained and "
        f"{len(unexplained)} unexplained differences"
    )
    if options.names:
        for name in set(candidates) - set(names):
            print(f"{name}: {refusals[name]}")
    for test in unexplained:
        print(f"differs: {test}")
    stale = [] if options.names else sorted(EXPLAINED.keys() - needed)
    for test in stale:
        print(f"explained, but does not differ: {test}")
    return 1 if unexplained or stale else 0


if __name__ == "__main__":
    sys.exit(main())
