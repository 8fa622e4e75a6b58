"""Modules that the import hook builds: found again without a compiler, in a later process.

For each source there is a record of the module that was made of it, and of what every file was like
that it depends on. If those are as they were, the module is loaded, and neither our compiler nor
anybody else's. Records and modules are in a folder that only its owner can read, because they are
code that is run; a folder that others may write to is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .toolchain import BuildError

if TYPE_CHECKING:
    from ..pyx import _Options
    from .module import Build


def needs_more(path: Path, source: str) -> bool:
    """Whether the module has sources besides its own, which the process cannot compile."""
    sources = re.search(r"(?m)^#\s*distutils\s*:\s*sources\b", source)
    return sources is not None or path.with_suffix(".pyxbld").is_file()


def import_built(name: str, path: Path, module: ModuleType, options: _Options) -> None:
    """Executes the module in `module`; builds it first if it is not there, or out of date."""
    root = Path(options.cache) if options.cache else default_root()
    record = root / (_key(name, path, options) + ".json")
    target = _recorded(record)
    if target is None:
        _make_private(root)
        made = _build(name, path, root, options)
        _write_record(record, made)
        target = made.target
    # __file__ stays the source's, unless the module is beside it.
    if options.is_in_place:
        module.__file__ = str(target)
    with _never_loaded(target, root) as file:
        loader = importlib.machinery.ExtensionFileLoader(name, str(file))
        spec = importlib.util.spec_from_file_location(name, file, loader=loader)
        assert spec is not None
        spec.loader_state = module
        loaded = loader.create_module(spec)
        loader.exec_module(loaded)
    if loaded is not module:  # it was imported before, and forgotten
        sys.modules[name] = loaded


# What this process has loaded, by path.
_loaded: dict[Path, str | None] = {}


@contextlib.contextmanager
def _never_loaded(target: Path, root: Path) -> Iterator[Path]:
    """The path of the module; if another one was loaded from there, a path of its own, since the
    system's loader knows libraries by their paths."""
    digest = _digest(target)
    if _loaded.setdefault(target, digest) == digest:
        yield target
        return
    _make_private(root)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        yield Path(shutil.copy(target, folder))
    # Here for good, under a path that nobody uses again.


def default_root() -> Path:
    """$XDG_CACHE_HOME/engineroom/modules, or that in ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.path.abspath(home)) / "engineroom" / "modules"


def _key(name: str, path: Path, options: _Options) -> str:
    parts = [name, str(path), sysconfig.get_config_var("SOABI"), os.environ.get("CXX"),
             options.level, sorted((k, str(v)) for k, v in options.directives.items()),
             options.include_path, options.is_in_place, sorted(options.build.items())]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:40]


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = folder.stat()
    if info.st_uid != os.geteuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BuildError(f"others may write to {folder}: modules are not kept there")


# ---- records ----


def _digest(file: str | Path) -> str | None:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return None


def _recorded(record: Path) -> Path | None:
    """The module, if all that it depends on is as it was."""
    try:
        for file in (record, record.parent):
            info = file.stat()
            if info.st_uid != os.geteuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
        known = json.loads(record.read_bytes())
        target = Path(known["module"])
        is_same = all(_digest(file) == digest for file, digest in known["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return target if is_same else None


def _write_record(record: Path, made: Build) -> None:
    from .translation import package

    path = made.translated.path
    # What would be looked at if it were there counts, too.
    asked = [path.with_suffix(".pxd"), path.with_suffix(".pyxbld")]
    files = [*made.dependencies(), *asked, package() / "libengineroom_runtime.so", made.target]
    known = {"module": str(made.target), "files": {str(file): _digest(file) for file in files}}
    old = _recorded_module(record)
    with tempfile.NamedTemporaryFile("w", dir=record.parent, delete=False) as file:
        json.dump(known, file)
    os.replace(file.name, record)
    if old is not None and old != made.target and record.parent in old.parents:
        shutil.rmtree(old.parent, ignore_errors=True)  # who has it loaded keeps it


def _recorded_module(record: Path) -> Path | None:
    try:
        return Path(json.loads(record.read_bytes())["module"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


# ---- building ----


def _build(name: str, path: Path, root: Path, options: _Options) -> Build:
    from .module import Build, Options
    from .translation import EXT_SUFFIX

    more: dict[str, Any] = {
        "name": name,
        "level": options.level,
        "directives": options.directives,
        "include_path": options.include_path,
    }
    more |= _of_pyxbld(name, path, options.include_path)
    more |= options.build
    if options.is_in_place:
        made = Build(path, Options(**more))
        made.run()
        return made
    # A place of its own for each content: a process that has the old one loaded keeps it, and can
    # load the new one, too.
    folder = Path(tempfile.mkdtemp(prefix=path.stem + "-", dir=root))
    try:
        made = Build(path, Options(output=folder / (path.stem + EXT_SUFFIX), **more))
        made.run()
        made.target.chmod(0o600)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return made


def _of_pyxbld(name: str, path: Path, include_path: Sequence[str]) -> dict[str, Any]:
    """What `make_ext` of a .pyxbld file, pyximport's way to set options, says of the module."""
    file = path.with_suffix(".pyxbld")
    if not file.is_file():
        return {}
    names: dict[str, Any] = {"__file__": str(file), "__name__": file.stem}
    exec(compile(file.read_bytes(), str(file), "exec", dont_inherit=True), names)
    if names.get("make_setup_args") and set(names["make_setup_args"]()) - {"script_args"}:
        raise BuildError(f"{file}: make_setup_args is not supported; let make_ext say it")
    if "make_ext" not in names:
        return {}
    extension = names["make_ext"](name, str(path))

    def listed(attribute: str) -> list[Any]:
        return list(getattr(extension, attribute, None) or ())

    macros = [(m, None) if isinstance(m, str) else m for m in listed("define_macros")]
    return {
        "sources": [s for s in map(str, listed("sources")) if not s.endswith((".pyx", ".py"))],
        "include_path": [*include_path, *listed("include_dirs")],
        "flags": [
            *(f"-D{macro}" if value is None else f"-D{macro}={value}" for macro, value in macros),
            *(f"-U{macro}" for macro in listed("undef_macros")),
            *listed("extra_compile_args"),
        ],
        "link_flags": [
            *listed("extra_objects"),
            *(f"-L{folder}" for folder in listed("library_dirs")),
            *(f"-Wl,-rpath,{folder}" for folder in listed("runtime_library_dirs")),
            *(f"-l{library}" for library in listed("libraries")),
            *listed("extra_link_args"),
        ],
    }
