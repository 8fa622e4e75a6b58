"""Functions that were typed at a client's prompt, and what an engine makes of them."""

import functools
import pickle
import sys
import types
from textwrap import dedent

import pytest
from engineroom import serialize
from engineroom.serialize import pack_call, pack_function, unpack_call


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
