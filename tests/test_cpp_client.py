"""The C++ client library as a user meets it: the example program, run on a real cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOUR = Path(__file__).resolve().parent.parent / "build" / "release" / "examples" / "tour"


def test_example_runs_python_from_cpp():
    if not TOUR.exists():
        pytest.skip("the examples are not built (make build)")
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        [TOUR],
        env={**os.environ, "PATH": programs, "ENGINEROOM_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "2 engines"
    assert [line.startswith(f"[{i}] hello from") for i, line in enumerate(lines[1:3])] == [True] * 2
    assert lines[3].split() == [str(i) for i in range(10)]
    assert lines[4:8] == ["3628800", "39916800", "479001600", "6227020800"]
    assert lines[8].startswith("sqrt(-1): ") and "ValueError" in lines[8]
