"""Which functions of compiled_kernels.pyx are called, and with what."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any


@dataclass(frozen=True)
class Call:
    """One line of the table. `call` is the text of the call, of names in DATA; f is the function."""

    topic: str
    function: str
    call: str
    # What the line is called, if a function has several.
    variant: str = ""
    # Numba has random numbers of its own.
    is_random: bool = False

    @property
    def key(self) -> str:
        return self.function + (f"_{self.variant}" if self.variant else "")

    @property
    def label(self) -> str:
        return f"{self.topic}: {self.function.replace('_', ' ')}" + (
            f", {self.variant}" if self.variant else ""
        )


class Thing:
    def __init__(self) -> None:
        self.x = 1

    def method(self, value: int) -> int:
        return value


WORDS = [f"w{i % 37}" for i in range(1000)]
DATA: dict[str, Any] = {
    "xs": list(range(1000)),
    "ys": list(range(1000, 2000)),
    "shuffled": [(i * 37) % 60 for i in range(60)],
    "matrix": [[i * 12 + j for j in range(12)] for i in range(12)],
    "pairs": [(i, (i * 37) % 1000) for i in range(1000)],
    "words": WORDS,
    "d": {f"w{i}": i for i in range(500)},
    "keys": [f"w{i}" for i in range(500)],
    "empty": {},
    "text": "the quick brown fox jumps over the lazy dog, " * 20,
    "data": b"the quick brown fox jumps over the lazy dog, " * 20,
    "thing": Thing(),
    "lock": threading.Lock(),
    "names": SimpleNamespace(x=3),
}

CALLS = [
    Call("textbook", "square", "f(7)", "int"),
    Call("textbook", "square", "f(2.5)", "float"),
    Call("textbook", "sieve", "f(10_000)"),
    Call("textbook", "typed_sieve", "f(10_000)"),
    Call("textbook", "walk", "f(10_000)", is_random=True),
    Call("numbers", "float_loop", "f(5000)"),
    Call("numbers", "float_functions", "f(5000)"),
    Call("numbers", "division", "f(200)"),
    Call("numbers", "typed_division", "f(600)"),
    Call("numbers", "int_loop", "f(5000)"),
    Call("numbers", "int_objects", "f(1000)"),
    Call("numbers", "float_objects", "f(1000)"),
    Call("numbers", "collatz", "f(60)"),
    Call("lists", "list_sum", "f(xs)"),
    Call("lists", "list_build", "f(1000)"),
    Call("lists", "list_index", "f(xs)"),
    Call("lists", "list_swap", "f(ys)"),
    Call("lists", "list_slices", "f(xs)"),
    Call("lists", "bubble_sort", "f(shuffled)"),
    Call("lists", "matrix_product", "f(matrix, matrix)"),
    Call("lists", "unpacking", "f(pairs)"),
    Call("lists", "zip_enumerate", "f(xs, xs)"),
    Call("dicts", "dict_count", "f(words)"),
    Call("dicts", "dict_count_in", "f(words)"),
    Call("dicts", "dict_items", "f(d)"),
    Call("dicts", "dict_lookup", "f(d, keys)"),
    Call("dicts", "set_members", "f(words)"),
    Call("strings", "str_loop", "f(text)"),
    Call("strings", "str_typed_loop", "f(text)"),
    Call("strings", "str_index", "f(text)"),
    Call("strings", "str_build", "f(1000)"),
    Call("strings", "str_format", "f(500)"),
    Call("strings", "str_percent", "f(500)"),
    Call("strings", "str_methods", "f(words)"),
    Call("strings", "bytes_loop", "f(data)"),
    Call("calls", "call_0", "f()"),
    Call("calls", "call_1", "f(1)"),
    Call("calls", "call_2", "f(1, 2)"),
    Call("calls", "call_3", "f(1, 2, 3)"),
    Call("calls", "call_1", "f(a=1)", "by keyword"),
    Call("calls", "call_3", "f(1, b=2, c=3)", "two by keyword"),
    Call("calls", "call_default", "f(1)"),
    Call("calls", "call_keyword", "f(1, b=2, c=3)"),
    Call("calls", "call_star", "f(1, 2, c=3)"),
    Call("calls", "call_typed", "f(1, 2.5)"),
    Call("calls", "call_cpdef", "f(1.5, 2.5)"),
    Call("calls", "calls_python", "f(1000)"),
    Call("calls", "calls_keyword", "f(1000)"),
    Call("calls", "calls_cdef", "f(15)"),
    Call("calls", "calls_cdef_object", "f(1000)"),
    Call("calls", "calls_checked", "f(5000)"),
    Call("calls", "fib", "f(12)"),
    Call("calls", "calls_builtins", "f(xs)"),
    Call("calls", "sort_key", "f(pairs)"),
    Call("exceptions", "try_without", "f(xs)"),
    Call("exceptions", "try_catch", "f(500)"),
    Call("exceptions", "try_key_error", "f(empty, 500)"),
    Call("exceptions", "try_deep", "f(200)"),
    Call("exceptions", "try_finally", "f(xs)"),
    Call("exceptions", "with_statement", "f(lock, 500)"),
    Call("comprehensions", "list_comprehension", "f(1000)"),
    Call("comprehensions", "dict_comprehension", "f(xs)"),
    Call("comprehensions", "set_comprehension", "f(xs)"),
    Call("attributes", "attr_read", "f(thing, 1000)"),
    Call("attributes", "attr_write", "f(thing, 1000)"),
    Call("attributes", "attr_read", "f(names, 1000)", "C type"),
    Call("attributes", "method_call", "f(thing, 1000)"),
    Call("attributes", "module_attr", "f(1000)"),
    Call("attributes", "global_variable", "f(1000)"),
]
