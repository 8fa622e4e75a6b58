"""From a text to native code, while the program runs: one function, three ways.

Run it with Python; nothing is built, and no C compiler is needed.
"""

import timeit

import engineroom as er


def square(x):
    return x * x


began = timeit.default_timer()
compiled = er.compile("""
def square(x):
    return x * x
""")
typed = er.compile("""
cdef double square_of(double x):
    return x * x

def sum_of_squares(int n):
    cdef double total = 0
    cdef int i
    for i in range(n):
        total += square_of(i)
    return total
""")
took = timeit.default_timer() - began
print(f"two modules compiled in {took * 1e3:.0f} ms, or loaded from the cache")

# Without types it is Python, with all that Python's numbers can do.
print("square:", compiled.square(12), compiled.square(1.5), compiled.square(10**20))
try:
    compiled.square("abc")
except TypeError as error:
    print("error:", error)


def best(call):
    """Seconds, the best of five."""
    return min(timeit.repeat(call, number=1, repeat=5))


def sum_of_squares(n):
    total = 0.0
    for i in range(n):
        total += square(i)
    return total


n = 200_000
assert typed.sum_of_squares(n) == sum_of_squares(n)
seconds = best(lambda: sum_of_squares(n))
print(f"sum of {n} squares: {seconds * 1e3:.2f} ms in Python")
print(f"with C types: {seconds / best(lambda: typed.sum_of_squares(n)):.0f} times as fast")
