"""The sieve of Eratosthenes three ways: Python; the same text compiled; and with three C variables.

The text of the function is the same in all three, but for the types.
"""

import timeit

import engineroom as er

PYTHON = """
def primes(n):
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
"""

TYPED = PYTHON.replace(
    "def primes(n):\n",
    "def primes(int n):\n    cdef int i, k\n",
)


def three_ways():
    """The function in Python, compiled, and compiled with types."""
    plain = {}
    exec(PYTHON, plain)
    return plain["primes"], er.compile(PYTHON).primes, er.compile(TYPED).primes


def best(f, n):
    """Seconds, the best of five."""
    return min(timeit.repeat(lambda: f(n), number=1, repeat=5))


def main(n=100_000):
    plain, compiled, typed = three_ways()
    print("primes:", typed(30))
    assert plain(n) == compiled(n) == typed(n)
    seconds = best(plain, n)
    print(f"the {len(typed(n))} primes below {n}: {seconds * 1e3:.2f} ms in Python")
    for name, f in (("the same text compiled", compiled), ("with int n, i and k", typed)):
        print(f"{name}: {seconds / best(f, n):.1f} times as fast")


if __name__ == "__main__":
    main()
