"""Modules on disk: er.build and `engineroom build`."""

import doctest
import importlib
import os
import pickle
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import traceback
from pathlib import Path

import engineroom as er
import pytest
from engineroom.building import toolchain, translation

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
CLANG = next((c for c in ("clang++", "clang++-19") if shutil.which(c)), None)

# Nothing in a module that is right gives whoever builds it something to read.
WARNINGS = ["-Wall", "-Wextra", "-Werror"]

PROGRAM = '''
"""What a module may do."""
from libc.math cimport sqrt
import math

cdef int counter = 3
ANSWER = 42

cdef double half(double x) noexcept:
    return x / 2

cpdef double norm(double x, double y=2.0) except -1:
    """The length of a vector.

    >>> norm(3, 4)
    5.0
    """
    if x < 0:
        raise ValueError("negative")
    return sqrt(x * x + y * y)

def count(int n, *, step=1):
    global ANSWER
    cdef long s = 0
    for i in range(n):
        s += i * step
    ANSWER += 1
    return s, counter, half(5), math.floor(2.5), ANSWER

def total(object[double] b):
    cdef double s = 0
    for i in range(b.shape[0]):
        s += b[i]
    return s
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on sys.path; what was imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def build(path, **options):
    """Optimization takes time and changes nothing."""
    return er.build(path, optimization=options.pop("optimization", 0), **options)


def run_python(*lines, path, **env):
    """In a process of its own, which knows no engineroom."""
    script = "\n".join(lines)
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(path), **env},
        cwd="/",
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"self_contained": True, "optimization": 2},
        pytest.param(
            {"compiler": CLANG, "optimization": 2},
            marks=pytest.mark.skipif(not CLANG, reason="no clang++"),
        ),
    ],
    ids=["g++", "self-contained", "clang++"],
)
def test_module_behaves_as_in_process(folder, options):
    source = write(folder / "vectors.pyx", PROGRAM)
    target = build(source, flags=WARNINGS, **options)
    assert target == folder / ("vectors" + SUFFIX)
    module = importlib.import_module("vectors")
    assert module.__file__ == str(target)
    assert module.__spec__.name == module.__name__ == "vectors"
    for m in (module, er.compile_file(source)):
        assert m.__doc__ == "What a module may do."
        assert m.norm(3, 4) == 5.0
        assert m.norm.__module__ == "vectors"
        assert m.count(10, step=2) == (90, 3, 2.5, 2, 43)
        assert m.total(memoryview(b"\0" * 16).cast("d")) == 0.0
        assert not hasattr(m, "half")
        with pytest.raises(TypeError, match="count.. missing 1 required positional argument: 'n'"):
            m.count()
        with pytest.raises(ValueError, match="negative") as caught:
            m.norm(-1)
        place = traceback.extract_tb(caught.tb)[-1]
        assert (place.filename, place.lineno) == (str(source), 19)
        assert place.line == 'raise ValueError("negative")'


def test_no_llvm_is_loaded(folder):
    build(write(folder / "lean.pyx", PROGRAM))
    said = run_python(
        "import lean, sys",
        "print(lean.norm(3, 4), [m for m in sys.modules if 'engineroom' in m])",
        "print('LLVM' in open('/proc/self/maps').read())",
        path=folder,
    )
    assert said.split("\n")[:2] == ["5.0 []", "False"]


def test_self_contained_module_needs_no_library(folder):
    target = build(write(folder / "alone.pyx", PROGRAM), self_contained=True)
    content = target.read_bytes()
    assert b"libengineroom_runtime.so" not in content
    assert str(translation.package()).encode() not in content


def test_module_life(folder):
    """As with Cython's modules there is one per process."""
    build(
        write(
            folder / "life.pyx",
            """
            x = 1
            def f():
                '''
                >>> f()
                1
                '''
                return x
            """,
        )
    )
    module = importlib.import_module("life")
    assert doctest.testmod(module).attempted == 1
    assert pickle.loads(pickle.dumps(module.f)) is module.f
    module.x = 5
    assert importlib.reload(module) is module
    del sys.modules["life"]
    assert importlib.import_module("life") is module
    assert module.f() == 5


def test_import_that_fails_can_be_tried_again(folder):
    build(
        write(
            folder / "fails.pyx",
            """
            import os
            if not os.environ.get('ER_TEST_GO'):
                raise OSError('not yet')
            x = 3
            """,
        )
    )
    with pytest.raises(OSError, match="not yet"):
        importlib.import_module("fails")
    os.environ["ER_TEST_GO"] = "1"
    try:
        assert importlib.import_module("fails").x == 3
    finally:
        del os.environ["ER_TEST_GO"]


def test_other_version_is_refused(folder):
    source = write(folder / "old.pyx", "x = 1\n")
    target = build(source)
    version = f"{er.__version__}\0".encode()
    target.write_bytes(target.read_bytes().replace(version, b"9" * (len(version) - 1) + b"\0"))
    with pytest.raises(ImportError, match="built with engineroom 9+, and this is engineroom "):
        importlib.import_module("old")


def test_packages(folder):
    """Names, cimports and lending between modules of a package; a package's own text."""
    write(folder / "pack/__init__.py", "")
    write(folder / "pack/sub/__init__.pyx", "from .b import double_it\nNAME = __name__\n")
    write(folder / "pack/a.pxd", "cdef int twice(int x)\n")
    write(folder / "pack/a.pyx", "cdef int twice(int x):\n    return 2 * x\n")
    write(
        folder / "pack/sub/b.pyx",
        """
        from pack.a cimport twice
        from .. import a
        def double_it(x):
            return twice(x), a.__name__, __name__
        """,
    )
    out = folder / "out"
    for file in ("a.pyx", "sub/__init__.pyx", "sub/b.pyx"):
        build(folder / "pack" / file, output=out)
    write(out / "pack/__init__.py", "")
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*.so")) == [
        f"pack/a{SUFFIX}", f"pack/sub/__init__{SUFFIX}", f"pack/sub/b{SUFFIX}"
    ]  # fmt: skip
    said = run_python("import pack.sub as s", "print(s.double_it(4), s.NAME, s.__path__)", path=out)
    assert said == f"(8, 'pack.a', 'pack.sub.b') pack.sub ['{out}/pack/sub']\n"


def test_name_that_is_not_ascii(folder):
    build(write(folder / "größe.pyx", "def f(): return 'ä'\n"))
    assert importlib.import_module("größe").f() == "ä"


def test_up_to_date(folder):
    """Built again if the source, a .pxd, an included text, a header or an option has changed."""
    write(folder / "values.pxd", "cdef inline int one(): return 1\n")
    write(folder / "more.pxi", "THREE = 3\n")
    write(folder / "inner.h", "static int four = 4;\n")
    write(folder / "c.h", '#include "inner.h"\n')
    source = write(
        folder / "fresh.pyx",
        """
        from values cimport one
        cdef extern from "c.h":
            int four
        include "more.pxi"
        def f(): return one(), four, THREE
        """,
    )

    def is_new(**options):
        before = target.stat().st_ino if target.exists() else 0
        assert build(source, **options) == target
        return target.stat().st_ino != before

    target = folder / ("fresh" + SUFFIX)
    assert is_new()
    assert not is_new()
    assert is_new(force=True)
    assert is_new(flags=["-DNOTHING"])
    for name, text in [
        ("values.pxd", "cdef inline int one(): return 11\n"),
        ("more.pxi", "THREE = 33\n"),
        ("inner.h", "static int four = 44;\n"),
    ]:
        write(folder / name, text)
        assert is_new()
        assert not is_new()
    assert importlib.import_module("fresh").f() == (11, 44, 33)


def test_distutils_comments(folder):
    write(folder / "helper.h", '#ifdef __cplusplus\nextern "C"\n#endif\nint helper(int);\n')
    write(folder / "helper.c", "int helper(int class) { return class * NINE; }\n")
    write(folder / "inc/extra.h", "#define EXTRA 5\n")
    build(
        write(
            folder / "native.pyx",
            """
            # distutils: language = c++
            # distutils: sources = helper.c
            # distutils: include_dirs = [inc]
            # distutils: define_macros = NINE=9 TEN
            # distutils: extra_compile_args = "-DTXT=7"
            # distutils: libraries = m
            cdef extern from "helper.h":
                int helper(int)
                int NINE, TEN, TXT
            cdef extern from "<extra.h>":
                int EXTRA
            def f(x): return helper(x), NINE, TEN, TXT, EXTRA
            """,
        )
    )
    assert importlib.import_module("native").f(2) == (18, 9, 1, 7, 5)


def test_standard_of_cpp():
    """That of the runtime's headers, whatever older one a text was written for."""
    assert "-std=c++20" in toolchain.required_flags(["-std=c++11"])
    assert "-std=c++20" in toolchain.required_flags(["-std=c++2a"])
    assert "-std=c++20" not in toolchain.required_flags(["-O2", "-std=c++23"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b", ["a", "b"]),
        ("[a, 'b c', \"d\"]", ["a", "b c", "d"]),
        ("-Wl,-z,now '-DX=\"y z\"'", ["-Wl,-z,now", '-DX="y z"']),
        ("", []),
        ("[]", []),
    ],
)
def test_lists_in_comments(text, words):
    assert translation.parse_list(text) == words


def test_mistakes(folder):
    with pytest.raises(er.CompileError, match=r"bad.pyx:1:6: error: '\(' is never closed"):
        build(write(folder / "bad.pyx", "def f(:\n    pass\n"))
    extern = 'cdef extern from "no.h":\n    int f(int)\ndef g(): return f(1)\n'
    source = write(folder / "bad.pyx", extern)
    with pytest.raises(er.CompileError, match=r"error: no.h: No such file") as caught:
        build(source)
    assert caught.value.diagnostics[0].line > 0
    write(folder / "no.h", "extern int f(int);\n")
    with pytest.raises(er.BuildError, match="undefined reference to .f"):
        build(source, link_flags=["-Wl,-z,defs", "-Wl,--unresolved-symbols=report-all"])
    with pytest.raises(er.BuildError, match="there is no C\\+\\+ compiler 'no-such-compiler'"):
        build(source, compiler="no-such-compiler")
    assert not list(folder.glob(".engineroom-*"))


LOOPS = """
    from cython.parallel cimport prange, threadid
    from libc.stdlib cimport calloc, free

    cdef inline int escape(double complex z, double complex c) noexcept nogil:
        cdef int i = 0
        while z.real * z.real + z.imag * z.imag < 4.0 and i < 50:
            z = z * z + c
            i += 1
        return i

    def run(int n):
        cdef int i, j, n_threads = 0
        cdef long total = 0
        cdef int* counts = <int*>calloc(n * n, sizeof(int))
        for i in prange(n, nogil=True, num_threads=2, schedule="static"):
            for j in range(n):
                counts[i * n + j] = escape(i / 10.0 + j / 10.0 * 1j, -0.4 + 0.6j)
                total += counts[i * n + j]
            n_threads = threadid() + 1
        found = [counts[i] for i in range(n * n)]
        free(counts)
        return found, total, n_threads
"""

USE_LOOPS = """
import os
import loops
found, total, n_threads = loops.run(20)
assert sum(found) == total and n_threads == 2, (total, n_threads)
child = os.fork()
if child == 0:  # in which the threads of the first loop are not
    os._exit(0 if loops.run(20) == (found, total, 2) else 1)
print(total, os.waitpid(child, 0)[1])
"""


@pytest.mark.parametrize(
    "compiler",
    ["g++", pytest.param(CLANG, marks=pytest.mark.skipif(not CLANG, reason="no clang++"))],
)
def test_threads(folder, compiler):
    """The same numbers as in the process, on two threads, also in a process that was forked."""
    source = write(folder / "loops.pyx", LOOPS)
    build(source, compiler=compiler, optimization=2, flags=WARNINGS)
    total = er.compile_file(source).run(20)[1]
    assert run_python(USE_LOOPS, path=folder) == f"{total} 0\n"
    # joblib sets this for the whole process; LLVM's OpenMP then takes no care of forks by itself.
    joblib = "import os; os.environ['KMP_INIT_AT_FORK'] = 'FALSE'\n"
    assert run_python(joblib + USE_LOOPS, path=folder) == f"{total} 0\n"


def test_threads_need_openmp(folder):
    """Serial without a word would be worse: whoever compiles the C++ is told."""
    source = write(folder / "loops.pyx", LOOPS)
    translation.translate(source).write_cpp(folder / "loops.cpp")
    command = ["g++", "-std=c++20", "-fsyntax-only", f"-I{translation.package()}/include",
               f"-I{sysconfig.get_path('include')}", str(folder / "loops.cpp")]  # fmt: skip
    assert "prange needs OpenMP" in subprocess.run(command, capture_output=True, text=True).stderr
    assert subprocess.run([*command, "-fopenmp"]).returncode == 0


def test_compiler_without_openmp_is_an_error(folder, tmp_path):
    """Serial without a word would be worse."""
    fake = write(
        tmp_path / "bin/g++",
        """\
        #!/bin/sh
        case "$*" in *-fopenmp*) echo "x:1:1: error: unsupported option -fopenmp"; exit 1;; esac
        exec g++ "$@"
        """,
    )
    fake.chmod(0o755)
    source = write(folder / "threads.pyx", "# distutils: extra_compile_args = -fopenmp\nx = 1\n")
    with pytest.raises(er.BuildError, match="prange needs OpenMP, and .* has none .unsupported"):
        build(source, compiler=str(fake))
    assert "-fopenmp" in toolchain.find().openmp_flags


def test_command(folder):
    def run(*args):
        command = [sys.executable, "-m", "engineroom.cli", "build", *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        return done.returncode, done.stdout, done.stderr

    write(folder / "one.pyx", "def f(): return 1\n")
    write(folder / "pack/__init__.py", "")
    write(folder / "pack/two.py", "def f(): return 2\n")
    write(folder / "bad.pyx", "def f(:\n")
    code, said, complained = run(
        "-O0", "-o", "out", "-a", "-k", "one.pyx", "bad.pyx", "pack/two.py"
    )
    assert code == 1
    assert [line.split(" (")[0] for line in said.splitlines()] == [
        f"[1/3] one.pyx → out/one{SUFFIX}", f"[3/3] pack/two.py → out/pack/two{SUFFIX}"
    ]  # fmt: skip
    assert "bad.pyx:1:6: error" in complained
    assert complained.endswith("engineroom: 1 of 3 were not built\n")
    made = {"one.cpp", "one.html", "one.pyi", f"one{SUFFIX}", "pack"}
    assert {p.name for p in (folder / "out").iterdir()} == made
    code, said, complained = run("-O0", "-o", "out", "one.pyx")
    assert (code, complained) == (0, "")
    assert said.endswith("(up to date)\n")
    assert run("nowhere.pyx")[0] == 1
    assert run()[0] == 2
    assert Path(folder / "out/one.html").read_text().startswith("<!DOCTYPE html>")
