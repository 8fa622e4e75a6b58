"""can(), uncan() and serialize_object(): ipyparallel's own words for packing, used directly."""

import os
import pickle
from functools import partial

import numpy as np
import pytest
from engineroom.canning import CannedArray, CannedClass, CannedPartial, can, uncan
from engineroom.serialize import canning, deserialize_object, serialize_object


def through_pickle(obj):
    return uncan(pickle.loads(pickle.dumps(can(obj))))


def test_functions_of_any_place_pickle():
    factor = 3

    def multiply(a: int, *, b=2):
        return a * b * factor

    multiply.note = "kept"
    again = through_pickle(multiply)
    assert again(2) == 12
    assert again.__annotations__ == {"a": int}
    bound = uncan(can(multiply), {})
    assert (bound.note, bound.__annotations__) == ("kept", {"a": int})


def test_partials_and_classes_of_main():
    class Point:
        x = 5

    Point.__module__ = "__main__"
    assert isinstance(can(Point), CannedClass)
    assert through_pickle(Point).x == 5
    add = partial(lambda a, b, c: (a, bytes(b), c.sum()), 1, c=np.ones(3))
    assert isinstance(can(add), CannedPartial)
    assert through_pickle(add)(memoryview(b"b")) == (1, b"b", 3.0)


def test_buffers_of_a_partial_may_travel_apart():
    large, view = os.urandom(1 << 16), memoryview(os.urandom(1 << 16))
    canned = can(partial(lambda *parts: [bytes(part) for part in parts], large, 5, view))
    buffers, canned.buffers = canned.buffers, []
    assert len(buffers) == 2
    again = pickle.loads(pickle.dumps(canned))
    again.buffers = buffers
    assert uncan(again)() == [large, bytes(5), bytes(view)]
    # As often as one likes.
    assert uncan(again)() == [large, bytes(5), bytes(view)]


@pytest.mark.parametrize(
    "value",
    [
        b"x" * 2000,
        bytearray(b"y" * 2000),
        [b"x" * 2000, 1, {"b": b"y" * 2000}],
        {"b": 1, "a": b"x" * 2000, 3: b"y" * 3000},
        (np.arange(1000.0), np.arange(500)),
        np.zeros((3, 0)),
        {1, 2},
        list(range(100)),
    ],
)
def test_serialized_objects_come_back(value):
    buffers = [memoryview(bytes(buffer)) for buffer in serialize_object(value)]
    again, rest = deserialize_object([*buffers, b"rest"])
    assert type(again) is type(value)
    np.testing.assert_equal(again, value)
    assert rest == [b"rest"]


def test_thresholds():
    array = np.ones(100)
    assert len(serialize_object(array)) == 1
    assert len(serialize_object(array, 100)) == 2
    assert len(serialize_object([array] * 3, 100)) == 4
    assert len(serialize_object([array] * 3, 100, 3)) == 1
    assert isinstance(pickle.loads(serialize_object([array])[0])[0], CannedArray)


def test_where_ipyparallel_has_them():
    assert canning.can is can
    with pytest.raises(ImportError):
        from engineroom.serialize import nonsense  # noqa: F401
