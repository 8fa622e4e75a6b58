"""The embedded compiler in the process that it is made for: Python's API, and who loads LLVM."""

import ctypes
import subprocess
import sys

import pytest

pytest.importorskip("engineroom._compiler", exc_type=ImportError)

from engineroom import _jit

SQUARE = """
extern "C" PyObject* square(PyObject*, PyObject* x) {
  return PyNumber_Multiply(x, x);
}
static PyMethodDef method = {"square", square, METH_O, "Its argument times itself."};
extern "C" PyObject* make() { return PyCFunction_New(&method, nullptr); }
"""


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of our own for these tests and the processes they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        _jit.compiler.cache_clear()
        yield
        _jit.compiler.cache_clear()


# Unloading code is the business of whoever gave out its addresses: here nobody does.
kept = []


def make(program):
    kept.append(program)
    return ctypes.PYFUNCTYPE(ctypes.py_object)(program.symbol("make"))()


def in_new_process(code):
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_importing_the_package_does_not_load_llvm():
    code = (
        "import engineroom, engineroom._jit, engineroom._core\n"
        "maps = open('/proc/self/maps').read()\n"
        "print('libLLVM' in maps or 'libclang' in maps)"
    )
    assert in_new_process(code) == "False"


def test_compiled_code_uses_pythons_api():
    square = make(_jit.compiler().compile(SQUARE).program)
    assert square(12) == 144
    assert square.__doc__ == "Its argument times itself."
    with pytest.raises(TypeError):
        square("x")


def test_runtime_header():
    source = """
    extern "C" PyObject* make() {
      using er::Ref;
      Ref list(PyList_New(0));
      for (int i = 0; list && i < 3; ++i) {
        Ref item(PyLong_FromLong(1000 + i));
        Ref same = er::borrow(item);
        if (!item || PyList_Append(list.get(), same.get()) < 0) return nullptr;
      }
      return list.release();
    }
    """
    result = make(_jit.compiler().compile(source).program)
    assert result == [1000, 1001, 1002]
    # The list, getrefcount's argument, the loop's variable.
    assert [sys.getrefcount(item) for item in result] == [3, 3, 3]


def test_runtime_library():
    source = SQUARE.replace("PyNumber_Multiply", "er::multiply")
    assert make(_jit.compiler().compile(source).program)(1.5) == 2.25


def test_errors_have_places():
    with pytest.raises(ValueError, match="undeclared identifier 'y'") as raised:
        _jit.compiler().compile('#line 7 "cell.pyx"\nint f(int x) { return y; }')
    (diagnostic,) = raised.value.diagnostics
    assert (diagnostic.file, diagnostic.line, diagnostic.column) == ("cell.pyx", 7, 23)
    assert diagnostic.severity == "error"


def test_missing_symbols_are_named():
    with pytest.raises(ImportError, match="nowhere_to_be_found"):
        _jit.compiler().compile(
            'extern "C" int nowhere_to_be_found(); int f() { return nowhere_to_be_found(); }'
        )


def test_programs_link_to_earlier_ones():
    one = _jit.compiler().compile("long shared(long x) { return x + 1; }").program
    two = _jit.compiler().compile(
        'long shared(long); extern "C" PyObject* make() { return PyLong_FromLong(shared(41)); }',
        link=[one],
    )
    assert make(two.program) == 42


def test_stages_can_be_shown():
    compiled = _jit.compiler().compile(SQUARE, want_ir=True, want_assembly=True)
    assert "define" in compiled.ir
    assert "PyNumber_Multiply" in compiled.assembly


def test_a_second_process_compiles_nothing():
    code = (
        "import ctypes, engineroom._jit as jit\n"
        f"compiled = jit.compiler().compile({SQUARE!r}, name='twice')\n"
        "make = ctypes.PYFUNCTYPE(ctypes.py_object)(compiled.program.symbol('make'))\n"
        "print(make()(7), compiled.from_cache)"
    )
    assert in_new_process(code) == "49 False"
    assert in_new_process(code) == "49 True"


def test_exceptions_are_caught_in_a_cell():
    source = """
    static void thrower() { throw 5; }
    extern "C" PyObject* make() {
      try { thrower(); } catch (int n) { return PyLong_FromLong(n); }
      return nullptr;
    }
    """
    assert make(_jit.compiler().compile(source).program) == 5


def test_functions_can_be_called_until_the_end():
    code = (
        "import ctypes, os, sys, engineroom._jit as jit\n"
        f"sys.compiled = jit.compiler().compile({SQUARE!r})\n"
        "make = ctypes.PYFUNCTYPE(ctypes.py_object)(sys.compiled.program.symbol('make'))\n"
        "class Last:\n"
        "    def __init__(self, f): self.f = f\n"
        "    def __del__(self, write=os.write): write(1, b'%d' % self.f(3))\n"
        "sys.last = Last(make())\n"
        "jit.compiler.cache_clear()\n"
    )
    assert in_new_process(code) == "9"


def test_openmp_stays_out_of_sight():
    code = (
        "import ctypes, engineroom._jit as jit\n"
        "jit.compiler().compile('int f() { return 1; }', openmp=True)\n"
        "print('libomp' in open('/proc/self/maps').read(), end=' ')\n"
        "print(hasattr(ctypes.CDLL(None), 'GOMP_parallel'))"
    )
    assert in_new_process(code) == "True False"


def test_ctrl_c_still_works():
    code = (
        "import engineroom._jit as jit, os, signal\n"
        "jit.compiler().compile('int f() { return 1; }', use_cache=False)\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    signal.pause()\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')"
    )
    assert in_new_process(code) == "interrupted"
