"""The process's compiler: C++ text to native code, by the Clang inside ``engineroom._compiler``.

Importing this module loads nothing: Clang and LLVM come with the first call of `compiler`.
"""

from __future__ import annotations

import functools
import importlib.util
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engineroom._compiler import Compiler


@functools.cache
def compiler() -> Compiler:
    """The one compiler of this process."""
    try:
        from engineroom import _compiler
    except ImportError as error:
        raise ImportError(
            "the compiler is not available: engineroom was built without Clang 19, or its "
            "libraries are not installed (Debian: libclang-cpp19)"
        ) from error
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").is_file():
        raise ImportError(
            f"compiling needs Python's C headers, and {include}/Python.h does not exist "
            "(Debian: python3-dev)"
        )
    headers = Path(_compiler.__file__).parent / "include"
    runtime = headers / "runtime"
    numpy = _numpy_include()
    for_numpy = _compiler.HeaderSet("numpy/", str(runtime / "numpy_runtime.h"), numpy)
    return _compiler.Compiler(
        str(runtime / "engineroom_runtime.h"),
        [str(headers), str(include)],
        _compiler.default_cache_root(),
        [str(Path(_compiler.__file__).parent / "libengineroom_runtime.so")],
        [for_numpy] if numpy else [],
    )


def _numpy_include() -> list[str]:
    """numpy.get_include(), but without importing it: most code needs no NumPy."""
    found = importlib.util.find_spec("numpy")
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        for core in ("_core", "core"):
            include = Path(folder) / core / "include"
            if include.is_dir():
                return [str(include)]
    return []
