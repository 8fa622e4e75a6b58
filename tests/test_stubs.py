"""The .pyi files beside modules: what they say, and that mypy agrees with them."""

import shutil
import subprocess
import sys
import textwrap

import engineroom as er
import pytest
from engineroom.building.translation import translate

SOURCE = '''
"""A "module" with \\\\ and
two lines."""
import math
cimport cython
X = 3
Y = [1]
Z: float = 2.5
NEGATIVE = -1.5
W = X + 1
cdef int hidden = 4
TEXT, OTHER = "a", 2
counter = 0
NAME = "a"
NAME = 3
cdef struct Point:
    int a
    double b
cpdef enum Color:
    RED = 1
    GREEN
cpdef enum:
    LOOSE = 7
cdef enum Inner:
    NOT_THERE
cdef int secret(int x):
    return x
cpdef double norm(double x, double y=2.0) except -1:
    """The "length".

    >>> norm(3, 4)
    5.0
    """
    return math.sqrt(x * x + y * y)
cpdef Point point():
    cdef Point p
    p.a = 1
    p.b = 2
    return p
cpdef (int, double) pair(bint a, Py_UCS4 c, char* s):
    return 1, 2.0
cpdef void nothing(list xs, dict d):
    pass
def f(a, int b, /, str c, *args, object[double] buf, d=3, **kw):
    global counter
    counter = "text"
    return a
def g(int x, list y not None, set z=None):
    for i in y:
        if i: return
    print(x)
def h(x) -> int:
    return 3
@cython.boundscheck(False)
def k():
    return 1
def decorator(f):
    return f
@decorator
def decorated():
    return 1
'''

STUB = '''
"""A \\"module\\" with \\\\ and
two lines."""

from typing import Any
from typing_extensions import Buffer
import enum

X: int
Y: list[Any]
Z: float
NEGATIVE: float
W: Any
TEXT: Any
OTHER: Any
counter: Any
NAME: Any
class Color(enum.IntEnum):
    RED = ...
    GREEN = ...
RED: Color
GREEN: Color
LOOSE: int
def norm(x: float, y: float = ...) -> float:
    """The \\"length\\".

    >>> norm(3, 4)
    5.0
    """
def point() -> dict[str, Any]: ...
def pair(a: bool, c: str, s: bytes) -> tuple[int, float]: ...
def nothing(xs: list[Any] | None, d: dict[Any, Any] | None) -> None: ...
def f(a: Any, b: int, /, c: str | None, *args: Any, buf: Buffer | None, d: Any = ..., **kw: Any) -> Any: ...
def g(x: int, y: list[Any], z: set[Any] | None = ...) -> None: ...
def h(x: Any) -> int: ...
def k() -> Any: ...
def decorator(f: Any) -> Any: ...
decorated: Any
'''  # noqa: E501


def stub_of(folder, source):
    path = folder / "typed.pyx"
    path.write_text(textwrap.dedent(source).lstrip())
    translated = translate(path)
    translated.write_stub(folder / "typed.pyi")
    return (folder / "typed.pyi").read_text().partition("\n")[2]


def test_text(tmp_path):
    assert stub_of(tmp_path, SOURCE) == STUB.lstrip()


def test_memoryviews_and_arrays(tmp_path):
    pytest.importorskip("numpy")
    stub = stub_of(
        tmp_path,
        """
        import numpy as np
        cimport numpy as np
        def f(double[:, ::1] a, const int[:] b not None, np.ndarray[double, ndim=2] c):
            return a
        """,
    )
    assert "def f(a: Buffer | None, b: Buffer, c: numpy.typing.NDArray[Any] | None)" in stub
    assert stub.splitlines()[0] == "from typing import Any"
    assert "import numpy.typing" in stub


def test_included_texts_may_have_anything(tmp_path):
    (tmp_path / "more.pxi").write_text("def inner(int x): return x\nY = 2\n")
    stub = stub_of(tmp_path, "include 'more.pxi'\n")
    assert "def inner(x: int) -> Any: ...\n" in stub
    assert "def __getattr__(name: str) -> Any: ..." in stub


def test_mypy(tmp_path):
    if shutil.which("mypy", path=sys.exec_prefix + "/bin") is None:
        pytest.skip("no mypy")
    stub_of(tmp_path, SOURCE)
    (tmp_path / "use.py").write_text(
        textwrap.dedent(
            """
            import array
            from typing import assert_type
            import typed

            assert_type(typed.norm(1, 2.5), float)
            assert_type(typed.pair(True, "a", b"b"), tuple[int, float])
            assert_type(typed.X, int)
            assert_type(typed.g(1, [2]), None)
            assert_type(typed.Color.RED.value, int)
            typed.f(1, 2, "c", buf=array.array("d"), more=3)
            typed.nothing(None, {})
            typed.norm("a")  # line 13
            typed.f(1, 2, c=None)  # line 14
            typed.f(a=1, b=2, c="", buf=None)  # line 15
            typed.g(1, None)  # line 16
            typed.secret(1)  # line 17
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir=/dev/null", "typed.pyi", "use.py"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    wrong = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert sorted({int(line.split(":")[1]) for line in wrong}) == [13, 14, 15, 16, 17], done.stdout


def test_stub_that_somebody_wrote_is_kept(tmp_path):
    (tmp_path / "own.pyx").write_text("x = 1\n")
    er.build(tmp_path / "own.pyx", optimization=0)
    assert (tmp_path / "own.pyi").read_text().startswith("# Made by engineroom")
    (tmp_path / "own.pyi").write_text("x: int  # mine\n")
    er.build(tmp_path / "own.pyx", optimization=0)
    assert (tmp_path / "own.pyi").read_text() == "x: int  # mine\n"
    (tmp_path / "own.pyi").unlink()
    er.build(tmp_path / "own.pyx", optimization=0, stub=False)
    assert not (tmp_path / "own.pyi").exists()
