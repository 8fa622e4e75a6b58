#!/usr/bin/env python3
"""Is a parallel loop that compiles silently really free of races?

Loops are made by a grammar: sums and extremes and their places, private values, subscripts with offsets, strides
and moduli, inner loops of all kinds, conditions, break, rows, structs, C arrays, pointers, calls that give values
by address. Each is written twice: in Cython, for the compiler's verdict, and in C++, where
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
        """An index for the arrays a and b, the pointer p and the structs q."""
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
        r = self.rng.random()
        if r < 0.06:
            return Text("own[k & 3]", "e.own_[k & 3]") if r < 0.03 else Text("one.x", "e.one_.x")
        if r < 0.14:
            index, field = self.subscript(), self.pick("x", "y")
            return Text(f"q[{index.cython}].{field}", f"e.q({index.cpp}).{field}")
        if r < 0.2:
            index = self.subscript()
            return Text(f"p[{index.cython}]", f"e.p({index.cpp})")
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
        if r < 0.76:
            return self.call()
        if r < 0.79 and not self.has_j:
            test = self.condition()
            before = self.block(0, 1)
            return Text(
                [f"if {test.cython}:", *("    " + line for line in before.cython), "    break"],
                [f"if ({test.cpp}) {{", *before.cpp, "return true;", "}"],
            )
        if r < 0.88 or self.has_j:
            return self.branch(depth)
        return self.pick(self.inner, self.inner, self.counting)(depth)

    def call(self):
        """A function that gives a value by way of an address."""
        value = self.value()
        if self.rng.random() < 0.5:
            first = self.pick([], ["x = 0"])
            return Text(
                [*first, f"put(&x, {value.cython})"],
                [*(line + ";" for line in first), f"put(x, {value.cpp});"],
            )
        first = self.pick("k = 0", "k = i", "k = 2*i")
        second = self.pick("i", "0", "m", "i + 1")
        return Text([first, f"put_long(&k, {second})"], [first + ";", f"put(k, {second});"])

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
            Text(
                [f"if {c} > high:", f"    high = {c}", "    at = i"],
                [f"if ({p} > high) {{ high = {p}; at = i; }}"],
            ),
            Text(
                [f"if low > {c}:", "    at = 2*i", f"    low = {c}"],
                [f"if (low > {p}) {{ at = 2*i; low = {p}; }}"],
            ),
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

    def counting(self, depth):
        """A while loop that counts."""
        start, test, step = self.pick(
            ("0", "j < m", "j += 1"),
            ("0", "j < n", "j += 1"),
            ("i*m", "j < (i + 1)*m", "j += 1"),
            ("0", "j <= m", "j += 1"),
            ("m - 1", "j >= 0", "j -= 1"),
            ("0", "j < i", "j += 2"),
        )
        self.has_j = True
        body = self.block(depth - 1, self.rng.randint(1, 2))
        self.has_j = False
        lines = ["    " + line for line in body.cython]
        return Text(
            [f"j = {start}", f"while {test}:", *lines, f"    {step}"],
            [f"{{ long j = {start}; while ({test}) {{", *body.cpp, f"{step}; }} }}"],
        )

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
        kind = self.pick("range", "range", "prange")
        cython = [
            f"for j in {kind}({low}, {high}{step}):",
            *("    " + line for line in body.cython),
        ]
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

cdef struct Pair:
    double x
    double y

cdef void put(double *to, double value) noexcept nogil:
    to[0] = value

cdef void put_long(long *to, long value) noexcept nogil:
    to[0] = value

def f(double[:] a, double[:] b, double[:, :] t, long[:] idx, Pair[:] q, long n, long m, long k):
    cdef long i, j, at = -1
    cdef double[4] own
    cdef Pair one
    cdef double *p = &a[0]
    cdef double s = 3, x = 2, high = 5, low = 50
    cdef bint ok = True, found = False
    for i in prange(n, nogil=True):
{body}
    return s, x, k, at, high, low, ok, found, one, own[0]
"""


def verdict_of(loop):
    """'silent', 'warning' or 'error'; and the reductions that were found: name → operator, companions."""
    text = CYTHON.format(body=textwrap.indent(loop.cython, " " * 8))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            tree = er.explain(text, "types")
        except er.CompileError as error:
            if "not supported" in str(error):
                return "refused", {}
            return "error", {}
    found = re.findall(r" reduce (\S+) (\w+)((?: with \w+)*)", tree)
    undecided = [w for w in caught if re.search("decided|no turns|not known", str(w.message))]
    reductions = {name: (op, re.findall(r" with (\w+)", others)) for op, name, others in found}
    return ("warning" if undecided else "silent"), reductions


# ---- what happens ----

CPP_HEAD = """
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>
#include <tuple>
#include <vector>

static bool is_flagged;
// Not watched itself: it would wait for the report that it is part of.
extern "C" __attribute__((disable_sanitizer_instrumentation)) void __tsan_on_report(void*) {
  is_flagged = true;
}

constexpr long kSize = 1024;
constexpr long kSide = 96;  // of the table
static long modulo(long a, long b) { return ((a % b) + b) % b; }
static long floored(long a, long b) { return (a - modulo(a, b)) / b; }

static void put(double& to, double value) { to = value; }
static void put(long& to, long value) { to = value; }

struct Pair {
  double x, y;
};

// Memory that threads share, with Cython's indices below 0.
struct Shared {
  double* a_ = new double[2 * kSize]() + kSize;  // before it: where the pointer may lead
  Pair* q_ = new Pair[kSize];
  double own_[4] = {1, 2, 3, 4};
  Pair one_ = {5, 6};
  double* b_ = new double[kSize];
  double* t_ = new double[kSide * kSide];
  long* idx_ = new long[kSize];
  Shared() {
    for (long i = 0; i < kSize; ++i) {
      a_[i] = (i * 37) % 101;
      b_[i] = (i * 53) % 97;
      q_[i] = {double((i * 41) % 99), double((i * 43) % 98)};
      idx_[i] = (i * i) % 7;
    }
    for (long i = 0; i < kSide * kSide; ++i) t_[i] = (i * 31) % 103;
  }
  ~Shared() { delete[] (a_ - kSize); delete[] b_; delete[] t_; delete[] idx_; delete[] q_; }
  static long at(long i, long size = kSize) { return i < 0 ? i + size : i; }
  double& a(long i) { return a_[at(i)]; }
  double& b(long i) { return b_[at(i)]; }
  double& p(long i) { return a_[i]; }
  Pair& q(long i) { return q_[at(i)]; }
  double& t(long i, long j) { return t_[at(i, kSide) * kSide + at(j, kSide)]; }
  long& idx(long i) { return idx_[at(i)]; }
  bool same(const Shared& o) const {
    return !std::memcmp(a_ - kSize, o.a_ - kSize, 2 * kSize * 8) && !std::memcmp(b_, o.b_, kSize * 8) &&
           !std::memcmp(q_, o.q_, kSize * 16) && !std::memcmp(own_, o.own_, sizeof own_) &&
           !std::memcmp(&one_, &o.one_, sizeof one_) &&
           !std::memcmp(t_, o.t_, kSide * kSide * 8);
  }
};

struct Own {
  double s = 3, x = 2, high = 5, low = 50;
  long k = 1, ok = 1, found = 0, at = -1;
};
using Body = bool (*)(Shared&, Own&, long, long, long);  // true: it breaks
using Combine = void (*)(Own&, const Own&);

static void check(int number, Body body, void (*start)(Own&), Combine combine, Combine restore) {
  bool is_wrong = false;
  is_flagged = false;
  for (auto [n, m, k] : {std::tuple{6L, 4L, 1L}, {7L, 1L, 2L}, {5L, 3L, 2L},
                         {1L, 2L, 1L}, {6L, 0L, 2L}, {12L, 3L, 3L}}) {
    Shared wanted, got;
    Own before;
    before.k = k;
    Own sequential = before;
    long last = n - 1;
    bool breaks = false;
    for (long i = 0; i <= last; ++i)
      if (body(wanted, sequential, i, n, m)) last = i, breaks = true;
    std::vector<Own> own(n, before);
    std::vector<std::thread> threads;
    for (long i = 0; i < n; ++i) {
      start(own[i]);
      threads.emplace_back([&, i] { Own mine = own[i]; body(got, mine, i, n, m); own[i] = mine; });
    }
    for (auto& thread : threads) thread.join();
    // Private values are the last iteration's, reductions are put together. What iterations beyond
    // a break write is not undone.
    Own parallel = own[last];
    restore(parallel, before);
    for (long i = 0; i <= last; ++i) combine(parallel, own[i]);
    is_wrong |= (!breaks && !wanted.same(got)) || std::memcmp(&parallel, &sequential, sizeof(Own)) != 0;
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
    starts, combines, restores = [], [], []
    for name, (op, companions) in reductions.items():
        for one in (name, *companions):
            restores.append(f"into.{one} = from.{one};")
        if companions:
            better = f"from.{name} {'>' if op == 'max' else '<'} into.{name}"
            taken = "".join(f" into.{one} = from.{one};" for one in (name, *companions))
            combines.append(f"if ({better}) {{{taken} }}")
        else:
            starts.append(f"own.{name} = {COMBINE[op][0]};")
            combines.append(COMBINE[op][1].format(name))
    return f"""
static bool body_{number}(Shared& e, Own& own, long i, long n, long m) {{
  auto& [s, x, high, low, k, ok, found, at] = own;
{loop.cpp}
  return false;
}}
static void start_{number}(Own& own) {{ {" ".join(starts)} }}
static void combine_{number}(Own& into, const Own& from) {{ {" ".join(combines)} }}
static void restore_{number}(Own& into, const Own& from) {{ {" ".join(restores)} }}
"""


def run(loops, verdicts, folder, compiler):
    """number → (flagged by ThreadSanitizer, another result than the sequential loop)."""
    source = pathlib.Path(folder, "loops.cpp")
    program = pathlib.Path(folder, "loops")
    parts = [CPP_HEAD]
    parts += [cpp_of(i, loop, verdicts[i][1]) for i, loop in enumerate(loops)]
    checks = "\n".join(
        f"  check({i}, body_{i}, start_{i}, combine_{i}, restore_{i});" for i in range(len(loops))
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
        if verbose and verdict != "silent" and not (flagged or wrong):
            print(f"---- {verdict}, though it seems to be right\n{loop.cython}")
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
