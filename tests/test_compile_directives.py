"""Directives that change what a text means."""

import sys
import textwrap

import engineroom as er
import pytest


def build(source):
    return er.compile(textwrap.dedent(source))


def test_exceptions_of_c_functions_may_be_swallowed(monkeypatch):
    lost = []
    monkeypatch.setattr(sys, "unraisablehook", lambda hooked: lost.append(str(hooked.exc_value)))
    source = """
        # cython: legacy_implicit_noexcept=True
        cdef int fails():
            raise ValueError("lost")

        cdef int is_checked() except -1:
            raise ValueError("kept")

        def f():
            return fails()

        def g():
            return is_checked()
        """
    m = build(source)
    assert m.f() == 0
    assert lost == ["lost"]
    with pytest.raises(ValueError, match="kept"):
        m.g()
    one = build(
        """
        cimport cython
        @cython.legacy_implicit_noexcept(True)
        cdef int fails():
            raise ValueError("lost")
        cdef int other():
            raise ValueError("kept")
        def f():
            return fails()
        def g():
            return other()
        """
    )
    assert one.f() == 0
    with pytest.raises(ValueError, match="kept"):
        one.g()


@pytest.mark.parametrize("directive", ["c_string_type=str", "c_string_encoding=ascii"])
def test_conversions_of_strings_are_refused(directive):
    with pytest.raises(er.CompileError, match="not supported yet: the directive c_string"):
        build(f"# cython: {directive}\ndef f(char* s): return s")
    assert build("# cython: c_string_type=bytes\ndef f(char* s): return s").f(b"a") == b"a"
