"""Compiles .pyx files of well-known packages, and runs the packages' own tests on the result.

The packages are installed from PyPI into folders of their own under build/packages, and their sources
beside them. Each file is built as a module on disk, and takes the place of the package's own module
when that is imported. The same tests run with the package as it is: a test that fails with ours alone is
a difference. Printed is a line per file; exits with 1 if there is a difference that is not known, or
one that is known and not there any more.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "packages"
LIMIT = 600


@dataclass(frozen=True)
class File:
    module: str
    tests: tuple[str, ...]  # of the package
    sources: tuple[str, ...] = ()  # in C, beside the .pyx file
    include: tuple[str, ...] = ()  # folders of the sources with .pxd files
    but: str = ""  # of the tests, those that compare times, for instance
    level: str = "3"

    @property
    def path(self) -> str:
        return self.module.replace(".", "/") + ".pyx"


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    # What has to be installed with it, if not the newest.
    needs: tuple[str, ...]
    files: tuple[File, ...]

    @property
    def folder(self) -> Path:
        return WORK / f"{self.name}-{self.version}"


PACKAGES = [
    Package("scikit-image", "0.22.0", ("numpy==1.26.4", "scipy==1.11.4", "pooch"), (
        File("skimage.morphology._skeletonize_cy", ("skimage/morphology/tests/test_skeletonize.py",)),
        File("skimage.morphology._convex_hull", ("skimage/morphology/tests/test_convex_hull.py",)),
        File("skimage.segmentation._felzenszwalb_cy", ("skimage/segmentation/tests/test_felzenszwalb.py",)),
        File("skimage.feature.censure_cy", ("skimage/feature/tests/test_censure.py",)),
        File("skimage.measure._find_contours_cy", ("skimage/measure/tests/test_find_contours.py",)),
        File("skimage.restoration._unwrap_1d", ("skimage/restoration/tests/test_unwrap.py",)),
        File("skimage.restoration._unwrap_2d", ("skimage/restoration/tests/test_unwrap.py",),
             ("unwrap_2d_ljmu.c",)),
        File("skimage.restoration._unwrap_3d", ("skimage/restoration/tests/test_unwrap.py",),
             ("unwrap_3d_ljmu.c",)),
    )),
    Package("scipy", "1.11.4", ("numpy==1.26.4", "hypothesis"), (
        File("scipy.signal._max_len_seq_inner", ("scipy/signal/tests/test_max_len_seq.py",)),
        File("scipy.spatial._hausdorff", ("scipy/spatial/tests/test_hausdorff.py",)),
        File("scipy.spatial._voronoi", ("scipy/spatial/tests/test_spherical_voronoi.py",)),
        File("scipy.cluster._optimal_leaf_ordering", ("scipy/cluster/tests/test_hierarchy.py",)),
        File("scipy.optimize._group_columns", ("scipy/optimize/tests/test__numdiff.py",)),
        File("scipy.optimize._lsq.givens_elimination", ("scipy/optimize/tests/test_lsq_linear.py",)),
        File("scipy.io.matlab._mio_utils", ("scipy/io/matlab/tests/test_mio_utils.py",)),
    )),
    Package("statsmodels", "0.14.1", ("numpy==1.26.4", "scipy==1.11.4", "pandas==2.1.4"), (
        File("statsmodels.nonparametric._smoothers_lowess",
             ("statsmodels/nonparametric/tests/test_lowess.py",)),
        File("statsmodels.tsa._innovations", ("statsmodels/tsa/tests/test_stattools.py",)),
        File("statsmodels.robust._qn", ("statsmodels/robust/tests/test_scale.py",)),
    )),
    Package("dipy", "1.7.0", ("numpy==1.26.4", "scipy==1.11.4"), (
        File("dipy.denoise.denspeed", ("dipy/denoise/tests/test_nlmeans.py",), but="threads"),
        File("dipy.denoise.shift_twist_convolution", ("dipy/denoise/tests/test_kernel.py",),
             include=("src",)),
        File("dipy.align.bundlemin", ("dipy/align/tests/test_streamlinear.py",), include=("src",)),
    )),
]  # fmt: skip

# Module -> why it does not work.
KNOWN: dict[str, str] = {}

# Imported by pytest before anything of the package: our modules take the place of others.
PLUGIN = """
import importlib.abc, importlib.util, json, os, sys

OURS = json.loads(os.environ["OUR_MODULES"])

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, OURS[name]) if name in OURS else None

sys.meta_path.insert(0, Finder())

def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    report = {word: [r.nodeid for r in stats.get(word, [])] for word in ("passed", "failed", "error")}
    report["ours"] = [name for name in OURS if name in sys.modules]
    with open(os.environ["OUR_REPORT"], "w") as file:
        json.dump(report, file)
"""


# ---- what is needed ----


def index_url() -> str:
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
    )
    return asked.stdout.strip() or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"


def download_sources(package: Package) -> Path:
    target = package.folder / "sources"
    if target.exists():
        return target
    page = f"{index_url().rstrip('/')}/{package.name}/"
    with urllib.request.urlopen(page, timeout=60) as answer:
        text = answer.read().decode()
    name = re.escape(package.name).replace(r"\-", "[-_]") + "-" + re.escape(package.version)
    link = re.search(rf'href="([^"#]*{name}\.tar\.gz)', text)
    if link is None:
        raise RuntimeError(f"no sources of {package.name} {package.version}")
    archive = package.folder / "sources.tar.gz"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with urllib.request.urlopen(urllib.parse.urljoin(page, link[1]), timeout=300) as answer:
        archive.write_bytes(answer.read())
    with tarfile.open(archive) as tar:
        tar.extractall(package.folder / "unpacked", filter="data")
    (found,) = (package.folder / "unpacked").iterdir()
    found.rename(target)
    archive.unlink()
    return target


def install(package: Package) -> Path:
    target = package.folder / "installed"
    if target.exists():
        return target
    wanted = [f"{package.name}=={package.version}", *package.needs]
    partial = package.folder / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--only-binary", ":all:", "--target", partial, *wanted],
        check=True,
    )  # fmt: skip
    partial.rename(target)
    return target


# ---- compiling, and testing ----

BUILD = """
import sys
import engineroom as er
path, name, output, level, include, *sources = sys.argv[1:]
import numpy
er.build(path, name=name, output=output, level=level, sources=sources, stub=False, optimization=2,
         include_path=[*include.split(":"), "."], flags=["-I" + numpy.get_include(), "-w"])
"""


def environment(package: Package, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(package.folder / "installed"), **more}


def build(package: Package, file: File, source: Path) -> tuple[Path | None, str]:
    """The module, or None and why there is none."""
    output = package.folder / "ours" / (file.module + ".so")
    output.parent.mkdir(exist_ok=True)
    path = source / file.path
    sources = [str(path.parent / name) for name in file.sources]
    include = ":".join(str(source / name) for name in file.include)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, path, file.module, output, file.level, include, *sources],
        capture_output=True, text=True, env=environment(package), cwd=source, timeout=LIMIT,
    )  # fmt: skip
    if done.returncode == 0:
        return output, ""
    words = [
        line for line in done.stderr.splitlines() if "error:" in line
    ] or done.stderr.splitlines()
    return None, words[0 if "error:" in words[0] else -1].strip()


def run_tests(package: Package, file: File, ours: dict[str, str]) -> dict[str, list[str]]:
    folder = package.folder / "run"
    folder.mkdir(exist_ok=True)
    (folder / "our_modules.py").write_text(PLUGIN)
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    installed = package.folder / "installed"
    env = environment(package, OUR_MODULES=json.dumps(ours), OUR_REPORT=str(report))
    env["PYTHONPATH"] += os.pathsep + str(folder)
    choice = ["-k", f"not {file.but}"] if file.but else []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "our_modules", "-p", "no:cacheprovider", "--rootdir",
         str(folder), "-c", os.devnull, "-W", "ignore", "--import-mode=importlib",
         *(str(installed / test) for test in file.tests), *choice],
        capture_output=True, text=True, env=env, cwd=folder, timeout=LIMIT,
    )  # fmt: skip
    if not report.exists():
        raise RuntimeError((done.stdout + done.stderr).strip().splitlines()[-1])
    return json.loads(report.read_text())


def verdict(package: Package, file: File, source: Path) -> tuple[str, list[str]]:
    """What to print, and what is wrong."""
    begin = time.monotonic()
    module, why = build(package, file, source)
    took = time.monotonic() - begin
    if module is None:
        return "not compiled", [why]
    theirs = run_tests(package, file, {})
    ours = run_tests(package, file, {file.module: str(module)})
    if not ours["ours"]:
        return "cannot be imported, or its tests do not", [file.module]
    words = f"{len(ours['passed'])} of {len(theirs['passed'])} tests"
    differences = sorted(set(theirs["passed"]) - set(ours["passed"]))
    return f"{words:20} built in {took:.1f} s", differences


def check(package: Package, verbose: bool) -> bool:
    print(f"{package.name} {package.version}", flush=True)
    source = download_sources(package)
    install(package)
    fine = True
    for file in package.files:
        words, wrong = verdict(package, file, source)
        known = KNOWN.get(file.module)
        print(
            f"  {file.module:46} {f'as known: {known}' if wrong and known else words}", flush=True
        )
        for line in wrong if verbose else wrong[:3] * (known is None):
            print(f"      {line.split('installed/')[-1]}", flush=True)
        fine = fine and bool(wrong) == bool(known)
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="this package, may be repeated"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="every test that differs")
    args = parser.parse_args()
    chosen = [p for p in PACKAGES if not args.only or p.name in args.only]
    results = [check(package, args.verbose) for package in chosen]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
