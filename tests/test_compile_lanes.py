"""Loops whose turns run side by side in vectors: the same results, to the last bit."""

from __future__ import annotations

import random
import re

import engineroom as er
import numpy as np
import pytest

# What is around a kernel: each turn of `for j` computes `r`, which is all that it stores.
AROUND = """
from libc.stdlib cimport calloc, free
from libc.math cimport sqrt, fabs, floor

cdef inline int escape(double complex z, double complex c, int n_max) noexcept nogil:
    cdef int i = 0
    while z.real * z.real + z.imag * z.imag < 4.0 and i < n_max:
        z = z * z + c
        i += 1
    return i

cdef inline double halved(double x, double limit) nogil:
    while True:
        if x < limit:
            return x
        if x > 1e6:
            return -1.0
        x = x * 0.5

cdef inline int sign(double x) nogil:
    if x < 0:
        return -1
    return x > 0

def run(int n, double a):
    cdef int j
    {declarations}
    cdef {result}* out = <{result}*>calloc(n + 1, sizeof({result}))
    try:
        for j in range(n):
{body}
            out[j] = r
        return [out[j] for j in range(n)], {last}
    finally:
        free(out)
"""


def escape(z: complex, c: complex, n_max: int) -> int:
    i = 0
    while z.real * z.real + z.imag * z.imag < 4.0 and i < n_max:
        z = complex(z.real * z.real - z.imag * z.imag, z.real * z.imag + z.imag * z.real) + c
        i += 1
    return i


def halved(x: float, limit: float) -> float:
    while x >= limit:
        if x > 1e6:
            return -1.0
        x = x * 0.5
    return x


def sign(x: float) -> int:
    return -1 if x < 0 else x > 0


PYTHON = """
def run(n, a):
    out = [0] * n
    for j in range(n):
{body}
        out[j] = r
    return out, {last}
"""


def texts(body: str, declarations: str, result: str, last: str) -> tuple[str, str]:
    """The program in Cython's language, and in Python's."""
    lines = body.strip("\n").splitlines()
    cython = AROUND.format(
        declarations="\n    ".join(f"cdef {d}" for d in declarations.split("; ")),
        body="\n".join(" " * 12 + line for line in lines), result=result, last=last,
    )  # fmt: skip
    plain = [re.sub(r"<\w+>", "", line) for line in lines]
    return cython, PYTHON.format(body="\n".join(" " * 8 + line for line in plain), last=last)


def check(body: str, declarations: str, result: str = "double", last: str = "r, j") -> None:
    cython, python = texts(body, declarations, result, last)
    cpp = er.explain(cython, "c++")
    assert "er::Lanes" in cpp[cpp.index("f_run(PyObject*, PyObject* const* er_args) {") :], cpp
    space = {"escape": escape, "halved": halved, "sign": sign,
             "sqrt": np.sqrt, "fabs": abs, "floor": np.floor}  # fmt: skip
    exec(python, space)
    compiled = er.compile(cython)
    for n in (1, 2, 7, 8, 9, 16, 17, 18, 33, 100):
        for a in (0.25, 3.0, -1.5):
            assert compiled.run(n, a) == space["run"](n, a), (n, a)  # type: ignore[operator]
    with pytest.raises(NameError):
        # With no turn there is no `j` in Python, and C's is 0.
        space["run"](0, 1.0)  # type: ignore[operator]
    assert compiled.run(0, 1.0)[0] == []


KERNELS = {
    "while": ("""
r = j * 0.5
while r < 10.0 + a:
    r = r * 1.5 + 1.0
""", "double r"),
    "while with break": ("""
r = j * 0.25 + 1.0
k = 0
while k < 50:
    r = r * 1.25
    if r > 100.0 * a + 500.0:
        break
    k += 1
r = r + k
""", "double r; int k"),
    "continue": ("""
r = 0.0
k = 0
while k < j:
    k += 1
    if k * a > 7.0:
        continue
    r += k
""", "double r; int k"),
    "range with a limit of its own": ("""
r = a
k = -1
for k in range(j):
    if r > 20.0:
        break
    r = r + k * 0.5
r += k
""", "double r; int k"),
    "range with one limit": ("""
r = j
k = 0
for k in range(12):
    if r > 30.0: continue
    r = r + a * k
r += k
""", "double r; int k"),
    "if and else": ("""
r = 0.0
x = j + a
while x > 0.5:
    if x > 8.0:
        x = x - 3.0
        r += 1.0
    elif x > 4.0:
        x = x - 1.25
        r += 10.0
    else:
        x = x * 0.5
        r += 100.0
r = r + x
""", "double r, x"),
    "nested loops": ("""
r = 0.0
k = 0
while k < j and r < 50.0:
    m = 0
    while m < k:
        m += 1
        if m * a > 5.0:
            break
        r += 0.25 * m
    k += 1
""", "double r; int k, m"),
    "conditional expressions, truth": ("""
k = 0
ok = True
while ok:
    k = k + 2 if k == 3 or k == 6 else k + 1
    ok = not (k > j or k * a > 20.0)
r = k
""", "double r; int k; bint ok"),
    "functions of C": ("""
r = j
k = 0
while r > 1.0:
    r = sqrt(r) + fabs(a) * 0.125 - floor(r) * 0.0625
    k += 1
    if k > 40: break
r = r + k
""", "double r; int k"),
    "complex numbers": ("""
z = a + j * 0.0625j
k = escape(z, -0.5 + 0.5j, 60)
r = k + z.imag
""", "double r; int k; double complex z"),
    "function with several returns": ("""
r = halved(j * 3.0, 2.0) + sign(a)
""", "double r"),
}  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
def test_lanes_compute_what_single_turns_do(name: str) -> None:
    check(*KERNELS[name])


def test_integers_of_all_sizes() -> None:
    for result, to in (("int", "int"), ("long", "long"), ("float", "double")):
        check(
            """
r = 0
k = 0
while k < j:
    k += 3
    r = r + k
""",
            f"{to} r; int k",
            result,
        )


def test_a_float_is_rounded_at_each_step() -> None:
    source, _ = texts(
        """
x = 1.0
k = 0
while k < j:
    x = x * <float>1.1
    k += 1
r = x
""",
        "float x; double r; int k",
        "double",
        "0",
    )
    expected = []
    for j in range(40):
        x = np.float32(1)
        for _ in range(j):
            x = x * np.float32(1.1)
        expected.append(float(x))
    assert "er::Lanes" in er.explain(source, "c++")
    assert er.compile(source).run(40, 0.0)[0] == expected


NOT_IN_LANES = {
    "a value of the turn before": ("s = s + j * a\nr = s\nwhile r > 3.0: r = r - 3.0", "double r, s = 0"),
    "set in some turns only": ("r = j\nwhile r > 3.0: r = r - 3.0\nif r > 1.0: s = r", "double r, s = 0"),
    "no loop inside": ("r = j * a", "double r"),
    "break": ("r = j\nwhile r > 3.0: r = r - 3.0\nif j == 5: break", "double r"),
    "a variable whose address is known": (
        "p[0] = j\nr = x\nwhile r > 3.0: r = r - 3.0",
        "double r, x = 0; double* p = &x",
    ),
    "what was stored before": ("r = out[j - 1] if j > 0 else 1.0\nwhile r < 30.0: r = r + 3.0", "double r"),
    "a number that may not fit": (
        "r = j\nwhile r > 3.0: r = r - 3.0\nk = <int>r\nr = k",
        "double r; int k",
    ),
    "a shift that may be too far": (
        "r = j\nwhile r > 3.0: r = r - 3.0\nr = r + (1 << j)",
        "double r",
    ),
    "division by what may be zero": (
        "k = 0\nr = 1\nwhile k < j:\n    r += 10 // (k - 99)\n    k += 1",
        "double r; int k",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_IN_LANES)
def test_turns_that_need_each_other_stay_in_order(name: str) -> None:
    body, declarations = NOT_IN_LANES[name]
    source, _ = texts(body, declarations, "double", "s" if " s " in declarations else "0")
    cpp = er.explain(source, "c++")
    assert "er::Lanes" not in cpp[cpp.index("f_run(PyObject*, PyObject* const* er_args) {") :]


def test_loops_of_lanes_that_nobody_asked_for_end() -> None:
    # From 0 the sum never gets there: lanes that are not under the `if` do not loop.
    check(
        """
r = 0.0
k = j
if k > 0:
    while k < 1000:
        k = k + k
    r = k
""",
        "double r; int k",
    )


class Maker:
    """Random kernels: C doubles x, y and ints k, m, which stay small."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.n_loops = 0

    def number(self) -> str:
        return self.random.choice(["x", "y", "a", "j", "k", "m", "0.5", "2.0", "-1.25", "3"])

    def condition(self) -> str:
        op = self.random.choice(["<", ">", "<=", "==", "!="])
        text = f"{self.number()} {op} {self.number()}"
        if self.random.random() < 0.3:
            text += f" {self.random.choice(['and', 'or'])} {self.number()} < {self.number()}"
        return text

    def assignment(self) -> str:
        if self.random.random() < 0.4:
            target = self.random.choice("km")
            return (
                f"{target} = {self.random.choice('kmj1')} + {self.random.choice(['1', '2', '-3'])}"
            )
        target = self.random.choice("xy")
        op = self.random.choice("+-*")
        text = f"{target} = ({self.number()} {op} {self.number()}) * 0.5"
        return text

    def block(self, indent: int, depth: int, in_loop: bool) -> None:
        pad = "    " * indent
        for _ in range(self.random.randint(1, 3)):
            kind = self.random.random()
            if depth > 0 and kind < 0.25:
                self.lines.append(f"{pad}if {self.condition()}:")
                self.block(indent + 1, depth - 1, in_loop)
                if self.random.random() < 0.5:
                    self.lines.append(f"{pad}else:")
                    self.block(indent + 1, depth - 1, in_loop)
            elif depth > 0 and kind < 0.45:
                self.loop(indent, depth)
            elif in_loop and kind < 0.55:
                self.lines.append(
                    f"{pad}if {self.condition()}: {self.random.choice(['break', 'continue'])}"
                )
            else:
                self.lines.append(pad + self.assignment())

    def loop(self, indent: int, depth: int) -> None:
        # A counter of its own ends it.
        pad, name = "    " * indent, f"n{self.n_loops}"
        self.n_loops += 1
        if self.random.random() < 0.5:
            stop = self.random.choice(["5", "j", "m"])
            self.lines.append(f"{pad}{name} = 0")
            self.lines.append(f"{pad}for {name} in range({stop}):")
            self.lines.append(f"{pad}    if {name} > 9: break")
        else:
            self.lines.append(f"{pad}{name} = 0")
            self.lines.append(f"{pad}while {name} < 9 and ({self.condition()}):")
            self.lines.append(f"{pad}    {name} += 1")
        self.block(indent + 1, depth - 1, True)

    def kernel(self) -> tuple[str, str]:
        self.lines = ["x = j * 0.5", "y = a", "k = j", "m = 1"]
        self.loop(0, 3)
        self.block(0, 2, False)
        self.lines.append("r = x + y * 2.0 + k + m")
        counters = "".join(f", n{i}" for i in range(self.n_loops))
        return "\n".join(self.lines), f"double r, x, y; int k, m{counters}"


@pytest.mark.parametrize("seed", range(40))
def test_random_kernels(seed: int) -> None:
    body, declarations = Maker(seed).kernel()
    cython, python = texts(body, declarations, "double", "0")
    space: dict = {}
    exec(python, space)
    compiled = er.compile(cython)
    for a in (0.25, -2.0):
        ours, theirs = compiled.run(35, a)[0], space["run"](35, a)[0]
        # inf - inf is not equal to itself.
        np.testing.assert_array_equal(np.array(ours), np.array(theirs, dtype=float), err_msg=body)


VIEWS = """
def fill({type} a, int i, int start, int stop):
    cdef int j
    cdef double r
    for j in range(start, stop):
        r = j
        while r > 2.0: r = r - 1.5
        a[{index}] = r
"""


@pytest.mark.parametrize(
    ("type", "index", "shape"),
    [
        ("double[:]", "j", (40,)),
        ("double[::1]", "j", (40,)),
        ("double[:, ::1]", "i, j", (3, 40)),
        ("double[:, :]", "i, j", (3, 40)),
        ("double[:, :]", "j, i", (40, 3)),
        ("double[::1, :]", "j, i", (40, 3)),
        ("double[:, :, ::1]", "i, j, 1", (3, 40, 2)),
    ],
)
def test_items_of_memoryviews(type: str, index: str, shape: tuple[int, ...]) -> None:
    source = VIEWS.format(type=type, index=index)
    assert "er::Lanes" in er.explain(source, "c++")
    fill = er.compile(source).fill

    def outcome(f, i: int, start: int, stop: int) -> tuple:
        a = np.zeros(shape, order="F" if type.startswith("double[::1,") else "C")
        try:
            f(a, i, start, stop)
        except IndexError as error:
            # What was stored before it is the same, too.
            return a.tolist(), type is not None, bool(error.args)
        return (a.tolist(),)

    def plain(a: np.ndarray, i: int, start: int, stop: int) -> None:
        for j in range(start, stop):
            r = float(j)
            while r > 2.0:
                r -= 1.5
            a[eval(index)] = r

    for arguments in [(0, 0, 40), (1, 3, 38), (-1, 0, 17), (0, 0, 41), (0, 30, 60),
                      (0, -5, 20), (3, 0, 20), (-4, 0, 20), (0, 7, 7), (0, 9, 3)]:  # fmt: skip
        assert outcome(fill, *arguments) == outcome(plain, *arguments), arguments


def test_a_view_without_a_value_is_found_out_before_anything_is_stored() -> None:
    source = VIEWS.format(type="double[:]", index="j")
    with pytest.raises((IndexError, TypeError)):
        er.compile(source).fill(None, 0, 0, 40)
