"""ipyparallel's own words for packing objects, for scripts that use them directly.

Prefer the functions of `serialize`, which clients and engines use: they copy less, and know more
kinds of objects. What is made here can be read here only.
"""

import copy as _copy
import pickle as _pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import Any

from . import _pickling, serialize
from .dependency import dependent


class CannedObject:
    """Something in a form that any pickle can send.

    buffers: large parts, which may travel beside the pickle: take them out before pickling, and put
    them back in the same order before get_object().
    """

    buffers: list[Any]

    def __init__(self) -> None:
        self.buffers = []

    def __getstate__(self) -> dict[str, Any]:
        held = [bytes(b) if isinstance(b, memoryview) else b for b in self.buffers]
        return {**self.__dict__, "buffers": held}

    def get_object(self, g: dict[str, Any] | None = None) -> Any:
        raise NotImplementedError


class CannedFunction(CannedObject):
    """A function on its way to other globals."""

    def __init__(self, f: FunctionType) -> None:
        super().__init__()
        self.f = f

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "f": serialize.pack_function(self.f)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, f=_pickle.loads(state["f"]))

    def get_object(self, g: dict[str, Any] | None = None) -> Callable[..., Any]:
        f = self.f
        if g is None:
            return f
        bound = FunctionType(f.__code__, g, f.__name__, f.__defaults__, f.__closure__)
        bound.__kwdefaults__ = f.__kwdefaults__
        bound.__annotations__ = f.__annotations__
        bound.__dict__.update(f.__dict__)
        return bound


class CannedClass(CannedObject):
    """A class of `__main__`, which is sent whole."""

    def __init__(self, cls: type) -> None:
        super().__init__()
        self.cls = cls

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "cls": _pickling.dumps(self.cls)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, cls=_pickle.loads(state["cls"]))

    def get_object(self, g: dict[str, Any] | None = None) -> type:
        return self.cls


class CannedBytes(CannedObject):
    """bytes, bytearray or a memoryview, as one buffer."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.kind = type(data)
        self.buffers = [bytes(data) if isinstance(data, memoryview) else data]

    def get_object(self, g: dict[str, Any] | None = None) -> Any:
        data = self.buffers[0]
        return data if type(data) is self.kind else self.kind(data)


class CannedArray(CannedObject):
    """A NumPy array, its elements as one buffer."""

    def __init__(self, array: Any) -> None:
        self.array, self.buffers = _take_out(array)

    def get_object(self, g: dict[str, Any] | None = None) -> Any:
        return _pickle.loads(self.array, buffers=self.buffers)


class CannedPartial(CannedObject):
    """A functools.partial of something canned; its buffers are those of all arguments."""

    def __init__(self, call: partial[Any]) -> None:
        self.func = can(call.func)
        self.args = [can(value) for value in call.args]
        self.keywords = can_map(call.keywords)
        self.buffers = []
        self.counts = []
        for part in self._canned():
            self.counts.append(len(part.buffers))
            self.buffers += part.buffers
            part.buffers = []

    def _canned(self) -> list[CannedObject]:
        parts = [self.func, *self.args, *self.keywords.values()]
        return [part for part in parts if isinstance(part, CannedObject)]

    def get_object(self, g: dict[str, Any] | None = None) -> partial[Any]:
        left = iter(self.buffers)
        for part, count in zip(self._canned(), self.counts, strict=True):
            part.buffers = [next(left) for _ in range(count)]
        try:
            args = [uncan(value, g) for value in self.args]
            return partial(uncan(self.func, g), *args, **uncan_map(self.keywords, g))
        finally:
            for part in self._canned():
                part.buffers = []


def _take_out(obj: Any) -> tuple[bytes, list[Any]]:
    """(pickle, the buffers that left it)"""
    buffers: list[_pickle.PickleBuffer] = []
    data = _pickle.dumps(obj, serialize.PROTOCOL, buffer_callback=buffers.append)
    return data, [buffer.raw() for buffer in buffers]


def can(obj: Any) -> Any:
    """An object that pickles, for uncan(); what pickles by itself stays itself."""
    if isinstance(obj, FunctionType):
        return CannedFunction(obj)
    if isinstance(obj, dependent):
        obj = _copy.copy(obj)
        obj.f, obj.df = can(obj.f), can(obj.df)
        return obj
    if isinstance(obj, partial):
        return CannedPartial(obj)
    if isinstance(obj, type) and obj.__module__ == "__main__":
        return CannedClass(obj)
    if isinstance(obj, (bytes, bytearray, memoryview)):
        return CannedBytes(obj)
    # Who has an array has NumPy loaded.
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(obj, numpy.ndarray):
        return CannedArray(obj)
    return obj


def uncan(obj: Any, g: dict[str, Any] | None = None) -> Any:
    """The object of can(); functions get the globals `g`, and References are looked up there."""
    if isinstance(obj, (CannedObject, serialize.Reference)):
        return obj.get_object(g)
    if isinstance(obj, dependent):
        obj = _copy.copy(obj)
        obj.f, obj.df = uncan(obj.f, g), uncan(obj.df, g)
        obj.check_dependency()
    return obj


def can_map(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """can() on each value."""
    return {key: can(value) for key, value in mapping.items()}


def uncan_map(mapping: Mapping[str, Any], g: dict[str, Any] | None = None) -> dict[str, Any]:
    """uncan() on each value."""
    return {key: uncan(value, g) for key, value in mapping.items()}


# What serialize_object takes apart to find the large parts within.
_CONTAINERS = (list, tuple)
MAX_BYTES = 1024
MAX_ITEMS = 64


def serialize_object(
    obj: Any, buffer_threshold: int = MAX_BYTES, item_threshold: int = MAX_ITEMS
) -> list[Any]:
    """[pickle, buffers ...]: of the object, and of what it holds if that is not too much.

    buffer_threshold: parts of more bytes leave the pickle. item_threshold: containers of as many
    items or more are not looked into.
    """
    canned, parts = _can_with_parts(obj, item_threshold)
    buffers: list[Any] = []
    for part in parts:
        large = [_nbytes(buffer) > buffer_threshold for buffer in part.buffers]
        buffers += [b for b, leaves in zip(part.buffers, large, strict=True) if leaves]
        # None: it is among the buffers, in this order.
        part.buffers = [
            None if leaves else b for b, leaves in zip(part.buffers, large, strict=True)
        ]
    return [_pickling.dumps(canned), *buffers]


def deserialize_object(
    buffers: Sequence[Any], g: dict[str, Any] | None = None
) -> tuple[Any, list[Any]]:
    """(the first object of `buffers`, the buffers after it)"""
    canned = _pickle.loads(buffers[0])
    left = list(buffers[1:])
    for part in _parts(canned):
        part.buffers = [left.pop(0) if buffer is None else buffer for buffer in part.buffers]
    if type(canned) in _CONTAINERS:
        return type(canned)(uncan(value, g) for value in canned), left
    if type(canned) is dict:
        return uncan_map(canned, g), left
    return uncan(canned, g), left


def _can_with_parts(obj: Any, item_threshold: int) -> tuple[Any, list[CannedObject]]:
    if type(obj) in _CONTAINERS and len(obj) < item_threshold:
        canned = type(obj)(can(value) for value in obj)
    elif type(obj) is dict and len(obj) < item_threshold:
        canned = can_map(obj)
    else:
        canned = can(obj)
    return canned, _parts(canned)


def _parts(canned: Any) -> list[CannedObject]:
    items = [canned]
    if type(canned) in _CONTAINERS:
        items = list(canned)
    elif type(canned) is dict:
        items = list(canned.values())
    return [item for item in items if isinstance(item, CannedObject)]


def _nbytes(buffer: Any) -> int:
    return memoryview(buffer).nbytes


def pack_apply_message(
    f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], *thresholds: int
) -> list[Any]:
    """The buffers of a call; thresholds are ignored."""
    return serialize.pack_call(f, args, kwargs)


def unpack_apply_message(
    bufs: Sequence[Any], g: dict[str, Any] | None = None, copy: bool = True
) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
    """(f, args, kwargs) of pack_apply_message()"""
    return serialize.unpack_call(bufs, g)
