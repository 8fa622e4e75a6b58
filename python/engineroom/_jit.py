"""The process's compiler: C++ text to native code, by the Clang inside ``engineroom._compiler``.

Importing this module loads nothing: Clang and LLVM come with the first call of `compiler`.
"""

from __future__ import annotations

import functools
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engineroom._compiler import Compiler


@functools.cache
def compiler(for_numpy: bool = False) -> Compiler:
    """The one compiler of this process; with NumPy's headers there is a second."""
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
    include_dirs = [str(headers), str(include)]
    header = "engineroom_runtime.h"
    if for_numpy:
        import numpy

        include_dirs.append(numpy.get_include())
        header = "numpy_runtime.h"
    return _compiler.Compiler(
        str(headers / "runtime" / header),
        include_dirs,
        _compiler.default_cache_root(),
        [str(Path(_compiler.__file__).parent / "libengineroom_runtime.so")],
    )
