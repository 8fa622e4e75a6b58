"""`er.build`: a source file to an extension module, which needs no compiler when it is imported."""

from __future__ import annotations

import hashlib
import os
import sysconfig
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..compiling import CompileWarning
from . import toolchain
from .toolchain import REQUIRED_FLAGS, SPEED_FLAGS, Toolchain
from .translation import Translated, package, runtime_key, translate


def build(
    source: str | Path,
    *,
    output: str | Path | None = None,
    name: str | None = None,
    level: str = "3",
    directives: Mapping[str, Any] | None = None,
    include_path: Sequence[str] = (),
    compiler: str | None = None,
    optimization: int = 3,
    native: bool = False,
    self_contained: bool = False,
    flags: Sequence[str] = (),
    link_flags: Sequence[str] = (),
    force: bool = False,
    keep_cpp: bool = False,
    annotate: bool = False,
) -> Path:
    """Builds an extension module of a .pyx or .py file, and returns its path.

    output: a file that ends in ".so", or a folder, in which packages become folders; default:
    beside the source. name: with its packages; default: as the folders around the source say.
    level, directives, include_path: as of `compile`.
    compiler: the C++20 compiler, such as "clang++-19"; default: $CXX, or the best that there is.
    optimization: 0 to 3. native: for this machine's processor alone.
    self_contained: needs no engineroom where it is imported; else its runtime is that of the
    installed engineroom, which all modules share.
    flags, link_flags: more of the compiler's, after those of `# distutils:` comments.
    force: also if nothing has changed since it was built.
    keep_cpp, annotate: write the C++, and a page of HTML about each line, beside it.

    Raises CompileError, with all that is wrong; BuildError if the compiler or linker fails.
    """
    path = Path(source)
    translated = translate(
        path,
        name=name,
        level=level,
        directives=directives,
        include_path=[os.path.abspath(folder) for folder in include_path],
        wants_notes=annotate,
    )
    target = _target(translated, output)
    target.parent.mkdir(parents=True, exist_ok=True)
    if annotate:
        from ..annotate import Annotation

        page = Annotation(translated.text.source, translated.cell)
        page.save(target.with_name(path.stem + ".html"))
    if keep_cpp:
        target.with_name(path.stem + ".cpp").write_text(translated.cpp, encoding="utf-8")
    job = _Job(translated, toolchain.find(compiler), optimization, native, self_contained, flags,
               link_flags)  # fmt: skip
    key = job.key()
    if force or not _is_made_of(target, key):
        job.run(target, key)
    return target


def _target(translated: Translated, output: str | Path | None) -> Path:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    file = translated.path.stem + suffix
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


def runtime_flags(name: str, self_contained: bool, is_in_place: bool = True) -> list[str]:
    """For the linker, after the module's own objects."""
    if self_contained:
        # What the module does not use is left out, and nobody else sees the rest.
        archive = package() / "libengineroom_runtime.a"
        return [str(archive), "-Wl,--exclude-libs,ALL", "-Wl,--gc-sections"]
    return [str(package() / "libengineroom_runtime.so"), *rpath_flags(name, is_in_place)]


class _Job:
    """One call of the toolchain, and what it depends on."""

    def __init__(
        self,
        translated: Translated,
        compiler: Toolchain,
        optimization: int,
        native: bool,
        self_contained: bool,
        flags: Sequence[str],
        link_flags: Sequence[str],
    ) -> None:
        self.translated = translated
        self.compiler = compiler
        told = translated.native
        self.compile_flags = [
            f"-O{optimization}",
            *(["-march=native"] if native else []),
            *SPEED_FLAGS,
            *(f"-iquote{folder}" for folder in translated.quote_dirs),
            *(f"-I{folder}" for folder in told["include_dirs"]),
            *(f"-D{macro}" for macro in told.get("define_macros", ())),
            *(f"-U{macro}" for macro in told.get("undef_macros", ())),
            *told.get("extra_compile_args", ()),
            *flags,
            *REQUIRED_FLAGS,
        ]
        self.link_flags = [
            *told.get("extra_objects", ()),
            *(f"-L{folder}" for folder in told.get("library_dirs", ())),
            *(f"-Wl,-rpath,{folder}" for folder in told.get("runtime_library_dirs", ())),
            *(f"-l{library}" for library in told.get("libraries", ())),
            *told.get("extra_link_args", ()),
            *link_flags,
            *runtime_flags(translated.name, self_contained),
        ]
        if translated.uses_openmp:
            self.compile_flags += compiler.openmp_flags
            self.link_flags += compiler.openmp_flags

    def key(self) -> str:
        """What the module is made of; it is in the module, which tells whether it is up to date."""
        parts = [*self.compiler.command, self.compiler.version, *self.compile_flags, "",
                 *self.link_flags, "", runtime_key(), self.translated.cpp]  # fmt: skip
        told = self.translated.native
        files = [*self.translated.header_files(), *told.get("sources", ()),
                 *told.get("depends", ()), *told.get("extra_objects", ())]  # fmt: skip
        seen = hashlib.sha256("\0".join(parts).encode())
        for file in files:
            path = Path(file)
            seen.update(f"\0{path}\0".encode())
            seen.update(path.read_bytes() if path.is_file() else b"")
        return "engineroom-build-" + seen.hexdigest()

    def run(self, target: Path, key: str) -> None:
        """Writes the module; warns of what the compiler warns of."""
        text = (
            f'{self.translated.cpp}__attribute__((visibility("default"))) extern const char '
            f'er_build_key[] = "{key}";\n'
        )
        output = ""
        # The new file takes the old one's place at once: a process may have that loaded.
        with tempfile.TemporaryDirectory(prefix=".engineroom-", dir=target.parent) as name:
            folder = Path(name)
            cpp = folder / (self.translated.path.stem + ".cpp")
            cpp.write_text(text, encoding="utf-8")
            objects = []
            for i, source in enumerate([cpp, *self.translated.native.get("sources", ())]):
                objects.append(folder / f"{i}.o")
                output += self.compiler.compile(Path(source), objects[-1], self.compile_flags)
            made = folder / target.name
            output += self.compiler.link(objects, made, self.link_flags)
            os.replace(made, target)
        for message in toolchain.messages_of(output):
            warnings.warn_explicit(message.message, CompileWarning, message.file, message.line)


def _is_made_of(target: Path, key: str) -> bool:
    try:
        return key.encode() in target.read_bytes()
    except OSError:
        return False
