"""A source file to the C++ of an extension module, with all that its compiler has to be told."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shlex
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..compiled import Text
from ..compiling import check, read_source, text_of
from .c_headers import is_c, with_c_linkage
from .toolchain import BuildError

if TYPE_CHECKING:
    from .. import _compiler


# Asked for while one thread imports this: sysconfig's first answer to two of them may be wrong.
EXT_SUFFIX: str = sysconfig.get_config_var("EXT_SUFFIX")


@cache
def package() -> Path:
    """Where the runtime is: its headers in include/, and its libraries."""
    # Found, but not imported, which would load LLVM.
    found = importlib.util.find_spec("engineroom._compiler")
    if found is None or found.origin is None:
        raise ImportError("engineroom was built without its compiler")
    return Path(found.origin).parent


@cache
def runtime_key() -> str:
    """What all that a module takes from the runtime is like: no module may outlive a change."""
    seen = hashlib.sha256()
    for file in [*sorted((package() / "include").rglob("*.h")),
                 package() / "libengineroom_runtime.so"]:  # fmt: skip
        seen.update(file.read_bytes())
    return seen.hexdigest()


def module_name_of(path: Path) -> str:
    """`pack.sub.julia` of pack/sub/julia.pyx, as far up as the folders are packages."""
    path = Path(os.path.abspath(path))
    parts = [] if path.stem == "__init__" else [path.stem]
    for folder in path.parents:
        if not any((folder / f"__init__{end}").is_file() for end in (".py", ".pyx", ".pxd")):
            break
        parts.insert(0, folder.name)
    return ".".join(parts) or path.parent.name


def found_as(name: str, path: Path) -> str:
    """What tracebacks call the source of a module that is built for anywhere: "pack/julia.pyx", as it
    is found on sys.path, wherever that is then."""
    packages = name.split(".")
    if path.stem != "__init__":
        packages.pop()
    return "/".join([*packages, path.name])


def init_symbol_of(name: str) -> str:
    """What Python looks for in the library of a module (PEP 489)."""
    last = name.rpartition(".")[2]
    if last.isascii():
        return "PyInit_" + last
    return "PyInitU_" + last.encode("punycode").decode().replace("-", "_")


# As of setuptools.Extension.
_LISTS = {"sources", "depends", "include_dirs", "define_macros", "undef_macros", "library_dirs",
          "libraries", "runtime_library_dirs", "extra_objects", "extra_compile_args",
          "extra_link_args"}  # fmt: skip
_PATHS = {"sources", "depends", "include_dirs", "library_dirs", "runtime_library_dirs",
          "extra_objects"}  # fmt: skip


def parse_list(text: str) -> list[str]:
    """`a b` or `[a, b]`, each perhaps in quotes."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        words = re.findall(r"""\s*("[^"]*"|'[^']*'|[^,]+)\s*(?:,|$)""", text[1:-1])
        return [plain for word in words if (plain := word.strip().strip("\"'"))]
    try:
        return shlex.split(text)
    except ValueError:  # a quote that is not closed
        return text.split()


def distutils_of(comments: Sequence[tuple[str, str]], folder: Path) -> dict[str, list[str]]:
    """`# distutils:` comments by key. A path that is there as seen from `folder`, that of the
    source, is meant so; else it is as seen from the working directory."""
    found: dict[str, list[str]] = {}
    for key, value in comments:
        if key not in _LISTS:
            continue  # `language`: see c_headers
        words = parse_list(value)
        if key in _PATHS:
            words = [str(folder / word) if (folder / word).exists() else word for word in words]
        found.setdefault(key, []).extend(words)
    return found


@dataclass
class Translated:
    """A module in C++."""

    path: Path
    name: str
    text: Text
    cell: _compiler.Cell
    # Where `#include "a.h"` looks besides.
    quote_dirs: list[str]
    # As of setuptools.Extension: what `# distutils:` comments say, and what the text needs anyway.
    native: dict[str, list[str]] = field(default_factory=dict)

    cpp: str = field(init=False)

    def __post_init__(self) -> None:
        self.cpp = str(self.cell.cpp)

    def take_headers_as_c(self) -> None:
        """Those of the project's that do not know of C++."""
        self.cpp = with_c_linkage(self.cpp, self.cell.headers, self.path.parent, self.find_header)

    @property
    def language(self) -> str | None:
        """As `# distutils: language = …` says it."""
        said = [value for key, value in self.cell.distutils if key == "language"]
        return said[-1] if said else None

    def write_cpp(self, path: Path, force: bool = False) -> None:
        """For somebody else's compiler. A file that is the same is left alone, with its time, and one
        that is not made of a source by us or by Cython is not replaced: BuildError."""
        if not _write_made("// ", self.path, self.cpp, path, force):
            raise BuildError(f"{path} was not made by engineroom: it is not replaced")

    def write_stub(self, path: Path) -> None:
        """For editors and type checkers. A stub that somebody wrote is left alone."""
        _write_made("# ", self.path, self.cell.stub, path)

    @property
    def uses_openmp(self) -> bool:
        asked = "-fopenmp" in self.native.get("extra_compile_args", ())
        return asked or bool(self.cell.uses_openmp)

    @property
    def include_dirs(self) -> list[str]:
        return self.native["include_dirs"]

    def header_files(self) -> list[Path]:
        """The user's own headers that the C++ includes, and those that they include: as found by
        reading, whatever the preprocessor would leave out."""
        found: dict[Path, None] = {}
        waiting = [(self.path.parent, header.strip('<>"')) for header in self.cell.headers]
        while waiting:
            path = self.find_header(*waiting.pop())
            if path is None or path in found:
                continue
            found[path] = None
            text = path.read_text(encoding="utf-8", errors="replace")
            includes = re.findall(r'(?m)^\s*#\s*include\s*[<"]([^>"]+)[>"]', text)
            waiting += [(path.parent, name) for name in includes]
        return list(found)

    def find_header(self, beside: Path, header: str) -> Path | None:
        """One of the user's own, as a text in the folder `beside` includes it."""
        own = [Path(d) for d in self.include_dirs if d not in foreign_include_dirs()]
        for folder in (beside, *map(Path, self.quote_dirs), *own):
            path = Path(os.path.normpath(folder / header))
            if path.is_file():
                return path
        return None

    def dependencies(self) -> list[Path]:
        """Every file that the module is made of, besides those of engineroom, Python and NumPy."""
        extra = [Path(p) for key in ("sources", "depends") for p in self.native.get(key, ())]
        read = [Path(p) for p in self.cell.dependencies if Path(p).is_file()]
        ours = str(Path(__file__).parent.parent / "pxd") + os.sep
        files = [self.path, *read, *self.header_files(), *extra]
        return [f for f in dict.fromkeys(files) if not str(f).startswith(ours)]


def _write_made(comment: str, source: Path, text: str, path: Path, force: bool = False) -> bool:
    """False if what is there was made by somebody else."""
    made_by = f"{comment}Made by engineroom"
    text = f"{made_by} {__version__} of {source.name}.\n{text}"
    if path.is_file():
        old = path.read_text(encoding="utf-8", errors="replace")
        if old == text and not force:
            return True
        if not old.startswith((made_by, "/* Generated by Cython")):
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


@cache
def foreign_include_dirs() -> tuple[str, ...]:
    from .._jit import _numpy_include

    paths = [sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
    return (str(package() / "include"), *dict.fromkeys(paths), *_numpy_include())


def quote_dirs_of(path: Path, name: str) -> list[str]:
    """Where files of the module are, as seen from itself: its own folder, and the one that holds its
    outermost package."""
    folder = Path(os.path.abspath(path)).parent
    root = folder
    for _ in range(name.count(".") + (path.stem == "__init__")):
        root = root.parent
    return list(dict.fromkeys([str(folder), str(root)]))


def text_of_file(
    path: Path, name: str, *, file: str | None = None, include_path: Sequence[str] = (), **more: Any
) -> Text:
    """file: what tracebacks and messages call the source; default: its absolute path. Others as of
    compiling.text_of."""
    own_pxd = path.with_suffix(".pxd")
    return text_of(
        read_source(path),
        name,
        file or os.path.abspath(path),
        include_path=[*quote_dirs_of(path, name), *include_path],
        own_pxd=os.path.abspath(own_pxd) if own_pxd.is_file() else "",
        **more,
    )


def translate(
    path: Path,
    *,
    name: str | None = None,
    include_path: Sequence[str] = (),
    traceback_file: str = "",
    language: str | None = None,
    sources: Sequence[str | Path] = (),
    **more: Any,
) -> Translated:
    """To the text of an extension module; `more` as of text_of_file. traceback_file: what tracebacks
    call the source, if not `file`. language: "c++" if what headers declare is C++; `sources`: what else
    the module is made of. Raises CompileError, and OSError if the source cannot be read."""
    from .. import _compiler

    name = name or module_name_of(path)
    text = text_of_file(path, name, include_path=include_path, **more)
    request = text.request(
        init_symbol=init_symbol_of(name), traceback_file=traceback_file, wants_stub=True
    )
    cell = _compiler.translate(request)
    check(cell)
    native = distutils_of(cell.distutils, Path(os.path.abspath(path)).parent)
    folders = [*native.get("include_dirs", ()), *include_path, *foreign_include_dirs()]
    native["include_dirs"] = folders
    absolute = Path(os.path.abspath(path))
    made = Translated(absolute, name, text, cell, quote_dirs_of(path, name), native)
    if is_c(made.language or language, [*native.get("sources", ()), *sources]):
        made.take_headers_as_c()
    return made
