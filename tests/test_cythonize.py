"""engineroom.cythonize in setuptools projects, built as their users build them."""

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap

import engineroom as er
import pytest

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")

FILES = {
    "src/pack/__init__.py": "",
    "src/pack/a.pxd": "cdef int twice(int x)\n",
    "src/pack/a.pyx": """
        cdef int twice(int x):
            return 2 * x

        def divide(int a, int b):
            return a // b, __name__

        def fail():
            raise ValueError("why")
        """,
    "src/pack/sub/__init__.py": "",
    "src/pack/sub/b.pyx": "from pack.a cimport twice\ndef f(x): return twice(x)\n",
    "src/pack/sub/left_out.pyx": "def f(:\n",
    "src/pack/native.pyx": """
        # distutils: define_macros = NINE=9 TEN
        # distutils: libraries = @LIBS
        cdef extern from "helper.h":
            int helper(int)
            int NINE, TEN
        def f(x): return helper(x), NINE, TEN
        """,
    "src/pack/helper.h": '#ifdef __cplusplus\nextern "C"\n#endif\nint helper(int);\n',
    "src/pack/helper.c": "int helper(int class) { return class * FACTOR; }\n",
    "setup.py": """
        from engineroom import cythonize
        from setuptools import Extension, setup

        native = Extension(
            "pack.native_", ["src/pack/native.pyx", "src/pack/helper.c"],
            define_macros=[("FACTOR", "3")], extra_compile_args=["-O0"],
        )
        pattern = Extension("*", ["src/pack/**/*.pyx"], extra_compile_args=["-O0"])
        setup(
            name="pack", version="1", packages=["pack", "pack.sub"], package_dir={"": "src"},
            package_data={"": ["*.pyx"]},
            ext_modules=cythonize(
                [pattern, native], exclude="src/pack/**/left_out.pyx", nthreads=2,
                compiler_directives={"cdivision": True}, language_level=3, aliases={"LIBS": ["m"]},
                self_contained=SELF_CONTAINED,
            ),
        )
        """,
}

TRY = """
import traceback
import pack.a, pack.sub.b, pack.native_
print(pack.a.divide(-7, 2), pack.sub.b.f(4), pack.native_.f(5))
try:
    pack.a.fail()
except ValueError as error:
    place = traceback.extract_tb(error.__traceback__)[-1]
    print(place.filename, place.lineno, place.line)
"""
TRIED = "(-3, 'pack.a') 8 (15, 9, 1)\n{}/pack/a.pyx 8 raise ValueError(\"why\")\n"


def write_files(folder, files, **replaced):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(text)
        for old, new in replaced.items():
            text = text.replace(old, new)
        path.write_text(text.lstrip("\n"))
    return folder


def run(*command, cwd, **env):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=cwd,
        env={**os.environ, "CFLAGS": "-O0", **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_build_ext_in_place(tmp_path):
    project = write_files(tmp_path, FILES, SELF_CONTAINED="False")
    said = run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=project)
    assert "[1/3] engineroom: src/pack/a.pyx" in said
    assert {str(p.relative_to(project / "src/pack")) for p in (project / "src").rglob("*.so")} == {
        f"a{SUFFIX}", f"sub/b{SUFFIX}", f"native_{SUFFIX}"
    }  # fmt: skip
    assert run(sys.executable, "-c", TRY, cwd="/", PYTHONPATH=project / "src") == TRIED.format(
        project / "src"
    )
    # Only what has changed is compiled again.
    (project / "src/pack/a.pxd").write_text("cdef int twice(int y)\n")
    os.utime(project / "src/pack/a.pxd", (2e9, 2e9))
    said = run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=project)
    assert "building 'pack.a'" in said
    assert "building 'pack.sub.b'" in said
    assert "building 'pack.native_'" not in said


def test_wheel_that_needs_no_engineroom(tmp_path):
    """Made by pip, and tried by a Python that has nothing but it."""
    project = write_files(tmp_path, FILES, SELF_CONTAINED="True")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", ".",
        "-w", "wheels", cwd=project)  # fmt: skip
    (wheel,) = (project / "wheels").glob("pack-1-*.whl")
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    said = run(sys.executable, "-S", "-c", TRY, cwd="/", PYTHONPATH=tmp_path / "site")
    assert said == TRIED.format(tmp_path / "site")


def test_module_finds_the_runtime_of_its_site_packages(tmp_path):
    """A wheel that was built elsewhere: only $ORIGIN leads to the library."""
    from engineroom.building import translation
    from engineroom.building.module import rpath_flags

    assert rpath_flags("a", False) == ["-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/engineroom"]
    assert rpath_flags("a.b.c", False)[-1] == "-Wl,-rpath,$ORIGIN/../../engineroom"
    site = tmp_path / "site"
    (site / "engineroom").mkdir(parents=True)
    shutil.copy(translation.package() / "libengineroom_runtime.so", site / "engineroom")
    source = tmp_path / "pack/m.pyx"
    write_files(tmp_path, {"pack/__init__.py": "", "pack/m.pyx": "x = 3\n"})
    target = er.build(source, output=site, optimization=0)
    # The place where it was built is gone.
    there = str(translation.package()).encode()
    target.write_bytes(target.read_bytes().replace(there, b"/" + b"x" * (len(there) - 1)))
    said = run(sys.executable, "-S", "-c", "import pack.m; print(pack.m.x)", cwd="/", PYTHONPATH=site)  # fmt: skip
    assert said == "3\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_extensions(here, capsys):
    """What cythonize gives to setuptools."""
    from setuptools import Extension

    write_files(
        here,
        {
            "m.pyx": "# distutils: include_dirs = inc\n# distutils: extra_link_args = -Lx\nx = 1\n",
            "plain.c": "",
            "inc/x.h": "",
        },
    )
    plain = Extension("plain", ["plain.c"])
    extension = Extension("m", ["m.pyx", "plain.c"], libraries=["m"], include_dirs=["own"])
    first, second = er.cythonize([plain, extension], build_dir="out", annotate=True)
    assert first is plain
    assert (second.name, second.language, second.libraries) == ("m", "c++", ["m"])
    assert second.sources == ["out/m.cpp", "plain.c"]
    assert second.include_dirs[:2] == ["own", str(here / "inc")]
    assert "-std=c++20" in second.extra_compile_args
    assert second.extra_link_args[0] == "-Lx"
    assert capsys.readouterr().err == "[1/1] engineroom: m.pyx\n"
    assert (here / "out/m.html").is_file()
    assert extension.sources == ["m.pyx", "plain.c"]  # what was given stays as it was
    # The C++ is written again only if it is another, or has to be.
    cpp = here / "out/m.cpp"
    os.utime(cpp, (1e9, 1e9))
    er.cythonize(extension, build_dir="out", quiet=True)
    assert cpp.stat().st_mtime == 1e9
    er.cythonize(extension, build_dir="out", quiet=True, force=True)
    assert cpp.stat().st_mtime > 1e9
    assert capsys.readouterr().err == ""


def test_mistakes(here, capsys):
    alias = "# distutils: libraries = @NO\n"
    write_files(here, {"good.pyx": "x = 1\n", "bad.pyx": "def f(:\n", "alias.pyx": alias})
    with pytest.raises(er.CompileError, match=r"bad.pyx:1:6: error"):
        er.cythonize("bad.pyx")
    (good,) = er.cythonize(["bad.pyx", "good.pyx"], exclude_failures=True)
    assert good.name == "good"
    assert "bad.pyx:1:6: error" in capsys.readouterr().err
    with pytest.raises(ValueError, match="'nowhere/\\*.pyx' doesn't match any files"):
        er.cythonize("nowhere/*.pyx")
    with pytest.raises(TypeError, match="does not support compile_time_env"):
        er.cythonize("good.pyx", compile_time_env={"A": 1})
    with pytest.raises(er.BuildError, match="there is no alias @NO"):
        er.cythonize("alias.pyx")
    (here / "good.cpp").write_text("int main() {}\n")
    with pytest.raises(er.BuildError, match="good.cpp was not made by engineroom"):
        er.cythonize("good.pyx")
