"""Pickling calls and results: what leaves a client's prompt, and what an engine makes of it."""

import functools
import pickle
import sys
import types
from textwrap import dedent

import numpy as np
import pytest
from engineroom import serialize
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


class Prompt:
    """A `__main__` where code is typed: the client's or an engine's."""

    def __init__(self):
        self.module = types.ModuleType("__main__")

    def __enter__(self):
        self._before = sys.modules["__main__"]
        sys.modules["__main__"] = self.module
        return self

    def __exit__(self, *exc):
        sys.modules["__main__"] = self._before

    def type(self, code):
        exec(dedent(code), vars(self.module))

    def __getitem__(self, name):
        return vars(self.module)[name]

    def __setitem__(self, name, value):
        vars(self.module)[name] = value

    def __contains__(self, name):
        return name in vars(self.module)


@pytest.fixture
def client():
    with Prompt() as prompt:
        yield prompt


@pytest.fixture
def engine():
    serialize.forget_functions()
    return Prompt()


def over_the_wire(buffers):
    """As the other side gets them: read-only."""
    return [memoryview(bytes(buffer)) for buffer in buffers]


def run(engine, buffers):
    with engine:
        f, args, kwargs = unpack_call(over_the_wire(buffers), vars(engine.module))
        return f(*args, **kwargs)


def call(client, engine, name, *args, **kwargs):
    return run(engine, pack_call(client[name], args, kwargs))


# ---- functions of the prompt ----


def test_globals_are_the_engines(client, engine):
    client.type("def f(x): return a + x")
    engine["a"] = 5
    assert call(client, engine, "f", 1) == 6


def test_global_statement_writes_there(client, engine):
    client.type(
        """
        def f():
            global a
            a = 7
        """
    )
    call(client, engine, "f")
    assert engine["a"] == 7
    assert "a" not in client


def test_globals_come_along_as_fallbacks(client, engine):
    client.type(
        """
        import math
        factor = 2
        def helper(x): return math.floor(x) * factor
        def f(x): return helper(x)
        """
    )
    assert call(client, engine, "f", 3.5) == 6
    assert engine["factor"] == 2


def test_redefined_helper_replaces_the_old_one(client, engine):
    client.type("def helper(): return 1\ndef f(): return helper()")
    assert call(client, engine, "f") == 1
    client.type("def helper(): return 2")
    assert call(client, engine, "f") == 2


def test_what_the_user_pushed_wins(client, engine):
    client.type("a = 1\ndef f(): return a")
    engine["a"] = 10
    assert call(client, engine, "f") == 10
    client.type("a = 2")
    assert call(client, engine, "f") == 10


def test_pushed_over_a_fallback_wins_too(client, engine):
    client.type("a = 1\ndef f(): return a")
    assert call(client, engine, "f") == 1
    engine["a"] = 10
    client.type("a = 2")
    assert call(client, engine, "f") == 10


def test_fallbacks_come_back_after_clear(client, engine):
    client.type("a = 1\ndef f(): return a")
    assert call(client, engine, "f") == 1
    del vars(engine.module)["a"]
    assert call(client, engine, "f") == 1


def test_two_clients_with_different_helpers(client, engine):
    client.type("def helper(): return 1\ndef f(): return helper()")
    first = pack_call(client["f"], (), {})
    client.type("def helper(): return 2\ndef f(): return helper()")
    second = pack_call(client["f"], (), {})
    assert [run(engine, buffers) for buffers in (first, second, first, second)] == [1, 2, 1, 2]


def test_recursion(client, engine):
    client.type(
        """
        def even(n): return True if n == 0 else odd(n - 1)
        def odd(n): return False if n == 0 else even(n - 1)
        def factorial(n): return 1 if n < 2 else n * factorial(n - 1)
        """
    )
    assert call(client, engine, "factorial", 5) == 120
    assert call(client, engine, "even", 10) is True


def test_unpicklable_globals_are_left_out(client, engine):
    client["lock"] = __import__("threading").Lock()
    client.type("def f(x): return x if x else lock")
    assert call(client, engine, "f", 1) == 1
    with pytest.raises(NameError, match="lock"):
        call(client, engine, "f", 0)


def test_huge_globals_are_left_out(client, engine):
    client["data"] = bytes(10_000_000)
    client.type("def f(): return data")
    assert len(pack_function(client["f"])) < 10_000
    with pytest.raises(NameError, match="data"):
        call(client, engine, "f")


def test_submodules_come_along(client, engine):
    client.type(
        """
        import xml.etree.ElementTree
        def f(): return xml.etree.ElementTree.fromstring("<a/>").tag
        """
    )
    assert call(client, engine, "f") == "a"


def test_closures_defaults_and_attributes(client, engine):
    client.type(
        """
        def make(n):
            def f(x, y=2, *, z=3): return (n, x, y, z, f.tag)
            f.tag = "tag"
            return f
        f = make(1)
        """
    )
    assert call(client, engine, "f", 0) == (1, 0, 2, 3, "tag")


def test_classes_of_the_prompt(client, engine):
    client.type(
        """
        scale = 3
        class Base:
            def area(self): return self.side * scale
        class Square(Base):
            def __init__(self, side): self.side = side
            def double(self): return super().__class__, self.area() * 2
        square = Square(2)
        def f(shape): return shape.double()[1]
        """
    )
    assert call(client, engine, "f", client["square"]) == 12


def test_lambda_inside_arguments(client, engine):
    client.type("k = 4\nf = lambda g, x: g(x)\ng = lambda x: x + k")
    assert call(client, engine, "f", client["g"], 1) == 5


def test_wrappers_keep_the_globals_of_their_library(client, engine):
    client.type(
        """
        import contextlib
        @contextlib.contextmanager
        def manager(): yield 3
        def f():
            with manager() as value: return value
        """
    )
    assert call(client, engine, "f") == 3


def test_other_python_version_is_refused_clearly(client, engine, monkeypatch):
    client.type("def f(): pass")
    buffers = pack_call(client["f"], (), {})
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    with pytest.raises(ImportError, match="cannot run in Python 3.99"):
        run(engine, buffers)


# ---- functions are packed once ----


def test_packed_functions_are_reused(client):
    client.type("k = 1\ndef helper(): return k\ndef f(): return helper()")
    assert pack_function(client["f"]) is pack_function(client["f"])


@pytest.mark.parametrize(
    "change",
    [
        "k = 2",
        "def helper(): return 0",
        "helper.__code__ = (lambda: 5).__code__",
        "f.__defaults__ = (9,)",
        "late = 3",
    ],
)
def test_packed_functions_notice_changes(client, change):
    client.type("k = 1\ndef helper(): return k\ndef f(x=0): return helper(), late")
    before = pack_function(client["f"])
    client.type(change)
    after = pack_function(client["f"])
    assert after is not before


def test_changed_closure_is_packed_again(client, engine):
    client.type(
        """
        def make():
            n = 1
            def f(): return n
            def change():
                nonlocal n
                n = 2
            return f, change
        f, change = make()
        """
    )
    assert call(client, engine, "f") == 1
    client["change"]()
    assert call(client, engine, "f") == 2


@pytest.mark.parametrize("state", ["x=[]", "x={}"])
def test_mutable_state_is_packed_fresh(client, engine, state):
    client.type(f"def f({state}): return x")
    assert not call(client, engine, "f")
    default = client["f"].__defaults__[0]
    default.append(1) if isinstance(default, list) else default.update(a=1)
    assert call(client, engine, "f")


def test_state_does_not_leak_from_call_to_call(client, engine):
    """A function is loaded anew for each call if a call could change it."""
    client.type(
        """
        def f(seen=[]):
            seen.append(1)
            return len(seen)
        def make():
            count = 0
            def g():
                nonlocal count
                count += 1
                return count
            return g
        g = make()
        """
    )
    for name in "fg":
        buffers = pack_call(client[name], (), {})
        assert [run(engine, buffers) for _ in range(3)] == [1, 1, 1]


def test_loaded_functions_are_reused(client, engine):
    client.type("def f(): pass\ndef make(n): return lambda: n\ng = make(3)")
    for name in "fg":
        data = pack_function(client[name])
        with engine:
            assert serialize._functions.load(data) is serialize._functions.load(data)


def test_importable_functions_travel_by_name():
    assert len(pack_function(functools.reduce)) < 100
    assert pickle.loads(pack_function(dedent)) is dedent


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


def test_picklers_can_be_switched(client, engine):
    client.type("a = 1\ndef f(): return a")
    try:
        serialize.use_cloudpickle()
        engine["a"] = 2
        # The function has taken its own globals along.
        assert call(client, engine, "f") == 1
    finally:
        serialize.use_pickle()
    assert call(client, engine, "f") == 2
