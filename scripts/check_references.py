"""Reference counts of compiled code: `make references`.

Debian's debug Python (python3-dbg) asserts that no count goes below zero, and knows the sum of all
counts. The runtime library is compiled for it, and so is what our compiler emits; then run

1. the tests of the compiler, under its assertions;
2. the doctests of each file of Cython's tests/run that `make conformance` found right, several times
   over: the sum of all counts must not grow from one time to the next.

Printed are the files that leak, with references per run; the exit status is 1 if there are any.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import conformance

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "debug-python"
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}-dbg"
TESTS = ["test_compile.py", "test_compiled_like_python.py", "test_compile_builtins.py",
         "test_compile_files.py", "test_compiled_builtins.py"]  # fmt: skip
# The first runs fill caches.
N_RUNS = 7
N_COUNTED = 3
# Their doctests append to a list of the module, or count on from run to run: the runtime keeps one
# reference to each int from -5 to 256 that it has met.
GROWS = {"temp_sideeffects_T654", "in_list_with_side_effects_T544"}


def ask_debug_python(expression: str) -> str:
    code = f"import sysconfig; print({expression})"
    return subprocess.run(
        [PYTHON, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def make_package() -> dict[str, str]:
    """The package for the debug Python; returns the environment to run it in."""
    if shutil.which(PYTHON) is None:
        script = str(ROOT / "scripts" / "apt_install.sh")
        version = PYTHON.removesuffix("-dbg")
        subprocess.run(["bash", script, PYTHON, f"lib{version}-dbg"], check=True)
    package = BUILD / "engineroom"
    shutil.rmtree(package, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "python" / "engineroom", package, ignore=ignored)
    shutil.copytree(ROOT / "src" / "runtime", package / "include" / "runtime")
    suffix = ask_debug_python("sysconfig.get_config_var('EXT_SUFFIX')")
    for module in ("_core", "_compiler"):
        built = next((ROOT / "build" / "release" / "python" / "engineroom").glob(f"{module}*.so"))
        shutil.copy(built, package / f"{module}{suffix}")
    include = ask_debug_python("sysconfig.get_path('include')")
    sources = sorted(map(str, (ROOT / "src" / "runtime").glob("*.cpp")))
    subprocess.run(
        ["g++", "-std=c++20", "-O1", "-g", "-shared", "-fPIC", "-fvisibility=hidden",
         "-I", str(ROOT / "src"), "-I", include, *sources,
         "-o", str(package / "libengineroom_runtime.so")],
        check=True,
    )  # fmt: skip
    path = [str(BUILD), str(ROOT / "scripts"), sysconfig.get_path("purelib")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "XDG_CACHE_HOME": str(BUILD / "cache"),
    }


def run_one(path: str) -> None:
    """In a process of its own, with the debug Python: prints the growth of each counted run."""
    import doctest
    import gc

    import engineroom as er

    file = Path(path)
    for level in ("3", "2"):
        try:
            module = er.compile_file(file, level=level)
            break
        except er.CompileError:
            continue
    else:
        return
    sys.modules[file.stem] = module
    tests = conformance.doctests_of(module, file.stem)
    sums = [0] * N_RUNS  # as long from the beginning: it counts itself
    for turn in range(N_RUNS):
        runner = doctest.DocTestRunner(verbose=False)
        for test in tests:
            runner.run(test, out=lambda text: None, clear_globs=False)
        runner = None
        gc.collect()
        sums[turn] = sys.gettotalrefcount()  # type: ignore[attr-defined]
    growth = [b - a for a, b in zip(sums, sums[1:], strict=False)]
    print("GROWTH " + json.dumps(growth[-N_COUNTED:]), flush=True)
    os._exit(0)


def growth_of(path: Path, environment: dict[str, str]) -> tuple[Path, list[int] | str]:
    try:
        done = subprocess.run(
            [PYTHON, __file__, "--one", str(path)], env=environment, cwd=path.parent,
            capture_output=True, text=True, errors="replace", timeout=120,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return path, "took longer than 120 s"
    found = re.search(r"^GROWTH (.*)$", done.stdout, re.MULTILINE)
    if found:
        return path, json.loads(found[1])
    if done.returncode == 0:
        return path, []  # this Python reads it otherwise
    return path, (done.stderr.strip().splitlines() or ["nothing said"])[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="Cython's sources, if they are here already")
    parser.add_argument("--one", help="one file, in this process")
    parser.add_argument("--only", default="", help="only files whose name matches this regex")
    args = parser.parse_args()
    if args.one:
        run_one(args.one)
        return 0
    environment = make_package()
    print("tests of the compiler, with Python's own assertions:", flush=True)
    tests = [str(ROOT / "tests" / name) for name in TESTS]
    tested = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], env=environment, cwd=ROOT
    )
    results = json.loads((conformance.WORK / "results.json").read_text())
    folder = (args.source or conformance.fetch()) / "tests" / "run"
    files = [folder / r["file"] for r in results if r["status"] == "ok" and "/" not in r["name"]]
    # NumPy is a release build, whose counts are not in the sum.
    files = [f for f in files if f.stem not in GROWS and not f.stem.startswith("numpy")]
    files = [file for file in files if re.search(args.only, file.stem)]
    leaks = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, growth in pool.map(lambda file: growth_of(file, environment), files):
            # What grows only now and then is a cache.
            if isinstance(growth, str) or (growth and min(growth) > 0):
                leaks += 1
                print(f"{path.name}: {growth}", flush=True)
    print(f"{len(files)} files of Cython's tests, {leaks} leak or fail")
    return 1 if leaks or tested.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
