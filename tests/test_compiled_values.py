"""What compiled code does without Python's help means the same: each function runs compiled and not."""

import copy
import textwrap

import engineroom as er
import pytest


class Count(int):
    def __add__(self, other):
        return Count(int(self) + int(other) + 100)

    def __mod__(self, other):
        return []


class Text(str):
    def __contains__(self, item):
        return item == "everything"

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class Manager:
    def __enter__(self):
        return "entered"

    def __exit__(self, *args):
        raise ValueError(args)


SOURCE = textwrap.dedent(
    """
    def shared_numbers(n):
        # n + 1000 is an int that only `a` knows, until `b` does too.
        a = n + 1000
        b = a
        a += 1
        c = [a]
        a += 1
        d = {a: a}
        a -= 5000
        return a, b, c, d

    def shared_floats(x):
        a = x * 2.0
        b = a
        a += 1.5
        c = (a,)
        a = a / 3
        return a, b, c

    def kept_operand(x):
        x = x + 1000
        return x + change(x), (x, x + 1)

    def change(x):
        x += 1
        x = x * 7
        return x

    def swapped(n):
        a = n + 1000
        b = a * 2
        for _ in range(3):
            a, b = b, a + b
        return a, b

    def own_operands(n):
        x = n + 1000
        x = x + x
        x = x - x + x
        x = x * x
        x = x // (x % 17 + 1)
        return x

    def counted(n):
        seen = []
        for i in range(300, 300 + n):
            j = i
            i += 1
            seen.append((i, j))
        return seen, i

    def grows(n):
        # Past one digit of a Python int, and back.
        x = 1 << 29
        seen = []
        for i in range(n):
            x = x + x
            seen.append(x)
        for i in range(n):
            x = x - seen[n - 1 - i] // 2
            seen.append(x)
        return seen

    def small(n):
        x = 300
        seen = []
        while x > -10:
            x = x - n
            seen.append((x, x is seen))
        return seen

    def operators(a, b):
        results = []
        x = 12345678
        for op in '+-*/d%':
            try:
                if op == '+':
                    x = a + b
                elif op == '-':
                    x = a - b
                elif op == '*':
                    x = a * b
                elif op == '/':
                    x = a / b
                elif op == 'd':
                    x = a // b
                else:
                    x = a % b
            except Exception as e:
                x = repr(e)
            results.append(x)
        return results

    def in_place(a, b):
        results = []
        for op in '+-*':
            x = a
            try:
                if op == '+':
                    x += b
                elif op == '-':
                    x -= b
                else:
                    x *= b
            except Exception as e:
                x = repr(e)
            results.append(x)
        return results

    def truth_of_rest(a, b):
        try:
            if a % b:
                return 'some'
            return 'none'
        except Exception as e:
            return repr(e)

    def counts(d, key, by):
        try:
            d[key] += by
            old = d[key]
            d[key] += by
            return old, d
        except Exception as e:
            return repr(e), d

    def characters(s):
        seen = []
        for c in s:
            seen.append((c, c == 'e', c in 'aou', c in 'xyz' * 9))
        return seen

    def has(item, text):
        try:
            return item in 'abc', item in text, item == 'abc', item != 'abc'
        except TypeError as e:
            return repr(e)

    def named(a, b=2, /, c=3, *, d, e=5):
        return a, b, c, d, e

    def all_named(a, b):
        return a, b

    def calls(i):
        try:
            if i == 0:
                return named(1, 2, 3, d=4, e=6), named(1, 2, c=3, d=4, e=6), named(1, d=4)
            if i == 1:
                return named(1, 2, 3, e=4, d=6), named(1, 2, e=1, d=4, c=6)
            if i == 2:
                return named(a=1, b=2, c=3, d=4, e=5)
            if i == 3:
                return named(1, b=2, c=3, d=4, e=5)
            if i == 4:
                return named(1, 2, 3, 4, e=5)
            if i == 5:
                return all_named(a=1, b=2), all_named(b=1, a=2), all_named(1, b=2)
            if i == 6:
                return all_named(1, a=2)
            if i == 7:
                return all_named(a=1, c=2)
            return all_named(b=1)
        except TypeError as e:
            return repr(e)

    def managed(manager):
        log = []
        try:
            with manager as m:
                log.append(m)
        except Exception as e:
            return repr(e), log
        return log

    def gets(o, key):
        try:
            return o.get(key), o.get(key, 7)
        except Exception as e:
            return repr(e)
    """
)

BIG = 10**30
NUMBERS = [0, 1, -1, 7, -7, 256, 257, -5, -6, 2**30 - 1, 2**30, -(2**30), 2**62, BIG]
OTHERS = [0.0, -0.0, 0.5, -2.5, 1e300, True, False, Count(3), 2j, "ab", [1], (1,), None]


def is_long(a, b):
    """A sequence repeated so often that memory would not do."""
    numbers = [x for x in (a, b) if isinstance(x, int)]
    return (
        len(numbers) == 1
        and numbers[0] > 300
        and isinstance(a if b is numbers[0] else b, (str, list, tuple))
    )


PAIRS = [(a, b) for a in NUMBERS + OTHERS for b in NUMBERS + OTHERS if not is_long(a, b)]
CALLS = {
    'shared_numbers': [(0,), (5,), (10**12,)],
    'shared_floats': [(0.5,), (2,), (1e300,)],
    'kept_operand': [(1,), (2.5,)],
    'swapped': [(1,), (2**29,), (0.25,)],
    'own_operands': [(1,), (2**20,)],
    'counted': [(0 + 5,)],
    'grows': [(5,), (40,)],
    'small': [(1,), (7,)],
    'operators': PAIRS,
    'in_place': PAIRS,
    'truth_of_rest': PAIRS,
    'counts': [
        ({}, 'k', 1), ({'k': 1}, 'k', 1), ({'k': 1000}, 'k', 1), ({'k': 2**30 - 1}, 'k', 1),
        ({'k': 0.5}, 'k', 1), ({'k': [1]}, 'k', [2]), ({'k': 'a'}, 'k', 'b'), ({'k': 1}, 'k', 'b'),
        ([1000, 2], 0, 5), ([1, 2], 5, 5), ((1, 2), 0, 5), ({1: Count(1)}, 1, 1), ({}, [], 1),
        (None, 0, 1),
    ],
    'characters': [('',), ('aeiou xyz',), ('h\xe9\xff',), ('\u20ac\U0001f600e',), (['e', 'a'],),
                   (Text('ae'),)],
    'has': [(i, t) for i in ('', 'a', 'abc', 'd', '\xe9', '\u20ac', Text('q'))
            for t in ('', 'a', 'abc' * 20, '\u20ac', ['a'], Text('z'))] + [(1, 'a'), (b'a', 'a')],
    'calls': [(i,) for i in range(9)],
    'managed': [(Manager(),), (1,)],
    'gets': [({'a': 1}, 'a'), ({}, 'a'), ({}, []), (None, 1), ([], 1), ({'a': None}, 'a')],
}  # fmt: skip


@pytest.fixture(scope="module")
def compiled():
    return er.compile(SOURCE, "compiled_values")


@pytest.fixture(scope="module")
def plain():
    space = {}
    exec(SOURCE, space)
    return space


@pytest.mark.parametrize("name", CALLS)
def test_same_as_python(name, compiled, plain):
    for args in CALLS[name]:
        here = getattr(compiled, name)(*copy.deepcopy(args))
        there = plain[name](*copy.deepcopy(args))
        assert repr(here) == repr(there), args


def test_a_count_that_somebody_keeps_stays(compiled):
    d = {"k": 1000}
    kept = d["k"]
    compiled.counts(d, "k", 1)
    assert kept == 1000 and d["k"] == 1002


def test_arguments_stay(compiled):
    n, x = 10**6, 0.5 + len(compiled.__name__)
    compiled.change(n)
    compiled.change(x)
    compiled.own_operands(n)
    assert n == 10**6 and x == 0.5 + len(compiled.__name__)
