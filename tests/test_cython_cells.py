"""A session of %%cython cells: what one declares in C, the next can use."""

import pickle
import subprocess
import sys
import textwrap

import engineroom as er
import numpy as np
import pytest
from engineroom.cells import Session
from engineroom.compiling import text_of
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell


class Cells:
    """A session without a prompt."""

    def __init__(self):
        self.names = {"__name__": "__main__"}
        self.session = Session(self.names)

    def run(self, source, **options):
        source = textwrap.dedent(source)
        return self.session.run(text_of(source, "__main__", "<cython cell>", **options))


@pytest.fixture
def cells():
    return Cells()


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    er.load_ipython_extension(shell)
    yield shell
    InteractiveShell.clear_instance()


# ---- C names ----


def test_c_functions_of_an_earlier_cell(cells):
    cells.run("cdef double half(double x): return x / 2\n")
    cells.run("def quarter(double x): return half(half(x))\n")
    assert cells.names["quarter"](10) == 2.5
    assert "half" not in cells.names


def test_memoryviews_between_cells(cells):
    cells.run("cdef double[:] tail(double[:] a): return a[1:]\ncdef double[:] kept\n")
    cells.run("""
        def f(a):
            global kept
            kept = tail(a)
            return kept.shape[0]
        """)
    assert cells.names["f"](np.zeros(4)) == 3


def test_types_of_an_earlier_cell(cells):
    cells.run("""
        cdef struct Point:
            double x
            double y
        cdef union Either:
            int i
            double d
        cdef enum Color:
            RED = 4
            GREEN
        ctypedef long Count
        ctypedef double (*Function)(double)
    """)
    cells.run("""
        cdef double twice(double x): return 2 * x
        def f(Count n):
            cdef Point p
            p.x = n
            cdef Function g = twice
            return g(p.x), GREEN, sizeof(Either)
    """)
    assert cells.names["f"](4) == (8.0, 5, 8)


def test_a_struct_travels_between_functions_of_two_cells(cells):
    cells.run("""
        cdef struct Point:
            double x
            double y
        cdef double norm2(Point *p) except -1: return p.x * p.x + p.y * p.y
    """)
    cells.run("""
        def f(x, y):
            cdef Point p = Point(x, y)
            return norm2(&p)
    """)
    assert cells.names["f"](3, 4) == 25.0


def test_c_variables_are_one_in_all_cells(cells):
    cells.run("cdef int counter = 3\ncdef object things = []\n")
    cells.run("""
        def count(thing):
            global counter
            counter += 1
            things.append(thing)
            return counter
    """)
    cells.run("def read(): return counter, things\n")
    cells.names["count"]("a")
    assert cells.names["read"]() == (4, ["a"])


def test_cimports_of_an_earlier_cell(cells):
    cells.run("""
        cimport libc.stdlib
        from libc.math cimport sqrt as root, floor
        from libc.math cimport *
        cimport cython
    """)
    cells.run("""
        def f(double x): return root(x), floor(x), cos(0), libc.stdlib.abs(-3)
        @cython.cdivision(True)
        def g(int a, int b): return a // b
    """)
    assert cells.names["f"](6.25) == (2.5, 6.0, 1.0, 3)
    assert cells.names["g"](-7, 2) == -3


def test_extern_names_of_an_earlier_cell(cells):
    cells.run('''
        cdef extern from *:
            """
            static int add_one(int x) { return x + 1; }
            #define ANSWER 42
            """
            int add_one(int x)
            enum: ANSWER
    ''')
    cells.run("def f(): return add_one(ANSWER)\n")
    assert cells.names["f"]() == 43


def test_cpdef_functions_are_of_c_and_of_python(cells):
    cells.run("cpdef int twice(int x): return 2 * x\n")
    cells.run("def f(x): return twice(x), list(map(twice, [1, 2]))\n")
    assert cells.names["f"](4) == (8, [2, 4])


def test_python_names_are_looked_up_when_the_code_runs(cells):
    cells.names["factor"] = 3
    cells.run("def scale(x): return factor * x\n")
    assert cells.names["scale"](2) == 6
    cells.run("factor = 10\n")
    assert cells.names["scale"](2) == 20


# ---- again ----


def test_running_a_cell_again_replaces_its_definitions(cells):
    cells.run("cdef int level(): return 1\n")
    cells.run("def old(): return level()\n")
    cells.run("cdef double level(): return 2.5\n")
    cells.run("def new(): return level()\n")
    assert (cells.names["old"](), cells.names["new"]()) == (1, 2.5)


def test_the_same_cell_again_has_variables_of_its_own(cells):
    counter = """
        cdef int n = 0
        def count():
            global n
            n += 1
            return n
    """
    cells.run(counter)
    first = cells.names["count"]
    first()
    cells.run(counter)
    cells.run("def peek(): return n\n")
    assert first() == 2
    assert cells.names["peek"]() == 0


def test_a_python_name_hides_an_earlier_c_name(cells):
    cells.run("cdef int i = 5\ncdef struct P:\n    int x\n")
    cells.run("i = 'text'\nclass_of = type(i)\ndef P(): return i\n")
    assert cells.names["P"]() == "text"
    cells.run("def f(): return P(), i\n")
    assert cells.names["f"]() == ("text", "text")


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("cdef int level(): return undeclared +\n", er.CompileError),
        ("cdef str level(): return <int*>1.5\n", er.CompileError),
        ("cdef int level(): return 2\nraise ValueError\n", ValueError),
    ],
)
def test_a_cell_that_fails_changes_no_c_name(cells, cell, error):
    cells.run("cdef int level(): return 1\n")
    with pytest.raises(error):
        cells.run(cell)
    cells.run("def f(): return level()\n")
    assert cells.names["f"]() == 1


def test_an_older_struct_is_another_type(cells):
    cells.run("cdef struct P:\n    int x\ncdef int get(P p): return p.x\n")
    cells.run("cdef struct P:\n    double y\n")
    with pytest.raises(er.CompileError):
        cells.run("def f():\n    cdef P p\n    p.y = 1\n    return get(p)\n")


# ---- pickling ----


def in_another_process(data: bytes, expression: str) -> str:
    code = f"import pickle, sys; f = pickle.load(sys.stdin.buffer); print({expression})"
    done = subprocess.run(
        [sys.executable, "-c", code], input=data, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_a_function_comes_back_as_itself(cells):
    cells.run("def f(x): return x\n")
    assert pickle.loads(pickle.dumps(cells.names["f"])) is cells.names["f"]


def test_a_function_is_rebuilt_elsewhere_with_the_cells_it_uses(cells):
    cells.run("cdef double half(double x): return x / 2\n")
    cells.run("cdef double half(double x): return x / 2 + 100\n")
    cells.run("cdef double quarter(double x): return half(half(x))\n")
    cells.run("def f(double x): return quarter(x)\n")
    data = pickle.dumps(cells.names["f"])
    assert in_another_process(data, "f(8.0)") == "152.0"


def test_names_of_the_prompt_travel_along(cells):
    cells.names["factor"] = 3
    cells.names["f"] = None
    cells.run("import math\ndef g(x): return x if x < 1 else f(x - 1) * factor\n")
    cells.run("def f(x): return g(x) + math.floor(0.5)\n")
    assert in_another_process(pickle.dumps(cells.names["f"]), "f(4)") == "0"
    cells.names["factor"] = 2
    cells.run("def h(x): return x * factor\nfactor = 5\n")
    cells.names["factor"] = 7
    assert in_another_process(pickle.dumps(cells.names["h"]), "f(2)") == "14"


def test_functions_of_a_module_pickle():
    module = er.compile("N = 4\ndef f(x): return x + N\n", name="somewhere")
    assert in_another_process(pickle.dumps(module.f), "(f(1), f.__module__)") == "(5, 'somewhere')"


def test_what_has_no_name_does_not_pickle(cells):
    cells.run("f = lambda x: x\n")
    with pytest.raises(pickle.PicklingError, match="only functions that a text defines by name"):
        pickle.dumps(cells.names["f"])


def test_mapped_over_engines(client, cells):
    cells.run("cdef long square(long x): return x * x\n")
    cells.run("def f(long x): return square(x) + 1\n")
    f = cells.names["f"]
    assert client[:].map_sync(f, range(10)) == [x * x + 1 for x in range(10)]
    assert client.load_balanced_view().map_sync(f, range(10)) == [x * x + 1 for x in range(10)]
    # Once per engine and session: the second time it is the very same object.
    ids = client[:].apply_sync(lambda f: id(f), f)
    assert client[:].apply_sync(lambda f: id(f), f) == ids


# ---- the magic ----


def test_magic_runs_in_the_namespace_of_the_prompt(shell):
    shell.user_ns["offset"] = 5
    shell.run_cell_magic("cython", "", "cdef int thrice(int x): return 3 * x\n")
    shell.run_cell_magic("cython", "", "def f(int x): return thrice(x) + offset\n")
    assert shell.user_ns["f"](4) == 17


def test_magic_with_a_name_makes_a_module(shell):
    shell.run_cell_magic("cython", "-n triples", "_n = 3\ndef triple(int x):\n    return _n * x\n")
    try:
        assert shell.user_ns["triple"](4) == 12
        assert "_n" not in shell.user_ns
        assert sys.modules["triples"].triple is shell.user_ns["triple"]
    finally:
        del sys.modules["triples"]


def test_magic_takes_flags_of_a_compiler(shell, tmp_path):
    (tmp_path / "seven.h").write_text("#define SEVEN 7\n")
    cell = """cdef extern from "seven.h":
    int SEVEN
cdef extern from *:
    int EIGHT
def f(): return SEVEN, EIGHT
"""
    shell.run_cell_magic(
        "cython",
        f"-3 -f -I {tmp_path} -c=-O3 --compile-args=-DEIGHT=8 -c=-Wall --link-args=-lm -l m -+",
        cell,
    )
    assert shell.user_ns["f"]() == (7, 8)


def test_magic_obeys_distutils_comments(shell):
    cell = """# distutils: define_macros = NINE=9
# distutils: libraries = m
cdef extern from *:
    int NINE
def f(): return NINE
"""
    shell.run_cell_magic("cython", "", cell)
    assert shell.user_ns["f"]() == 9


def test_magic_sets_directives(shell):
    shell.run_cell_magic("cython", "-X cdivision=True", "def f(int a, int b): return a // b\n")
    assert shell.user_ns["f"](-7, 2) == -3
    with pytest.raises(UsageError, match="write NAME=VALUE"):
        shell.run_cell_magic("cython", "-X cdivision", "pass")


def test_magic_prints_timings(shell, capsys):
    shell.run_cell_magic("cython", "--verbose -f", "def f(): pass\n")
    assert "native code from Clang, milliseconds:" in capsys.readouterr().out


def test_a_library_that_is_missing(shell):
    with pytest.raises(ImportError, match="there is no library nowhere"):
        shell.run_cell_magic("cython", "-l nowhere", "def f(): pass\n")


# ---- NumPy ----


def test_numpy_of_an_earlier_cell(cells):
    cells.run("import numpy as np\ncimport numpy as np\nctypedef np.double_t DTYPE_t\n")
    cells.run("""
        cdef double last(np.ndarray x): return x[len(x) - 1]
        def steps(int n):
            cdef np.ndarray[DTYPE_t, ndim=1] x = np.zeros(n + 1)
            cdef int i
            for i in range(n):
                x[i + 1] = x[i] + 1
            return x
    """)
    cells.run("def f(int n): return last(steps(n))\n")
    assert cells.names["f"](10) == 10.0
    assert in_another_process(pickle.dumps(cells.names["f"]), "f(7)") == "7.0"


def test_a_module_that_is_cimported_only_is_no_python_object(cells):
    with pytest.raises(er.CompileError, match="cimported module 'numpy' has no 'zeros'"):
        cells.run("cimport numpy as np\ndef f(): return np.zeros(3)\n")
