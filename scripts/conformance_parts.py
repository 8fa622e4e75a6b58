"""Cython's tests of memoryviews and buffers, as far as they need nothing that is not supported yet.

Those tests export memory by extension classes of their own, so scripts/conformance.py can run few
of them. Here Cython itself and a C compiler build these classes, into build/conformance/parts, and
the rest of a file imports them. Of what is left, definitions that are refused as not supported yet
run in plain Python if they can and have no examples (decorators, small classes); others are left
out and counted, with what uses them. Everything else has to compile, and its doctests have to pass.

    .venv/bin/python scripts/conformance_parts.py [--source CYTHON] [--only REGEX] [-v]
"""

from __future__ import annotations

import argparse
import ast
import doctest
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import types
from pathlib import Path

import conformance

WORK = conformance.WORK / "parts"
FOLDERS = ("memoryview", "buffers")
# What is not there yet, and what the lack of it leads to. The last: C functions as objects.
REFUSED = ("not supported yet", "is not a type", "undeclared name", ")' to a Python object")


def definitions(text: str) -> list[list[str]]:
    """The lines of each statement of the module, decorators and comments with what follows."""
    parts: list[list[str]] = []
    quote = ""
    depth = 0
    for line in text.split("\n"):
        starts = bool(line) and not line[0].isspace() and line[0] not in "#)]}" and not quote
        continues = re.match(r"(else|elif|except|finally)\b", line) is not None
        decorated = bool(parts) and any(one.startswith("@") for one in parts[-1][-1:])
        if not parts or (starts and depth == 0 and not continues and not decorated):
            parts.append([])
        parts[-1].append(line)
        for found in re.findall(r'"""|\'\'\'', line):
            quote = found if not quote else "" if found == quote else quote
        if not quote:
            code = re.sub(r"#.*", "", re.sub(r'"[^"]*"|\'[^\']*\'', "", line))
            depth = max(
                0, depth + len(re.findall(r"[([{]", code)) - len(re.findall(r"[)\]}]", code))
            )
    return parts


def head(part: list[str]) -> str:
    """Its first line that is no decorator and no comment."""
    return next((line for line in part if line and line[0] not in "@#"), part[0])


def with_includes(file: Path) -> str:
    def included(match: re.Match[str]) -> str:
        return with_includes(file.parent / match[1])

    return re.sub(r'^include "(.*)"$', included, file.read_text(), flags=re.M)


def is_class(part: list[str]) -> bool:
    return head(part).startswith("cdef class")


def is_declaration(part: list[str]) -> bool:
    return (
        re.match(r"(from|import|cimport|ctypedef|cdef (extern|struct|packed|enum))\b", head(part))
        is not None
    )


def defined_name(part: list[str]) -> str | None:
    """Of a function or a value of Python."""
    found = re.match(r"def (\w+)|(\w+) = ", head(part))
    return found[1] or found[2] if found else None


def build_classes(file: Path, parts: list[list[str]], source: Path) -> list[str]:
    """The extension classes as a module that Python can import; their names."""
    classes = [part for part in parts if is_class(part)]
    # Declarations, and the functions and values that classes name.
    wanted = [part for part in parts if is_class(part) or is_declaration(part)]
    words: set[str] = set()
    while words != (known := {w for part in wanted for w in re.findall(r"\w+", "\n".join(part))}):
        words = known
        wanted += [part for part in parts if part not in wanted and defined_name(part) in words]
    needed = [part for part in parts if part in wanted]
    module = f"{file.stem}_classes"
    target = WORK / f"{module}.so"
    text = "\n".join("\n".join(part) for part in needed)
    written = WORK / f"{module}.pyx"
    if not target.exists() or not written.exists() or written.read_text() != text:
        written.write_text(text)
        if file.with_suffix(".pxd").exists():
            shutil.copy(file.with_suffix(".pxd"), written.with_suffix(".pxd"))
        subprocess.run([sys.executable, str(source / "cython.py"), "-2", "-I", str(file.parent), str(written)],
                       check=True, capture_output=True)  # fmt: skip
        include = sysconfig.get_path("include")
        subprocess.run(["cc", "-O1", "-w", "-shared", "-fPIC", f"-I{include}", f"-I{file.parent}",
                        str(written.with_suffix(".c")), "-o", str(target)],
                       check=True, capture_output=True)  # fmt: skip
    return [found[1] for part in classes if (found := re.match(r"cdef class (\w+)", head(part)))]


class Parts:
    """A file while it is cut down to what compiles."""

    def __init__(self, file: Path, source: Path) -> None:
        self.file = file
        parts = definitions(with_includes(file))
        self.left_out: list[tuple[str, str]] = []
        classes = [part for part in parts if is_class(part)]
        names: list[str] = []
        try:
            names = build_classes(file, parts, source) if classes else []
        except subprocess.CalledProcessError:
            self.left_out = [(head(part), "needs more than declarations") for part in classes]
        self.python = types.ModuleType(f"{file.stem}_python")
        sys.modules[self.python.__name__] = self.python
        self.parts = [part for part in parts if not is_class(part)]
        if names:
            self.take_over(f"from {file.stem}_classes import {', '.join(names)}")

    def take_over(self, statement: str) -> None:
        """An import, in front of the rest but behind what comes from __future__."""
        last = max((i for i, p in enumerate(self.parts) if head(p).startswith("from __future__")),
                   default=-1)  # fmt: skip
        self.parts.insert(last + 1, [statement])

    def runs_in_python(self, part: list[str]) -> bool:
        text = "\n".join(part)
        found = re.match(r"(?:def|class) (\w+)", head(part))
        if found is None or ">>>" in text:
            return False
        try:
            ast.parse(text)
            exec("import gc, sys\nfrom functools import wraps\n" + text, vars(self.python))
        except Exception:
            return False
        self.take_over(f"from {self.python.__name__} import {found[1]}")
        return True

    def compile(self) -> types.ModuleType:
        import engineroom as er

        while True:
            text = "\n".join("\n".join(part) for part in self.parts)
            try:
                return er.compile(text, level="2", file=str(self.file),
                                  include_path=[str(self.file.parent)])  # fmt: skip
            except er.CompileError as error:
                self.cut(error)

    def cut(self, error: Exception) -> None:
        """What has an error that says that something is not there; raises it again if none has."""
        lines = {
            d.line: d.message
            for d in error.diagnostics  # type: ignore[attr-defined]
            if d.severity == "error" and any(word in d.message for word in REFUSED)
        }
        line = 1
        kept = []
        refused = []
        for part in self.parts:
            why = next((lines[n] for n in range(line, line + len(part)) if n in lines), None)
            (kept if why is None else refused).append(part)
            line += len(part)
            if why is not None and not is_declaration(part):
                self.left_out.append((head(part)[:60], why))
        if not refused:
            raise error
        self.parts = kept
        for part in refused:
            if self.runs_in_python(part):
                self.left_out = [out for out in self.left_out if out[0] != head(part)[:60]]


def run_one(path: str, source: Path, verbose: bool) -> None:
    """In a process of its own: prints one line of JSON."""
    import engineroom as er

    sys.path.insert(0, str(WORK))
    file = Path(path)
    parts = Parts(file, source)
    try:
        module = parts.compile()
    except er.CompileError as error:
        print("RESULT " + json.dumps({"why": str(error)[:500]}), flush=True)
        os._exit(0)
    runner = conformance.Runner(f"{file.parent.name}/{file.stem}")
    sys.modules[module.__name__] = module
    for name, value in sorted(vars(module).items()):
        text = getattr(value, "__doc__", None)
        if not isinstance(text, str) or ">>>" not in text or isinstance(value, type):
            continue
        if getattr(value, "__module__", None) not in {
            module.__name__,
            parts.python.__name__,
            "support",
        }:
            continue
        runner.run(doctest.DocTestParser().get_doctest(text, vars(module), name, path, 0),
                   out=lambda said: None, clear_globs=False)  # fmt: skip
    result = {"tried": runner.tries, "bad": runner.bad, "left_out": parts.left_out if verbose else
              len(parts.left_out)}  # fmt: skip
    print("RESULT " + json.dumps(result), flush=True)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="Cython's sources, if they are here already")
    parser.add_argument("--only", default="", help="only files whose name matches this regex")
    parser.add_argument("--one", help="run one file, and print its result")
    parser.add_argument("-v", action="store_true", help="say what was left out")
    args = parser.parse_args()
    source = (args.source or conformance.fetch()).resolve()
    WORK.mkdir(parents=True, exist_ok=True)
    if args.one:
        return run_one(args.one, source, args.v)
    n_tried = n_bad = 0
    for folder in FOLDERS:
        for file in sorted((source / "tests" / folder).glob("*.py*")):
            modes = conformance.tags_of(file)["mode"]
            if not re.search(args.only, file.stem) or modes not in ([], ["run"]):
                continue
            command = [sys.executable, __file__, "--one", str(file), "--source", str(source)]
            done = subprocess.run(command + ["-v"] * args.v, capture_output=True, text=True,
                                  timeout=300, cwd=file.parent)  # fmt: skip
            found = re.search(r"^RESULT (.*)$", done.stdout, re.M)
            result = json.loads(found[1]) if found else {"why": done.stderr[-300:]}
            if "why" in result:
                print(f"{folder}/{file.stem}: {result['why']}")
                continue
            n_tried += result["tried"]
            n_bad += len(result["bad"])
            left_out = result["left_out"]
            print(f"{folder}/{file.stem}: {result['tried'] - len(result['bad'])} of {result['tried']} "
                  f"examples pass; left out: {len(left_out) if args.v else left_out} definitions"
                  + (f"; wrong: {', '.join(dict.fromkeys(result['bad']))}" if result["bad"] else ""))  # fmt: skip
            for name, why in left_out if args.v else []:
                print(f"    {name}: {why}")
    print(f"{n_tried - n_bad} of {n_tried} examples pass")


if __name__ == "__main__":
    main()
