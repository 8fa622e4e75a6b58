#!/usr/bin/env python3
"""Is a parallel loop that compiles silently really free of races?

Loops are made by a grammar: sums and extremes, private values, subscripts with offsets, strides and moduli,
inner loops, conditions, rows. Each is written twice: in Cython, for the compiler's verdict, and in C++, where
every iteration runs in a thread of its own under ThreadSanitizer. A loop that ThreadSanitizer flags, or whose
result differs from that of the sequential loop, must not be silent.

    scripts/race_verdicts.py --loops 2000 --seed 1

A loop that is refused without evidence is no failure (the sizes are small): those are counted, and shown with -v.
"""

import argparse
import collections
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import warnings

import engineroom as er

COMPILERS = ("clang++-19", "clang++")

# ---- loops ----

# An expression or statement in both languages; C++ statements are lines.
Text = collections.namedtuple("Text", "cython cpp")
Loop = collections.namedtuple("Loop", "cython cpp")


def both(text):
    return Text(text, text)


class Grammar:
    """Makes one loop over i in range(n)."""

    def __init__(self, rng):
        self.rng = rng
        self.has_j = False

    def pick(self, *choices):
        return self.rng.choice(choices)

    def constant(self):
        return self.rng.randint(0, 3)

    def subscript(self):
        """An index for the arrays a and b."""
        r = self.rng.random()
        c, d = self.rng.randint(1, 3), self.rng.randint(-2, 3)
        if self.has_j and r < 0.35:
            return both(
                self.pick(
                    "j",
                    "i*m + j",
                    "j*n + i",
                    "i + j",
                    f"{c}*j + {self.constant()}",
                    "i*3 + j",
                    "(i*m + j)*2",
                )
            )
        if r < 0.45:
            return both("i")
        if r < 0.6:
            return both(f"i + {d}" if d >= 0 else f"i - {-d}")
        if r < 0.75:
            return both(f"{c}*i + {self.constant()}")
        simple = ["n - 1 - i", "i + n", "k", "k + 1", "i + m", str(self.constant())]
        folded = [
            (f"i % {c + 1}", f"modulo(i, {c + 1})"),
            (f"i // {c + 1}", f"floored(i, {c + 1})"),
            (f"{c + 1}*i + i % {c + 1}", f"{c + 1}*i + modulo(i, {c + 1})"),
            (f"i >> {c}", f"(i >> {c})"),
            (f"i & {2**c - 1}", f"(i & {2**c - 1})"),
            ("idx[i]", "e.idx(i)"),
            (
                f"i // {c + 1} * {c + 1} + i % {c + 1}",
                f"floored(i, {c + 1}) * {c + 1} + modulo(i, {c + 1})",
            ),
        ]
        return both(self.pick(*simple)) if r < 0.88 else Text(*self.pick(*folded))

    def item(self):
        if self.rng.random() < 0.25:
            one, other = self.pick(
                ("i", "j" if self.has_j else "0"),
                ("j" if self.has_j else "1", "i"),
                ("i", str(self.constant())),
                ("i + 1", "j" if self.has_j else "i"),
                (str(self.constant()), "i"),
            )
            return Text(f"t[{one}, {other}]", f"e.t({one}, {other})")
        name = self.pick("a", "a", "b")
        index = self.subscript()
        return Text(f"{name}[{index.cython}]", f"e.{name}({index.cpp})")

    def value(self):
        r = self.rng.random()
        if r < 0.5:
            return self.item()
        return both(self.pick("i", "x", "k", str(self.constant()), "j" if self.has_j else "i"))

    def condition(self):
        value = self.item()
        if self.rng.random() < 0.3:
            return both(self.pick("i == 2", "i > 2", "k > 1"))
        return Text(f"{value.cython} > 20", f"{value.cpp} > 20")

    def statement(self, depth):
        r = self.rng.random()
        if r < 0.4:
            target, value = self.item(), self.value()
            op = self.pick("=", "=", "+=")
            return self.line(
                f"{target.cython} {op} {value.cython}", f"{target.cpp} {op} {value.cpp};"
            )
        if r < 0.55:
            variable = self.pick("x", "k")
            value = (
                both(self.pick("i", "2*i", "i + 1", "m", "n - i"))
                if variable == "k"
                else self.value()
            )
            return self.line(f"{variable} = {value.cython}", f"{variable} = {value.cpp};")
        if r < 0.72:
            return self.update()
        if depth == 0:
            return self.update()
        if r < 0.86 or self.has_j:
            return self.branch(depth)
        return self.inner(depth)

    @staticmethod
    def line(cython, cpp):
        return Text([cython], [cpp])

    def update(self):
        value = self.value()
        c, p = value
        return self.pick(
            self.line(f"s = s + {c}", f"s = s + {p};"),
            self.line(f"s = {c} + s", f"s = {p} + s;"),
            self.line(f"s -= {c}", f"s -= {p};"),
            self.line(f"high = max(high, {c})", f"high = std::max<double>(high, {p});"),
            self.line(f"low = min({c}, low)", f"low = std::min<double>({p}, low);"),
            Text([f"if {c} > high:", f"    high = {c}"], [f"if ({p} > high) high = {p};"]),
            self.line(f"ok = ok and {c} > 3", f"ok = ok && {p} > 3;"),
            Text([f"if {c} > 90:", "    found = True"], [f"if ({p} > 90) found = 1;"]),
            self.line(f"s = {c} - s", f"s = {p} - s;"),
            Text([f"s = {c}", f"s += {c}"], [f"s = {p};", f"s += {p};"]),
        )

    def branch(self, depth):
        test = self.condition()
        body = self.block(depth - 1, 1)
        cython = [f"if {test.cython}:", *("    " + line for line in body.cython)]
        cpp = [f"if ({test.cpp}) {{", *body.cpp, "}"]
        if self.rng.random() < 0.3:
            orelse = self.block(depth - 1, 1)
            cython += ["else:", *("    " + line for line in orelse.cython)]
            cpp += ["else {", *orelse.cpp, "}"]
        return Text(cython, cpp)

    def inner(self, depth):
        low, high = self.pick(
            ("0", "m"),
            ("0", "m"),
            ("0", "i"),
            ("i + 1", "n"),
            ("i*m", "(i + 1)*m"),
            ("0", "2"),
            ("1", "m"),
        )
        step = self.pick("", "", ", 2")
        self.has_j = True
        body = self.block(depth - 1, self.rng.randint(1, 2))
        self.has_j = False
        cython = [f"for j in range({low}, {high}{step}):", *("    " + line for line in body.cython)]
        cpp = [f"for (long j = {low}; j < {high}; j += {'2' if step else '1'}) {{", *body.cpp, "}"]
        return Text(cython, cpp)

    def block(self, depth, n):
        cython, cpp = [], []
        for _ in range(n):
            made = self.statement(depth)
            cython += made.cython
            cpp += made.cpp
        return Text(cython, cpp)


def make_loop(rng):
    body = Grammar(rng).block(2, rng.randint(1, 3))
    return Loop("\n".join(body.cython), "\n".join(body.cpp))


# ---- the compiler's verdict ----

CYTHON = """
from cython.parallel cimport prange

def f(double[:] a, double[:] b, double[:, :] t, long[:] idx, long n, long m):
    cdef long i, j, k = 1
    cdef double s = 3, x = 2, high = 5, low = 50
    cdef bint ok = True, found = False
    for i in prange(n, nogil=True):
{body}
    return s, x, k, high, low, ok, found
"""


def verdict_of(loop):
    """'silent', 'warning' or 'error'; and the reductions that were found: name → operator."""
    text = CYTHON.format(body=textwrap.indent(loop.cython, " " * 8))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            tree = er.explain(text, "types")
        except er.CompileError as error:
            if "not supported" in str(error):
                return "refused", {}
            return "error", {}
    reductions = dict(re.findall(r" reduce (\S+) (\w+)", tree))
    undecided = [w for w in caught if "decided" in str(w.message) or "no turns" in str(w.message)]
    return ("warning" if undecided else "silent"), {name: op for op, name in reductions.items()}


# ---- what happens ----

CPP_HEAD = """
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

static bool is_flagged;
// Not watched itself: it would wait for the report that it is part of.
extern "C" __attribute__((disable_sanitizer_instrumentation)) void __tsan_on_report(void*) {
  is_flagged = true;
}

constexpr long kSize = 96;
static long modulo(long a, long b) { return ((a % b) + b) % b; }
static long floored(long a, long b) { return (a - modulo(a, b)) / b; }

// Arrays that threads share, with Cython's indices below 0.
struct Shared {
  double* a_ = new double[kSize];
  double* b_ = new double[kSize];
  double* t_ = new double[kSize * kSize];
  long* idx_ = new long[kSize];
  Shared() {
    for (long i = 0; i < kSize; ++i) {
      a_[i] = (i * 37) % 101;
      b_[i] = (i * 53) % 97;
      idx_[i] = (i * i) % 7;
    }
    for (long i = 0; i < kSize * kSize; ++i) t_[i] = (i * 31) % 103;
  }
  ~Shared() { delete[] a_; delete[] b_; delete[] t_; delete[] idx_; }
  static long at(long i) { return i < 0 ? i + kSize : i; }
  double& a(long i) { return a_[at(i)]; }
  double& b(long i) { return b_[at(i)]; }
  double& t(long i, long j) { return t_[at(i) * kSize + at(j)]; }
  long& idx(long i) { return idx_[at(i)]; }
  bool same(const Shared& o) const {
    return !std::memcmp(a_, o.a_, kSize * 8) && !std::memcmp(b_, o.b_, kSize * 8) &&
           !std::memcmp(t_, o.t_, kSize * kSize * 8);
  }
};

struct Own {
  double s = 3, x = 2, high = 5, low = 50;
  long k = 1, ok = 1, found = 0;
};
using Body = void (*)(Shared&, Own&, long, long, long);
using Combine = void (*)(Own&, const Own&);

static void check(int number, Body body, void (*start)(Own&), Combine combine) {
  bool is_wrong = false;
  is_flagged = false;
  for (auto [n, m] : {std::pair{6L, 4L}, {7L, 1L}, {5L, 3L}, {1L, 2L}, {6L, 0L}}) {
    Shared wanted, got;
    Own sequential;
    for (long i = 0; i < n; ++i) body(wanted, sequential, i, n, m);
    std::vector<Own> own(n);
    std::vector<std::thread> threads;
    for (long i = 0; i < n; ++i) {
      start(own[i]);
      threads.emplace_back([&, i] { Own mine = own[i]; body(got, mine, i, n, m); own[i] = mine; });
    }
    for (auto& thread : threads) thread.join();
    // Private values are the last iteration's, reductions are put together.
    Own result = own.back();
    combine(result, Own());
    Own parallel = result;
    for (long i = 0; i + 1 < n; ++i) combine(parallel, own[i]);
    is_wrong |= !wanted.same(got) || std::memcmp(&parallel, &sequential, sizeof(Own)) != 0;
  }
  std::printf("%d %d %d\\n", number, is_flagged, is_wrong);
}
"""

# op → what a thread starts with, and how `into` takes `from`.
COMBINE = {
    "+": ("0", "into.{0} += from.{0};"),
    "*": ("1", "into.{0} *= from.{0};"),
    "max": ("-1e300", "into.{0} = std::max(into.{0}, from.{0});"),
    "min": ("1e300", "into.{0} = std::min(into.{0}, from.{0});"),
    "&&": ("1", "into.{0} = into.{0} && from.{0};"),
    "||": ("0", "into.{0} = into.{0} || from.{0};"),
    "&": ("-1", "into.{0} &= from.{0};"),
    "|": ("0", "into.{0} |= from.{0};"),
    "^": ("0", "into.{0} ^= from.{0};"),
}


def cpp_of(number, loop, reductions):
    starts = " ".join(f"own.{name} = {COMBINE[op][0]};" for name, op in reductions.items())
    combines = " ".join(COMBINE[op][1].format(name) for name, op in reductions.items())
    return f"""
static void body_{number}(Shared& e, Own& own, long i, long n, long m) {{
  auto& [s, x, high, low, k, ok, found] = own;
{loop.cpp}
}}
static void start_{number}(Own& own) {{ {starts} }}
static void combine_{number}(Own& into, const Own& from) {{ {combines} }}
"""


def run(loops, verdicts, folder, compiler):
    """number → (flagged by ThreadSanitizer, another result than the sequential loop)."""
    source = pathlib.Path(folder, "loops.cpp")
    program = pathlib.Path(folder, "loops")
    parts = [CPP_HEAD]
    parts += [cpp_of(i, loop, verdicts[i][1]) for i, loop in enumerate(loops)]
    checks = "\n".join(
        f"  check({i}, body_{i}, start_{i}, combine_{i});" for i in range(len(loops))
    )
    parts.append(f"int main() {{\n{checks}\n}}\n")
    source.write_text("".join(parts))
    subprocess.run(
        [compiler, "-std=c++20", "-O0", "-w", "-fsanitize=thread", source, "-o", program],
        check=True,
    )
    fixed_layout = (
        ["setarch", "-R"]
        if subprocess.run(["setarch", "-R", "true"], capture_output=True).returncode == 0
        else []
    )
    environment = dict(
        os.environ,
        TSAN_OPTIONS="exitcode=0:symbolize=0:suppress_equal_stacks=0:suppress_equal_addresses=0",
    )
    done = subprocess.run([*fixed_layout, program], capture_output=True, text=True, env=environment)
    results = {}
    for line in done.stdout.splitlines():
        number, flagged, wrong = map(int, line.split())
        results[number] = (bool(flagged), bool(wrong))
    if len(results) != len(loops):
        raise SystemExit(f"the program stopped early:\n{done.stderr[-2000:]}")
    return results


# ---- the comparison ----


def compare(n_loops, seed, verbose=False):
    """The number of silent loops that are wrong; prints a table."""
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise SystemExit("needs clang++ with ThreadSanitizer")
    rng = random.Random(seed)
    loops, verdicts = [], []
    while len(loops) < n_loops:
        loop = make_loop(rng)
        verdict = verdict_of(loop)
        if verdict[0] != "refused":
            loops.append(loop)
            verdicts.append(verdict)
    results = {}
    size = 250
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, n_loops, size):
            part = run(
                loops[start : start + size], verdicts[start : start + size], folder, compiler
            )
            results.update({start + i: result for i, result in part.items()})
    counts = collections.Counter()
    bad = []
    for i, loop in enumerate(loops):
        verdict = verdicts[i][0]
        flagged, wrong = results[i]
        counts[verdict, "races" if flagged else "differs" if wrong else "is fine"] += 1
        if verdict == "silent" and (flagged or wrong):
            bad.append((loop, flagged))
        if verbose and verdict == "error" and not (flagged or wrong):
            print(f"---- refused, though it seems to be right\n{loop.cython}")
    for (verdict, result), count in sorted(counts.items()):
        print(f"{verdict:8} {result:8} {count:6}")
    for loop, flagged in bad:
        print(f"---- silent, but {'it races' if flagged else 'the result differs'}\n{loop.cython}")
    return len(bad)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loops", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show loops that were refused without evidence"
    )
    arguments = parser.parse_args()
    sys.exit(1 if compare(arguments.loops, arguments.seed, arguments.verbose) else 0)


if __name__ == "__main__":
    main()
