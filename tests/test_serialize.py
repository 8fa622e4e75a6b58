"""Pickling calls and results: what a client sends, and what an engine makes of it.

Functions have a file of their own: test_serialize_functions.py.
"""

import pickle

import numpy as np
import pytest
from engineroom._reference import Reference
from engineroom.serialize import (
    MAX_COPIED_BYTES,
    MIN_RAW_BYTES,
    PrePickled,
    pack_arguments,
    pack_call,
    pack_function,
    pack_object,
    unpack_call,
    unpack_object,
    unpack_objects,
)


def over_the_wire(buffers):
    """As the other side gets them: read-only."""
    return [memoryview(bytes(buffer)) for buffer in buffers]


# ---- arguments ----


def test_layout_is_that_of_ipyparallel():
    buffers = pack_call(len, ("abc", 1), {"b": 2, "a": 3})
    info = pickle.loads(buffers[1])
    assert info == {"nargs": 2, "narg_bufs": 2, "kw_keys": ["b", "a"]}
    assert [pickle.loads(buffer) for buffer in buffers[2:]] == ["abc", 1, 2, 3]


def test_raw_buffers_are_announced():
    array = np.zeros(MIN_RAW_BYTES, "u1")
    buffers = pack_call(len, (1, array), {"k": [array, array.copy()]})
    info = pickle.loads(buffers[1])
    assert info["oob"] == [0, 1, 2]
    assert info["narg_bufs"] == 3
    assert len(buffers) == 2 + 6
    _, args, kwargs = unpack_call(over_the_wire(buffers))
    assert (args[1] == array).all()
    assert len(kwargs["k"]) == 2


def test_references():
    namespace = {"a": 5, "f": max}
    references = (Reference("a"), [Reference("a + 1"), 2], {"k": Reference("a")}, "a")
    buffers = pack_call(Reference("f"), references, {"key": Reference("abs")})
    f, args, kwargs = unpack_call(buffers, namespace)
    assert f is max
    assert args == [5, [6, 2], {"k": 5}, "a"]
    assert kwargs == {"key": abs}
    with pytest.raises(NameError):
        unpack_call(pack_call(len, (Reference("none"),), {}), namespace)
    with pytest.raises(TypeError):
        Reference(3)


def test_prepickled():
    array = np.arange(MIN_RAW_BYTES)
    buffers = pack_arguments((PrePickled(array), PrePickled(Reference("a")), 3), {})
    _, args, _ = unpack_call([pack_function(len), *buffers], {"a": 1})
    assert (args[0] == array).all()
    assert args[1:] == [1, 3]


# ---- objects ----


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("size", [3, 100])
@pytest.mark.parametrize("dtype", ["f8", "M8[ns]", "m8[s]", "c16", "i2,f4", "U3", "O"])
def test_arrays_keep_order_and_type(order, size, dtype):
    array = np.zeros((size, size), dtype, order=order)
    array[1:] = np.ones(1, "i8").astype(dtype) if dtype != "i2,f4" else (1, 2)
    again = unpack_object(over_the_wire(pack_object(array)))
    assert again.dtype == array.dtype
    assert again.flags.f_contiguous == array.flags.f_contiguous
    assert (again == array).all()


def test_large_arrays_are_not_copied():
    array = np.zeros(MAX_COPIED_BYTES, "u1")
    buffers = pack_object(array)
    assert np.shares_memory(np.frombuffer(buffers[1], "u1"), array)
    received = over_the_wire(buffers)
    again = unpack_object(received)
    assert np.shares_memory(again, np.frombuffer(received[1], "u1"))
    assert not again.flags.writeable


def test_small_arrays_are_writable():
    for size in (10, MIN_RAW_BYTES, MAX_COPIED_BYTES - 1):
        again = unpack_object(over_the_wire(pack_object(np.zeros(size, "u1"))))
        again[0] = 1


@pytest.mark.parametrize("size", [10, 1_000_000])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes(kind, size):
    data = kind(bytes(range(10)) * (size // 10))
    buffers = pack_object(data)
    assert len(buffers) == (2 if size > MIN_RAW_BYTES else 1)
    again = unpack_object(over_the_wire(buffers))
    assert type(again) is kind
    assert again == data


def test_memoryview_keeps_its_shape():
    view = memoryview(np.arange(6.0).reshape(2, 3))
    again = unpack_object(over_the_wire(pack_object(view)))
    assert (again.shape, again.format, again.tolist()) == ((2, 3), "d", view.tolist())


def test_dict_keys_need_not_compare():
    mixed = {1: "a", "b": 2, None: 3}
    assert unpack_object(pack_object(mixed)) == mixed


def test_several_objects():
    objects = [1, np.zeros(100_000), None, [np.ones(100_000)] * 2, "end"]
    buffers = [buffer for obj in objects for buffer in pack_object(obj)]
    again = unpack_objects(over_the_wire(buffers))
    assert len(again) == len(objects)
    assert again[0] == 1 and again[2] is None and again[4] == "end"
    assert unpack_objects([]) == []


def test_unpicklable_says_why():
    with pytest.raises(TypeError, match="pickle"):
        pack_object(__import__("threading").Lock())
