# cython: language_level=3
# What compiled functions spend their time with: one text for both compilers, measured by
# compiled_calls.py and worker_compiler.py.
import numpy as np
cimport numpy as np
from libc.math cimport round, sin, sqrt
from libc.stdlib cimport rand, srand, RAND_MAX


# ---- the textbook programs ----

def square(x):
    return x * x


def sieve(n):
    is_prime = [False, False] + [True] * (n - 2)
    i = 2
    while i * i < n:
        if is_prime[i]:
            k = i * i
            while k < n:
                is_prime[k] = False
                k += i
        i += 1
    return [i for i in range(n) if is_prime[i]]


def typed_sieve(int n):
    cdef int i, k
    is_prime = [False, False] + [True] * (n - 2)
    i = 2
    while i * i < n:
        if is_prime[i]:
            k = i * i
            while k < n:
                is_prime[k] = False
                k += i
        i += 1
    return [i for i in range(n) if is_prime[i]]


cdef double step():
    return 2 * round(<double>rand() / RAND_MAX) - 1


def walk(int n):
    cdef np.ndarray[np.double_t, ndim=1] x = np.zeros(n + 1)
    cdef double dx = 1 / sqrt(n)
    cdef int i
    srand(1)
    for i in range(n):
        x[i + 1] = x[i] + dx * step()
    return x


# ---- numbers ----

def float_loop(int n):
    cdef double total = 0, x
    cdef int i
    for i in range(n):
        x = i * 0.5
        total += x * x / (1.0 + x)
    return total


def division(n):
    result = []
    p = [0] * 10000
    if n > 10000:
        n = 10000
    k = 0
    number = 2
    while k < n:
        i = 0
        while i < k and number % p[i] != 0:
            i += 1
        if i == k:
            p[k] = number
            k += 1
            result.append(number)
        number += 1
    return result


def typed_division(int n):
    cdef int i, k, number
    cdef int p[10000]
    result = []
    if n > 10000:
        n = 10000
    k = 0
    number = 2
    while k < n:
        i = 0
        while i < k and number % p[i] != 0:
            i += 1
        if i == k:
            p[k] = number
            k += 1
            result.append(number)
        number += 1
    return result


def float_functions(int n):
    cdef double total = 0
    cdef int i
    for i in range(n):
        total += sqrt(sin(i * 0.01) + 1.0)
    return total


def int_loop(long n):
    cdef long total = 0, i
    for i in range(n):
        total += (i * i) % 7 + i // 3
    return total


def int_objects(n):
    total = 0
    i = 0
    while i < n:
        total += i * 2
        i += 1
    return total


def float_objects(n):
    total = 0.0
    x = 0.5
    for _ in range(n):
        total += x * x - x / 3.0
        x += 0.25
    return total


def collatz(n):
    longest = 0
    for start in range(1, n):
        x = start
        steps = 0
        while x != 1:
            if x % 2:
                x = 3 * x + 1
            else:
                x = x // 2
            steps += 1
        if steps > longest:
            longest = steps
    return longest


# ---- lists, tuples ----

def list_sum(xs):
    total = 0
    for x in xs:
        total += x
    return total


def list_build(n):
    out = []
    for i in range(n):
        if i % 3:
            out.append(i)
    return out


def list_index(xs):
    total = 0
    for i in range(len(xs)):
        total += xs[i]
    return total


def list_swap(list xs):
    cdef Py_ssize_t i, n = len(xs)
    for i in range(n // 2):
        xs[i], xs[n - 1 - i] = xs[n - 1 - i], xs[i]
    return xs


def list_slices(xs):
    n = 0
    for i in range(500):
        n += len(xs[i:i + 10])
    return n


def bubble_sort(xs):
    xs = list(xs)
    n = len(xs)
    for i in range(n):
        for j in range(n - 1 - i):
            if xs[j] > xs[j + 1]:
                xs[j], xs[j + 1] = xs[j + 1], xs[j]
    return xs


def matrix_product(a, b):
    n = len(a)
    return [[sum([a[i][k] * b[k][j] for k in range(n)]) for j in range(n)] for i in range(n)]


def unpacking(pairs):
    total = 0
    for a, b in pairs:
        total += a - b
    return total


def zip_enumerate(xs, ys):
    total = 0
    for i, (x, y) in enumerate(zip(xs, ys)):
        total += i * x + y
    return total


# ---- dicts, sets ----

def dict_count(words):
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


def dict_count_in(words):
    counts = {}
    for word in words:
        if word in counts:
            counts[word] += 1
        else:
            counts[word] = 1
    return counts


def dict_items(d):
    total = 0
    for key, value in d.items():
        if key != 'w3':
            total += value
    return total


def dict_lookup(dict d, list keys):
    n = 0
    for key in keys:
        n += d[key]
    return n


def set_members(xs):
    seen = set()
    twice = 0
    for x in xs:
        if x in seen:
            twice += 1
        else:
            seen.add(x)
    return twice


# ---- strings ----

def str_loop(s):
    n = 0
    for c in s:
        if c == 'e' or c in 'aou':
            n += 1
    return n


def str_typed_loop(str s):
    cdef Py_UCS4 c
    cdef int n = 0
    for c in s:
        if c == u'e':
            n += 1
    return n


def str_index(s):
    n = 0
    for i in range(len(s)):
        if s[i] == 'e':
            n += 1
    return n


def str_build(n):
    s = ''
    for i in range(n):
        s += 'ab'
    return s


def str_format(n):
    out = []
    for i in range(n):
        out.append(f'{i}: {i * 2} of {n!r}')
    return out


def str_percent(n):
    out = []
    for i in range(n):
        out.append('%d: %s' % (i, i))
    return ''.join(out)


def str_methods(words):
    out = []
    for word in words:
        if word.startswith('w'):
            out.append(word.upper().strip())
    return '-'.join(out)


def bytes_loop(bytes data):
    cdef unsigned char c
    cdef int n = 0
    for c in data:
        if c == b'e':
            n += 1
    return n


# ---- calls ----

def call_0():
    return None


def call_1(a):
    return a


def call_2(a, b):
    return a


def call_3(a, b, c):
    return a


def call_default(a, b=1, c=2):
    return c


def call_keyword(a, b=1, *, c=2):
    return c


def call_star(*args, **kwargs):
    return args


def call_typed(int a, double b):
    return a * b


cpdef double call_cpdef(double a, double b):
    return a + b


def helper(a, b):
    return a


def calls_python(n):
    for i in range(n):
        helper(i, n)


def calls_keyword(n):
    for i in range(n):
        helper(a=i, b=n)


cdef long cdef_fib(long n):
    if n < 2:
        return n
    return cdef_fib(n - 1) + cdef_fib(n - 2)


def calls_cdef(n):
    return cdef_fib(n)


cdef cdef_object(x, y):
    if x > y:
        return x
    return y


def calls_cdef_object(n):
    best = 0
    for i in range(n):
        best = cdef_object(i, best)
    return best


cdef int checked(int x) except -1:
    if x < 0:
        raise ValueError(x)
    return x


def calls_checked(int n):
    cdef int i, total = 0
    for i in range(n):
        total ^= checked(i * 7 % 13)
    return total


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def calls_builtins(xs):
    total = 0
    for x in xs:
        if isinstance(x, int):
            total += abs(x) + min(x, 5) + max(x, 3) + len(xs)
    return total


def sort_key(pairs):
    return sorted(pairs, key=lambda p: p[1])


# ---- exceptions ----

def try_without(xs):
    total = 0
    for x in xs:
        try:
            total += x
        except TypeError:
            total -= 1
    return total


def try_catch(n):
    caught = 0
    for i in range(n):
        try:
            raise ValueError(i)
        except ValueError:
            caught += 1
    return caught


def try_key_error(d, n):
    caught = 0
    for i in range(n):
        try:
            d[i]
        except KeyError as e:
            caught += 1
    return caught


cdef deep(n):
    if n == 0:
        raise IndexError('deep')
    return deep(n - 1)


def try_deep(n):
    caught = 0
    for i in range(n):
        try:
            deep(5)
        except IndexError:
            caught += 1
    return caught


def try_finally(xs):
    total = 0
    for x in xs:
        try:
            total += x
        finally:
            total += 1
    return total


def with_statement(lock, n):
    for i in range(n):
        with lock:
            pass


# ---- comprehensions ----

def list_comprehension(n):
    return [i * i for i in range(n) if i % 2]


def dict_comprehension(xs):
    return {x: x + 1 for x in xs}


def set_comprehension(xs):
    return {x % 100 for x in xs}


# ---- attributes ----

def attr_read(o, n):
    total = 0
    for i in range(n):
        total += o.x
    return total


def attr_write(o, n):
    for i in range(n):
        o.x = i


def method_call(o, n):
    for i in range(n):
        o.method(i)


def module_attr(n):
    total = 0.0
    for i in range(n):
        total += math.floor(2.5)
    return total


import math

COUNTER = 0


def global_variable(n):
    global COUNTER
    COUNTER = 0
    for i in range(n):
        COUNTER += 1
    return COUNTER
