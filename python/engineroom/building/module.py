"""`er.build`: a source file to an extension module, which needs no compiler when it is imported."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..compiling import CompileWarning
from . import toolchain
from .toolchain import REQUIRED_FLAGS, SPEED_FLAGS, Toolchain, required_flags
from .translation import (
    EXT_SUFFIX,
    Translated,
    foreign_include_dirs,
    package,
    runtime_key,
    translate,
)


@dataclass(frozen=True)
class Options:
    """As of `build`."""

    output: str | Path | None = None
    name: str | None = None
    file: str | None = None
    level: str = "3"
    directives: Mapping[str, Any] = field(default_factory=dict)
    include_path: Sequence[str] = ()
    sources: Sequence[str] = ()
    compiler: str | None = None
    optimization: int = 3
    native: bool = False
    self_contained: bool = False
    flags: Sequence[str] = ()
    link_flags: Sequence[str] = ()


def build(
    source: str | Path,
    *,
    output: str | Path | None = None,
    name: str | None = None,
    file: str | None = None,
    level: str = "3",
    directives: Mapping[str, Any] | None = None,
    include_path: Sequence[str] = (),
    sources: Sequence[str] = (),
    compiler: str | None = None,
    optimization: int = 3,
    native: bool = False,
    self_contained: bool = False,
    flags: Sequence[str] = (),
    link_flags: Sequence[str] = (),
    force: bool = False,
    keep_cpp: bool = False,
    annotate: bool = False,
    stub: bool = True,
) -> Path:
    """Builds an extension module of a .pyx or .py file, and returns its path.

    output: a file that ends in ".so", or a folder, in which packages become folders; default:
    beside the source. name: with its packages; default: as the folders around the source say.
    file: what tracebacks name; default: the absolute path of the source.
    level, directives, include_path: as of `compile`.
    sources: further ones in C and C++, besides those of `# distutils:` comments.
    compiler: the C++20 compiler, such as "clang++-19"; default: $CXX, or the best that there is.
    optimization: 0 to 3. native: for this machine's processor alone.
    self_contained: needs no engineroom where it is imported; else its runtime is that of the
    installed engineroom, which all modules share.
    flags, link_flags: more of the compiler's, after those of `# distutils:` comments.
    force: also if nothing has changed since it was built.
    keep_cpp, annotate, stub: write the C++, a page of HTML about each line, and a .pyi file with the
    types of what the module has, beside it.

    Raises CompileError, with all that is wrong; BuildError if the compiler or linker fails.
    """
    options = Options(output, name, file, level, directives or {}, include_path, sources, compiler,
                      optimization, native, self_contained, flags, link_flags)  # fmt: skip
    made = Build(Path(source), options, wants_notes=annotate)
    if annotate:
        from ..annotate import Annotation

        page = Annotation(made.translated.text.source, made.translated.cell)
        page.save(made.beside(".html"))
    if keep_cpp:
        made.translated.write_cpp(made.beside(".cpp"))
    if stub:
        made.translated.write_stub(made.beside(".pyi"))
    made.run(force)
    return made.target


def _target(translated: Translated, output: str | Path | None) -> Path:
    file = translated.path.stem + EXT_SUFFIX
    if output is None:
        return translated.path.with_name(file)
    path = Path(os.path.abspath(output))
    if path.suffix == ".so" and not path.is_dir():
        return path
    packages = translated.name.split(".")
    if translated.path.stem != "__init__":
        packages.pop()
    return path.joinpath(*packages, file)


def rpath_flags(name: str, is_in_place: bool = True) -> list[str]:
    """Where the module `name` looks for the runtime: from its own place in site-packages; if it is
    built to be used where it is built, also where the runtime is now."""
    up = "/".join([".."] * name.count("."))
    places = ["$ORIGIN/" + (up + "/" if up else "") + "engineroom"]
    if is_in_place:
        places.append(str(package()))
    return ["-Wl,--enable-new-dtags", *(f"-Wl,-rpath,{place}" for place in places)]


def flags_for_others(self_contained: bool = False, name: str = "") -> tuple[list[str], list[str]]:
    """What a build system tells the compiler, and the linker, of a module whose C++ it has."""
    compile_flags = [
        *SPEED_FLAGS,
        *(f"-I{folder}" for folder in foreign_include_dirs()),
        *REQUIRED_FLAGS,
    ]
    return compile_flags, runtime_flags(name, self_contained)


def runtime_flags(name: str, self_contained: bool, is_in_place: bool = True) -> list[str]:
    """For the linker, after the module's own objects."""
    if self_contained:
        # What the module does not use is left out, and nobody else sees the rest.
        archive = package() / "libengineroom_runtime.a"
        return [str(archive), "-Wl,--exclude-libs,ALL", "-Wl,--gc-sections"]
    return [str(package() / "libengineroom_runtime.so"), *rpath_flags(name, is_in_place)]


class Build:
    """One module: translated, and compiled if it has to be."""

    def __init__(self, path: Path, options: Options, wants_notes: bool = False) -> None:
        self.options = options
        self.translated = translate(
            path,
            name=options.name,
            file=options.file,
            level=options.level,
            directives=options.directives,
            include_path=[os.path.abspath(folder) for folder in options.include_path],
            wants_notes=wants_notes,
            sources=options.sources,
        )
        self.target = _target(self.translated, options.output)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._compiler: Toolchain = toolchain.find(options.compiler)

    def beside(self, suffix: str) -> Path:
        return self.target.with_name(self.translated.path.stem + suffix)

    @property
    def sources(self) -> list[Path]:
        """Further ones."""
        told = self.translated.native.get("sources", ())
        return [Path(source) for source in (*told, *self.options.sources)]

    def dependencies(self) -> list[Path]:
        """Every file of the user's that the module is made of."""
        extra = map(Path, self.translated.native.get("extra_objects", ()))
        return [*self.translated.dependencies(), *self.sources, *extra]

    def run(self, force: bool = False) -> None:
        """Makes the module, unless it is made of the same already."""
        if force or not _is_made_of(self.target, self._key):
            self._compile()

    @cached_property
    def _compile_flags(self) -> list[str]:
        told = self.translated.native
        return [
            f"-O{self.options.optimization}",
            *(["-march=native"] if self.options.native else []),
            *SPEED_FLAGS,
            *(f"-iquote{folder}" for folder in self.translated.quote_dirs),
            *(f"-I{folder}" for folder in told["include_dirs"]),
            *(f"-D{macro}" for macro in told.get("define_macros", ())),
            *(f"-U{macro}" for macro in told.get("undef_macros", ())),
            *(asked := [*told.get("extra_compile_args", ()), *self.options.flags]),
            *required_flags(asked),
            *self._openmp_flags,
        ]

    @cached_property
    def _link_flags(self) -> list[str]:
        told = self.translated.native
        return [
            *told.get("extra_objects", ()),
            *(f"-L{folder}" for folder in told.get("library_dirs", ())),
            *(f"-Wl,-rpath,{folder}" for folder in told.get("runtime_library_dirs", ())),
            *(f"-l{library}" for library in told.get("libraries", ())),
            *told.get("extra_link_args", ()),
            *self.options.link_flags,
            *runtime_flags(self.translated.name, self.options.self_contained),
            *self._openmp_flags,
        ]

    @property
    def _openmp_flags(self) -> tuple[str, ...]:
        return self._compiler.openmp_flags if self.translated.uses_openmp else ()

    @cached_property
    def _key(self) -> str:
        """What the module is made of; it is in the module, which tells whether it is up to date."""
        parts = [*self._compiler.command, self._compiler.version, *self._compile_flags, "",
                 *self._link_flags, "", runtime_key(), self.translated.cpp]  # fmt: skip
        seen = hashlib.sha256("\0".join(parts).encode())
        for path in self.dependencies()[1:]:  # the text itself is in the C++
            seen.update(f"\0{path}\0".encode())
            seen.update(path.read_bytes() if path.is_file() else b"")
        return "engineroom-build-" + seen.hexdigest()

    def _compile(self) -> None:
        """Warns of what the compiler warns of."""
        text = (
            f'{self.translated.cpp}__attribute__((visibility("default"))) extern const char '
            f'er_build_key[] = "{self._key}";\n'
        )
        output = ""
        # The new file takes the old one's place at once: a process may have that loaded.
        with tempfile.TemporaryDirectory(prefix=".engineroom-", dir=self.target.parent) as name:
            folder = Path(name)
            cpp = folder / (self.translated.path.stem + ".cpp")
            cpp.write_text(text, encoding="utf-8")
            objects = []
            for i, source in enumerate([cpp, *self.sources]):
                objects.append(folder / f"{i}.o")
                output += self._compiler.compile(source, objects[-1], self._compile_flags)
            made = folder / self.target.name
            output += self._compiler.link(objects, made, self._link_flags)
            os.replace(made, self.target)
        for message in toolchain.messages_of(output):
            warnings.warn_explicit(message.message, CompileWarning, message.file, message.line)


def _is_made_of(target: Path, key: str) -> bool:
    try:
        return key.encode() in target.read_bytes()
    except OSError:
        return False
