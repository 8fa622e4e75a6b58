"""`%%cython`: a cell of Cython becomes native code, and its names are the user's."""

from __future__ import annotations

import hashlib
import shlex
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from IPython.core import magic_arguments
from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class

if TYPE_CHECKING:
    from types import ModuleType

    from .cells import Session
    from .compiled import CompiledText, Text


def _argument(*flags: str, **options: Any) -> Any:
    return magic_arguments.argument(*flags, **options)


@magics_class
class CythonMagics(Magics):
    _session: Session | None = None

    @magic_arguments.magic_arguments()
    @_argument("-2", dest="level", action="store_const", const="2", help="language level 2")
    @_argument(
        "-3", dest="level", action="store_const", const="3", help="language level 3 (the default)"
    )
    @_argument(
        "-a",
        "--annotate",
        action="store_true",
        help="show, line by line, how much of the cell still talks to Python, and why",
    )
    @_argument(
        "-n",
        "--name",
        help="make a module of that name, which can be imported, instead of a cell of the session",
    )
    @_argument(
        "-f", "--force", action="store_true", help="compile even if the result is in the cache"
    )
    @_argument(
        "-c",
        "--compile-args",
        action="append",
        default=[],
        metavar="FLAG",
        help="a flag for the C compiler, such as -O3 or -fopenmp; may be repeated",
    )
    @_argument(
        "--link-args",
        action="append",
        default=[],
        metavar="FLAG",
        help="a flag for the linker, such as -lm; may be repeated",
    )
    @_argument("-l", "--lib", action="append", default=[], help="a library to use; may be repeated")
    @_argument(
        "-L",
        dest="library_dirs",
        action="append",
        default=[],
        metavar="DIR",
        help="folder to look for libraries in; may be repeated",
    )
    @_argument(
        "-I",
        "--include",
        action="append",
        default=[],
        metavar="DIR",
        help="folder with headers and .pxd files; may be repeated",
    )
    @_argument(
        "-X",
        "--directive",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a directive, such as boundscheck=False; may be repeated",
    )
    @_argument("-+", "--cplus", action="store_true", help="accepted: cells always may use C++")
    @_argument("--verbose", action="store_true", help="print where the time went")
    @cell_magic
    def cython(self, line: str, cell: str) -> Any:
        """Compile the cell, and run it in the user's namespace.

        Cells share a session: what one declares in C, later ones can use. Running a cell again
        replaces its definitions; a cell that fails changes none.
        """
        args = magic_arguments.parse_argstring(self.cython, line)
        text = self._text(args, cell)
        compiled = self._run_module(text) if args.name else self._run_cell(text)
        if args.verbose:
            self._print_timings(compiled)
        if args.annotate:
            from .annotate import annotate

            return annotate(compiled)
        return None

    def _text(self, args: Namespace, cell: str) -> Text:
        from .compiling import text_of

        # Named by its text: the same cell is the same file, whenever it is run.
        digest = hashlib.sha256(cell.encode()).hexdigest()[:12]
        return text_of(
            cell,
            args.name or "__main__",
            f"<cython {args.name or 'cell'} {digest}>",
            level=args.level or "3",
            directives=dict(map(_directive, args.directive)),
            include_path=args.include,
            wants_notes=args.annotate,
            flags=_flags(args.compile_args) + _flags(args.link_args),
            libraries=args.lib,
            library_dirs=args.library_dirs,
            use_cache=not args.force,
        )

    def _run_cell(self, text: Text) -> CompiledText:
        from .cells import Session

        if self._session is None:
            self._session = Session(self.shell.user_ns)
        return self._session.run(text)

    def _run_module(self, text: Text) -> CompiledText:
        from .compiled import make_module

        module, compiled = make_module(text)
        sys.modules[text.name] = module
        self._take_names(module)
        return compiled

    def _take_names(self, module: ModuleType) -> None:
        names = getattr(module, "__all__", None)
        if names is None:
            names = [name for name in vars(module) if not name.startswith("_")]
        self.shell.push({name: getattr(module, name) for name in names})

    def _print_timings(self, compiled: CompiledText) -> None:
        source = "the cache" if compiled.cell.from_cache else "Clang"
        times = (f"{stage} {ms:.1f}" for stage, ms in compiled.cell.timings_ms.items())
        print(f"native code from {source}, milliseconds: {', '.join(times)}")


def _directive(argument: str) -> tuple[str, str]:
    key, separator, value = argument.partition("=")
    if not separator:
        raise UsageError(f"-X {shlex.quote(argument)}: write NAME=VALUE")
    return key.strip(), value.strip()


def _flags(arguments: list[str]) -> list[str]:
    """Written one by one, or several in one argument."""
    return [flag for argument in arguments for flag in shlex.split(argument.lstrip("="))]
