"""C memory as a sequence: slices, loops over them, lists that become C arrays."""

import textwrap

import engineroom as er
import pytest


def build(source):
    return er.compile(textwrap.dedent(source))


def test_loops_over_memory():
    m = build(
        """
        def loops(int n, int step=1):
            cdef double a[5]
            a[:] = [1, 2, 3, 4, 5]
            cdef double* p = a
            return ([x for x in a], [x for x in a[:n]], [x for x in p[1:n]], [x for x in a[::-1]],
                    [x for x in p[n:0:-2]], [x for x in a[-2:]], [x for x in a[None:None:2]],
                    [x for x in p[0:5:step]], [(i, x) for i, x in enumerate(a[3:])])

        def total(int n):
            cdef int a[3]
            a[:] = [1, 2, 3]
            s = 0
            for x in a[:n]:
                x += 1
                s += x
            else:
                s = -s
            for i, x in enumerate(a):
                s += i * x
            return s

        def characters():
            cdef char* s = b"abc"
            cdef bytes b
            cdef char c
            cdef object o
            cdef unsigned char u
            out = []
            for b in s[:2]: out.append(b)
            for c in s[1:]: out.append(c)
            for o in s[:1]: out.append(o)
            for u in (<unsigned char*>s)[:1]: out.append(chr(u))
            return out

        def moving(int n):
            cdef int a[4]
            a[:] = [1, 2, 3, 4]
            cdef int* p = a
            seen = []
            for x in p[:n]:
                p += 1
                n = 1
                seen.append(x)
            return seen

        cdef struct Point:
            int x, y

        def structs():
            cdef Point p[2]
            p[0] = Point(1, 2)
            p[1] = Point(3, 4)
            return [q.x + q.y for q in p], p[:1], [5 in [q.x for q in p[:2]], 3.0 in [1]]
        """
    )
    assert m.loops(3) == (
        [1, 2, 3, 4, 5], [1, 2, 3], [2, 3], [5, 4, 3, 2, 1], [4, 2], [4, 5], [1, 3, 5],
        [1, 2, 3, 4, 5], [(0, 4), (1, 5)],
    )  # fmt: skip
    assert m.loops(0, 2)[7] == [1, 3, 5]
    assert m.total(2) == -5 + 8
    assert m.characters() == [b"a", b"b", 98, 99, 97, "a"]
    assert m.moving(3) == [1, 2, 3]
    assert m.structs() == ([3, 7], [{"x": 1, "y": 2}], [False, False])


def test_slices_are_objects():
    m = build(
        """
        def texts(char* s, int i, int j):
            cdef char a[5]
            a[:] = [97, 98, 0, 99, 100]
            return s[i:j], s[i:], s[:i], s[:], s[None:j], a[:], a[1:], a[:4], len(s[:j])

        def numbers(int n):
            cdef long a[4]
            a[:] = [1, 2, 3, 4]
            cdef long* p = a
            return a[:], a[1:-1], a[n:], p[:n], a[::2], p[3:None:-1], 3 in a[:n], p[n:1]

        def decoded(bytes b, int n):
            cdef const char* s = b
            cdef const char* encoding = "latin-1"
            return (s[:n].decode("utf8"), s.decode(encoding), s[1:].decode(encoding, "strict"),
                    s[-2:-1].decode("ascii"), s[5:n].decode(), s[-9:n].decode())
        """
    )
    assert m.texts(b"abcdef", 2, 4) == (
        b"cd", b"cdef", b"ab", b"abcdef", b"abcd", b"ab", b"b", b"ab\0c", 4
    )  # fmt: skip
    assert m.numbers(2) == (
        [1, 2, 3, 4], [2, 3], [3, 4], [1, 2], [1, 3], [4, 3, 2, 1], False, []
    )  # fmt: skip
    assert m.decoded(b"a\xe9", 1) == ("a", "a\xe9", "\xe9", "a", "", "a")


def test_lists_become_arrays():
    m = build(
        """
        cdef int count = 2
        cdef int* numbers = [4, count]
        cdef int** tables = [numbers, &count]

        def get():
            return numbers[0], numbers[1], tables[0][1], tables[1][0]

        def local(int x):
            cdef int* p = [1, x]
            cdef int* q = [3, x + 1]
            cdef int** r = [p, q, &x]
            cdef char** s = [b"a", b"bc"]
            cdef double a[2][2]
            a = [[1, 2], [x, 4]]
            return p[0], p[1], q[1], r[1][0], r[2][0], s[1], a

        cdef struct Point:
            int x, y

        def structs(int x):
            cdef Point* p = [[1, 2], [x, 4]]
            return p[1].x

        def assigned(int low, int high):
            cdef int a[6]
            a[:] = [0, 0, 0, 0, 0, 0]
            cdef int* p = a
            a[low:high] = [1, 2, 3]
            p[4:] = [5, 6]
            return a

        def overlapping(int low):
            cdef int a[4]
            cdef int b[2]
            a = [1, 2, 3, 4]
            b = [8, 9]
            a[low:] = b
            return a
        """
    )
    assert m.get() == (4, 2, 2, 2)
    assert m.local(5) == (1, 5, 6, 3, 5, b"bc", [[1, 2], [5, 4]])
    assert m.structs(7) == 7
    assert m.assigned(1, 4) == [0, 1, 2, 3, 5, 6]
    assert m.overlapping(2) == [1, 2, 8, 9]
    with pytest.raises(ValueError, match="Assignment to slice of wrong length, expected 3, got 2"):
        m.assigned(1, 3)
    with pytest.raises(ValueError, match="expected 2, got 3"):
        m.overlapping(1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(int* p): return 0", "cannot be of type"),
        ("cdef f(int* p):\n  for x in p[1:]: pass", "the end of this slice"),
        ("cdef f(int* p):\n  return p[::-1]", "the end of this slice"),
        ("cdef f(int** p):\n  return p[:2]", "cannot convert items"),
        ("cdef f():\n  cdef int a[3]\n  for x in a[:4]: pass", "the array has 3 items"),
    ],
)
def test_mistakes(source, message):
    with pytest.raises(er.CompileError, match=message):
        build(source)
