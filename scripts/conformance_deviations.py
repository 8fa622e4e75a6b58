"""Where we mean to do otherwise than Cython: examples of its tests that fail on purpose.

Each rule says of which files it is, what Cython's test expects, what it gets instead, and why that
is meant. A failing example to which a rule applies counts as "deviating", is printed apart, and does
not make its file wrong. A rule of a file to which no example of it applies any more is stale, and
reported: `make conformance` fails then, so that the list stays true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    files: tuple[str, ...]
    expected: str  # a regex, found in what the test expects
    got: str  # a regex, found in what it got, an exception's text included
    why: str
    example: str = ""  # a regex, found in the example's source

    def applies(self, file: str, example: str, expected: str, got: str) -> bool:
        return (
            file in self.files
            and re.search(self.example, example) is not None
            and re.search(self.expected, expected) is not None
            and re.search(self.got, got) is not None
        )


CALLS = "CPython's own text for a wrong call"
WORDS = "CPython's own text"

DEVIATIONS = [
    Deviation(("callargs", "kwonlyargs", "kwonlyargscall", "simpcall", "starargs"),
              r"TypeError: \w+\(\) takes (exactly|at least|at most) \d+ positional argument",
              r"TypeError: \w+\(\) (takes .* positional arguments? but \d+ (was|were) given"
              r"|missing \d+ required positional argument)", CALLS),
    Deviation(("kwonlyargs",),
              r"TypeError: l\(\) takes exactly 0 positional arguments \(2 given\)",
              r"TypeError: l\(\) got an unexpected keyword argument 'd'", CALLS, example="d=1"),
    Deviation(("kwonlyargs", "kwonlyargscall"),
              r"TypeError: \w+\(\) needs keyword-only argument \w+",
              r"TypeError: \w+\(\) missing \d+ required keyword-only argument", CALLS),
    Deviation(("starargs", "unicode_kwargs"),
              r"TypeError: \w+\(\) got multiple values for keyword argument",
              r"TypeError: \w+\(\) got multiple values for argument", CALLS),
    Deviation(("starargs",), "True", "False", "a function gets its arguments one by one, as in CPython: "
              "*args is a new tuple", example="test_no_copy_args"),
    Deviation(("extended_unpacking_T235", "tupleassign"),
              r"ValueError: need more than \d+ values? to unpack",
              r"ValueError: not enough values to unpack \(expected", WORDS),
    Deviation(("nogil", "legacy_implicit_noexcept"), r"Error\n *Exception",
              r"Exception ignored in", "an exception that nobody can get is told once, with its traceback, "
              "as CPython does"),
    Deviation(("dict",), r"\[2, 4\]", r"\[2, 4, 5\]", "all of a dictionary's parts are evaluated before "
              "one is put in, as in CPython"),
    Deviation(("bytes_indexing",), "IndexError: string index out of range",
              "IndexError: index out of range", WORDS),
    Deviation(("builtin_next",), "TypeError: int object is not an iterator",
              "TypeError: 'int' object is not an iterator", WORDS),
    Deviation(("bytesmethods",), "TypeError: descriptor 'decode' requires a 'bytes' object",
              "TypeError: descriptor 'decode' for 'bytes' objects doesn't apply", WORDS),
    Deviation(("reversed_iteration",), "TypeError: 'NoneType' object is not iterable",
              "TypeError: 'NoneType' object is not reversible", WORDS),
    Deviation(("inop", "notinop"), "TypeError: 'NoneType' object is not iterable",
              "TypeError: argument of type 'NoneType' is not iterable",
              WORDS + "; Python 3.11 has no frozendict", example="q_frozendict"),
    Deviation(("builtin_ord",), "ValueError: ...", r"TypeError: ord\(\) expected a character",
              "ord() of a longer text is a TypeError, as in Python"),
    Deviation(("builtin_ord",), r"^$", "FAILED!",
              "ord() of a longer text is a TypeError, as in Python", example="ord_object"),
    Deviation(("py_unicode_type",), "converted to Py_UNICODE, got length", "converted to Py_UCS4, got length",
              "Py_UNICODE is Py_UCS4 since Python 3.3"),
    Deviation(("tracebacks",), r"^$", "No module named 'cython_runtime'",
              "there is no C text whose lines a traceback could show", example="test_traceback"),
    Deviation(("tuple_constants",), r"", r"AssertionError|False",
              "which of equal constants are one object is not the language's to say",
              example=r"constant_types_comparing_equal|test_deduplicated_tuples|a is b"),
]  # fmt: skip


def explain(file: str, example: str, expected: str, got: str) -> int | None:
    """The index of the rule that applies; None: it is a mistake."""
    for i, rule in enumerate(DEVIATIONS):
        if rule.applies(file, example, expected, got):
            return i
    return None


def stale(file: str, applied: Iterable[int]) -> list[int]:
    """Rules of a file whose examples ran, that applied to none of them."""
    used = set(applied)
    return [i for i, rule in enumerate(DEVIATIONS) if file in rule.files and i not in used]
