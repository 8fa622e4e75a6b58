"""`engineroom.cythonize`: Cython for setuptools projects, in the place of Cython.Build.cythonize.

    from engineroom import cythonize
    from setuptools import setup

    setup(ext_modules=cythonize("pack/**/*.pyx"))

The C++ is written beside the sources, or into `build_dir`; setuptools compiles it, with whatever
compiler it is told.
"""

from __future__ import annotations

import copy
import glob
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import toolchain
from .module import runtime_flags
from .toolchain import SPEED_FLAGS, BuildError, required_flags
from .translation import Translated, found_as, module_name_of, package, translate

if TYPE_CHECKING:
    from setuptools import Extension

_SOURCES = (".pyx", ".py")
# Options of Cython's that change nothing of what a module does.
_NO_MATTER = {"cache", "emit_linenums", "gdb_debug", "verbose", "timestamps", "use_listing_file",
              "common_utility_include_dir", "generate_pxi"}  # fmt: skip


def cythonize(
    module_list: str | Extension | Iterable[str | Extension],
    exclude: str | Iterable[str] = (),
    nthreads: int = 0,
    aliases: Mapping[str, Any] | None = None,
    quiet: bool = False,
    force: bool | None = None,
    language: str | None = None,
    exclude_failures: bool = False,
    show_all_warnings: bool = False,
    *,
    annotate: bool = False,
    compiler_directives: Mapping[str, Any] | None = None,
    include_path: Sequence[str] = (),
    language_level: int | str | None = None,
    build_dir: str | Path | None = None,
    self_contained: bool = False,
    stubs: bool = False,
    **options: Any,
) -> list[Extension]:
    """Translates sources to C++, and returns setuptools' Extensions that build it.

    module_list: patterns ("pack/*.pyx", "**/*.pyx"), Extensions whose sources have a .pyx or .py
    file, perhaps with a pattern for it and "*" in the name, or several of both. Others are returned
    as they are. exclude: patterns of files to leave out.
    nthreads: how many files are translated at the same time.
    aliases: what "@NAME" in a `# distutils:` comment stands for.
    quiet: says nothing. exclude_failures: goes on without modules that have errors.
    force: write the C++ even if it is the same, so that it is compiled again.
    annotate: write a page of HTML about each line. build_dir: where the C++ goes.
    compiler_directives, include_path, language_level: as of `compile`.
    self_contained: modules that need no engineroom where they are installed. Others need the same
    version of it as they were built with.
    stubs: write .pyi files beside the sources; `package_data={"": ["*.pyi"]}` ships them.
    language: "c++" if functions that headers declare are C++'s; what is written is C++ in any case.
    The rest is for Cython's users: show_all_warnings means nothing here, and options that would
    change what a module does are refused.

    Raises CompileError, with all that is wrong with the first module that has errors.
    """
    unknown = sorted(set(options) - _NO_MATTER)
    if unknown:
        raise TypeError(f"cythonize() does not support {', '.join(unknown)}")
    job = _Job(
        aliases=aliases or {},
        annotate=annotate,
        build_dir=None if build_dir is None else Path(build_dir),
        force=bool(force),
        self_contained=self_contained,
        stubs=stubs,
        language=language,
        text={
            "level": str(language_level or 3),
            "directives": compiler_directives,
            "include_path": list(include_path),
        },
    )
    found = _find(module_list, exclude)
    n = sum(file is not None for _, file in found)
    done = iter(range(1, n + 1))

    def make(item: tuple[Extension, str | None]) -> Extension | None:
        extension, file = item
        if file is None:
            return extension
        if not quiet:
            print(f"[{next(done)}/{n}] engineroom: {file}", file=sys.stderr)
        try:
            return job.run(extension, file)
        except Exception as error:
            if not exclude_failures:
                raise
            print(error, file=sys.stderr)
            return None

    with ThreadPoolExecutor(max(1, nthreads)) as pool:
        return [extension for extension in pool.map(make, found) if extension is not None]


# ---- which modules ----


def _find(module_list: Any, exclude: str | Iterable[str]) -> list[tuple[Extension, str | None]]:
    """Extensions without their Cython source, each with that, if it has one."""
    from setuptools import Extension

    if isinstance(module_list, str) or not isinstance(module_list, Iterable):
        module_list = [module_list]
    module_list = list(module_list)
    extensions = [item for item in module_list if not isinstance(item, (str, os.PathLike))]
    # What is named is left out of patterns.
    named = {item.name for item in extensions}
    named |= {os.path.abspath(source) for item in extensions for source in item.sources}
    patterns = [exclude] if isinstance(exclude, str) else exclude
    excluded = {os.path.abspath(file) for pattern in patterns for file in _files(pattern)}
    found: dict[str, tuple[Extension, str | None]] = {}
    for item in module_list:
        if isinstance(item, (str, os.PathLike)):
            item, name = Extension("*", [os.fspath(item)]), "*"
        else:
            name = item.name
        own = [source for source in map(str, item.sources) if source.endswith(_SOURCES)]
        if not own:
            found.setdefault(name, (item, None))
            continue
        if len(own) > 1:
            raise ValueError(f"{name}: more than one source of Cython: {', '.join(own)}")
        files = _files(own[0])
        if not files:
            raise ValueError(f"'{own[0]}' doesn't match any files")
        for file in files:
            full_name = module_name_of(Path(file)) if "*" in name else name
            place = os.path.abspath(file)
            if place in excluded or ("*" in name and named & {full_name, place}):
                continue
            extension = copy.copy(item)
            extension.name = full_name
            extension.sources = [source for source in map(str, item.sources) if source != own[0]]
            found.setdefault(full_name, (extension, file))
    return list(found.values())


def _files(pattern: str) -> list[str]:
    return sorted(set(glob.glob(os.fspath(pattern), recursive=True)))


# ---- one module ----


class _Job:
    def __init__(
        self,
        aliases: Mapping[str, Any],
        annotate: bool,
        build_dir: Path | None,
        force: bool,
        self_contained: bool,
        stubs: bool,
        language: str | None,
        text: Mapping[str, Any],
    ) -> None:
        self.aliases = aliases
        self.annotate = annotate
        self.build_dir = build_dir
        self.force = force
        self.self_contained = self_contained
        self.stubs = stubs
        self.language = language
        self.text = text

    def run(self, extension: Extension, file: str) -> Extension:
        path = Path(file)
        # Mistakes are shown in the file as it is called here.
        translated = translate(
            path,
            name=extension.name,
            file=file,
            traceback_file=found_as(extension.name, path),
            wants_notes=self.annotate,
            language=extension.language or self.language,
            sources=list(map(str, extension.sources)),
            **self.text,
        )
        cpp = path.with_suffix(".cpp") if self.build_dir is None else self._elsewhere(path)
        translated.write_cpp(cpp, self.force)
        if self.stubs:
            translated.write_stub(path.with_suffix(".pyi"))
        if self.annotate:
            from ..annotate import Annotation

            Annotation(translated.text.source, translated.cell).save(cpp.with_suffix(".html"))
        self._tell(extension, translated, cpp)
        return extension

    def _elsewhere(self, path: Path) -> Path:
        assert self.build_dir is not None
        relative = os.path.relpath(path)
        parts = [part for part in Path(relative).parts if part != ".."]
        return self.build_dir.joinpath(*parts).with_suffix(".cpp")

    def _tell(self, extension: Extension, translated: Translated, cpp: Path) -> None:
        """What setuptools has to know: what the Extension says, then `# distutils:` comments, then
        what all our modules need."""
        told = {key: self._resolved(values) for key, values in translated.native.items()}
        macros = [tuple(macro.split("=", 1)) if "=" in macro else (macro, None)
                  for macro in told.pop("define_macros", ())]  # fmt: skip
        depends = [os.path.relpath(file) for file in translated.dependencies()[1:]]
        openmp = _openmp_flags() if translated.uses_openmp else ()
        quoted = [f"-iquote{os.path.relpath(folder)}" for folder in translated.quote_dirs]
        own_flags = list(extension.extra_compile_args or ())
        asked = [*own_flags, *told.get("extra_compile_args", ())]
        more: dict[str, list[Any]] = {
            **told,
            "sources": [str(cpp), *told.get("sources", ())],
            "depends": [*told.get("depends", ()), *depends],
            "define_macros": macros,
            "extra_compile_args": [*SPEED_FLAGS, *quoted, *told.get("extra_compile_args", ()),
                                   *required_flags(asked), *openmp],
            "extra_link_args": [*told.get("extra_link_args", ()), *openmp,
                                *runtime_flags(extension.name, self.self_contained,
                                               not _is_passing(package()))],
        }  # fmt: skip
        for key, values in more.items():
            own = list(getattr(extension, key, None) or ())
            both = [*values, *own] if key == "sources" else [*own, *values]
            setattr(extension, key, both)
        extension.extra_compile_args = _Flags(extension.extra_compile_args)
        extension.language = "c++"

    def _resolved(self, values: Sequence[str]) -> list[str]:
        """With what "@NAME" stands for."""
        result: list[str] = []
        for value in values:
            if not value.startswith("@"):
                result.append(value)
                continue
            found = self.aliases.get(value, self.aliases.get(value[1:]))
            if found is None:
                raise BuildError(f"there is no alias {value}: give it to cythonize(aliases=…)")
            result += [found] if isinstance(found, str) else map(str, found)
        return result


class _Flags(list[str]):
    """The flags of a module's sources, of which there is one list, though some may be in C: to the
    command that compiles such a source setuptools adds them without the standard of C++, which g++
    warns of there, and clang++ refuses."""

    def __radd__(self, command: list[str]) -> list[str]:
        is_c = any(word.endswith(".c") for word in command if not word.startswith("-"))
        return [*command, *(f for f in self if not (is_c and re.match(r"-std=\w*\+\+", f)))]


def _is_passing(folder: Path) -> bool:
    """Whether it is of an environment that is there for one build only. No module may look for
    libraries there later: somebody else may have made the folder again."""
    return any(re.match(r"pip-build-env-|build-env-|\.tmp", part) for part in folder.parts)


def _openmp_flags() -> tuple[str, ...]:
    """Of the compiler that setuptools will take."""
    return toolchain.find(os.environ.get("CXX") or os.environ.get("CC")).openmp_flags
