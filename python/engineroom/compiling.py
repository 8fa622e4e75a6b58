"""Cython to native code in this process: `compile`, `compile_file` and `explain`.

The text goes through the native front end to C++, which the embedded Clang compiles; nothing is
written but the caches. Clang and LLVM are loaded by the first call.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .compiled import Text, make_module

if TYPE_CHECKING:
    import types

    from . import _compiler


_RED, _YELLOW, _GREEN, _CYAN, _PLAIN = (f"\x1b[{code}m" for code in (31, 33, 32, 36, 0))


def _coloured(text: str) -> str:
    """Diagnostics with what is wrong, where, and the hints in colours of a terminal, which
    notebooks show too."""
    text = re.sub(r"(?m)^(.*?:\d+:\d+: )error:", rf"{_CYAN}\1{_RED}error:{_PLAIN}", text)
    text = re.sub(r"(?m)^(.*?:\d+:\d+: )warning:", rf"{_CYAN}\1{_YELLOW}warning:{_PLAIN}", text)
    text = re.sub(r"(?m)^( *)(hint:.*)$", rf"\1{_GREEN}\2{_PLAIN}", text)
    return re.sub(r"(?m)^([ |]*)(\^~*)", rf"\1{_RED}\2{_PLAIN}", text)


class CompileError(Exception):
    """Everything that is wrong with a text. `diagnostics` has one object per mistake, with file,
    line and column (from 1), message and hint; also of warnings, which the text of this leaves
    out: they may well have the same cause, and are shown once there are no errors."""

    def __init__(self, diagnostics: Sequence[Any]) -> None:
        self.diagnostics = list(diagnostics)
        errors = [d for d in self.diagnostics if d.severity == "error"]
        super().__init__("\n".join(str(diagnostic).rstrip() for diagnostic in errors))

    def __str__(self) -> str:
        n = sum(diagnostic.severity == "error" for diagnostic in self.diagnostics)
        return f"{n} error{'s' if n != 1 else ''}\n{self.args[0]}"

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the diagnostics in colour, and not the way to the compiler."""
        return [f"{_RED}CompileError{_PLAIN}: {_coloured(str(self))}"]


class CompileWarning(UserWarning):
    """Something in a text that is compiled, but hardly meant as it stands."""


def check(cell: _compiler.Cell) -> None:
    """Raises what kept the cell from being compiled: CompileError for mistakes in the text, and
    ImportError for what it uses and nobody defines. If nothing did, warns of what it is warned of."""
    if cell.ok:
        for message in cell.messages:
            if message.severity == "warning" and not message.file.endswith(".pxd"):
                warnings.warn_explicit(message.message, CompileWarning, message.file, message.line)
        return
    if any(message.severity == "error" for message in cell.messages):
        raise CompileError(cell.messages)
    if any(diagnostic.severity == "error" for diagnostic in cell.diagnostics):
        raise CompileError(cell.diagnostics)
    raise ImportError(cell.error)


def text_of(
    source: str,
    name: str,
    file: str,
    *,
    level: str = "3",
    directives: Mapping[str, Any] | None = None,
    include_path: Sequence[str] = (),
    own_pxd: str = "",
    wants_notes: bool = False,
    **native: Any,
) -> Text:
    """The text with the folders that are looked into; `native` as of _compiler.Job."""
    return Text(
        source,
        name,
        file,
        level,
        {key: str(value) for key, value in (directives or {}).items()},
        tuple(include_path),
        own_pxd,
        wants_notes,
        {"include_dirs": list(include_path), **native},
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
    text = text_of(
        source,
        name,
        file or f"<cython {name}>",
        level=level,
        directives=directives,
        include_path=include_path,
        own_pxd=own_pxd,
        optimization=optimization,
        use_cache=use_cache,
    )
    return make_module(text)[0]


def read_source(path: Path) -> str:
    """The text of a source file, in the encoding that it declares as PEP 263 says; else UTF-8."""
    import tokenize

    with tokenize.open(path) as file:
        return file.read()


def compile_file(path: str | Path, name: str | None = None, **options: Any) -> types.ModuleType:
    """The module of a .pyx or .py file; its folder is on the include path, and a .pxd
    of the same name is taken for its own. Options as `compile`."""
    path = Path(path)
    own_pxd = path.with_suffix(".pxd")
    include_path = [str(path.parent), *options.pop("include_path", ())]
    return compile(
        read_source(path),
        name or path.stem,
        file=str(path),
        include_path=include_path,
        own_pxd=str(own_pxd) if own_pxd.is_file() else "",
        **options,
    )


STAGES = ("syntax", "types", "c++", "llvm", "asm", "times")


def explain(
    source: str,
    stage: str = "c++",
    *,
    file: str = "<explain>",
    level: str = "3",
    directives: Mapping[str, Any] | None = None,
    include_path: Sequence[str] = (),
) -> str:
    """What the compiler makes of a source, as text: stage "syntax" (the syntax tree), "types" (the
    typed tree), "c++", "llvm" (optimized), "asm", or "times": where the time of compiling it goes,
    without the cache. Nothing is run. Options as `compile`. Raises CompileError."""
    if stage not in STAGES:
        raise ValueError(f"stage must be one of {', '.join(STAGES)}, not {stage!r}")
    from . import _compiler, _jit

    text = text_of(
        source,
        "explain",
        file,
        level=level,
        directives=directives,
        include_path=include_path,
        want_ir=stage == "llvm",
        want_assembly=stage == "asm",
        use_cache=stage != "times",
    )
    if stage in ("llvm", "asm", "times"):
        cell = _compiler.compile(_jit.compiler(), text.request(), text.job())
        check(cell)
        if stage == "times":
            return _times(cell.timings_ms)
        return cell.ir if stage == "llvm" else cell.assembly
    cell = _compiler.translate(text.request())
    if stage == "syntax" and cell.syntax:
        return cell.syntax
    check(cell)
    return cell.types if stage == "types" else cell.cpp


# What cell.timings_ms calls the stages, in the words of users.
_STAGE_NAMES = {
    "syntax": "syntax: text to tree",
    "sema": "sema: names and types",
    "emit": "emit: tree to C++",
    "header": "header: precompiled runtime header",
    "front_end": "front end: C++ to LLVM's code",
    "optimize": "optimize",
    "generate": "generate: machine code",
    "link": "link: load it into the process",
    "total": "total",
}


def _times(timings_ms: Mapping[str, float]) -> str:
    rows = [f"{ms:9.2f} ms  {_STAGE_NAMES[stage]}" for stage, ms in timings_ms.items()]
    return "\n".join(rows) + "\n"
