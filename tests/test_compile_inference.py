"""Variables without a declaration: integers of C where nobody can tell, objects everywhere else."""

import textwrap

import engineroom as er
import pytest

SOURCE = textwrap.dedent(
    """
    def sizes(xs):
        n = len(xs)
        found = []
        for i in range(n):
            found.append((i, xs[i], xs[-1]))
        return found, n

    def overflows(xs):
        n = len(xs)
        m = n * 10 ** 18
        k = len(xs)
        k += 2 ** 62
        k += 2 ** 62
        k += 2 ** 62
        return m, k, -n

    def flags(xs):
        state = 0
        for x in xs:
            if x > 3:
                state = 2
            elif x:
                state = 1
        return state, state == 2, [state], state is None

    def mixed(x):
        y = 5
        if x:
            y = 'text'
        z = 5
        if x:
            z = None
        return y, z

    def literals():
        product = 1234567890 * 9876543210
        power = 1234 ** 12
        either = True | True
        sum = True + True
        small = 20 * 40
        return product, power, either, sum, small

    def truth(x):
        y = 1
        if x:
            y = True
        return y

    def big(x):
        y = 5
        if x:
            y = 10 ** 30
        return y

    def without_value(x):
        if x:
            y = 5
        return y

    def deleted(x):
        y = 5
        if x:
            del y
        try:
            return y
        except UnboundLocalError:
            return 'gone'

    def shown(x):
        if x:
            late = 1
        return sorted(locals())

    def products(a, b):
        n = len(a)
        return [[sum([a[i][k] * b[k][j] for k in range(n)]) for j in range(n)] for i in range(n)]

    def powers(n):
        return [i ** i ** 2 for i in range(n)], [i * 10 ** 18 for i in range(n)], [-i for i in range(n)]

    def nested(n):
        i = 'outer'
        return [[(i, j) for j in range(i)] for i in range(len(n))], i

    def conditions(xs):
        n = len(xs)
        return [i for i in range(n) if xs[i]], {i: xs[i] for i in range(n)}, {i for i in range(n)}

    def dependent(xs):
        n = len(xs)
        return [(i, j) for i in range(n) for j in range(i, n) if i != j]

    def shifted(n):
        return [1 << i for i in range(len(n))], [i + 1 for i in range(len(n))]

    def last(n):
        return [i for i in range(n)], any(i == 3 for i in range(n)), all(i for i in range(1, n))

    def numbered(xs):
        found = []
        for i, x in enumerate(xs):
            found.append(xs[i])
            found.append((i, x))
        return found

    def numbered_twice(xs):
        found = []
        for i, x in enumerate(xs):
            found.append(i * 2 ** 62)
            i = 'text'
            found.append((i, x))
        return found

    def no_turn(xs):
        try:
            for i, x in enumerate(xs):
                pass
            return i
        except UnboundLocalError:
            return 'no turn'

    def attributes(xs):
        n = len(xs)
        return n.bit_length(), n.__class__.__name__, str(n), f'{n:>5}', [1, 2, 3][n], 'abc'[n]

    def loop_variable(xs):
        n = len(xs)
        for n in range(n):
            pass
        return n
    """
)

CALLS = {
    "sizes": [([1, 2],), ("abc",), ({},)],
    "overflows": [([1] * 100,)],
    "flags": [([],), ([1],), ([1, 5],)],
    "mixed": [(0,), (1,)],
    "truth": [(0,), (1,)],
    "big": [(0,), (1,)],
    "without_value": [(1,), (0,)],
    "deleted": [(0,), (1,)],
    "shown": [(0,), (1,)],
    "products": [([[1, 2], [3, 4]], [[5, 6], [7, 8]]), ([[10**20]], [[10**20]]), ([], [])],
    "powers": [(4,), (0,), (20,)],
    "nested": [("abc",)],
    "conditions": [([0, 1, 2],)],
    "dependent": [("abc",)],
    "literals": [()],
    "shifted": [("a" * 70,)],
    "last": [(5,), (0,), (2,)],
    "numbered": [("abc",), ([],)],
    "numbered_twice": [("abc",)],
    "no_turn": [([],), ([1, 2],)],
    "attributes": [([1, 2],)],
    "loop_variable": [([1, 2, 3],), ([],)],
}


def outcome(function, args):
    try:
        return repr(function(*args))
    except Exception as e:
        return repr(e)


@pytest.fixture(scope="module")
def compiled():
    return er.compile(SOURCE, "compiled_inference")


@pytest.fixture(scope="module")
def plain():
    space = {}
    exec(SOURCE, space)
    return space


@pytest.mark.parametrize("name", CALLS)
def test_same_as_python(name, compiled, plain):
    for args in CALLS[name]:
        assert outcome(getattr(compiled, name), args) == outcome(plain[name], args), args


def test_what_is_inferred():
    text = er.explain(
        "def f(xs):\n    n = len(xs)\n    return [xs[i] for i in range(n)]\n"
        "def g(xs):\n    n = len(xs)\n    return [xs[i + 1] for i in range(n + 1)]\n",
        "c++",
    )
    f, g = text.split("f_g(PyObject*, PyObject* const* er_args) {")
    assert "Py_ssize_t v_n" in f and "Py_ssize_t v_i" in f
    assert "er::Ref v_n" in g and "er::Ref v_i" in g
