"""The import hook: engineroom.pyx, in the process and with modules on disk."""

import importlib
import inspect
import os
import stat
import subprocess
import sys
import sysconfig
import textwrap
import traceback
from pathlib import Path

import engineroom as er
import engineroom.pyx
import pytest

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")

FAST = {"optimization": 0}  # which changes nothing but the time


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on sys.path, and a cache beside it; all is undone afterwards."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    known = set(sys.modules)
    yield place
    engineroom.pyx.uninstall()
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


@pytest.fixture(params=["in process", "built"])
def install(request):
    def install(**options):
        if request.param == "built":
            options = {"build": True, **FAST, **options}
        return engineroom.pyx.install(**options)

    return install


def load(name):
    importlib.invalidate_caches()
    return importlib.import_module(name)


def test_module(folder, install):
    source = write(
        folder / "julia.pyx",
        '''
        """The doc."""
        cdef int escape(double complex z) nogil:
            return 3

        def f(int x):
            if x < 0:
                raise ValueError("negative")
            return escape(1) + x
        ''',
    )
    with pytest.raises(ModuleNotFoundError):
        load("julia")
    install()
    julia = load("julia")
    assert julia.f(2) == 5
    assert (julia.__doc__, julia.__name__, julia.__file__) == ("The doc.", "julia", str(source))
    assert julia.__spec__.origin == str(source)
    assert "cdef int escape" in inspect.getsource(julia)
    with pytest.raises(ValueError, match="negative") as caught:
        julia.f(-1)
    place = traceback.extract_tb(caught.tb)[-1]
    assert (place.filename, place.lineno, place.line) == (
        str(source), 8, 'raise ValueError("negative")'
    )  # fmt: skip
    with pytest.raises(ModuleNotFoundError):
        load("no_such_module")
    assert [p.name for p in folder.iterdir()] == ["julia.pyx"]  # nothing is left beside it


def test_packages_and_cimports(folder, install):
    write(folder / "pack/__init__.pyx", "NAME = __name__\nfrom .sub import b\n")
    write(folder / "pack/sub/__init__.py", "")
    write(folder / "pack/sub/a.pxd", "cdef int twice(int x)\n")
    write(folder / "pack/sub/a.pyx", "cdef int twice(int x):\n    return 2 * x\n")
    write(folder / "pack/sub/b.pyx", "from pack.sub.a cimport twice\ndef f(x): return twice(x)\n")
    install()
    pack = load("pack")
    assert (pack.NAME, pack.b.f(4), pack.b.__name__) == ("pack", 8, "pack.sub.b")
    assert pack.__path__ == [str(folder / "pack")]


def test_reload(folder, install):
    source = write(folder / "fresh.pyx", "x = 1\nold = True\ndef f(): return x\n")
    install()
    fresh = load("fresh")
    assert fresh.f() == 1
    write(source, "x = 2\ndef f(): return x, __name__\n")
    assert importlib.reload(fresh) is fresh
    assert (fresh.f(), fresh.old) == ((2, "fresh"), True)
    fresh.x = 5
    assert fresh.f() == (5, "fresh")
    write(source, "def f(:\n")
    with pytest.raises(er.CompileError, match=r"fresh.pyx:1:6: error"):
        importlib.reload(fresh)
    assert fresh.f() == (5, "fresh")
    del sys.modules["fresh"]
    write(source, "x = 6\n")
    assert load("fresh").x == 6


def test_changes_of_other_files_are_seen(folder, install):
    write(folder / "values.pxd", "cdef inline int one(): return 1\n")
    write(folder / "more.pxi", "THREE = 3\n")
    write(folder / "inner.h", "static int four = 4;\n")
    write(folder / "c.h", '#include "inner.h"\n')
    write(
        folder / "user.pyx",
        """
        from values cimport one
        cdef extern from "c.h":
            int four
        include "more.pxi"
        def f(): return one(), four, THREE, __file__
        """,
    )
    install(include_path=[str(folder)])
    user = load("user")
    assert user.f()[:3] == (1, 4, 3)
    write(folder / "values.pxd", "cdef inline int one(): return 11\n")
    assert importlib.reload(user).f()[:3] == (11, 4, 3)
    write(folder / "more.pxi", "THREE = 333\n")
    assert importlib.reload(user).f()[:3] == (11, 4, 333)
    write(folder / "inner.h", "static int four = 44444;\n")
    assert importlib.reload(user).f()[:3] == (11, 44444, 333)


def test_what_python_finds_comes_first(folder, install):
    write(folder / "both.py", "x = 'py'\n")
    write(folder / "both.pyx", "x = 'pyx'\n")
    install()
    assert load("both").x == "py"


def test_mistakes(folder, install):
    write(folder / "bad.pyx", "def f(:\n")
    write(folder / "raises.pyx", "import os\nraise OSError('no')\n")
    install()
    with pytest.raises(er.CompileError, match=r"bad.pyx:1:6: error: '\(' is never closed"):
        load("bad")
    with pytest.raises(OSError, match="no"):
        load("raises")
    assert not {"bad", "raises"} & set(sys.modules)


def test_options(folder, install):
    write(folder / "inc/extra.h", "#define EXTRA 7\n")
    write(
        folder / "level.pyx",
        'cdef extern from "extra.h":\n    int EXTRA\ndef f(int a, int b): return a / b, EXTRA\n',
    )
    install(
        language_level=2,
        directives={"cdivision": True},
        setup_args={"include_dirs": str(folder / "inc"), "script_args": []},
    )
    assert load("level").f(-7, 2) == (-3, 7)
    with pytest.raises(TypeError, match="setup_args: name not supported"):
        install(setup_args={"name": "x"})


def run_python(folder, *lines):
    """A later process. Says whether LLVM was loaded, too."""
    script = [
        "import engineroom.pyx",
        *lines,
        "print('LLVM' in open('/proc/self/maps').read())",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(script)], capture_output=True, text=True, cwd="/",
        env={**os.environ, "PYTHONPATH": str(folder), "CXX": "/no/such/compiler"},
    )  # fmt: skip
    return done.stdout.splitlines() or done.stderr


def test_later_process_needs_no_compiler(folder, monkeypatch):
    monkeypatch.setenv("CXX", "g++")
    write(folder / "kept.pxd", "cdef int two\n")
    write(folder / "kept.pyx", "two = 2\ndef f(): return two\n")
    engineroom.pyx.install(build=True, **FAST)
    assert load("kept").f() == 2
    lines = ("engineroom.pyx.install(build=True, optimization=0)", "import kept; print(kept.f())")
    done = run_python(folder, "import os; os.environ['CXX'] = 'g++'", *lines)
    assert done == ["2", "False"]
    cache = Path(os.environ["XDG_CACHE_HOME"]) / "engineroom/modules"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    for file in cache.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600), file
    assert len(list(cache.rglob("*.so"))) == 1
    write(folder / "kept.pxd", "cdef long two\n")
    done = run_python(folder, "import os; os.environ['CXX'] = 'g++'", *lines)
    assert done == ["2", "True"]
    assert len(list(cache.rglob("*.so"))) == 1  # the old one is gone


def test_cache_that_others_may_write_to_is_refused(folder, tmp_path):
    write(folder / "secret.pyx", "x = 1\n")
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    engineroom.pyx.install(build_dir=place)
    with pytest.raises(er.BuildError, match="others may write to"):
        load("secret")


def test_in_place(folder):
    """Found by everybody; changes of the source are seen all the same."""
    source = write(folder / "here.pyx", "x = 1\n")
    write(folder / "theirs.pyx", "x = 'pyx'\n")
    write(folder / "theirs.py", "x = 'py'\n")
    engineroom.pyx.install(inplace=True, **FAST)
    here = load("here")
    assert here.__file__ == str(folder / f"here{SUFFIX}")
    write(source, "x = 2\n")
    del sys.modules["here"]
    assert load("here").x == 2
    assert load("theirs").x == "py"


def test_more_sources_are_built(folder):
    """Which the process cannot compile."""
    write(folder / "helper.h", '#ifdef __cplusplus\nextern "C"\n#endif\nint helper(int);\n')
    write(folder / "helper.c", "int helper(int class) { return class * FACTOR; }\n")
    text = 'cdef extern from "helper.h":\n    int helper(int)\ndef f(x): return helper(x)\n'
    comments = "# distutils: sources = helper.c\n# distutils: define_macros = FACTOR=3\n"
    write(folder / "told.pyx", comments + text)
    write(folder / "other.pyx", text)
    write(
        folder / "other.pyxbld",
        """
        import os
        class Extension:
            def __init__(self, name, sources, **options):
                self.__dict__.update(options, name=name, sources=sources)

        def make_ext(modname, pyxfilename):
            helper = os.path.join(os.path.dirname(pyxfilename), "helper.c")
            return Extension(modname, [pyxfilename, helper], define_macros=[("FACTOR", "5")])
        """,
    )
    engineroom.pyx.install()
    assert load("told").f(2) == 6
    assert load("other").f(2) == 10


def test_python_files(folder):
    """Compiled if they can be; else they are run as they are."""
    write(folder / "typed.py", "import cython\ndef f(x: cython.int): return x / 2\n")
    write(folder / "classy.py", "class A:\n    x = 3\ndef f(): return A.x\n")
    engineroom.pyx.install(pyimport=True)
    assert type(load("typed").f).__name__ == "cython_function_or_method"
    assert load("classy").f() == 3
    assert load("classy").__loader__.get_source("classy").startswith("class A")
    assert "PyxLoader" not in repr(importlib.import_module("fractions").__loader__)


def test_installing_twice_and_uninstalling(folder):
    def hooks():
        return [*sys.meta_path, *sys.path_hooks]

    before = hooks()
    engineroom.pyx.install()
    finders = engineroom.pyx.install(pyimport=True)
    assert len(hooks()) == len(before) + 2
    engineroom.pyx.uninstall(*finders)
    assert hooks() == before
