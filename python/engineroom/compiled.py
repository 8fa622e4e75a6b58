"""What a text of Cython has become: its native code, its functions, and how they get elsewhere.

A compiled function pickles as the text it comes from. Where it is unpickled the text is compiled
once (or found in the object cache), together with the cells whose C names it uses; values that it
looks up at the prompt travel along.
"""

from __future__ import annotations

import ctypes
import importlib
import linecache
import pickle
import sys
import threading
import types
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import _compiler

_PXD = str(Path(__file__).parent / "pxd")
_ENTRY = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.py_object)

# By key: what was compiled here, so that a function that comes back is the one that went away, and
# what was compiled for functions that came from elsewhere.
_texts: dict[str, CompiledText] = {}
# Code may be called until the process ends, and is never unloaded.
_programs: list[_compiler.Program] = []
_lock = threading.RLock()


@dataclass(frozen=True)
class Text:
    """A text and all that decides what it becomes."""

    source: str
    name: str
    file: str
    level: str = "3"
    directives: Mapping[str, str] = field(default_factory=dict)
    include_path: tuple[str, ...] = ()  # folders with .pxd files
    own_pxd: str = ""
    wants_notes: bool = False  # for annotate
    # As of _compiler.Job.
    native: Mapping[str, Any] = field(default_factory=dict)

    def request(self, known_names: Iterable[str] = (), **extension: Any) -> _compiler.Request:
        """known_names: what the namespace that it runs in has already. extension: init_symbol and
        the like, of _compiler.Request, for the text of an extension module."""
        from . import _compiler

        return _compiler.Request(
            self.source,
            file=self.file,
            module=self.name,
            level=self.level,
            directives=dict(self.directives),
            # Never the working directory: only what was asked for, our own, installed packages.
            pxd_path=[*self.include_path, _PXD, *(entry for entry in sys.path if entry)],
            known_names=list(known_names),
            own_pxd=self.own_pxd,
            wants_notes=self.wants_notes,
            **extension,
        )

    def job(self) -> _compiler.Job:
        from . import _compiler

        return _compiler.Job(**self.native)


class CompiledText:
    """The home of compiled functions (their ``__home__``)."""

    def __init__(
        self,
        text: Text,
        cell: _compiler.Cell,
        namespace: dict[str, Any],
        uses: tuple[CompiledText, ...] = (),
        key: str | None = None,
        session: str | None = None,
    ) -> None:
        self.text = text
        self.cell = cell
        self.namespace = namespace
        self.uses = uses
        self.key = key or uuid.uuid4().hex
        self.session = session  # of whose cells it is; None: it is a module
        # Whose C functions and variables it uses; native code fills it, as it does the functions.
        self.modules: list[types.ModuleType] = []
        self.functions: dict[str, Any] = {}  # by qualified name; native code fills it
        self._bound_at_first: dict[str, Any] = {}

    def run(self) -> None:
        """Executes the text's statements; raises what they raise."""
        _programs.append(self.cell.program)
        source = self.text.source
        # For the lines in tracebacks.
        linecache.cache[self.text.file] = (
            len(source),
            None,
            source.splitlines(keepends=True),
            self.text.file,
        )
        # Errors that are set when it returns are raised by ctypes.
        _ENTRY(self.cell.entry)(self.namespace, self)
        _texts[self.key] = self
        bound = self.cell.bound_names
        self._bound_at_first = {
            name: self.namespace.get(name) for name in self.cell.loaded_names if name in bound
        }

    # ---- pickling ----

    def reduce_function(self, function: Any) -> tuple[Any, ...]:
        name = function.__qualname__
        if self.functions.get(name) is not function:
            raise pickle.PicklingError(
                f"cannot pickle {function!r}: only functions that a text defines by name, and that "
                "it has not defined again, can be found where they are unpickled"
            )
        # The state comes after the function itself, as values may refer to it.
        return _function_of, (self, name), self._values(), None, None, _take_values

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.key, self.text, self.uses, self.session, self.cell.loaded_names)

    def _values(self) -> dict[str, Any]:
        """What the code looks up and the text does not define, or somebody has changed since."""
        absent = object()
        values = {}
        for name in self.cell.loaded_names:
            value = self.namespace.get(name, absent)
            if value is absent or self._bound_at_first.get(name, absent) is value:
                continue
            is_module = isinstance(value, types.ModuleType) and value.__name__ in sys.modules
            values[name] = _Module(value.__name__) if is_module else value
        return values


@dataclass(frozen=True)
class _Module:
    """An imported module, which pickle knows no way to send."""

    name: str


def _function_of(home: CompiledText, name: str) -> Any:
    return home.functions[name]


def _take_values(function: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        is_module = isinstance(value, _Module)
        function.__globals__[name] = importlib.import_module(value.name) if is_module else value


# ---- on the other side ----


class _RebuiltSession:
    """The cells of somebody else's session, as far as they are needed here."""

    def __init__(self) -> None:
        from . import _compiler, _jit

        self.native = _compiler.Session(_jit.compiler())
        self.namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}


_rebuilt_sessions: dict[str, _RebuiltSession] = {}


def _rebuild(
    key: str,
    text: Text,
    uses: tuple[CompiledText, ...],
    session: str | None,
    names: Sequence[str],
) -> CompiledText:
    """names: what the code looks up; values of those come with its functions."""
    with _lock:
        known = _texts.get(key)
        if known is not None:
            return known
        if session is None:
            return make_module(text, key)[1]
        if session not in _rebuilt_sessions:
            _rebuilt_sessions[session] = _RebuiltSession()
        there = _rebuilt_sessions[session]
        earlier = [used.cell for used in uses]
        cell = there.native.compile_after(earlier, text.request(names), text.job())
        return run_cell(text, cell, there.namespace, uses, key, session)


def run_cell(
    text: Text,
    cell: _compiler.Cell,
    namespace: dict[str, Any],
    uses: tuple[CompiledText, ...] = (),
    key: str | None = None,
    session: str | None = None,
) -> CompiledText:
    """Raises CompileError if the cell is not ok, and whatever its statements raise."""
    from .compiling import check

    check(cell)
    compiled = CompiledText(text, cell, namespace, uses, key, session)
    compiled.run()
    return compiled


def run_module(text: Text, namespace: dict[str, Any], key: str | None = None) -> CompiledText:
    """A text of no session."""
    from . import _compiler, _jit

    cell = _compiler.compile(_jit.compiler(), text.request(), text.job())
    return run_cell(text, cell, namespace, key=key)


def make_module(text: Text, key: str | None = None) -> tuple[types.ModuleType, CompiledText]:
    module = types.ModuleType(text.name)
    module.__file__ = text.file
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    return module, run_module(text, vars(module), key)
