"""Import .pyx files as if they were Python's, in the manner of pyximport:

    import engineroom.pyx
    engineroom.pyx.install()
    import julia  # julia.pyx, beside the program or anywhere on sys.path

A file is compiled in the process, in milliseconds; a later process finds the object in the cache.
With `install(build=True)` it becomes an extension module in a cache, by the C++ compiler of this
machine, and a later process needs no compiler at all. Either way it is made again if it, or a .pxd
file, an included text or a C header of it has changed, and `importlib.reload` brings the change into
a running process. Files that need more sources in C (`# distutils: sources`, or a .pyxbld file
beside them) are always built.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_PathHook = Callable[[str], Any]
_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)


@dataclass(frozen=True)
class _Options:
    level: str = "3"
    directives: Mapping[str, Any] = field(default_factory=dict)
    include_path: tuple[str, ...] = ()
    is_built: bool = False
    is_in_place: bool = False
    cache: str | None = None
    build: Mapping[str, Any] = field(default_factory=dict)  # more of er.build's


def install(
    pyximport: bool = True,
    pyimport: bool = False,
    build_dir: str | Path | None = None,
    setup_args: Mapping[str, Any] | None = None,
    inplace: bool = False,
    language_level: int | str | None = None,
    *,
    build: bool = False,
    directives: Mapping[str, Any] | None = None,
    include_path: Sequence[str] = (),
    **options: Any,
) -> tuple[PyxFinder | None, PyxFinder | _PathHook | None]:
    """Makes `import` find .pyx files, after modules of Python's own kinds in the same folder.
    Calling it again replaces what it did before. Returns what `uninstall` takes.

    pyximport: whether .pyx files are found. pyimport: whether .py files are compiled, too, those of
    Python itself and of installed packages aside; what cannot be compiled is run as Python.
    build: make extension modules. build_dir: where (default: in the user's cache folder);
    inplace: beside the sources. options: as of `er.build`, for those.
    language_level, directives, include_path: as of `er.compile`. setup_args: for pyximport's users;
    `include_dirs` in it are added to include_path.
    """
    more = dict(setup_args or {})
    folders = more.pop("include_dirs", ())
    more.pop("script_args", None)
    if more:
        raise TypeError(f"setup_args: {', '.join(more)} not supported; use `# distutils:` comments")
    found = _Options(
        level=str(language_level or 3),
        directives=dict(directives or {}),
        include_path=(*([folders] if isinstance(folders, str) else folders), *include_path),
        is_built=build or inplace or build_dir is not None,
        is_in_place=inplace,
        cache=None if build_dir is None else os.path.abspath(build_dir),
        build=options,
    )
    uninstall()
    py_finder = PyxFinder(".py", found) if pyimport else None
    pyx_finder: PyxFinder | _PathHook | None = None
    if py_finder is not None:
        sys.meta_path.insert(0, py_finder)
    if pyximport and inplace:
        # The usual finders would take a module that was built once for good.
        pyx_finder = PyxFinder(".pyx", found)
        sys.meta_path.insert(0, pyx_finder)
    elif pyximport:
        pyx_finder = _path_hook(found)
        sys.path_hooks.insert(0, pyx_finder)
        sys.path_importer_cache.clear()
        _hooks.append(pyx_finder)
    return py_finder, pyx_finder


def uninstall(*finders: PyxFinder | _PathHook | None) -> None:
    """Undoes `install`: of the given finders, or of all. What was imported stays."""

    def is_meant(finder: Any) -> bool:
        return not finders or finder in finders

    sys.meta_path[:] = [f for f in sys.meta_path if not (isinstance(f, PyxFinder) and is_meant(f))]
    for hook in [hook for hook in _hooks if is_meant(hook)]:
        _hooks.remove(hook)
        if hook in sys.path_hooks:
            sys.path_hooks.remove(hook)
        sys.path_importer_cache.clear()


_hooks: list[_PathHook] = []


def _path_hook(options: _Options) -> _PathHook:
    """Python's own finder of files in folders, which knows one more kind of them, after the others:
    it must see `pack/__init__.pyx` before it takes the folder for a package without one."""
    machinery = importlib.machinery

    def load(name: str, path: str) -> PyxLoader:
        return PyxLoader(name, Path(path), options)

    return machinery.FileFinder.path_hook(
        (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
        (machinery.SourceFileLoader, machinery.SOURCE_SUFFIXES),
        (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
        (load, [".pyx"]),  # type: ignore[arg-type]
    )


class PyxFinder(importlib.abc.MetaPathFinder):
    """Finds sources before anything else does: .py files to compile, and .pyx files that are built
    in place."""

    def __init__(self, suffix: str, options: _Options) -> None:
        self.suffix = suffix
        self.options = options

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        last = fullname.rpartition(".")[2]
        for entry in sys.path if path is None else path:
            # An empty entry is the working directory, as everywhere.
            folder = Path(os.path.abspath(entry)) if isinstance(entry, str) else None
            if folder is None:
                continue
            for file in (folder / last / f"__init__{self.suffix}", folder / f"{last}{self.suffix}"):
                if file.is_file():
                    return self._spec(fullname, file)
        return None

    def _spec(self, name: str, file: Path) -> ModuleSpec | None:
        if self.suffix == ".py" and _is_foreign(file):
            return None
        if self.options.is_in_place and not _may_replace(file):
            return None
        loader = PyxLoader(name, file, self.options)
        folders = [str(file.parent)] if file.stem == "__init__" else None
        return importlib.util.spec_from_file_location(
            name, file, loader=loader, submodule_search_locations=folders
        )


def _is_foreign(file: Path) -> bool:
    """Of Python itself, or installed: not what somebody works on."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [*(sysconfig.get_path(name) for name in names), str(Path(__file__).parent)]
    return any(file.is_relative_to(folder) for folder in folders)


def _may_replace(file: Path) -> bool:
    """Whether no other module of the name is beside the source than one that we have built."""
    if file.suffix == ".pyx" and file.with_suffix(".py").is_file():
        return False
    built = (file.parent / (file.stem + suffix) for suffix in _SUFFIXES)
    return all(b"engineroom-build-" in b.read_bytes() for b in built if b.is_file())


class PyxLoader(importlib.abc.InspectLoader):
    """Loads one source file. Raises CompileError for what is wrong with it."""

    def __init__(self, name: str, path: Path, options: _Options) -> None:
        self.name = name
        self.path = path
        self.options = options

    # ---- what inspect, linecache and runpy ask ----

    def get_source(self, fullname: str) -> str:
        from .compiling import read_source

        return read_source(self.path)

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def is_package(self, fullname: str) -> bool:
        return self.path.stem == "__init__"

    def get_code(self, fullname: str) -> None:
        return None  # there is no code of Python's

    # ---- loading ----

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None  # an empty one

    def exec_module(self, module: ModuleType) -> None:
        """Also of a module that is reloaded: its names stay, unless they are bound again."""
        from .compiling import CompileError

        try:
            self._exec(module)
        except CompileError:
            if self.path.suffix != ".py":
                raise
            code = compile(self.path.read_bytes(), str(self.path), "exec", dont_inherit=True)
            exec(code, vars(module))

    def _exec(self, module: ModuleType) -> None:
        from .building.installed import import_built, needs_more

        if not (self.options.is_built or needs_more(self.path, self.get_source(self.name))):
            return self._compile_into(module)
        import_built(self.name, self.path, module, self.options)

    def _compile_into(self, module: ModuleType) -> None:
        from .building.translation import text_of_file
        from .compiled import run_module

        text = text_of_file(
            self.path,
            self.name,
            level=self.options.level,
            directives=self.options.directives,
            include_path=self.options.include_path,
        )
        run_module(text, vars(module))
