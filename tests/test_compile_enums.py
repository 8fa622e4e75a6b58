"""Enums: names of C, and classes of Python if they are cpdef."""

import enum
import pickle
import sys
import textwrap

import engineroom as er
import pytest
from engineroom.cells import Session
from engineroom.compiling import text_of


def build(source, **options):
    return er.compile(textwrap.dedent(source), **options)


def test_a_cpdef_enum_is_a_class():
    m = build(
        '''
        cpdef enum Color:
            """Some colors."""
            RED = 1
            GREEN
            BLUE = RED + 3

        cpdef enum:
            LONELY = 7

        cdef public enum Shape:
            ROUND = 3

        cdef enum Secret:
            HIDDEN = 9

        def convert(Color c):
            return c

        def default(Color c=Color.GREEN):
            return c

        def values():
            cdef Color c = GREEN
            RED = 100
            return c, Color.RED, Color(4), Color["GREEN"], HIDDEN, Secret.HIDDEN, BLUE | 1

        def members():
            return list(Color), Color.__members__["RED"], [c for c in Color], len(Color)

        cdef struct Pen:
            Color color
            int width

        def pen():
            cdef Pen p = Pen(BLUE, 2)
            cdef Color several[2]
            several[:] = [RED, BLUE]
            return p, several

        def size():
            cdef int a[<int>Color.BLUE]
            return sizeof(a) // sizeof(int)

        cpdef Color flipped(Color c) except? RED:
            return RED if c == BLUE else BLUE
        ''',
        name="colors",
    )
    color = m.Color
    assert issubclass(color, enum.IntEnum)
    assert color.__doc__ == "Some colors."
    assert color.__module__ == "colors"
    assert list(color) == [1, 2, 4]
    assert m.convert(2) is color.GREEN
    assert m.convert(color.BLUE) is color.BLUE
    assert repr(m.convert(6)) == "<Color: 6>"
    assert m.convert(6) is m.convert(6)
    assert m.default() is color.GREEN
    assert m.default.__defaults__ == (2,)
    c, red, four, green, hidden, again, both = m.values()
    assert (c, red, four, green) == (color.GREEN, color.RED, color.BLUE, color.GREEN)
    assert c is green
    assert four is color.BLUE
    assert (hidden, again, both) == (9, 9, 5)
    assert type(hidden) is int
    assert type(both) is int
    assert m.members() == ([1, 2, 4], 1, [1, 2, 4], 3)
    assert m.pen() == ({"color": color.BLUE, "width": 2}, [1, 4])
    assert m.pen()[0]["color"] is color.BLUE
    assert m.flipped(color.RED) is color.BLUE
    assert m.LONELY == 7
    assert m.ROUND == 3
    assert not hasattr(m, "RED")
    assert not hasattr(m, "HIDDEN")
    assert not hasattr(m, "Secret")
    with pytest.raises(TypeError):
        m.convert("RED")
    sys.modules["colors"] = m
    try:
        assert pickle.loads(pickle.dumps(color.RED)) is color.RED
        assert pickle.loads(pickle.dumps(color(8))) is color(8)
    finally:
        del sys.modules["colors"]


def test_enums_of_headers():
    m = build(
        """
        cdef extern from *:
            '''
            enum Level { LOW = -1, HIGH = 1, TOP = HIGH };
            enum class Kind : int { First = 1, Second = 5 };
            '''
            cpdef enum Level:
                LOW
                HIGH
                TOP
            cpdef enum class Kind:
                First
                Second
            cpdef enum:
                THREE "1 + 2"

        cpdef enum class Own:
            A = 2
            B = A + 1
            C = A

        def level(Level x):
            return x

        def kind(Kind x):
            return x, Kind.Second, x == Kind.First, bool(x)

        def own(Own x):
            return x, Own.A, <int>Own.B
        """
    )
    assert [x.value for x in m.Level] == [-1, 1]
    assert m.Level.TOP is m.Level.HIGH
    assert m.level(-1) is m.Level.LOW
    assert m.kind(1) == (m.Kind.First, m.Kind.Second, True, True)
    assert m.THREE == 3
    assert m.own(3) == (m.Own.B, m.Own.A, 3)
    assert not hasattr(m, "A")
    with pytest.raises(ValueError, match="500 is not a valid Kind"):
        m.kind(500)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cdef enum E: A\ndef f(): return E.B", "'E' has no item 'B'"),
        ("cdef enum E: A\ndef f(): return E", "'E' is a C type, not a value"),
        ("cpdef enum class E: A\ndef f(): return A", "undeclared name 'A'"),
    ],
)
def test_mistakes(source, message):
    with pytest.raises(er.CompileError, match=message):
        build(source)


def test_enums_of_other_modules(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "er_paints.pxd").write_text("cpdef enum Paint:\n    OIL = 1\n    WATER\n")
    (tmp_path / "er_paints.pyx").write_text("def f(): return WATER\n")
    (tmp_path / "painter.pyx").write_text(
        "from er_paints cimport Paint, OIL\n"
        "cimport er_paints\n"
        "def f(): return OIL, er_paints.Paint.WATER, Paint.OIL\n"
    )
    paints = er.compile_file(tmp_path / "er_paints.pyx")
    assert paints.f() is paints.Paint.WATER
    painter = er.compile_file(tmp_path / "painter.pyx")
    monkeypatch.delitem(sys.modules, "er_paints", raising=False)
    assert [type(x) for x in painter.f()] == [int, int, int]
    monkeypatch.setitem(sys.modules, "er_paints", paints)
    assert painter.f() == (1, 2, 1)
    assert painter.f()[0] is paints.Paint.OIL


def test_cells_share_enums():
    session = Session()
    run = lambda text: session.run(text_of(text, "__main__", "<cell>"))  # noqa: E731
    run("cpdef enum Color:\n    RED = 1\n    BLUE\n")
    run("def f(Color c): return c, BLUE, Color.RED, Color")
    color = session.namespace["Color"]
    assert session.namespace["f"](2) == (color.BLUE, color.BLUE, color.RED, color)
    assert session.namespace["f"](1)[0] is color.RED
