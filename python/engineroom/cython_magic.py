"""`%%cython`: a cell of Cython becomes native code, and its names are the user's."""

from __future__ import annotations

import itertools
import shlex
from typing import TYPE_CHECKING

from IPython.core import magic_arguments
from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class

if TYPE_CHECKING:
    from types import ModuleType


@magics_class
class CythonMagics(Magics):
    _cells = itertools.count(1)

    @magic_arguments.magic_arguments()
    @magic_arguments.argument(
        "-2", dest="level", action="store_const", const="2", help="language level 2"
    )
    @magic_arguments.argument(
        "-3", dest="level", action="store_const", const="3", help="language level 3 (the default)"
    )
    @magic_arguments.argument("-n", "--name", help="name of the module")
    @magic_arguments.argument(
        "-f", "--force", action="store_true", help="compile even if the result is in the cache"
    )
    @magic_arguments.argument(
        "-I",
        "--include",
        action="append",
        default=[],
        help="folder with headers and .pxd files; may be repeated",
    )
    @magic_arguments.argument(
        "-X",
        "--directive",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a directive, such as boundscheck=False",
    )
    @cell_magic
    def cython(self, line: str, cell: str) -> None:
        """Compile the cell, run it as a module, and take its public names over."""
        args = magic_arguments.parse_argstring(self.cython, line)
        from .compiling import compile

        directives = {}
        for directive in args.directive:
            key, separator, value = directive.partition("=")
            if not separator:
                raise UsageError(f"-X {shlex.quote(directive)}: write NAME=VALUE")
            directives[key.strip()] = value.strip()
        number = next(self._cells)
        module = compile(
            cell,
            args.name or f"_cython_cell_{number}",
            file=f"<cython cell {number}>",
            level=args.level or "3",
            directives=directives,
            include_path=args.include,
            use_cache=not args.force,
        )
        self._take_names(module)

    def _take_names(self, module: ModuleType) -> None:
        names = getattr(module, "__all__", None)
        if names is None:
            names = [name for name in vars(module) if not name.startswith("_")]
        self.shell.push({name: getattr(module, name) for name in names})
