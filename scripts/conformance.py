"""Cython's own tests against our compiler: `make conformance`.

Cython's source distribution is fetched from PyPI into build/conformance (or given by --source), and
each file of its tests/run is compiled by er.compile_file in a process of its own, with a time limit.
Then its doctests run. Printed are files and passing examples per ring, and why the others do not
pass; build/conformance/results.json has every file. Afterwards tests/errors: see error_agreement.py.

A file counts as "unsupported" if the compiler says so in as many words, as "wrong" if examples
fail, and as "crash" or "hang" if its process ends that way. Examples that fail on purpose are
explained in conformance_deviations.py, and printed apart.

With --on-disk each file is also built by g++ (or --compiler) and imported, and what it does then is
compared with what it does in the process: `make conformance-on-disk`.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import doctest
import importlib.util
import inspect
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import types
from pathlib import Path

import conformance_deviations as deviations
import error_agreement
from conformance_rings import RINGS, TOPICS, topics_of

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "conformance"
CYTHON = "cython==3.3.*"
SECONDS = 60

# Tests of what no other compiler has: other tools, other builds.
SKIPPED_TAGS = {"pythran", "ipython", "gdb", "coverage", "pstats", "trace", "limited-api",
                "subinterpreters"}  # fmt: skip
# Right on disk alone: only what is imported has a loader.
ONLY_ON_DISK = {"mod__spec__.pyx"}
SKIPPED_FILES = {"extsubscript", "carray_iteration", "msvc_strings"}  # generated giants


def tags_of(path: Path) -> dict[str, list[str]]:
    """What the first comment block says: "# mode: run", "# tag: cpp, numpy"."""
    tags: dict[str, list[str]] = collections.defaultdict(list)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip() and not line.startswith("#"):
            break
        found = re.match(r"#\s*(\w+)\s*:\s*(.+)", line)
        if found:
            tags[found[1]] += [value.strip() for value in found[2].split(",")]
    return tags


def module_on_disk(file: Path, level: str, compiler: str) -> types.ModuleType:
    """Optimization, which takes most of the time, is left out."""
    import engineroom as er

    with tempfile.TemporaryDirectory(prefix="engineroom-") as folder:
        target = er.build(file, name=file.stem, level=level, output=f"{folder}/{file.stem}.so",
                          compiler=compiler, optimization=0)  # fmt: skip
        spec = importlib.util.spec_from_file_location(file.stem, target)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def run_one(path: str, level: str, compiler: str) -> None:
    """In a process of its own: compiles a file, runs its doctests, prints one line of JSON.
    compiler: builds it; "": it is compiled in the process."""
    import unittest

    import engineroom as er

    def report(status: str, **more: object) -> None:
        print("RESULT " + json.dumps({"status": status, **more}), flush=True)
        os._exit(0)

    file = Path(path)
    try:
        if compiler:
            module = module_on_disk(file, level, compiler)
        else:
            module = er.compile_file(file, level=level)
    except er.CompileError as error:
        unsupported = any("not supported yet" in d.message for d in error.diagnostics)
        why = error.diagnostics[0].message
        report("unsupported" if unsupported else "rejected", why=why)
    except Exception as error:
        report("import", why=f"{type(error).__name__}: {error}")
    sys.modules[file.stem] = module
    if file.stem.startswith("test_"):
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
        outcome = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
        bad = len(outcome.failures) + len(outcome.errors)
        report("ok" if not bad else "wrong", tried=outcome.testsRun, failed=bad)
    runner = Runner(file.stem)
    for test in doctests_of(module, file.stem):
        runner.run(test, out=lambda text: None)
    report("ok" if not runner.bad else "wrong", tried=runner.tries, failed=len(runner.bad),
           why=", ".join(dict.fromkeys(runner.bad[:3])), deviating=runner.deviating,
           stale=deviations.stale(file.stem, (rule for _, rule in runner.deviating)))  # fmt: skip


class Runner(doctest.DocTestRunner):
    """Tells failures that are explained from others."""

    def __init__(self, file: str) -> None:
        super().__init__(verbose=False)
        self.file = file
        self.bad: list[str] = []  # names of tests
        self.deviating: list[tuple[str, int]] = []  # example, rule

    def judge(self, test: doctest.DocTest, example: doctest.Example, got: str) -> None:
        want = example.want or example.exc_msg or ""
        rule = deviations.explain(self.file, example.source, want, got)
        if rule is None:
            self.bad.append(test.name)
        else:
            self.deviating.append((example.source.strip(), rule))

    def report_failure(self, out, test, example, got):  # type: ignore[no-untyped-def]
        self.judge(test, example, got)

    def report_unexpected_exception(self, out, test, example, exc_info):  # type: ignore[no-untyped-def]
        self.judge(test, example, f"{exc_info[0].__name__}: {exc_info[1]}")


def doctests_of(module: types.ModuleType, name: str) -> list[doctest.DocTest]:
    """With those of compiled functions, which doctest does not know. Once per process."""
    is_function = inspect.isfunction
    inspect.isfunction = lambda o: is_function(o) or type(o).__name__ == "cython_function_or_method"
    return doctest.DocTestFinder().find(module, name)


def judge(path: Path, compiler: str = "") -> dict[str, object]:
    """At level 3, then at level 2 if that was not all right; the better result counts."""
    tags = tags_of(path)
    bugs = (path.parent.parent / "bugs.txt").read_text()  # wrong with Cython too
    theirs = re.sub(r"#.*", "", bugs).split()
    if set(tags["tag"]) & SKIPPED_TAGS or path.stem in {*SKIPPED_FILES, *theirs}:
        return {"file": path.name, "status": "skipped"}
    first = run_at(path, "3", compiler)
    if first["status"] in {"ok", "crash", "hang"}:
        return first
    second = run_at(path, "2", compiler)
    return second if rank(second) >= rank(first) else first


def rank(result: dict[str, object]) -> tuple[int, int]:
    order = ["crash", "hang", "rejected", "import", "unsupported", "wrong", "ok"]
    return order.index(str(result["status"])), -int(str(result.get("failed", 0)))


def run_at(path: Path, level: str, compiler: str) -> dict[str, object]:
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(path), "--level", level,
             "--compiler", compiler],
            capture_output=True, text=True, timeout=SECONDS, cwd=path.parent, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"file": path.name, "status": "hang", "why": f"{SECONDS} s"}
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return {"file": path.name, **json.loads(line.removeprefix("RESULT "))}
    why = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
    return {"file": path.name, "status": "crash", "why": f"exit {done.returncode}: {why}"}


def fetch() -> Path:
    """The folder of Cython's sources."""
    found = sorted(WORK.glob("cython-*/tests/run"))
    if not found:
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps",
             "--no-binary", "cython", "-d", str(WORK), CYTHON],
            check=True,
        )  # fmt: skip
        archive = sorted(WORK.glob("cython-*.tar.gz"))[-1]
        with tarfile.open(archive) as tar:
            tar.extractall(WORK, filter="data")
        found = sorted(WORK.glob("cython-*/tests/run"))
    return found[-1].parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="Cython's sources, if they are here already")
    parser.add_argument("--one", help="run one file, and print its result")
    parser.add_argument("--level", default="3", help="the language level of --one")
    parser.add_argument("--only", default="", help="only files whose name matches this regex")
    parser.add_argument("--errors", action="store_true", help="only tests/errors")
    parser.add_argument("--one-error", help="translate one file, and print its error lines")
    parser.add_argument("--on-disk", action="store_true", help="compare with modules on disk")
    parser.add_argument("--compiler", default="", help="what builds those (default g++)")
    parser.add_argument("--ring", type=int, choices=range(1, 5), help="only the files of one ring")
    args = parser.parse_args()
    if args.one:
        return run_one(args.one, args.level, args.compiler)
    if args.one_error:
        return error_agreement.translate_one(args.one_error, args.level)
    source = args.source or fetch()
    if args.on_disk:
        return compare_on_disk(files_of(source, args.only, args.ring), args.compiler or "g++")
    if not args.errors:
        run_all(files_of(source, args.only, args.ring))
    compare_errors(source / "tests" / "errors", args.only)


def compare_errors(tests: Path, only: str) -> None:
    files = [f for f in sorted(tests.iterdir()) if f.suffix in {".pyx", ".py"}]
    files = [f for f in files if re.search(only, f.stem)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        compared = list(pool.map(lambda f: error_agreement.compare(f, __file__), files))
    agreements = [a for a in compared if a is not None]
    WORK.mkdir(parents=True, exist_ok=True)
    rows = [{"file": a.name, "missed": {n: a.theirs[n] for n in a.missed},
             "extra": {n: a.ours[n] for n in a.extra}} for a in agreements]  # fmt: skip
    (WORK / "errors.json").write_text(json.dumps(rows, indent=1))
    error_agreement.show(agreements)


def name_of(file: Path) -> str:
    """As in RINGS."""
    return file.stem if file.parent.name == "run" else f"{file.parent.name}/{file.stem}"


def files_of(source: Path, only: str, ring: int | None) -> list[Path]:
    folders = [source / "tests" / name for name in ("run", "memoryview", "buffers")]
    files = [
        f for folder in folders for f in sorted(folder.iterdir()) if f.suffix in {".pyx", ".py"}
    ]
    files = [f for f in files if re.search(only, f.stem)]
    if ring is None:
        return files
    return [f for f in files if name_of(f) in list(RINGS.values())[ring - 1]]


def compare_on_disk(files: list[Path], compiler: str) -> None:
    """Runs each file both ways; exits if one behaves differently."""

    def judge_both(file: Path) -> tuple[dict[str, object], dict[str, object]]:
        return judge(file), judge(file, compiler)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        pairs = list(pool.map(judge_both, files))
    show("in the process", [here for here, _ in pairs], "")
    show(f"on disk, {compiler}", [there for _, there in pairs], "")
    n_different = 0
    for here, there in pairs:
        outcomes = [(r["status"], r.get("tried"), r.get("failed")) for r in (here, there)]
        if outcomes[0] != outcomes[1] and here["file"] not in ONLY_ON_DISK:
            n_different += 1
            print(f"different: {here['file']}: in the process {outcomes[0]} {here.get('why', '')}; "
                  f"on disk {outcomes[1]} {there.get('why', '')}")  # fmt: skip
    print(f"{n_different} of {len(files)} files are different on disk")
    if n_different:
        sys.exit(1)


def run_all(files: list[Path]) -> None:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(judge, files))
    for file, result in zip(files, results, strict=True):
        result["name"] = name_of(file)
        result["topics"] = topics_of(file)
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "results.json").write_text(json.dumps(results, indent=1))
    for ring, names in RINGS.items():
        show(ring, [r for r in results if r["name"] in names], f"{sum(names.values())} with Cython")
    show("all", results, "19,445 in 906 of 925 files with Cython")
    print("files that are right, and examples that pass, by topic:")
    for topic in [*TOPICS, "pure Python files"]:
        about = [r for r in results if topic in r["topics"]]
        right = sum(r["status"] == "ok" for r in about)
        print(f"  {topic:30} {right:3} of {len(about):3} files, {passing(about):5} examples")
    for result in results:
        if result["status"] in {"crash", "hang", "wrong"}:
            print(f"{result['status']:6} {result['file']}: {result.get('why', '')}")
    show_deviations(results)


def show_deviations(results: list[dict[str, object]]) -> None:
    """By rule; exits if one of them is stale."""
    print("examples that fail on purpose:")
    for i, rule in enumerate(deviations.DEVIATIONS):
        files = {
            str(r["name"]): n
            for r in results
            if (n := [d[1] for d in r.get("deviating", [])].count(i))
        }
        if files:
            where = ", ".join(f"{file} {n}" for file, n in files.items())
            print(f"  {sum(files.values()):4} {rule.why} ({where})")
    old = [(r["name"], deviations.DEVIATIONS[i]) for r in results for i in r.get("stale", [])]
    for name, rule in old:
        print(f"stale: in {name} nothing deviates as '{rule.expected}' / '{rule.got}' any more")
    if old:
        sys.exit("conformance_deviations.py is stale")


def passing(results: list[dict[str, object]]) -> int:
    return sum(
        int(str(r.get("tried", 0))) - int(str(r.get("failed", 0))) - len(r.get("deviating", []))
        for r in results
    )


def show(name: str, results: list[dict[str, object]], theirs: str) -> None:
    statuses = collections.Counter(str(r["status"]) for r in results)
    tried = sum(int(str(r.get("tried", 0))) for r in results)
    counts = ", ".join(f"{n} {status}" for status, n in statuses.most_common())
    print(f"{name}: {len(results)} files: {counts};")
    deviating = sum(len(r.get("deviating", [])) for r in results)
    on_purpose = f", {deviating} deviate on purpose" if deviating else ""
    print(
        f"  {passing(results)} of {tried} examples tried pass{on_purpose}"
        + (theirs and f"; {theirs}")
    )
    why = collections.Counter(
        re.sub(r"'[^']*'", "…", str(r.get("why", "")))
        for r in results
        if r["status"] in {"unsupported", "rejected", "import"}
    )
    for reason, n in why.most_common(8):
        print(f"  {n:4} {reason[:100]}")


if __name__ == "__main__":
    main()
