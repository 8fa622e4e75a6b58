"""The functions of compiled_kernels.pyx that Numba can compile too, as it wants them written."""

from math import sin, sqrt

import numpy as np
from numba import njit


@njit
def square(x):
    return x * x


@njit
def typed_sieve(n):
    is_prime = np.ones(n, dtype=np.bool_)
    is_prime[:2] = False
    i = 2
    while i * i < n:
        if is_prime[i]:
            k = i * i
            while k < n:
                is_prime[k] = False
                k += i
        i += 1
    return [i for i in range(n) if is_prime[i]]


@njit
def walk(n):
    x = np.zeros(n + 1)
    dx = 1 / sqrt(n)
    for i in range(n):
        x[i + 1] = x[i] + dx * (2 * round(np.random.random()) - 1)
    return x


@njit
def typed_division(n):
    p = np.zeros(10000, dtype=np.int32)
    result = []
    n = min(n, 10000)
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


@njit
def float_loop(n):
    total = 0.0
    for i in range(n):
        x = i * 0.5
        total += x * x / (1.0 + x)
    return total


@njit
def float_functions(n):
    total = 0.0
    for i in range(n):
        total += sqrt(sin(i * 0.01) + 1.0)
    return total


@njit
def int_loop(n):
    total = 0
    for i in range(n):
        total += (i * i) % 7 + i // 3
    return total


@njit
def int_objects(n):
    total = 0
    i = 0
    while i < n:
        total += i * 2
        i += 1
    return total


@njit
def collatz(n):
    longest = 0
    for start in range(1, n):
        x = start
        steps = 0
        while x != 1:
            x = 3 * x + 1 if x % 2 else x // 2
            steps += 1
        longest = max(longest, steps)
    return longest


@njit
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
