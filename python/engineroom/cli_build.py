"""`engineroom build`: files of Cython to extension modules."""

from __future__ import annotations

import argparse
import os
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


def run(args: argparse.Namespace) -> int:
    """0, or 1 if one of the files has errors: they are on standard error."""
    from .compiling import CompileWarning

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
        "stub": args.stub,
    }
    if args.output:
        os.makedirs(args.output, exist_ok=True)
    n_failed = 0
    with warnings.catch_warnings(), ThreadPoolExecutor(max(1, args.jobs)) as pool:
        warnings.simplefilter("always", CompileWarning)
        warnings.showwarning = _show_warning
        for i, (line, error) in enumerate(pool.map(lambda f: _build(f, options), args.files)):
            if error:
                n_failed += 1
                print(error, file=sys.stderr)
                continue
            count = f"[{i + 1}/{len(args.files)}] " if len(args.files) > 1 else ""
            print(count + line, flush=True)
    if n_failed and len(args.files) > 1:
        print(f"engineroom: {n_failed} of {len(args.files)} were not built", file=sys.stderr)
    return 1 if n_failed else 0


def _build(file: str, options: dict[str, Any]) -> tuple[str, str]:
    """A line about what was done, or why it was not."""
    from .building.module import build
    from .building.toolchain import BuildError
    from .compiling import CompileError

    start_ns = time.time_ns()
    try:
        target = build(file, **options)
    except (CompileError, BuildError, ImportError) as error:
        return "", f"{file}: {error}"
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        return "", f"engineroom: cannot build {file}: {error}"
    place = os.path.relpath(target)
    place = str(target) if place.startswith("..") else place
    is_new = target.stat().st_mtime_ns > start_ns
    seconds = (time.time_ns() - start_ns) / 1e9
    return f"{Path(file)} → {place} ({f'{seconds:.2f} s' if is_new else 'up to date'})", ""


def _show_warning(
    message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    print(f"{filename}:{lineno}: warning: {message}", file=sys.stderr)
