"""A session of Cython cells: C names of one can be used in the next."""

from __future__ import annotations

import uuid
from typing import Any

from .compiled import CompiledText, Text, run_cell


class Session:
    """Cells that run in one namespace, as those of Python at a prompt do.

    What a cell declares in C (functions, structs, typedefs, enums, variables, cimports) can be used
    by those that come after it. Binding a name again replaces it for cells to come; functions that
    were compiled with the old one stay with it. A cell that fails, by an error of its own or while
    its statements run, leaves the C names as they were.

    namespace: where its names live; default: one of its own.
    """

    def __init__(self, namespace: dict[str, Any] | None = None) -> None:
        from . import _compiler, _jit

        self.namespace = {"__name__": "__main__"} if namespace is None else namespace
        self._native = _compiler.Session(_jit.compiler())
        self._key = uuid.uuid4().hex
        self._cells: dict[str, CompiledText] = {}

    def run(self, text: Text) -> CompiledText:
        """Compiles and runs a cell. Raises CompileError, or what its statements raise."""
        cell = self._native.compile(text.request(self.namespace), text.job())
        uses = tuple(self._cells[used] for used in cell.uses)
        compiled = run_cell(text, cell, self.namespace, uses, session=self._key)
        self._native.keep(cell)
        self._cells[cell.id] = compiled
        return compiled
