"""Plain Python, compiled and not: the same text gives the same results, errors and tracebacks."""

import copy
import inspect
import textwrap
import traceback

import engineroom as er
import pytest

SOURCE = textwrap.dedent(
    """
    import os.path
    import os.path as op
    import sys
    from os.path import join as j

    def jumps(n):
        log = []
        for i in range(n):
            try:
                log.append(i)
                if i == 1:
                    continue
                if i == 3:
                    break
            finally:
                log.append('f%d' % i)
        else:
            log.append('else')
        return log

    def return_in_finally(x):
        try:
            return 10 // x
        except ZeroDivisionError as e:
            return 'zero: ' + str(e)
        finally:
            if x == 7:
                return 'seven'

    def nested(log):
        try:
            try:
                raise KeyError(1)
            except ValueError:
                return 1
            finally:
                log.append('inner')
        except KeyError as e:
            log.append('outer')
            try:
                raise TypeError('again')
            except TypeError as e2:
                return type(e2.__context__).__name__, e2.args, log

    def raises_again():
        try:
            1 // 0
        except ZeroDivisionError:
            raise

    def raises_from():
        try:
            {}['x']
        except KeyError as e:
            raise ValueError('v') from e

    def handled():
        before = sys.exc_info()[0]
        try:
            1 // 0
        except ZeroDivisionError:
            inside = sys.exc_info()[0]
        return before, inside, sys.exc_info()[0]

    def unbound(x):
        if x:
            y = 1
        return y

    def unbound_later(n):
        for i in range(n):
            y = i
            if i:
                del y
        return i, y

    def parameters(a, b=2, *args, c, d=4, **kw):
        'doc'
        return a, b, args, c, d, kw

    def positional_only(a, b, /, c=3):
        return a, b, c

    def and_or(a, b, c):
        return a and b or c, not a, a if b else c, (a or b) and c

    def chain(a, b, c):
        return a < b < c, a == b != c

    def comprehensions(n):
        squares = [x * x for x in range(n) if x % 2]
        return squares, {x: x + 1 for x in range(n)}, [(i, k) for i in range(2) for k in 'ab']

    def unpack(t):
        a, (b, *c), d = t
        a, b = b, a
        return a, b, c, d

    def formatted(x, w):
        return f"{x!r:>{w}}|{x}|{3.5:.2f}"

    def slices(s):
        return s[1:], s[:-1], s[::2], s[1:3], s[-1]

    def augmented(d, s):
        d['x'] += 1
        s[0] *= 5
        s += [9]
        return d, s

    def walrus(s):
        if (n := len(s)) > 2:
            return n
        return [y for x in s if (y := x + 1)]

    def order(x):
        return x, (x := [2]), x

    def elifs(x):
        if x == 1:
            y = 'one'
        elif x == 'two':
            y = 2
        elif x is None:
            return 'none'
        elif x > 5:
            raise OverflowError(x)
        else:
            y = x
        return y

    def with_two(m):
        with m as x, m as y:
            x.append('body')
            raise ValueError(y)
        return x

    def calls(f, *a, **k):
        return f(1, *a, z=3, **k)

    def globals_come_and_go():
        global G
        G = 3
        del G
        try:
            return G
        except NameError as e:
            return str(e)

    def while_else(n):
        while n:
            n -= 1
            if n == 5:
                break
        else:
            return 'else'
        return 'break'

    def asserts(x):
        assert x, 'message'
        return (lambda x, y=2: x + y)(5)

    def imports():
        return j('a', 'b'), op.join('c'), os.path.join('d')
    """
)


class Manager:
    def __init__(self):
        self.log = []

    def __enter__(self):
        self.log.append("enter")
        return self.log

    def __exit__(self, kind, value, tb):
        self.log.append(("exit", kind and kind.__name__))
        return True


def call(*args, **kwargs):
    return args, kwargs


CASES = [
    *(("jumps", n) for n in range(6)),
    *(("return_in_finally", x) for x in (1, 0, 7, "s")),
    ("nested", []),
    ("raises_again",),
    ("raises_from",),
    ("handled",),
    *(("unbound", x) for x in (0, 1)),
    *(("unbound_later", n) for n in (0, 1, 2)),
    *(("and_or", *values) for values in ((0, 1, 2), (1, 0, 2), (1, 2, 0), ([], {}, ""))),
    ("chain", 1, 2, 3),
    ("chain", 3, 2, 1),
    ("comprehensions", 5),
    *(("unpack", t) for t in ((1, (2, 3, 4), 5), (1, ()), (1, 2, 3), (1, (), 3), 5, range(4))),
    ("formatted", "x", 10),
    ("formatted", 1, 3),
    ("slices", [1, 2, 3, 4]),
    ("augmented", {"x": 1}, [1]),
    ("augmented", {}, [1]),
    ("walrus", [1]),
    ("walrus", [1, 2, 3]),
    ("order", [1]),
    *(("elifs", x) for x in (1, "two", None, 9, 3, [])),
    ("with_two", Manager()),
    ("calls", call, 2),
    ("calls", 5),
    ("globals_come_and_go",),
    ("while_else", 3),
    ("while_else", 9),
    ("asserts", 0),
    ("asserts", 1),
    ("imports",),
]

WRONG_CALLS = [
    ("parameters", (), {}),
    ("parameters", (1,), {}),
    ("parameters", (1,), {"c": 2}),
    ("parameters", (1, 2, 3, 4), {"c": 5, "e": 6}),
    ("parameters", (1,), {"c": 1, "a": 2}),
    ("positional_only", (1,), {}),
    ("positional_only", (), {"a": 1, "b": 2}),
    ("positional_only", (1, 2), {"z": 3}),
    ("positional_only", (1, 2, 3), {"c": 3}),
    ("positional_only", (1, 2, 3, 4), {}),
    ("calls", (call, 2), {"z": 1}),
    ("chain", (1,), {}),
    ("chain", (1, 2, 3, 4), {}),
]


@pytest.fixture(scope="module")
def both():
    plain = {"__name__": "plain"}
    exec(compile(SOURCE, "plain.py", "exec"), plain)
    return er.compile(SOURCE, name="compiled"), plain


def outcome(f, args, kwargs):
    try:
        return repr(f(*args, **kwargs))
    except Exception as e:
        places = [(entry.name, entry.lineno) for entry in traceback.extract_tb(e.__traceback__)[1:]]
        return type(e), str(e), type(e.__context__), type(e.__cause__), places


@pytest.mark.parametrize(
    ("name", "args", "kwargs"), [(name, args, {}) for name, *args in CASES] + WRONG_CALLS
)
def test_same_outcome(both, name, args, kwargs):
    compiled, plain = both
    expected = outcome(plain[name], copy.deepcopy(args), kwargs)
    assert outcome(getattr(compiled, name), copy.deepcopy(args), kwargs) == expected


def test_functions_tell_the_same_of_themselves(both):
    compiled, plain = both
    for name in ("parameters", "positional_only", "chain"):
        ours, theirs = getattr(compiled, name), plain[name]
        assert inspect.signature(ours) == inspect.signature(theirs)
        for attribute in ("__name__", "__qualname__", "__doc__", "__defaults__", "__kwdefaults__"):
            assert getattr(ours, attribute) == getattr(theirs, attribute)
