"""The examples that compile something do on disk what they do in the process.

`make test-on-disk` runs every test of the compiler that way, `make conformance-on-disk` Cython's.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from test_examples import EXAMPLES, PRINTED

RUN = """
import runpy, sys
sys.path.insert(0, {tests!r})
import on_disk, pytest
on_disk.patch(pytest.MonkeyPatch(), "g++")
sys.argv = [{script!r}]
runpy.run_path({script!r}, run_name="__main__")
print("modules on disk:", on_disk.n_modules())
"""


@pytest.mark.parametrize("name", [name for name in PRINTED if name.startswith("compiled_")])
def test_example(name, tmp_path):
    pytest.importorskip("numpy")
    script = RUN.format(tests=str(Path(__file__).parent), script=str(EXAMPLES / f"{name}.py"))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    for line in PRINTED[name]:
        assert line in done.stdout
    assert int(done.stdout.rpartition("modules on disk:")[2]) >= 1
