"""`engineroom compile`: what the compiler makes of a file of Cython."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .compiling import STAGES


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", help="a .pyx or .py file")
    command.add_argument(
        "-s",
        "--stage",
        choices=STAGES,
        default="c++",
        help="what to print: the syntax tree, the typed tree, C++ (default), LLVM IR, assembly, or "
        "how long each stage took",
    )
    command.add_argument(
        "-a",
        "--annotate",
        metavar="PAGE",
        help="write a page of HTML instead: how much of each line talks to Python, and why",
    )
    command.add_argument("-I", dest="include", action="append", default=[], metavar="DIR",
                         help="folder with .pxd files and C headers; may be repeated")  # fmt: skip
    command.add_argument("-X", dest="directive", action="append", default=[], metavar="NAME=VALUE",
                         help="a directive, such as boundscheck=False; may be repeated")  # fmt: skip
    level = command.add_mutually_exclusive_group()
    level.add_argument("-2", dest="level", action="store_const", const="2", help="language level 2")
    level.add_argument(
        "-3", dest="level", action="store_const", const="3", help="language level 3 (default)"
    )
    command.set_defaults(run=run, parser=command)


def run(args: argparse.Namespace) -> int:
    """0, or 1 if the file has errors: they are on standard error."""
    from .compiling import CompileError, explain, read_source

    path = Path(args.file)
    try:
        source = read_source(path)
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        print(f"engineroom: cannot read {path}: {error}", file=sys.stderr)
        return 1
    options: dict[str, Any] = {
        "level": args.level or "3",
        "directives": dict(one.partition("=")[::2] for one in args.directive),
        "include_path": [str(path.parent), *args.include],
    }
    try:
        if args.annotate:
            _write_page(source, path, Path(args.annotate), options)
        else:
            print(explain(source, args.stage, file=str(path), **options))
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _write_page(source: str, path: Path, page: Path, options: dict[str, Any]) -> None:
    from . import _compiler
    from .annotate import Annotation
    from .compiling import check, text_of

    text = text_of(source, path.stem, str(path), wants_notes=True, **options)
    cell = _compiler.translate(text.request())
    check(cell)
    Annotation(source, cell).save(page)
