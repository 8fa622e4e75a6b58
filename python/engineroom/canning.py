"""ipyparallel's own words for packing objects, for scripts that use them directly.

Prefer the functions of `serialize`: these are thin wrappers, and buffers are in our format, which
only engineroom reads.
"""

import copy as _copy
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from . import serialize
from .dependency import dependent


class CannedFunction:
    """A function on its way to other globals."""

    def __init__(self, f: FunctionType) -> None:
        self.f = f

    def get_object(self, g: dict[str, Any] | None = None) -> Callable[..., Any]:
        f = self.f
        if g is None:
            return f
        bound = FunctionType(f.__code__, g, f.__name__, f.__defaults__, f.__closure__)
        bound.__kwdefaults__ = f.__kwdefaults__
        return bound


def can(obj: Any) -> Any:
    """An object that pickles: functions are wrapped (see uncan), everything else is itself."""
    if isinstance(obj, FunctionType):
        return CannedFunction(obj)
    if isinstance(obj, dependent):
        obj = _copy.copy(obj)
        obj.f, obj.df = can(obj.f), can(obj.df)
    return obj


def uncan(obj: Any, g: dict[str, Any] | None = None) -> Any:
    """The object of can(); functions get the globals `g`, and References are looked up there."""
    if isinstance(obj, (CannedFunction, serialize.Reference)):
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


def serialize_object(obj: Any, *thresholds: int) -> list[Any]:
    """The buffers of an object; thresholds are ignored."""
    return serialize.pack_object(obj)


def deserialize_object(buffers: Sequence[Any], g: Any = None) -> tuple[Any, list[Any]]:
    """(the first object of `buffers`, the buffers after it)"""
    rest = iter(buffers)
    return serialize.unpack_object(rest), list(rest)


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
