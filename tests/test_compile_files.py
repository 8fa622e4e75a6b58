"""Texts of more than one file: include, DEF and IF, cimport of .pxd files, a module's own .pxd."""

import textwrap
import traceback

import engineroom as er
import pytest


@pytest.fixture
def folder(tmp_path):
    """Writes files, and compiles the last one."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return er.compile_file(path)

    return write


def test_include(folder):
    m = folder(
        {
            "sub/inner.pxi": """
        import math

        def fail():
            raise ValueError("inner")
        """,
            "a.pxi": """
        cdef int twice(int x):
            return 2 * x

        include "sub/inner.pxi"
        """,
            "m.pyx": """
        include "a.pxi"

        def f(int x):
            return twice(x), math.floor(2.5)
        """,
        }
    )
    assert m.f(3) == (6, 2)
    with pytest.raises(ValueError, match="inner") as caught:
        m.fail()
    place = traceback.extract_tb(caught.tb)[-1]
    assert place.filename.endswith("/sub/inner.pxi")
    assert place.lineno == 5


def test_mistakes_in_included_files(folder, tmp_path):
    with pytest.raises(er.CompileError, match=r"bad.pxi:2:6: error: '\(' is never closed"):
        folder({"bad.pxi": "x = 1\ndef f(:\n    pass\n", "m.pyx": "include 'bad.pxi'\n"})
    with pytest.raises(er.CompileError, match="there is no file 'nowhere.pxi' to include"):
        folder({"m.pyx": "include 'nowhere.pxi'\n"})
    with pytest.raises(er.CompileError, match="include each other without an end"):
        folder({"loop.pxi": "include 'loop.pxi'\n", "m.pyx": "include 'loop.pxi'\n"})


def test_compile_time_names():
    m = er.compile(
        textwrap.dedent(
            """
            DEF N = 4
            DEF TEXT = "text"
            DEF BYTES = b"spam"
            DEF CHAR = c'x'
            DEF PAIR = (N + 1, 2.5, None, True)
            DEF BIG = (1 << 64) - 1
            DEF NEGATIVE = -N
            DEF COMPLEX = 2 - 1j
            DEF INF = float("inf")
            DEF SUM = int("3") + max(1, N) + sum([N, 1]) + len(PAIR[1:3])
            cdef int numbers[N * 2]
            cdef enum:
                ITEM = N << 1

            def values():
                return N, TEXT, BYTES, PAIR, PAIR[0], BIG, NEGATIVE, COMPLEX, INF, SUM

            def sizes():
                cdef char[N] text
                cdef int c = CHAR
                cdef char *b = BYTES
                return sizeof(numbers) // sizeof(int), sizeof(text), ITEM, c, b[1]

            def local():
                DEF M = N * N
                IF M > 15 and TEXT in ("text", "more"):
                    a = M
                ELSE:
                    a = not_there
                return a
            """
        )
    )
    assert m.values() == (
        4, "text", b"spam", (5, 2.5, None, True), 5, 2**64 - 1, -4, 2 - 1j, float("inf"), 14
    )  # fmt: skip
    assert m.sizes() == (8, 4, 8, ord("x"), ord("p"))
    assert m.local() == 16


def test_compile_time_choice():
    m = er.compile(
        textwrap.dedent(
            """
            IF UNAME_SYSNAME == "no such system":
                cdef int answer(): return nothing + at_all
            ELIF 1 < 2 <= 2 and not 0:
                cdef int answer(): return 42
                def extra(): pass
            ELSE:
                import a_module_that_is_not_there

            def f():
                return answer()
            """
        )
    )
    assert m.f() == 42
    assert m.extra() is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("DEF X = open('x')", "this expression at compile time"),
        ("IF undefined: pass", "this expression at compile time"),
        ("DEF X = 1\nDEF X = 2", "two DEFs of one name"),
        ("DEF X = 1 // 0", "this expression at compile time"),
        ("DEF X = 2 ** 400", "this expression at compile time"),
    ],
)
def test_compile_time_limits(source, message):
    with pytest.raises(er.CompileError, match="not supported yet: " + message):
        er.compile(source)


def test_inline_functions_of_pxd_files(folder):
    m = folder(
        {
            "helpers.pxd": """
        from libc.math cimport sqrt

        ctypedef double real
        cdef struct Point:
            real x
            real y

        cdef inline real length(Point p) except -1:
            if p.x < 0:
                raise ValueError("x")
            return norm(p.x, p.y)

        cdef inline real norm(real x, real y) noexcept:
            return sqrt(x * x + y * y)

        cdef inline int unused(int x):
            return does_not_exist(x)
        """,
            "m.pyx": """
        cimport helpers
        from helpers cimport Point, length

        def f(x, y):
            cdef Point p
            p.x, p.y = x, y
            return length(p), helpers.norm(x, y)
        """,
        }
    )
    assert m.f(3, 4) == (5.0, 5.0)
    with pytest.raises(ValueError, match="x"):
        m.f(-3, 4)


def test_inline_functions_that_do_nothing_are_declared_too(folder):
    pxd = "cdef inline void nothing() nogil:\n    pass\n"
    source = "from lib cimport nothing\ndef f():\n    nothing()\n    return 'done'\n"
    assert folder({"lib.pxd": pxd, "m.pyx": source}).f() == "done"


def test_relative_cimports(folder):
    m = folder(
        {
            "up.pxd": "cdef enum:\n    UP = 1\n",
            "pack/near.pxd": "from ..up cimport UP\ncdef inline int near(): return UP + 1\n",
            "pack/other.pxd": "cdef enum:\n    OTHER = 5\n",
            "pack/__init__.pxd": "cdef enum:\n    HERE = 7\n",
            "pack/m.pyx": """
        from . cimport other, HERE
        from .near cimport near
        from .. cimport up

        def f():
            return near(), other.OTHER, HERE, up.UP
        """,
        }
    )
    assert m.f() == (2, 5, 7, 1)
    with pytest.raises(er.CompileError, match="there is no module '.nowhere' to cimport"):
        folder({"m.pyx": "from .nowhere cimport f\n"})


def test_own_pxd(folder):
    m = folder(
        {
            "m.pxd": """
        from libc.math cimport floor

        cdef struct Pair:
            int a
            int b

        ctypedef int number
        cdef int counter
        cdef number first(Pair p)
        cdef inline number second(Pair p):
            return p.b
        """,
            "m.pyx": """
        counter = 10

        cdef number first(Pair p):
            return p.a

        def f(int a, int b):
            global counter
            cdef Pair p = Pair(a, b)
            counter += 1
            return first(p), second(p), counter, floor(2.5)
        """,
        }
    )
    assert m.f(1, 2) == (1, 2, 11, 2.0)
    assert m.f(1, 2)[2] == 12
    with pytest.raises(er.CompileError, match="not supported yet: def functions that a .pxd gives"):
        folder({"p.pxd": "cpdef int f(int x)\n", "p.py": "def f(x):\n    return x\n"})


def test_what_is_not_supported_in_a_pxd_does_no_harm_unused(folder):
    pxd = """
    cdef class Shape:
        cdef int sides
    cdef extern from *:
        cdef cppclass Vector[T]:
            pass
    cdef double[:] view(double[:] x)
    cdef int elsewhere(int x)
    cdef int variable
    ctypedef fused number:
        int
        double
    cdef inline int fine(): return 1
    """
    m = folder({"lib.pxd": pxd, "m.pyx": "from lib cimport *\ndef f(): return fine()\n"})
    assert m.f() == 1
    for name in ["Shape", "Vector", "view", "number"]:
        with pytest.raises(er.CompileError, match="not supported yet"):
            folder({"lib.pxd": pxd, "m.pyx": f"from lib cimport {name}\ncdef {name} x\n"})


def test_character_names():
    m = er.compile(r"def f(): return '\N{GREEK SMALL LETTER ALPHA}', '\N{snowman}', '\N{LF}'")
    assert m.f() == ("α", "☃", "\n")
    with pytest.raises(er.CompileError, match="no character is named 'NO SUCH'"):
        er.compile(r"s = '\N{NO SUCH}'")
