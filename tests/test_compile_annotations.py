"""Cython compiled in this process: annotations as types."""

import textwrap

import engineroom as er
import pytest


def build(source, **options):
    return er.compile(textwrap.dedent(source), **options)


SOURCE = """
cimport cython
import typing
from typing import List, Optional, Union

def an_int(x: int): return cython.typeof(x), x
def a_float(x: float): return cython.typeof(x), x
def a_bool(x: bool): return cython.typeof(x), x
def a_complex(x: complex): return cython.typeof(x), x
def a_list(x: list): return cython.typeof(x), x
def in_quotes(x: "list"): return cython.typeof(x), x
def of_typing(x: typing.List[int]): return cython.typeof(x), x
def generic(x: dict[str, int]): return cython.typeof(x), x
def maybe_list(x: Optional[list]): return cython.typeof(x), x
def maybe_str(x: str | None): return cython.typeof(x), x
def maybe_int(x: Union[None, int]): return cython.typeof(x), x
def maybe_float(x: Optional[float]): return cython.typeof(x), x
def default_none(x: str = None): return cython.typeof(x), x
def anything(x: double): return cython.typeof(x), x
def of_c(x: cython.int): return cython.typeof(x), x
def rest(*x: int, **y: int): return cython.typeof(x), cython.typeof(y)
@cython.annotation_typing(False)
def ignored(x: list): return cython.typeof(x), x

def locals_(x):
    a: int = x
    b: float = x
    c: list
    c = [x]
    d: str = None
    return None, (cython.typeof(a), cython.typeof(b),
            cython.typeof(c), cython.typeof(d)), a, b, c, d

def returns_list(x) -> list: return x
def returns_float(x) -> float: return x
def returns_int(x) -> int: return x
def returns_nothing(x) -> list: pass
"""


@pytest.fixture(scope="module")
def module():
    return build(SOURCE)


class MyList(list):
    pass


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("an_int", 1, ("int object", 1)),
        ("an_int", True, ("int object", 1)),
        ("an_int", 1.5, ("int object", 1)),
        ("a_float", 1, ("double", 1.0)),
        ("a_bool", 2, ("bint", True)),
        ("a_complex", 1, ("double complex", 1 + 0j)),
        ("a_list", [], ("list object", [])),
        ("in_quotes", [], ("list object", [])),
        ("of_typing", [], ("list object", [])),
        ("generic", {}, ("dict object", {})),
        ("maybe_list", None, ("list object", None)),
        ("maybe_str", None, ("str object", None)),
        ("maybe_int", None, ("int object", None)),
        ("maybe_int", True, ("int object", 1)),
        ("maybe_float", 1, ("float object", 1.0)),
        ("maybe_float", None, ("float object", None)),
        ("default_none", None, ("str object", None)),
        ("anything", "a", ("Python object", "a")),
        ("of_c", 1, ("int", 1)),
        ("ignored", 1, ("Python object", 1)),
        ("returns_list", None, None),
        ("returns_float", 1, 1),
        ("returns_int", 1.5, 1),
        ("returns_nothing", 1, None),
    ],
)
def test_what_is_taken(module, name, argument, expected):
    result = getattr(module, name)(argument)
    assert result == expected
    assert repr(result) == repr(expected)


@pytest.mark.parametrize(
    ("name", "argument", "message"),
    [
        ("an_int", "1", r"Argument 'x' has incorrect type \(expected int, got str\)"),
        ("an_int", None, "Argument 'x'"),
        ("a_float", None, "must be real number, not NoneType"),
        ("a_list", (), r"Argument 'x' has incorrect type \(expected list, got tuple\)"),
        ("a_list", None, "Argument 'x'"),
        ("a_list", MyList(), "expected list, got MyList"),
        ("maybe_list", (), "expected list, got tuple"),
        ("returns_list", (), "Expected list, got tuple"),
        ("returns_int", "1", "Expected int, got str"),
    ],
)
def test_what_is_refused(module, name, argument, message):
    with pytest.raises(TypeError, match=message):
        getattr(module, name)(argument)


def test_local_variables(module):
    types = ("int object", "double", "list object", "str object")
    assert module.locals_(1)[1:] == (types, 1, 1.0, [1], None)
    assert module.rest(1, y=2) == ("tuple object", "dict object")
    assert module.default_none() == ("str object", None)
