"""What docs/modules_on_disk.md tells people to write builds wheels that work without engineroom."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = (Path(__file__).resolve().parent.parent / "docs/modules_on_disk.md").read_text()

SOURCE = """
from cython.parallel cimport prange

def total(int n):
    cdef int i
    cdef long s = 0
    for i in prange(n, nogil=True):
        s += i
    return s

def fail():
    raise ValueError("why")
"""

TRY = """
import traceback
import pack.julia
print(pack.julia.total(100))
try:
    pack.julia.fail()
except ValueError as error:
    print(traceback.extract_tb(error.__traceback__)[-1].filename)
"""


def files_of(section):
    """Those in the blocks of a section, which begin with their names."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", DOCS, re.M | re.S)
    blocks = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```", text, re.M | re.S)
    return dict(blocks)


def build_wheel(folder, section):
    for name, text in files_of(section).items():
        (folder / name).write_text(text)
    (folder / "pack").mkdir()
    (folder / "pack/__init__.py").write_text("")
    (folder / "pack/julia.pyx").write_text(SOURCE)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps",
               ".", "-w", "wheels"]  # fmt: skip
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (folder / "wheels").glob("*.whl")
    shutil.unpack_archive(wheel, folder / "site", "zip")
    return folder / "site"


def run_python(script, site):
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True, text=True, cwd="/", env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("section", "module"),
    [
        ("CMake and scikit-build-core", "scikit_build_core"),
        ("Meson and meson-python", "mesonpy"),
    ],
)
def test_wheel(tmp_path, section, module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"no {module}")
    site = build_wheel(tmp_path, section)
    assert run_python(TRY, site).splitlines()[0] == "4950"


def test_setuptools(tmp_path):
    """With self_contained=True, as the text says."""
    files = files_of("setuptools")
    text = files["setup.py"].replace('"pack/*.pyx"', '"pack/*.pyx", self_contained=True')
    assert text != files["setup.py"]
    (tmp_path / "setup.py").write_text(text)
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").write_text("")
    (tmp_path / "pack/julia.pyx").write_text(SOURCE)
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "CFLAGS": "-O0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_python(TRY, tmp_path) == f"4950\n{tmp_path}/pack/julia.pyx\n"
