"""From Python objects to the buffers of a message and back, for clients and engines.

A call is sent as

    [function, info, argument, its raw buffers ..., argument, ..., keyword argument, ...]

where info is a pickled {"nargs", "narg_bufs", "kw_keys"} plus, if needed, "refs" (an argument holds
a Reference) and "oob" (the number of raw buffers of each argument). Without raw buffers this is the
layout of ipyparallel, so its engines run such calls too. A result is [pickle, its raw buffers ...].

Objects are pickled with protocol 5; arrays of MIN_RAW_BYTES and more leave the pickle as raw
buffers, which nobody copies on the way. Whoever receives one gets an array over the received
memory, which is read-only; smaller ones than MAX_COPIED_BYTES are copied and thus writable, as all
that stays within the pickle.

Plain pickle is tried first, being ten times faster, and cloudpickle (_pickling.py) does the rest:
lambdas, and everything from `__main__`, which the other side knows nothing of.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from pickle import PickleBuffer
from typing import Any
from weakref import WeakKeyDictionary

from . import _rebuild
from ._inputs import given
from ._reference import Reference, holds_reference, resolve

__all__ = [
    "PrePickled",
    "Reference",
    "pack_arguments",
    "pack_call",
    "pack_function",
    "pack_object",
    "uncan_foreign",
    "unpack_call",
    "unpack_object",
    "unpack_objects",
    "use_cloudpickle",
    "use_dill",
    "use_pickle",
]

# ipyparallel keeps its own words for packing here; ours for them are in canning.py.
_IN_CANNING = frozenset(
    {
        *("can", "can_map", "canning", "deserialize_object", "pack_apply_message"),
        *("serialize_object", "uncan", "uncan_map", "unpack_apply_message"),
    }
)


def __getattr__(name: str) -> Any:
    if name not in _IN_CANNING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import canning

    return canning if name == "canning" else getattr(canning, name)


PROTOCOL = 5
MIN_RAW_BYTES = 8 * 1024
MAX_COPIED_BYTES = 64 * 1024

_SCALARS = frozenset([int, float, bool, type(None), complex])
_NONE = pickle.dumps(None, PROTOCOL)

Buffer = Any  # bytes or a contiguous memoryview of bytes


# Whether nothing leaves the pickles of calls: engines of ipyparallel know no raw buffers.
_in_band = False
# How uuids of engines of ours begin.
OWN_ENGINE = "er-"


def heed_engines(uuids: Iterable[str]) -> None:
    """Calls from now on suit all of these, and all that there were before."""
    global _in_band
    _in_band = _in_band or not all(uuid.startswith(OWN_ENGINE) for uuid in uuids)


class PrePickled:
    """An argument that is pickled once, however often it is sent."""

    def __init__(self, obj: object):
        self.buffers = pack_object(obj)
        self.holds_reference = holds_reference(obj)


# ---- picklers ------------------------------------------------------------------------------------


def _dumps_default(obj: object, keep: Callable | None = None, captures: Any = None) -> bytes:
    from . import _pickling

    return _pickling.dumps(obj, keep, captures)


def _dumps_cloudpickle(obj: object, keep: Callable | None = None, captures: Any = None) -> bytes:
    import cloudpickle

    return cloudpickle.dumps(obj, PROTOCOL, buffer_callback=keep)


def _dumps_dill(obj: object, keep: Callable | None = None, captures: Any = None) -> bytes:
    import dill

    return dill.dumps(obj, PROTOCOL)


# What pickles when plain pickle does not do. Another one than the default is also asked first.
_dumps_slow = _dumps_default


def use_pickle() -> None:
    """Back to the default: pickle, and cloudpickle for what was defined at a prompt."""
    _set_pickler(_dumps_default)


def use_cloudpickle() -> None:
    """Pickle everything with plain cloudpickle: functions carry copies of their globals along."""
    import cloudpickle  # noqa: F401 - an ImportError belongs here, not into the first call

    _set_pickler(_dumps_cloudpickle)


def use_dill() -> None:
    """Pickle everything with dill."""
    import dill  # noqa: F401 - an ImportError belongs here, not into the first call

    _set_pickler(_dumps_dill)


def _set_pickler(dumps: Callable) -> None:
    global _dumps_slow
    _dumps_slow = dumps
    _packed_functions.clear()


class _Kept(list):
    """Collects the buffers that leave a pickle."""

    def keep(self, buffer: PickleBuffer) -> bool:
        """For pickle's buffer_callback, which expects True if the buffer stays in the pickle."""
        view = buffer.raw()
        if view.nbytes < MIN_RAW_BYTES or _in_band:
            return True
        self.append(view)
        return False


def _append_pickle(obj: object, buffers: list[Buffer]) -> None:
    """Appends the pickle of `obj` and its raw buffers."""
    kind = type(obj)
    if kind in _SCALARS:
        buffers.append(pickle.dumps(obj, PROTOCOL))
        return
    if kind is PrePickled:
        buffers += _repacked(obj) if _in_band and len(obj.buffers) > 1 else obj.buffers
        return
    if kind in _RAW_TYPES and len(obj) >= MIN_RAW_BYTES:
        obj = _RawBytes(obj)
    if _dumps_slow is _dumps_default and not _registered_by_value():
        kept = _Kept()
        try:
            data = pickle.dumps(obj, PROTOCOL, buffer_callback=kept.keep)
        except Exception:
            # Whatever it was, cloudpickle may know better, and if not, its error is the one to
            # show.
            data = None
        # What plain pickle finds in `__main__` it sends by name, and the other side would not find
        # it.
        if data is not None and b"__main__" not in data:
            buffers.append(data)
            buffers += kept
            return
    kept = _Kept()
    buffers.append(_dumps_slow(obj, kept.keep))
    buffers += kept


def _repacked(packed: PrePickled) -> list[Buffer]:
    """One that was pickled before there were engines of ipyparallel."""
    return pack_object(unpack_object(packed.buffers))


def _registered_by_value() -> bool:
    """True if the user asked cloudpickle to send some modules by value."""
    import sys

    cloudpickle = sys.modules.get("cloudpickle")
    return cloudpickle is not None and bool(cloudpickle.list_registry_pickle_by_value())


_RAW_TYPES = frozenset([bytes, bytearray])


class _RawBytes:
    """A long bytes or bytearray whose contents leave the pickle."""

    def __init__(self, data: bytes | bytearray):
        self._data = data

    def __reduce__(self):
        return type(self._data), (PickleBuffer(self._data),)


def _load(buffers: Iterator[Buffer]) -> object:
    """Loads the next pickle, which takes as many of the following buffers as it needs."""
    return pickle.loads(next(buffers), buffers=map(_writable, buffers))


def _writable(buffer: Buffer) -> Buffer:
    """A copy, if copying is cheap."""
    return bytearray(buffer) if len(buffer) < MAX_COPIED_BYTES else buffer


# ---- functions -----------------------------------------------------------------------------------

# Function → its pickle and what that depends on (see _pickling.Captures).
_packed_functions: WeakKeyDictionary[Callable, tuple[bytes, list[tuple]]] = WeakKeyDictionary()


def pack_function(f: Callable) -> bytes:
    """The pickle of a function. Reused as long as nothing that it depends on has changed."""
    try:
        packed = _packed_functions.get(f)
    except TypeError:
        return _pack_any_callable(f)
    if packed is not None:
        from ._pickling import checks_hold

        data, checks = packed
        if checks_hold(checks):
            return data
    return _pack_new_function(f)


def _pack_new_function(f: Callable) -> bytes:
    from . import _pickling

    if type(f) is not _pickling.FunctionType or _dumps_slow is not _dumps_default:
        return _pack_any_callable(f)
    captures = _pickling.Captures()
    data = _dumps_default(f, None, captures)
    if captures.checks is not None:
        _packed_functions[f] = (data, captures.checks)
    return data


def _pack_any_callable(f: Callable) -> bytes:
    return _dumps_slow(f)


_functions = _rebuild.FunctionCache()


def forget_functions() -> None:
    """Forgets the functions that were loaded. For engines, when their namespace is cleared."""
    _functions.clear()


# ---- calls ---------------------------------------------------------------------------------------

# The few shapes that calls of one session have, pickled.
_packed_infos: dict[tuple, bytes] = {}
_unpacked_infos: dict[bytes, tuple[int, tuple[str, ...], bool, bool]] = {}
_MAX_INFOS = 256


def pack_arguments(args: Sequence[object], kwargs: dict[str, object]) -> list[Buffer]:
    """[info, the arguments' buffers ...]: all of a call but its function."""
    buffers: list[Buffer] = [b""]
    counts = []
    refs = False
    narg_bufs = 0
    for value in args:
        before = len(buffers)
        _append_pickle(value, buffers)
        counts.append(len(buffers) - before - 1)
        refs = refs or _refers(value)
    narg_bufs = len(buffers) - 1
    for value in kwargs.values():
        before = len(buffers)
        _append_pickle(value, buffers)
        counts.append(len(buffers) - before - 1)
        refs = refs or _refers(value)
    oob = tuple(counts) if len(buffers) - 1 > len(counts) else ()
    buffers[0] = _pack_info(len(args), narg_bufs, tuple(kwargs), refs, oob)
    return buffers


def _refers(value: object) -> bool:
    return value.holds_reference if type(value) is PrePickled else holds_reference(value)


def _pack_info(
    nargs: int, narg_bufs: int, kw_keys: tuple[str, ...], refs: bool, oob: tuple[int, ...]
) -> bytes:
    shape = (nargs, narg_bufs, kw_keys, refs, oob)
    data = _packed_infos.get(shape)
    if data is None:
        info: dict[str, object] = {
            "nargs": nargs,
            "narg_bufs": narg_bufs,
            "kw_keys": list(kw_keys),
        }
        if refs:
            info["refs"] = True
        if oob:
            info["oob"] = list(oob)
        data = pickle.dumps(info, PROTOCOL)
        if len(_packed_infos) >= _MAX_INFOS:
            _packed_infos.clear()
        _packed_infos[shape] = data
    return data


def pack_call(f: Callable, args: Sequence[object], kwargs: dict[str, object]) -> list[Buffer]:
    return [pack_function(f), *pack_arguments(args, kwargs)]


def unpack_call(
    buffers: Sequence[Buffer], namespace: dict | None = None, inputs: Sequence = ()
) -> tuple[Callable, list[object], dict[str, object]]:
    """The function and its arguments. References are looked up in `namespace`.

    inputs: the buffers of results that are arguments.
    """
    if inputs:
        with given(inputs):
            return unpack_call(buffers, namespace)
    nargs, kw_keys, refs, raw = _unpack_info(bytes(buffers[1]))
    f = _functions.load(bytes(buffers[0]))
    if type(f) is Reference:
        f = f.get_object(namespace)
    rest = iter(buffers)
    next(rest), next(rest)
    if raw:
        args = [_load(rest) for _ in range(nargs)]
        kwargs = {key: _load(rest) for key in kw_keys}
    else:
        args = [pickle.loads(next(rest)) for _ in range(nargs)]
        kwargs = {key: pickle.loads(next(rest)) for key in kw_keys}
    if refs:
        args = [resolve(value, namespace) for value in args]
        kwargs = {key: resolve(value, namespace) for key, value in kwargs.items()}
    return f, args, kwargs


def _unpack_info(data: bytes) -> tuple[int, tuple[str, ...], bool, bool]:
    unpacked = _unpacked_infos.get(data)
    if unpacked is None:
        info = pickle.loads(data)
        unpacked = (
            info["nargs"],
            tuple(info["kw_keys"]),
            bool(info.get("refs")),
            bool(info.get("oob")),
        )
        if len(_unpacked_infos) >= _MAX_INFOS:
            _unpacked_infos.clear()
        _unpacked_infos[data] = unpacked
    return unpacked


# ---- results -------------------------------------------------------------------------------------


def pack_object(obj: object) -> list[Buffer]:
    """[pickle, raw buffers ...]"""
    if obj is None:
        return [_NONE]
    buffers: list[Buffer] = []
    _append_pickle(obj, buffers)
    return buffers


def unpack_object(buffers: Iterable[Buffer]) -> object:
    """The object of pack_object(); buffers beyond those that it needs are ignored."""
    return _load(iter(buffers))


def unpack_objects(buffers: Iterable[Buffer]) -> list[object]:
    """The objects of several pack_object() one after the other, as coalesced replies hold them."""
    rest = iter(buffers)
    objects = []
    while True:
        try:
            first = next(rest)
        except StopIteration:
            return objects
        objects.append(pickle.loads(first, buffers=map(_writable, rest)))


def uncan_foreign(buffers: Sequence[Buffer], namespace: dict | None = None) -> tuple[object, list]:
    """(the first object that an ipyparallel engine sent in `buffers`, the buffers after it)."""
    try:
        from ipyparallel.serialize import deserialize_object
    except ImportError:
        return _load_plain(buffers)
    return deserialize_object(buffers, namespace)


def _load_plain(buffers: Sequence[Buffer]) -> tuple[object, list]:
    """Loads what ipyparallel pickled without its own classes: most small results."""
    try:
        return pickle.loads(buffers[0]), list(buffers[1:])
    except ImportError as error:
        raise ImportError(
            "this comes from an ipyparallel peer and contains ipyparallel's own classes; "
            "to read it, install ipyparallel here too, or run engineroom engines"
        ) from error
