"""The C++ compiler of this machine: which one it is, and how it is called.

A module must behave on disk as it does in the process, so the flags that decide what code means are
those of src/jit: signed integers wrap, and `a * b + c` rounds twice on every processor.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# What the meaning of the code depends on, and what the runtime's headers need.
REQUIRED_FLAGS = ("-std=c++20", "-fwrapv", "-ffp-contract=off", "-fvisibility=hidden", "-DNDEBUG")
# Faster, and the same: nobody outside calls into a module but by its PyInit function.
SPEED_FLAGS = ("-fno-plt", "-fno-semantic-interposition", "-fno-stack-protector")


def required_flags(asked: Sequence[str]) -> list[str]:
    """To come after those that somebody asks for, of which a newer C++ may stay."""
    is_newer = any(re.fullmatch(r"-std=(c|gnu)\+\+2[3-9b-z]", flag) for flag in asked)
    return [flag for flag in REQUIRED_FLAGS if not (is_newer and flag.startswith("-std="))]


_CANDIDATES = ("g++", "c++", "clang++", *(f"clang++-{n}" for n in range(22, 13, -1)))


class BuildError(Exception):
    """A compiler or linker failed, or is not there; its own words are in the message."""


@dataclass(frozen=True)
class Message:
    """What a compiler says of a line of the source, as `#line` leads it there."""

    severity: str
    file: str
    line: int
    column: int
    message: str
    rendered: str
    hint: str = ""
    code: str = "c++"

    def __str__(self) -> str:
        return self.rendered


def messages_of(output: str) -> list[Message]:
    """The errors and warnings in the output of g++ or clang++, each with the lines below it."""
    start = re.compile(r"^(.+?):(\d+):(?:(\d+):)? (?:fatal )?(error|warning): (.*)$")
    found: list[tuple[re.Match[str], list[str]]] = []
    for line in output.splitlines():
        if match := start.match(line):
            found.append((match, [line]))
        elif re.match(r".*: (In|At|In file included) |In file included|\d+ (error|warning)", line):
            continue
        elif found:
            found[-1][1].append(line)
    return [
        Message(m[4], m[1], int(m[2]), int(m[3] or 0), m[5], "\n".join(lines) + "\n")
        for m, lines in found
    ]


@dataclass(frozen=True)
class Toolchain:
    """A C++ compiler, which also links. `command` may be more than one word: ccache g++."""

    command: tuple[str, ...]
    version: str  # the first line of --version

    @property
    def is_clang(self) -> bool:
        return "clang" in self.version

    @property
    def c_command(self) -> tuple[str, ...]:
        """The compiler for sources in C: $CC, or the C++ compiler's own sibling."""
        if "CC" in os.environ:
            return tuple(shlex.split(os.environ["CC"]))
        *front, last = self.command
        folder, name = os.path.split(last)
        name = name.replace("clang++", "clang").replace("g++", "gcc").replace("c++", "cc")
        return (*front, os.path.join(folder, name))

    @functools.cached_property
    def openmp_flags(self) -> tuple[str, ...]:
        """Raises BuildError if it has no OpenMP: without it a prange would run on one core, and
        say nothing."""
        text = "#ifndef _OPENMP\n#error\n#endif\n#include <omp.h>\nint f() { return omp_get_max_threads(); }\n"
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "probe.cpp"
            source.write_text(text)
            done = _run([*self.command, "-fopenmp", "-shared", "-fPIC", str(source),
                         "-o", str(source.with_suffix(".so"))])  # fmt: skip
        if done.returncode == 0:
            return ("-fopenmp",)
        first = next(iter(messages_of(done.stdout)), None)
        why = first.message if first else done.stdout.strip().splitlines()[-1:]
        remedy = "libomp-dev of the same version" if self.is_clang else "gcc's libgomp"
        raise BuildError(
            f"prange needs OpenMP, and {self.command[-1]} has none ({why}): install {remedy}, or "
            "choose another compiler with $CXX or compiler="
        )

    def compile(self, source: Path, target: Path, flags: Iterable[str]) -> str:
        """To an object file. What it said; BuildError if it failed."""
        is_c = source.suffix == ".c"
        # What is C++ for the module is nothing to a source in C.
        own = [f for f in flags if not (is_c and f.startswith("-std="))]
        command = [*(self.c_command if is_c else self.command), "-c", "-fPIC", *own]
        return _checked([*command, str(source), "-o", str(target)])

    def link(self, objects: Iterable[Path], target: Path, flags: Iterable[str]) -> str:
        return _checked([*self.command, "-shared", *map(str, objects), *flags, "-o", str(target)])


def find(command: str | None = None) -> Toolchain:
    """The given one, $CXX, or the best that there is; BuildError if there is none."""
    wanted = command or os.environ.get("CXX")
    if wanted:
        words = tuple(shlex.split(wanted))
        if not words or shutil.which(words[-1]) is None:
            raise BuildError(f"there is no C++ compiler {wanted!r}")
        return _toolchain(words)
    usual = shlex.split(sysconfig.get_config_var("CXX") or "")
    for words in (tuple(usual), *((name,) for name in _CANDIDATES)):
        if words and shutil.which(words[0]):
            return _toolchain(words)
    raise BuildError(
        "building needs a C++20 compiler, and neither g++ nor clang++ is there (Debian: g++)"
    )


# $PATH and the compilers on it seldom change while a process runs.
@functools.cache
def _toolchain(words: tuple[str, ...]) -> Toolchain:
    done = _run([*words, "--version"])
    version = done.stdout.strip().splitlines()[:1] or [""]
    if done.returncode != 0:
        raise BuildError(f"{shlex.join(words)} --version failed: {done.stdout.strip()}")
    return Toolchain(words, version[0])


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # Messages are read by messages_of, in English and without colours.
    env = {**os.environ, "LC_ALL": "C.UTF-8", "GCC_COLORS": ""}
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", env=env,
    )  # fmt: skip


def _checked(command: Sequence[str]) -> str:
    try:
        done = _run(command)
    except OSError as error:
        raise BuildError(f"cannot run {command[0]}: {error}") from error
    if done.returncode == 0:
        return done.stdout
    errors = [m for m in messages_of(done.stdout) if m.severity == "error"]
    if errors:
        from ..compiling import CompileError

        raise CompileError(errors)
    raise BuildError(f"{done.stdout.strip()}\ncommand: {shlex.join(command)}")
