"""er.compile and er.compile_file by way of modules on disk, for `pytest --on-disk`: whatever a test
says of what a text does holds for its module on disk as well."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import io
import linecache
import tempfile
import tokenize
from pathlib import Path

import engineroom as er
from engineroom.compiling import read_source

_FOLDER = tempfile.TemporaryDirectory(prefix="engineroom-on-disk-")
_n_modules = 0


def load(path, name, compiler, **options):
    """Each is a module of its own, as those that are compiled in the process."""
    global _n_modules
    _n_modules += 1
    folder = Path(_FOLDER.name) / str(_n_modules)
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    target = er.build(path, name=name, output=folder / (name.rpartition(".")[2] + suffix),
                      compiler=compiler, optimization=0, stub=False, **options)  # fmt: skip
    spec = importlib.util.spec_from_file_location(name, target)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def n_modules():
    return _n_modules


def patch(monkeypatch, compiler):
    def compile(
        source, name=None, *, file=None, own_pxd="", optimization=2, use_cache=True, **options
    ):
        name = name or "_cython_" + hashlib.sha256(source.encode()).hexdigest()[:16]
        file = file or f"<cython {name}>"
        folder = Path(tempfile.mkdtemp(dir=_FOLDER.name))
        path = folder / (name.rpartition(".")[2] + (".py" if file.endswith(".py") else ".pyx"))
        # In the encoding that it says it is in.
        encoding = tokenize.detect_encoding(io.BytesIO(source.encode()).readline)[0]
        path.write_bytes(source.encode(encoding))
        if own_pxd:
            path.with_suffix(".pxd").write_text(Path(own_pxd).read_text())
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        return load(path, name, compiler, file=file, **options)

    def compile_file(path, name=None, optimization=2, use_cache=True, **options):
        path = Path(path)
        read_source(path)
        return load(path, name or path.stem, compiler, file=str(path), **options)

    monkeypatch.setattr(er, "compile", compile)
    monkeypatch.setattr(er, "compile_file", compile_file)
