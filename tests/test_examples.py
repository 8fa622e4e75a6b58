"""The scripts in examples/ do what they say."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PRINTED = {
    "task_farming": [
        "longest: 871 with 178 steps",
        "total of the first hundred: 3142",
        "[0, 'ValueError', 2, 'ValueError']",
        "2 tasks failed, first with: 1 is odd",
    ],
    "dependencies": [
        "total: 6 on engine 1",
        "root: 7.0",
        "graph: release(app, docs)",
        "same engine: True",
        "error: ImpossibleDependency",
    ],
    "heat": [
        "strips: [30, 30, 30]",
        "in the middle: 1.188 degrees",
        "as computed by one process: True",
    ],
    "scatter_gather": [
        "parts: [50001, 50000]",
        "integral of the sine: 2.000",
        "products: [0, 1, 4, 9, 16, 25]",
        "lengths there: [50001, 50000]",
        "scaled: [20, 20]",
    ],
    "compiled_square": [
        "square: 144 2.25 10000000000000000000000000000000000000000",
        "error: can't multiply sequence by non-int of type 'str'",
        "sum of 200000 squares: ",
        "with C types: ",
    ],
    "compiled_sieve": [
        "primes: [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]",
        "the 9592 primes below 100000: ",
        "the same text compiled: ",
        "with int n, i and k: ",
    ],
    "compiled_walk": [
        "steps are all of one length: True",
        "20000 steps: ",
        "with C types: ",
    ],
    "compiled_julia": [
        "the same numbers as in Python: True",
        "1002001 points: ",
        "of them have not escaped",
    ],
}


def test_all_are_tried():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(PRINTED)


@pytest.mark.parametrize("name", ["walk", "julia"])
def test_it_is_drawn(name, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / f"{name}.png"
    command = [sys.executable, str(EXAMPLES / f"compiled_{name}.py"), str(picture)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize("name", PRINTED)
def test_example(name, tmp_path, monkeypatch):
    pytest.importorskip("numpy")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for line in PRINTED[name]:
        assert line in done.stdout


def test_julia_set_is_the_same_as_a_module_on_disk(tmp_path):
    np = pytest.importorskip("numpy")
    import engineroom as er

    folder = shutil.copytree(EXAMPLES / "julia_set", tmp_path / "julia_set")
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    code = "import julia, numpy; numpy.save('counts.npy', julia.calc_julia(60, -0.1 + 0.65j))"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, timeout=60)
    counts = np.load(folder / "counts.npy")
    here = er.compile_file(folder / "julia.pyx", "julia").calc_julia(60, -0.1 + 0.65j)
    assert counts.shape == (61, 61)
    np.testing.assert_array_equal(counts, here)
