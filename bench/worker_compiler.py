"""Measures our compiler beside Cython with gcc, and Numba, in the process that it is started as.

The Python is that of the peers' environment, with our packages behind its own: all that is compared
is loaded into one process, and called in turns. Prints one line, RESULT and JSON: system -> key ->
number. Started by run_compiler.py.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import site
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from compiled_calls import CALLS, DATA, Call
from compiler_texts import TEXTS, Text

HERE = Path(__file__).resolve().parent
KERNELS = HERE / "compiled_kernels.pyx"
Found = dict[str, dict[str, float]]


def put(found: Found, system: str, key: str, number: float) -> None:
    found.setdefault(system, {})[key] = number


# ---- the compilers ----


def cython_module(
    text: str, name: str, folder: Path, flags: Sequence[str] = ("-O2",)
) -> ModuleType:
    """Compiled as Cython's own %%cython does it, but with these flags."""
    import numpy
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    source = folder / f"{name}.pyx"
    source.write_text(text)
    extension = Extension(
        name, [str(source)], extra_compile_args=[*flags, "-w"], extra_link_args=list(flags),
        include_dirs=[numpy.get_include()],
    )  # fmt: skip
    extensions = cythonize([extension], quiet=True, build_dir=str(folder))
    command = build_ext(Distribution({"ext_modules": extensions}))
    command.build_temp = command.build_lib = str(folder)
    command.ensure_finalized()
    command.run()
    spec = importlib.util.spec_from_file_location(name, command.get_ext_fullpath(name))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def our_module(text: str, name: str) -> ModuleType:
    import engineroom

    return engineroom.compile(text, name)


def numba_module() -> ModuleType | None:
    try:
        import numba_kernels
    except ImportError:
        return None
    return numba_kernels


# ---- run time ----


def timer(function: Callable, call: str) -> Callable[[int], float]:
    """Seconds that 8 times so many calls take."""
    space = {"f": function, "clock": time.perf_counter, "repeat": itertools.repeat, **DATA}
    names = ", ".join(f"{name}={name}" for name in space)
    text = (
        f"def turns(n, {names}):\n"
        "    begin = clock()\n"
        f"    for _ in repeat(None, n): {'; '.join([call] * 8)}\n"
        "    return clock() - begin\n"
    )
    exec(text, space)
    return space["turns"]  # type: ignore[return-value]


def best_of(timers: dict[str, Callable[[int], float]], batch: float, rounds: int) -> dict:
    """Nanoseconds per call of each, the best of so many rounds in turns."""
    n = 1
    first = next(iter(timers.values()))
    while first(n) < batch:
        n *= 2
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, turns in timers.items():
            took = turns(n) / (8 * n) * 1e9
            best[name] = min(took, best.get(name, took))
    return best


def measure_run(parameters: dict) -> Found:
    text = KERNELS.read_text()
    modules = {
        "ours": our_module(text, "kernels_of_ours"),
        "cython": cython_module(text, "kernels_of_cython", Path.cwd()),
        "numba": numba_module(),
    }
    found: Found = {}
    for call in CALLS:
        functions = {
            name: getattr(module, call.function)
            for name, module in modules.items()
            if hasattr(module, call.function)
        }
        check_answers(call, functions)
        timers = {name: timer(function, call.call) for name, function in functions.items()}
        best = best_of(timers, parameters["batch"], parameters["rounds"])
        for name, number in best.items():
            put(found, name, call.key, number)
    return found


def check_answers(call: Call, functions: dict[str, Callable]) -> None:
    answers = {name: eval(call.call, {"f": f, **DATA}) for name, f in functions.items()}
    expected = answers["cython"]
    for name, answer in answers.items():
        if call.is_random and name == "numba":
            continue
        if not same(answer, expected):
            raise AssertionError(f"{call.key}: {name} says {answer!r:.80}, not {expected!r:.80}")


def same(a: Any, b: Any) -> bool:
    # Numba may order floating point operations as it likes.
    if isinstance(a, float):
        return abs(a - b) <= 1e-9 * abs(b)
    if hasattr(a, "tobytes"):
        return a.tobytes() == b.tobytes()
    return list(a) == list(b) if isinstance(b, list) else a == b


# ---- compile time ----


def measure_compile(parameters: dict) -> Found:
    found: Found = {}
    numbers = itertools.count(int(time.time()) % 100_000 * 1000)
    warm_up = TEXTS[0].with_number(next(numbers))
    our_module(warm_up, "warm_up")
    cython_module(warm_up, "warm_up", Path.cwd())
    for text in TEXTS:
        times: dict[str, list[float]] = {"ours": [], "cython": []}
        for _ in range(parameters["cython"]):
            for _ in range(parameters["ours"]):
                times["ours"].append(compile_once(text, next(numbers), our_module))

            def theirs(source: str, name: str, flags: Sequence[str] = text.flags) -> ModuleType:
                return cython_module(source, name, Path.cwd(), flags)

            times["cython"].append(compile_once(text, next(numbers), theirs))
        for system, values in times.items():
            put(found, system, f"compile_{text.key}", statistics.median(values) * 1e3)
        put(found, "ours", f"emitted_{text.key}", lines_per_line(text.with_number(1)))
    put(found, "ours", "emitted_kernels", lines_per_line(KERNELS.read_text()))
    return found


def compile_once(text: Text, number: int, compile: Callable[[str, str], ModuleType]) -> float:
    source = text.with_number(number)
    begin = time.perf_counter()
    function = getattr(compile(source, f"bench_{text.key}_{number}"), text.function)
    took = time.perf_counter() - begin
    assert text.check(function, number), text.key
    return took


def lines_per_line(source: str) -> float:
    """Of C++ in functions, without their signatures, per line of the source that is code.

    Not counted is the function that runs the module's own statements, which makes the functions.
    """
    import engineroom

    inside, count = False, 0
    for line in engineroom.explain(source, "c++").splitlines():
        if line == "}":
            inside = False
        count += inside and not line.startswith("#")
        if line.startswith("static") and line.endswith(") {"):
            inside = "er_run_module" not in line
    lines = [line.strip() for line in source.splitlines()]
    return count / sum(bool(line) and not line.startswith("#") for line in lines)


# ---- processes of their own ----

IMPORT = "import time; t = time.perf_counter(); import {}; print((time.perf_counter() - t) * 1e3)"
FIRST = """
import time
t = time.perf_counter()
import engineroom
engineroom.compile({text!r})
print((time.perf_counter() - t) * 1e3)
t = time.perf_counter()
engineroom.compile({second!r})
print((time.perf_counter() - t) * 1e3)
"""


def measure_start(parameters: dict) -> Found:
    times: dict[str, list[float]] = {}

    def add(key: str, number: float) -> None:
        times.setdefault(key, []).append(number)

    def first(text: str, second: str) -> list[float]:
        return fresh_process(parameters["python"], FIRST.format(text=text, second=second))

    number = itertools.count(int(time.time()) % 100_000 * 1000)
    old, second = (TEXTS[0].with_number(next(number)) for _ in range(2))
    header, _ = first(old, second)
    for _ in range(parameters["turns"]):
        for module in ("engineroom", "IPython"):
            add(f"import_{module}", *fresh_process(parameters["python"], IMPORT.format(module)))
        add("first", first(*(TEXTS[0].with_number(next(number)) for _ in range(2)))[0])
        again, cached = first(old, second)
        add("first_cached", again)
        add("cached", cached)
    middle = {key: statistics.median(values) for key, values in times.items()}
    middle["import_ratio"] = middle["import_engineroom"] / middle["import_IPython"]
    middle["header"] = header
    return {"ours": middle}


def fresh_process(python: str, code: str) -> list[float]:
    """The numbers that it prints."""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return [float(line) for line in done.stdout.split()]


# ---- memory ----


def resident_kib() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def measure_memory(parameters: dict) -> Found:
    """What stays of a cell: its code, its constants, and what the compiler keeps of it."""
    text, kept = TEXTS[3], []
    before = 0.0
    for i in range(parameters["cells"] + 20):
        if i == 20:
            before = resident_kib()
        kept.append(our_module(text.with_number(i), f"cell_{i}"))
    growth = (resident_kib() - before) / parameters["cells"]
    return {"ours": {"memory_cell": growth, "memory_all": resident_kib() / 1024}}


MEASURES = {
    "compile": measure_compile,
    "start": measure_start,
    "run": measure_run,
    "memory": measure_memory,
}


def main() -> None:
    name, parameters = sys.argv[1], json.loads(sys.argv[2])
    # Behind the peers' own packages, with its .pth files: that is how an editable package is found.
    for folder in parameters["packages"]:
        site.addsitedir(folder)
    print("RESULT " + json.dumps(MEASURES[name](parameters)))


if __name__ == "__main__":
    main()
