"""What our pickles call when they are loaded: rebuilding functions that were defined at a prompt.

A function of the sender's `__main__` becomes a function of the receiver's `__main__`, which on an
engine is the namespace that users push to and execute code in. So `view.push({"a": 5})` and then
`view.apply(lambda x: a + x, 1)` does what it says, and `global` statements write there.

With such a function come *fallbacks*: the values its globals had in the sender's `__main__`. They
are put into the namespace only where they do no harm: if the name is absent, or still holds the
very object that an earlier fallback put there. Thus a helper that is redefined at the prompt is
replaced, and what the user pushed or executed on the engine always wins.

Light on imports: every engine loads it.
"""

import marshal
import pickle
import sys
from types import CellType, CodeType, FunctionType

_ABSENT = object()

# Name → the object that a fallback last put into `__main__`.
_installed: dict[str, object] = {}

# When a list, it collects the (name, object) pairs of the functions being loaded: see
# FunctionCache.
_collector: list[tuple[str, object]] | None = None


class _Empty:
    """Stands for a closure cell without contents. Pickled by name, so compared by identity."""


def main_namespace() -> dict:
    return vars(sys.modules["__main__"])


def make_function(version: tuple[int, int], code: bytes, name: str) -> FunctionType:
    """A bare function of `__main__`; set_state() does the rest once it may be referred to."""
    if version != sys.version_info[:2]:
        theirs, ours = (".".join(map(str, v)) for v in (version, sys.version_info[:2]))
        raise ImportError(
            f"{name}() was defined in Python {theirs} and cannot run in Python {ours}: client and "
            "engines need the same version, unless the function is imported from a module"
        )
    code_object = marshal.loads(code)
    cells = tuple(CellType() for _ in code_object.co_freevars)
    return FunctionType(code_object, main_namespace(), name, None, cells)


def set_state(function: FunctionType, state: tuple[dict, list, dict]) -> None:
    attributes, closure, fallbacks = state
    function.__dict__.update(attributes.pop("__dict__", {}))
    for name, value in attributes.items():
        setattr(function, name, value)
    for cell, value in zip(function.__closure__ or (), closure, strict=True):
        if value is not _Empty:
            cell.cell_contents = value
    if fallbacks:
        install_fallbacks(fallbacks)


def install_fallbacks(fallbacks: dict[str, bytes]) -> None:
    namespace = main_namespace()
    for name, data in fallbacks.items():
        if not may_replace(namespace, name):
            continue
        try:
            value = pickle.loads(data)
        except Exception:
            # A module that is not installed here, say: a NameError when (and if) the function gets
            # there.
            continue
        namespace[name] = _installed[name] = value
        if _collector is not None:
            _collector.append((name, value))


def may_replace(namespace: dict, name: str) -> bool:
    current = namespace.get(name, _ABSENT)
    return current is _ABSENT or current is _installed.get(name, namespace)


def import_modules(name: str, submodules: list[str]) -> object:
    """The module, after importing those submodules that the function reaches through it."""
    for submodule in submodules:
        __import__(submodule)
    __import__(name)
    return sys.modules[name]


def make_view(buffer, format: str, shape: tuple[int, ...]) -> memoryview:
    return memoryview(buffer).cast("B").cast(format, shape)


class FunctionCache:
    """Functions that were loaded before, by their pickle.

    Most calls run the same function again, and loading one costs more than a small call. But a
    function object can carry state from call to call (mutable defaults, closures, attributes),
    which senders do not expect of a fresh pickle, so only those without any are kept.
    """

    SIZE = 64
    # Longer pickles carry data, and hashing them is no longer free.
    MAX_BYTES = 32 * 1024

    def __init__(self):
        self._entries: dict[bytes, tuple[object, list[tuple[str, object]]]] = {}

    def clear(self) -> None:
        """To be called when the namespace was cleared: fallbacks left out before may be due now."""
        self._entries.clear()
        _installed.clear()

    def load(self, data: bytes) -> object:
        entry = self._entries.get(data)
        if entry is not None:
            function, fallbacks = entry
            same_namespace = function.__globals__ is main_namespace()
            if same_namespace and (not fallbacks or reinstall(fallbacks)):
                return function
            # The namespace was cleared, or is another one: load again.
            del self._entries[data]
        return self._load_new(data)

    def _load_new(self, data: bytes) -> object:
        global _collector
        _collector = fallbacks = []
        try:
            function = pickle.loads(data)
        finally:
            _collector = None
        if len(data) <= self.MAX_BYTES and is_stateless(function):
            if len(self._entries) >= self.SIZE:
                del self._entries[next(iter(self._entries))]
            self._entries[bytes(data)] = (function, fallbacks)
        return function


def reinstall(fallbacks: list[tuple[str, object]]) -> bool:
    """Puts back fallbacks that another function's replaced. False if one was deleted."""
    namespace = main_namespace()
    for name, value in fallbacks:
        current = namespace.get(name, _ABSENT)
        if current is value:
            continue
        if current is _ABSENT:
            return False
        if current is _installed.get(name, namespace):
            namespace[name] = _installed[name] = value
    return True


_IMMUTABLE = frozenset([type(None), bool, int, float, complex, str, bytes, type(Ellipsis)])


def is_immutable(value: object) -> bool:
    kind = type(value)
    if kind is tuple or kind is frozenset:
        return all(map(is_immutable, value))
    return kind in _IMMUTABLE


def is_stateless(function: object) -> bool:
    """True for a function of `__main__` made of code alone: calling it cannot change it.

    Imported functions are not kept either: looking one up by name is quick, and finds the new one
    after the module was reloaded.
    """
    return (
        type(function) is FunctionType
        and function.__globals__ is main_namespace()
        and not function.__dict__
        and is_immutable(function.__defaults__ or ())
        and all(map(is_immutable, (function.__kwdefaults__ or {}).values()))
        and (not function.__closure__ or has_constant_closure(function))
    )


def has_constant_closure(function: FunctionType) -> bool:
    try:
        values = [cell.cell_contents for cell in function.__closure__]
    except ValueError:
        return False
    return all(map(is_immutable, values)) and not rebinds(
        function.__code__, frozenset(function.__code__.co_freevars)
    )


def rebinds(code: CodeType, names: frozenset[str]) -> bool:
    """True if `code`, or a function in it, assigns to one of the closure variables `names`."""
    from dis import get_instructions

    return any(
        step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in names
        for step in get_instructions(code)
    ) or any(rebinds(inner, names) for inner in code.co_consts if type(inner) is CodeType)
