"""Cython to native code in this process: `compile`, `compile_file` and `explain`.

The text goes through the native front end (``_compiler.translate``) to C++, which the embedded Clang
compiles; nothing is written but the caches. Clang and LLVM are loaded by the first call.
"""

from __future__ import annotations

import ctypes
import hashlib
import linecache
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._compiler import Compiled, Program, Translation

_PXD = str(Path(__file__).parent / "pxd")
# Code that may be called until the process ends is never unloaded.
_programs: list[Program] = []


class CompileError(Exception):
    """Everything that is wrong with a text. `diagnostics` has one object per mistake, with file,
    line and column (from 1), message and hint."""

    def __init__(self, diagnostics: Sequence[Any]) -> None:
        self.diagnostics = list(diagnostics)
        super().__init__("\n".join(str(diagnostic).rstrip() for diagnostic in self.diagnostics))

    def __str__(self) -> str:
        n = sum(diagnostic.severity == "error" for diagnostic in self.diagnostics)
        return f"{n} error{'s' if n != 1 else ''}\n{self.args[0]}"

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the diagnostics, and not the way to the compiler."""
        return [f"CompileError: {self}"]


def _front_end(
    source: str,
    file: str,
    module: str,
    level: str,
    directives: Mapping[str, Any] | None,
    include_path: Sequence[str],
    own_pxd: str = "",
) -> Translation:
    from . import _compiler

    texts = {key: str(value) for key, value in (directives or {}).items()}
    # Never the working directory: only what was asked for, our own, and installed packages.
    path = [*include_path, _PXD, *(entry for entry in sys.path if entry)]
    return _compiler.translate(
        source,
        file=file,
        module=module,
        level=level,
        directives=texts,
        pxd_path=path,
        own_pxd=own_pxd,
    )


def compile(
    source: str,
    name: str | None = None,
    *,
    file: str | None = None,
    level: str = "3",
    directives: Mapping[str, Any] | None = None,
    include_path: Sequence[str] = (),
    own_pxd: str = "",
    optimization: int = 2,
    use_cache: bool = True,
) -> types.ModuleType:
    """A module made of Cython source.

    name: its ``__name__``; default: made from a hash of the source.
    file: what tracebacks and messages name; default ``<cython NAME>``.
    level: the language level, "2", "3" or "3str", unless the source says otherwise.
    directives: as in ``# cython:`` comments, such as ``{"boundscheck": False}``.
    include_path: folders with .pxd files and C headers, before the others.
    own_pxd: the .pxd file of the module itself, whose declarations count as its own.
    optimization: 0 to 3. use_cache: reuse what an earlier process compiled from the same.

    Raises CompileError, with all that is wrong; and whatever the module's own statements raise.
    """
    name = name or "_cython_" + hashlib.sha256(source.encode()).hexdigest()[:16]
    file = file or f"<cython {name}>"
    translation = _front_end(source, file, name, level, directives, include_path, own_pxd)
    if not translation.ok:
        raise CompileError(translation.messages)
    program = _native(
        translation, file, include_path, optimization=optimization, use_cache=use_cache
    ).program
    _programs.append(program)
    module = types.ModuleType(name)
    module.__file__ = file
    module.__builtins__ = __builtins__
    # For the lines in tracebacks.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    address = program.symbol(translation.exec_symbol)
    assert address is not None, f"the compiler lost {translation.exec_symbol}"
    # Errors that are set when it returns are raised by ctypes.
    ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object)(address)(module)
    return module


def _native(
    translation: Translation, file: str, include_path: Sequence[str], **options: Any
) -> Compiled:
    from . import _compiler, _jit

    compiler = _jit.compiler(any(header.startswith("numpy/") for header in translation.headers))
    try:
        return compiler.compile(
            translation.cpp, name=file, include_dirs=list(include_path), **options
        )
    except _compiler.CompileError as error:
        raise CompileError(error.diagnostics) from None


def compile_file(path: str | Path, name: str | None = None, **options: Any) -> types.ModuleType:
    """The module of a .pyx or .py file; its folder is on the include path, and a .pxd
    of the same name is taken for its own. Options as `compile`."""
    path = Path(path)
    own_pxd = path.with_suffix(".pxd")
    include_path = [str(path.parent), *options.pop("include_path", ())]
    return compile(
        path.read_text(encoding="utf-8"),
        name or path.stem,
        file=str(path),
        include_path=include_path,
        own_pxd=str(own_pxd) if own_pxd.is_file() else "",
        **options,
    )


_STAGES = ("syntax", "types", "c++", "llvm", "asm")


def explain(
    source: str,
    stage: str = "c++",
    *,
    level: str = "3",
    directives: Mapping[str, Any] | None = None,
    include_path: Sequence[str] = (),
) -> str:
    """What the compiler makes of a source, as text: stage "syntax" (the syntax tree), "types" (the
    typed tree), "c++", "llvm" (optimized) or "asm". Nothing is run. Raises CompileError."""
    if stage not in _STAGES:
        raise ValueError(f"stage must be one of {', '.join(_STAGES)}, not {stage!r}")
    translation = _front_end(source, "<explain>", "explain", level, directives, include_path)
    if stage == "syntax" and translation.syntax:
        return translation.syntax
    if not translation.ok:
        raise CompileError(translation.messages)
    if stage == "types":
        return translation.types
    if stage == "c++":
        return translation.cpp
    compiled = _native(
        translation,
        "<explain>",
        include_path,
        want_ir=stage == "llvm",
        want_assembly=stage == "asm",
    )
    return compiled.ir if stage == "llvm" else compiled.assembly
