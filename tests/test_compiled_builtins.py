"""Where the compiler has faster forms of builtins, loops and operators: Python's results, whatever
the names stand for and whatever the types are. The same text is compiled, and run by Python."""

import builtins
import textwrap
import types
from functools import partial

import engineroom as er
import pytest

SOURCE = textwrap.dedent(
    """
    def calls(x, y):
        return isinstance(x, int), abs(x), min(x, y), max(x, y), min(x, y, 3)

    def equal_ones(a, b):
        return min(a, b) is a, max(a, b) is a

    def ranges(*args):
        seen = []
        for i in range(*args[:0], args[0]):
            seen.append(i)
        for i in range(args[0], args[1]):
            seen.append(i)
            if len(seen) > 10:
                break
        for i in range(args[0], args[1], args[2]):
            seen.append(i)
            if len(seen) > 20:
                break
        return seen, i

    def get(d, *keys):
        return [d.get(key) for key in keys], [d.get(key, 'no') for key in keys]

    def append_and_add(xs, s, value):
        xs.append(value)
        s.add(value)
        return xs, s, xs.append(1)

    def grow(s, n):
        first = s
        s += 'a'
        second = s
        for _ in range(n):
            s += 'bc'
        s += s
        s += 'é€😀'
        s += ''
        t = ''
        t += s
        return first, second, s, t, {s: 1}[s]

    def grow_others(x, y):
        z = x
        x += y
        return x, z, y

    def grow_by_itself(s):
        s += (s := 'new')
        return s

    def keep_pairs(xs):
        kept = []
        for pair in zip(xs, xs):
            kept.append(pair)
        for i, pair in enumerate(zip(xs, xs)):
            kept.append((i, pair))
        total = 0
        for i, (a, b) in enumerate(zip(xs, xs)):
            kept.append(a)
            total += i
        for key, value in {1: 2, 3: 4}.items():
            kept.append((key, value))
        return kept, total

    def enumerates(xs, pairs):
        seen = []
        for i, x in enumerate(xs):
            if i == 1:
                continue
            if i == 4:
                break
            seen.append((i, x))
        else:
            seen.append('else')
        for i, (a, b) in enumerate(pairs):
            seen.append((i, a, b))
            i = 'other'
        for i, i in enumerate(xs):
            seen.append(i)
        for seen[0], x in enumerate(xs):
            pass
        for i, x in enumerate(range(2, 9, 3)):
            seen.append((i, x))
        for i, x in enumerate(xs, 5):
            seen.append((i, x))
        for pair in enumerate(xs):
            seen.append(pair)
        return seen, i, x

    def truths(log, a, b, c):
        if a and (b or not c):
            log.append('yes')
        while not (a or b) and c:
            return 'left'
        return [x for x in (a, b, c) if x and a or b], (a and b or c), not (a and b)

    def characters(s, i):
        return s[i], s[-1], s[0] == 'a', s == 'a', s != 'é', 'a' in s, [s[k] for k in range(len(s))]

    def formats(x, y):
        return f'{x}', f'<{x}|{y!r}>', f'{x}é{y}€', f'{x:>5}'

    def arithmetic(a, b):
        return a // b, a % b, a * b, a - b, a + b

    def compares(a, b):
        return [a < b and 1, a <= b and 1, a == b and 1, a != b and 1, a > b and 1, a >= b and 1]

    def module_call(m, x):
        return m.f(x), m.f(x)

    def set_item(o, value):
        o.attribute = value
        return o.attribute

    def keywords(a, b=2, *, c, d=4):
        return a, b, c, d

    def call_keywords(f):
        return f(1, c=3), f(b=5, a=1, c=3), f(1, 2, d=1, c=0)
    """
)


class Loud:
    """Says what is done with it."""

    log: list = []

    def __init__(self, value):
        self.value = value

    def __bool__(self):
        Loud.log.append(("bool", self.value))
        return bool(self.value)

    def __abs__(self):
        return "abs"

    def __lt__(self, other):
        Loud.log.append("lt")
        return True

    def __gt__(self, other):
        Loud.log.append("gt")
        return []

    def __iadd__(self, other):
        return "iadd", other

    def __index__(self):
        Loud.log.append("index")
        return self.value

    def __repr__(self):
        return f"Loud({self.value})"

    def get(self, *args):
        return "got", args

    def append(self, *args):
        Loud.log.append(args)

    add = append


class Number(int):
    def __format__(self, spec):
        return "formatted"

    def __str__(self):
        return "str"


class Slots:
    __slots__ = ("x",)


class Text(str):
    def __iadd__(self, other):
        return "mine"

    def __eq__(self, other):
        return "equal"

    __hash__ = str.__hash__


def module_with(f):
    module = types.ModuleType("m")
    if f is not None:
        module.f = f
    else:
        module.__getattr__ = lambda name: lambda x: (name, x)
    return module


BIG = 2**70
CASES = [
    *(("calls", x, 3) for x in (-2, True, 2.5, BIG, -BIG, "x", Loud(1), None)),
    ("calls", float("nan"), 1),
    ("equal_ones", 1, 1.0),
    ("equal_ones", Loud(1), Loud(2)),
    *(("ranges", 3, 7, step) for step in (1, 2, -1, 0, True, 1.5, BIG)),
    ("ranges", 0, 5, -1),
    ("ranges", 5, -5, -3),
    ("ranges", 2, 2**63 - 1, 2**62),
    ("ranges", 2, Loud(5), Loud(2)),
    ("ranges", 2, "x", 1),
    ("ranges", 1, BIG, BIG // 3),
    ("get", {1: "one"}, 1, 2, 1.0),
    ("get", {}, []),
    ("get", Loud(1), 5),
    ("get", [], 5),
    ("append_and_add", [], set(), 5),
    ("append_and_add", [], set(), []),
    ("append_and_add", Loud(1), Loud(2), 5),
    ("append_and_add", (), set(), 5),
    *(("grow", s, n) for s in ("", "x", "é", "€", "😀") for n in (0, 5)),
    ("grow", 5, 1),
    ("grow_others", [1], [2]),
    ("grow_others", (1,), (2,)),
    ("grow_others", Loud(1), 2),
    ("grow_others", Text("a"), "b"),
    ("grow_others", "a", Text("b")),
    ("grow_others", "a", 1),
    ("grow_others", 2.5, 1),
    ("grow_others", BIG, BIG),
    ("grow_by_itself", "old"),
    ("keep_pairs", [1, 2, 3]),
    ("enumerates", "abcdef", [(1, 2), "xy"]),
    ("enumerates", [], {1: 2}.items()),
    ("enumerates", [1], [(1, 2, 3)]),
    ("enumerates", 5, []),
    ("enumerates", [1], Loud(1)),
    *(("truths", [], Loud(a), Loud(b), Loud(c)) for a in (0, 1) for b in (0, 1) for c in (0, 1)),
    *(("characters", s, i) for s in ("a", "abc", "é€", "😀a", Text("ab")) for i in (0, -1, 5, -9)),
    ("characters", "abc", None),
    *(("formats", x, "y") for x in (1, -5, BIG, 2.5, True, None, Number(3), "é", float("inf"))),
    *(
        ("arithmetic", a, b)
        for a in (7, -7, 2**30 - 1, 1 - 2**30, BIG)
        for b in (2, -2, 0, -1, 2**30 - 1)
    ),
    *(
        ("compares", a, b)
        for a in (1, 2.5, "a", "é", BIG, -1)
        for b in (1, 2.5, "a", "b", "é", "ab", BIG, -(2**30))
    ),
    ("compares", Text("a"), "a"),
    ("compares", float("nan"), float("nan")),
    ("module_call", module_with(lambda x: x + 1), 1),
    ("module_call", module_with(None), 1),
    ("module_call", types.ModuleType("m"), 1),
    ("module_call", module_with(3), 1),
    ("set_item", types.SimpleNamespace(), 3),
    ("set_item", Slots(), 3),
    ("set_item", 5, 3),
    ("keywords",),
    ("call_keywords", lambda a, b=2, *, c, d=4: (a, b, c, d)),
]


@pytest.fixture(scope="module")
def both():
    plain = {"__name__": "plain"}
    exec(compile(SOURCE, "plain.py", "exec"), plain)
    return er.compile(SOURCE, name="compiled_builtins"), types.SimpleNamespace(**plain)


def outcome(f, args):
    Loud.log = []
    try:
        result = repr(f(*args))
    except Exception as error:
        result = type(error), str(error)
    return result, [repr(entry) for entry in Loud.log]


def copied(args):
    return [type(arg)(arg) if isinstance(arg, (list, set, dict)) else arg for arg in args]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}{case[1:]!r:.60}")
def test_same_outcome(both, case):
    name, *args = case
    compiled, plain = both
    expected = outcome(getattr(plain, name), copied(args))
    assert outcome(getattr(compiled, name), copied(args)) == expected


def test_compiled_functions_take_keywords(both):
    compiled, plain = both
    assert compiled.call_keywords(compiled.keywords) == plain.call_keywords(plain.keywords)
    for kwargs in ({}, {"c": 1, "e": 2}, {"a": 1, "c": 2}, {"c": 3, "d": 4}):
        ours, theirs = (outcome(partial(module.keywords, **kwargs), [9]) for module in both)
        assert ours == theirs
    # A keyword that is equal to the name, but another object.
    assert compiled.keywords(1, **{"".join(["c", ""]): 3}) == (1, 2, 3, 4)
    compiled.keywords.__kwdefaults__["c"] = 8
    assert compiled.keywords(1) == (1, 2, 8, 4)


@pytest.mark.parametrize("name", ["isinstance", "abs", "min", "max", "range"])
def test_replaced_builtins_are_called(both, name, monkeypatch):
    compiled, plain = both
    args = ("ranges", 3, 7, 2) if name == "range" else ("calls", 3, 4)
    assert outcome(getattr(compiled, args[0]), args[1:]) == outcome(
        getattr(plain, args[0]), args[1:]
    )
    monkeypatch.setattr(builtins, name, lambda *args: [("mine", args)])
    assert "mine" in outcome(getattr(compiled, args[0]), args[1:])[0]
    monkeypatch.undo()
    assert "mine" not in outcome(getattr(compiled, args[0]), args[1:])[0]
