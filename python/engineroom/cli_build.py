"""`engineroom build`: files of Cython to extension modules."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", metavar="FILE", help=".pyx and .py files")
    command.add_argument("-o", "--output", metavar="DIR",
                         help="where the modules go, packages as folders (default: beside the "
                         "sources)")  # fmt: skip
    command.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                         help="how many are built at the same time (default: one per core)")  # fmt: skip
    command.add_argument("-a", "--annotate", action="store_true",
                         help="write FILE.html, too: how much of each line talks to Python, and why")  # fmt: skip
    command.add_argument("-k", "--keep-cpp", action="store_true", help="write FILE.cpp, too")
    command.add_argument("--no-stub", dest="stub", action="store_false",
                         help="write no FILE.pyi, which tells editors and type checkers what it has")  # fmt: skip
    command.add_argument("-c", "--cpp-only", action="store_true",
                         help="write FILE.cpp and compile nothing: for build systems, which get the "
                         "flags from `engineroom config`")  # fmt: skip
    command.add_argument("--depfile", metavar="FILE",
                         help="with -c: write what the C++ was made of, as make and ninja read it")  # fmt: skip
    command.add_argument("--name",
                         help="of the module, with its packages (default: as the folders say)")  # fmt: skip
    command.add_argument("-f", "--force", action="store_true", help="also if nothing has changed")
    command.add_argument("-I", dest="include", action="append", default=[], metavar="DIR",
                         help="folder with .pxd files and C headers; may be repeated")  # fmt: skip
    command.add_argument("-X", dest="directive", action="append", default=[], metavar="NAME=VALUE",
                         help="a directive, such as boundscheck=False; may be repeated")  # fmt: skip
    level = command.add_mutually_exclusive_group()
    level.add_argument("-2", dest="level", action="store_const", const="2", help="language level 2")
    level.add_argument(
        "-3", dest="level", action="store_const", const="3", help="language level 3 (default)"
    )
    command.add_argument("--compiler", metavar="CXX",
                         help="the C++20 compiler (default: $CXX, or the best that there is)")  # fmt: skip
    command.add_argument("-O", dest="optimization", type=int, choices=range(4), default=3,
                         help="optimization of the C++ (default 3)")  # fmt: skip
    command.add_argument("--native", action="store_true", help="for this machine's processor alone")
    command.add_argument("--self-contained", action="store_true",
                         help="modules that need no engineroom where they are imported")  # fmt: skip
    command.add_argument("--flag", action="append", default=[],
                         help="one more for the C++ compiler, such as --flag=-ffast-math; may be "
                         "repeated")  # fmt: skip
    command.set_defaults(run=run, parser=command)


def add_config_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--cflags", action="store_true", help="for the C++ compiler")
    command.add_argument("--ldflags", action="store_true",
                         help="for the linker, after the module's objects")  # fmt: skip
    command.add_argument("--self-contained", action="store_true",
                         help="for modules that need no engineroom where they are imported")  # fmt: skip
    command.add_argument("--name", default="",
                         help="of the module, with its packages: where it looks for the runtime")  # fmt: skip
    command.set_defaults(run=run_config, parser=command)


def run_config(args: argparse.Namespace) -> int:
    from .building.module import flags_for_others

    if not args.cflags and not args.ldflags:
        args.parser.error("ask for --cflags or --ldflags")
    compile_flags, link_flags = flags_for_others(args.self_contained, args.name)
    asked = [*(compile_flags if args.cflags else ()), *(link_flags if args.ldflags else ())]
    # Without quotes: `$(engineroom config …)` takes words as they are.
    print(" ".join(asked))
    return 0


def run(args: argparse.Namespace) -> int:
    """0, or 1 if one of the files has errors: they are on standard error."""
    from .compiling import CompileWarning

    if len(args.files) > 1 and (args.name or args.depfile):
        args.parser.error("--name and --depfile are of one file")
    options: dict[str, Any] = {
        "output": args.output,
        "level": args.level or "3",
        "directives": dict(one.partition("=")[::2] for one in args.directive),
        "include_path": args.include,
        "compiler": args.compiler,
        "optimization": args.optimization,
        "native": args.native,
        "self_contained": args.self_contained,
        "flags": args.flag,
        "force": args.force,
        "keep_cpp": args.keep_cpp,
        "annotate": args.annotate,
        "name": args.name,
        "stub": args.stub,
    }
    if args.output:
        os.makedirs(args.output, exist_ok=True)
    n_failed = 0
    with warnings.catch_warnings(), ThreadPoolExecutor(max(1, args.jobs)) as pool:
        warnings.simplefilter("always", CompileWarning)
        warnings.showwarning = _show_warning
        made = pool.map(lambda f: _build(f, options, args.cpp_only, args.depfile), args.files)
        for i, (line, error) in enumerate(made):
            if error:
                n_failed += 1
                print(error, file=sys.stderr)
                continue
            count = f"[{i + 1}/{len(args.files)}] " if len(args.files) > 1 else ""
            print(count + line, flush=True)
    if n_failed and len(args.files) > 1:
        print(f"engineroom: {n_failed} of {len(args.files)} were not built", file=sys.stderr)
    return 1 if n_failed else 0


def _build(
    file: str, options: dict[str, Any], cpp_only: bool, depfile: str | None
) -> tuple[str, str]:
    """A line about what was done, or why it was not."""
    from .building.module import build
    from .building.toolchain import BuildError
    from .compiling import CompileError

    start_ns = time.time_ns()
    try:
        target = _translate(Path(file), options, depfile) if cpp_only else build(file, **options)
    except (CompileError, BuildError, ImportError) as error:
        return "", f"{file}: {error}"
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        return "", f"engineroom: cannot build {file}: {error}"
    place = os.path.relpath(target)
    place = str(target) if place.startswith("..") else place
    is_new = target.stat().st_mtime_ns > start_ns
    seconds = (time.time_ns() - start_ns) / 1e9
    return f"{Path(file)} → {place} ({f'{seconds:.2f} s' if is_new else 'up to date'})", ""


def _translate(path: Path, options: dict[str, Any], depfile: str | None) -> Path:
    """FILE.cpp, for somebody else's compiler."""
    from .building.translation import found_as, module_name_of, translate

    name = options["name"] or module_name_of(path)
    translated = translate(
        path,
        name=name,
        file=str(path),
        traceback_file=found_as(name, path),
        **{key: options[key] for key in ("level", "directives", "include_path")},
    )
    target = Path(options["output"] or path.parent) / (path.stem + ".cpp")
    # Build systems compare times: what was asked for is new.
    translated.write_cpp(target, force=True)
    if options["stub"]:
        translated.write_stub(target.with_suffix(".pyi"))
    if depfile:
        files = [re.sub(r"([\\ #])", r"\\\1", str(f)) for f in translated.dependencies()]
        Path(depfile).write_text(f"{target}: {' '.join(files)}\n", encoding="utf-8")
    return target


def _show_warning(
    message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    print(f"{filename}:{lineno}: warning: {message}", file=sys.stderr)
