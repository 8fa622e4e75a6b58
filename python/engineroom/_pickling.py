"""Pickling what plain pickle cannot: functions and classes that were defined at a prompt.

cloudpickle does most of it. This file adds the functions of `__main__`, whose globals must be the
engine's namespace rather than a copy of ours, together with the fallbacks for those globals; see
_rebuild.py for what happens on the other side.
"""

import io
import marshal
import pickle
import sys
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType

import cloudpickle

from . import _rebuild

PROTOCOL = 5

# A global beyond this is not sent along with the function: it would travel with every call. Such
# data is pushed to the engines once.
MAX_FALLBACK_BYTES = 1 << 20

# Parts of an interactive session that make no sense elsewhere.
_PROMPT_NAMES = frozenset(
    ["In", "Out", "exit", "quit", "get_ipython", "open", "_", "__", "___", "_dh", "_ih", "_oh"]
)

_ABSENT = object()


class TooLarge(Exception):
    """A fallback exceeds MAX_FALLBACK_BYTES."""


def is_main_function(function: FunctionType) -> bool:
    """True if the function's globals are a `__main__`: it was typed at a prompt, or marked
    @interactive.

    `__module__` would not do: functools.wraps copies it to wrappers that need the globals of their
    library.
    """
    return function.__globals__.get("__name__") == "__main__"


class Captures:
    """The globals that the functions of one pickle refer to.

    `checks` lists everything the pickle depends on, so that packed functions can be reused: None as
    soon as it depends on something mutable.
    """

    def __init__(self):
        self.checks: list[tuple] | None = []
        self._seen: set[str] = set()
        self._pending: list[tuple[FunctionType, str]] = []

    def add(self, function: FunctionType) -> None:
        self._check_function(function)
        names = global_names(function.__code__)
        self._pending += [(function, name) for name in names if name not in self._seen]
        self._seen |= names

    def take_fallbacks(self) -> dict[str, bytes]:
        """Pickles the values of all names added since the last call, and of those that they refer
        to.
        """
        fallbacks = {}
        while self._pending:
            function, name = self._pending.pop()
            if name in _PROMPT_NAMES or (name.startswith("__") and name.endswith("__")):
                continue
            value = function.__globals__.get(name, _ABSENT)
            self._check_global(function.__globals__, name, value)
            if value is _ABSENT:
                continue
            data = self._dump_fallback(function, value)
            if data is not None:
                fallbacks[name] = data
        return fallbacks

    def _dump_fallback(self, function: FunctionType, value: object) -> bytes | None:
        file = LimitedFile(MAX_FALLBACK_BYTES)
        try:
            pickler = MainPickler(file, captures=self, nested=True)
            if isinstance(value, ModuleType) and hasattr(value, "__path__"):
                value = ModuleWithSubmodules(value, function.__code__)
            pickler.dump(value)
        except Exception:
            # Not picklable or too large. The function may never use it; if it does, the engine's
            # NameError names it, and the user pushes it.
            return None
        return file.getvalue()

    # ---- what the pickle depends on ----

    def _check_function(self, function: FunctionType) -> None:
        """Notes what of the function itself may change."""
        parts = (function.__defaults__ or (), *(function.__kwdefaults__ or {}).values())
        cells = function.__closure__ or ()
        values = [read_cell(cell) for cell in cells]
        if function.__dict__ or not all(map(is_constant, (*parts, *values))):
            self.checks = None
        if self.checks is not None:
            self.checks.append(("attribute", function, "__code__", function.__code__))
            self.checks.append(("attribute", function, "__defaults__", function.__defaults__))
            self.checks.append(("attribute", function, "__kwdefaults__", function.__kwdefaults__))
            self.checks += [("cell", cell, None, read_cell(cell)) for cell in cells]

    def _check_global(self, namespace: dict, name: str, value: object) -> None:
        if not (value is _ABSENT or is_constant(value)):
            self.checks = None
        if self.checks is not None:
            self.checks.append(("global", namespace, name, value))


def checks_hold(checks: list[tuple]) -> bool:
    """True if everything that a pickle depended on is still the very same object."""
    for kind, holder, name, value in checks:
        if kind == "global":
            current = holder.get(name, _ABSENT)
        elif kind == "attribute":
            current = getattr(holder, name)
        else:
            current = read_cell(holder)
        if current is not value:
            return False
    return True


def read_cell(cell) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return _rebuild._Empty


def is_constant(value: object) -> bool:
    """True if the same object will always have the same pickle, or (functions) is checked on its
    own.
    """
    if _rebuild.is_immutable(value) or isinstance(value, ModuleType) or value is _rebuild._Empty:
        return True
    if isinstance(value, FunctionType):
        return is_main_function(value) or is_importable(value)
    if isinstance(value, type) or type(value) is type(len):
        return is_importable(value)
    return False


def is_importable(value: object) -> bool:
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    if module is None or value.__module__ == "__main__":
        return False
    return getattr(module, getattr(value, "__qualname__", ""), None) is value


@lru_cache(maxsize=4096)
def global_names(code: CodeType) -> frozenset[str]:
    """The global names that the code, or a function defined in it, reads."""
    from dis import get_instructions

    names = {
        step.argval
        for step in get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    for inner in code.co_consts:
        if type(inner) is CodeType:
            names |= global_names(inner)
    return frozenset(names)


class ModuleWithSubmodules:
    """Pickles as the module, with the loaded submodules that the code seems to name.

    `import concurrent.futures` binds only `concurrent`; without this, the engine would have
    imported nothing below it.
    """

    def __init__(self, module: ModuleType, code: CodeType):
        self.name = module.__name__
        words = attribute_names(code)
        prefix = self.name + "."
        self.submodules = sorted(
            name
            for name in sys.modules
            if name.startswith(prefix) and words.issuperset(name[len(prefix) :].split("."))
        )

    def __reduce__(self):
        return _rebuild.import_modules, (self.name, self.submodules)


@lru_cache(maxsize=4096)
def attribute_names(code: CodeType) -> frozenset[str]:
    names = set(code.co_names)
    for inner in code.co_consts:
        if type(inner) is CodeType:
            names |= attribute_names(inner)
    return frozenset(names)


class LimitedFile(io.BytesIO):
    """Refuses to grow beyond a size, so that a huge global is given up early."""

    def __init__(self, limit: int):
        super().__init__()
        self._left = limit

    def write(self, data) -> int:
        self._left -= memoryview(data).nbytes
        if self._left < 0:
            raise TooLarge
        return super().write(data)


class MainPickler(cloudpickle.Pickler):
    """cloudpickle, but for the functions of `__main__` and for memoryviews."""

    def __init__(self, file, buffer_callback=None, captures: Captures | None = None, nested=False):
        super().__init__(file, protocol=PROTOCOL, buffer_callback=buffer_callback)
        self.captures = captures or Captures()
        # The pickle of a fallback: its own fallbacks go into the list of the outermost pickle, so
        # that each travels once and functions that refer to each other do not recurse for ever.
        self._nested = nested

    def reducer_override(self, obj):
        if type(obj) is FunctionType:
            if is_main_function(obj):
                return self._reduce_main_function(obj)
            if not is_importable(obj):
                # By value, as cloudpickle does it: what it depends on is not followed.
                self.captures.checks = None
        elif type(obj) is memoryview:
            return reduce_view(obj)
        elif isinstance(obj, type) and obj.__module__ == "__main__":
            self.captures.checks = None
        return super().reducer_override(obj)

    def _reduce_main_function(self, function: FunctionType):
        self.captures.add(function)
        fallbacks = {} if self._nested else self.captures.take_fallbacks()
        version = sys.version_info[:2]
        code = marshal.dumps(function.__code__)
        closure = [read_cell(cell) for cell in function.__closure__ or ()]
        return (
            _rebuild.make_function,
            (version, code, function.__name__),
            (attributes_of(function), closure, fallbacks),
            None,
            None,
            _rebuild.set_state,
        )


_ATTRIBUTES = ("__defaults__", "__kwdefaults__", "__doc__", "__dict__")


def attributes_of(function: FunctionType) -> dict:
    """What FunctionType() does not set, where it differs from what it does set."""
    attributes = {name: value for name in _ATTRIBUTES if (value := getattr(function, name))}
    try:
        attributes["__annotations__"] = dict(function.__annotations__)
    except Exception:
        # From Python 3.14 on they are computed when asked for, and may name what does not exist.
        pass
    attributes["__module__"] = function.__module__
    if function.__qualname__ != function.__name__:
        attributes["__qualname__"] = function.__qualname__
    return attributes


def reduce_view(view: memoryview):
    if not view.c_contiguous:
        view = memoryview(view.tobytes()).cast(view.format, view.shape)
    return _rebuild.make_view, (pickle.PickleBuffer(view.cast("B")), view.format, view.shape)


def dumps(obj: object, buffer_callback=None, captures: Captures | None = None) -> bytes:
    file = io.BytesIO()
    MainPickler(file, buffer_callback, captures).dump(obj)
    return file.getvalue()
