"""C functions and variables of other modules: announced by a .pxd file, found in __pyx_capi__.

The other side is ours, or one of Cython's modules: both know the other's by name and signature.
"""

import importlib.util
import subprocess
import sys
import sysconfig
import textwrap

import engineroom as er
import pytest

VOLUME_PXD = """
ctypedef double real
cdef struct Box:
    real w, h
cdef real cube(real x) except? -1
cdef real area(const Box* b) noexcept nogil
cpdef int twice(int x)
cdef object greet(str who, list l)
cdef long counter
cdef object last
cdef double table[3]
cdef void bump() noexcept
cdef double complex turned(double complex z)
"""

VOLUME = """# cython: language_level=3
cdef long counter = 7
cdef object last = "nothing"
cdef double table[3]
table[:] = [1.5, 2.5, 3.5]
FACTOR = 10
cdef real cube(real x) except? -1:
    if x < 0:
        raise ValueError("negative")
    return x * x * x * FACTOR
cdef real area(const Box* b) noexcept nogil:
    return b.w * b.h
cpdef int twice(int x):
    return 2 * x
cdef object greet(str who, list l):
    return "hello " + who + str(len(l))
cdef void bump() noexcept:
    global counter
    counter += 1
cdef double complex turned(double complex z):
    return z * 1j
"""

USER = """# cython: language_level=3
from volume cimport cube, area, Box, twice, greet, bump
cimport volume

def functions():
    cdef Box b = Box(2, 3)
    return [cube(2), area(&b), twice(21), greet("you", [1, 2]), volume.turned(2)]

def variables():
    before = volume.counter
    bump()
    yielded = [volume.counter - before, volume.last, volume.table[1]]
    volume.last = ["set"]
    volume.counter = 100
    bump()
    return yielded + [volume.counter, volume.last]

def failing():
    return cube(-1)

def replace_last():
    volume.last = "after"
    return "called, "

def in_order():
    volume.last = "before"
    return replace_last() + volume.last
"""

# Every kind of type that has a spelling of its own in Cython's C code.
SIGNATURES_PXD = """
ctypedef double real
ctypedef struct Pt:
    double x
cdef struct Q:
    int a
cdef union U:
    int a
    float b
cdef enum Col:
    red, green
ctypedef int (*cb)(int, void*) noexcept
cdef extern from "stdint.h":
    ctypedef int my_ext "uint32_t"
cdef double v
cdef real arr[3]
cdef const char* s
cdef object o
cdef list lst
cdef Q q
cdef int f0()
cdef void f1(int a, double b) noexcept nogil
cdef real f2(real* x, int **y, const double* z, const real w) except? -1
cdef object f3(object a, list b)
cdef Q f4(Q* q, Pt p, U u, Col c)
cpdef int f5(int x)
cdef int f8(int (*g)(int, double) noexcept, cb c, int a[4])
cdef bint f9(bint x, Py_ssize_t n, unsigned long long u, signed char sc, unsigned char uc, char c)
cdef double complex f10(double complex z, float complex w)
cdef my_ext f11(my_ext e, size_t n)
cdef int* f12(const int* const* p, long double ld)
cdef str f13(str s, bytes b, type t, int x[])
"""

SIGNATURES = """# cython: language_level=3
cdef double v = 1
cdef real arr[3]
cdef const char* s = "x"
cdef object o = None
cdef list lst = []
cdef Q q
cdef int f0(): return 0
cdef void f1(int a, double b) noexcept nogil: pass
cdef real f2(real* x, int **y, const double* z, const real w) except? -1: return 0
cdef object f3(object a, list b): return 1
cdef Q f4(Q* q, Pt p, U u, Col c): return q[0]
cpdef int f5(int x): return 0
cdef int f8(int (*g)(int, double) noexcept, cb c, int a[4]): return 0
cdef bint f9(bint x, Py_ssize_t n, unsigned long long u, signed char sc, unsigned char uc, char c):
    return x
cdef double complex f10(double complex z, float complex w): return z
cdef my_ext f11(my_ext e, size_t n): return 0
cdef int* f12(const int* const* p, long double ld): return NULL
cdef str f13(str s, bytes b, type t, int x[]): return s
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lending")
    texts = {
        "volume.pxd": VOLUME_PXD,
        "volume.pyx": VOLUME,
        "user.pyx": USER,
        "signatures.pxd": SIGNATURES_PXD,
        "signatures.pyx": SIGNATURES,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def of_cython(folder, monkeypatch):
    """A module made by Cython and the C compiler, imported."""
    pytest.importorskip("Cython")

    def build(name):
        out = folder / "by_cython"
        library = out / (name + sysconfig.get_config_var("EXT_SUFFIX"))
        if not library.exists():
            out.mkdir(exist_ok=True)
            source = out / f"{name}.c"
            subprocess.run(
                [sys.executable, "-m", "cython", f"{name}.pyx", "-o", str(source)],
                cwd=folder,
                check=True,
            )
            include = sysconfig.get_path("include")
            subprocess.run(
                ["cc", "-shared", "-fPIC", "-w", f"-I{include}", str(source), "-o", str(library)],
                check=True,
            )
        spec = importlib.util.spec_from_file_location(name, library)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return build


@pytest.fixture
def ours(folder, monkeypatch):
    """A module of ours, which others may import."""

    def build(name):
        module = er.compile_file(folder / f"{name}.pyx")
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return build


def check_use(user):
    assert user.functions() == [80.0, 6.0, 42, "hello you2", 2j]
    assert user.variables() == [1, "nothing", 2.5, 101, ["set"]]
    assert user.in_order() == "called, after"
    with pytest.raises(ValueError, match="^negative$"):
        user.failing()


def test_our_module_borrows_from_ours(ours):
    ours("volume")
    check_use(ours("user"))


def test_our_module_borrows_from_cythons(ours, of_cython):
    of_cython("volume")
    check_use(ours("user"))


def test_cythons_module_borrows_from_ours(ours, of_cython):
    ours("volume")
    check_use(of_cython("user"))


def test_signatures_are_spelled_as_cython_spells_them(ours, of_cython):
    def signatures(module):
        lent = module.__pyx_capi__.items()
        return {name: repr(item).split('"')[1] for name, item in lent if name != "__home__"}

    expected = signatures(of_cython("signatures"))
    assert expected["f2"] == (
        "__pyx_t_10signatures_real (__pyx_t_10signatures_real *, int **, double const *, "
        "__pyx_t_10signatures_real const )"
    )
    assert signatures(ours("signatures")) == expected


def test_scipys_own_declarations():
    pytest.importorskip("scipy")
    module = er.compile(
        textwrap.dedent(
            """
            from scipy.linalg.cython_blas cimport ddot
            from scipy.special.cython_special cimport j0

            def squared_norm(double x, double y):
                cdef double[2] a = [x, y]
                cdef int n = 2, one = 1
                return ddot(&n, a, &one, a, &one)

            def bessel(double x):
                return j0(x)
            """
        )
    )
    assert module.squared_norm(3, 4) == 25.0
    assert module.bessel(0.0) == 1.0


# ---- what goes wrong ----


def test_a_module_that_is_not_there(folder):
    with pytest.raises(ModuleNotFoundError) as caught:
        er.compile_file(folder / "user.pyx")
    assert str(caught.value) == (
        "No module named 'volume', of which the C function 'cube' is used: compile it first, and "
        "put it into sys.modules"
    )
    assert caught.value.name == "volume"


def test_a_module_that_lends_nothing_of_that_name(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "volume", er.compile("x = 1", "volume"))
    with pytest.raises(ImportError, match="volume does not export expected C function cube"):
        er.compile_file(folder / "user.pyx")


def test_a_function_of_another_signature(tmp_path, monkeypatch):
    (tmp_path / "other.pxd").write_text("cdef int f(int x)")
    (tmp_path / "other.pyx").write_text("cdef int f(int x): return x")
    monkeypatch.setitem(sys.modules, "other", er.compile_file(tmp_path / "other.pyx"))
    (tmp_path / "other.pxd").write_text("cdef int f(double x)")
    with pytest.raises(
        TypeError,
        match=r"C function other.f has wrong signature \(expected int \(double\), got int \(int\)\)",
    ):
        er.compile(
            "from other cimport f\nprint(f(1))", include_path=[str(tmp_path)], file="user.pyx"
        )


def test_what_is_not_used_is_not_looked_for(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "volume", raising=False)
    source = "from volume cimport cube, Box\ndef f():\n    cdef Box b = Box(1, 2)\n    return b.w"
    assert er.compile(source, include_path=[str(folder)]).f() == 1.0


def test_a_borrowed_function_keeps_its_module_alive(ours, monkeypatch):
    ours("volume")
    user = ours("user")
    monkeypatch.delitem(sys.modules, "volume")
    assert user.functions()[0] == 80.0


def test_functions_by_the_api_keyword_are_lent():
    module = er.compile("cdef api int three():\n    return 3")
    assert '"int (void)"' in repr(module.__pyx_capi__["three"])
