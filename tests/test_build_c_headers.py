"""Modules on disk that call functions of C sources, through headers that know nothing of C++."""

import importlib
import os
import shutil
import subprocess
import sys
import textwrap

import engineroom as er
import pytest
from engineroom.building.c_headers import is_c

CLANG = next((n for n in ("", "-19") if shutil.which("clang" + n) and shutil.which("clang++" + n)),
             None)  # fmt: skip

FILES = {
    # Declares what it takes of others; says nothing of C++.
    "helper.h": """
        #ifndef HELPER_H
        #define HELPER_H
        #include <math.h>
        #include "types.h"
        static inline double root(double x) { return sqrt(x); }  /* not a template<int> */
        number_t helper(number_t);
        #endif
        """,
    "types.h": "#include <complex.h>\ntypedef int number_t;\n",
    "helper.c": '#include "helper.h"\nnumber_t helper(number_t class) { return class * 3; }\n',
    # Knows C++.
    "both.h": """
        #ifdef __cplusplus
        template <typename T> T same(T x) { return x; }
        #define SAME(x) same(x)
        extern "C" {
        #endif
        int other(int);
        #ifdef __cplusplus
        }
        #endif
        """,
    "other.c": "int other(int x) { int template = x; return template + 1; }\n",
    "{name}.pyx": """
        # distutils: sources = helper.c other.c
        cdef extern from "helper.h":
            ctypedef int number_t
            number_t helper(number_t)
            double root(double)
        cdef extern from "both.h":
            int other(int)
            int SAME(int)
        def f(x): return helper(x), root(x), other(x), SAME(x)
        """,
    "setup.py": """
        from engineroom import cythonize
        from setuptools import setup
        setup(name="{name}", version="1", ext_modules=cythonize("{name}.pyx"))
        """,
}


def write(folder, name, files=FILES):
    for file, text in files.items():
        place = folder / file.replace("{name}", name)
        place.write_text(textwrap.dedent(text).replace("{name}", name).lstrip("\n"))
    return folder / f"{name}.pyx"


@pytest.mark.parametrize("compiler", ["g++", f"clang++{CLANG}" if CLANG is not None else None])
def test_build(tmp_path, monkeypatch, compiler):
    if compiler is None:
        pytest.skip("no clang")
    name = "c_header_" + compiler[0]
    er.build(write(tmp_path, name), compiler=compiler, optimization=0, flags=["-Wall", "-Werror"])
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module(name).f(4) == (12, 2.0, 5, 4)


@pytest.mark.parametrize("compilers", [("gcc", "g++"), (f"clang{CLANG}", f"clang++{CLANG}")])
def test_setuptools(tmp_path, monkeypatch, compilers):
    """One list of flags is for all sources, of which those in C know no standard of C++."""
    cc, cxx = compilers
    if not shutil.which(cc):
        pytest.skip(f"no {cc}")
    name = "c_setup_" + cc[0]
    write(tmp_path, name)
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "CC": cc, "CXX": cxx, "LDSHARED": f"{cxx} -shared", "CFLAGS": "-O0"},
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "not for C" not in said
    assert "-std=c++20" in said
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module(name).f(4) == (12, 2.0, 5, 4)


def test_functions_of_cpp_keep_their_linkage(tmp_path, monkeypatch):
    files = {
        "plain.h": "int twice(int);\n",
        "plain.cc": '#include "plain.h"\nint twice(int x) { return 2 * x; }\n',
        "{name}.pyx": """
            # distutils: sources = plain.cc
            cdef extern from "plain.h":
                int twice(int)
            def f(x): return twice(x)
            """,
    }
    er.build(write(tmp_path, "cpp_header", files), optimization=0)
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module("cpp_header").f(4) == 8


def test_language():
    assert is_c(None, ["a.c"])
    assert is_c("c", [])
    assert not is_c("c++", ["a.c"])
    assert not is_c(None, ["a.c", "b.cxx"])
