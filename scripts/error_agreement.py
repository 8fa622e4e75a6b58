"""Which lines Cython calls wrong, and which we do: part of `make conformance`.

Files of Cython's tests/errors end with what its compiler says about them (_ERRORS = …), a line each:
"line:column: message". Compared are the sets of lines, as the words are our own. If a file's tag says
that warnings are errors there, ours count as well.

A file that Cython refuses and we accept without a word is the worst case, and is listed by name.
"""

from __future__ import annotations

import collections
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 60


@dataclass
class Agreement:
    """Of one file. Lines are those of the source; messages by line."""

    name: str
    theirs: dict[int, str]
    ours: dict[int, str] = field(default_factory=dict)
    died: str = ""  # why the compiler did not end by itself

    @property
    def missed(self) -> list[int]:
        return sorted(self.theirs.keys() - self.ours.keys())

    @property
    def extra(self) -> list[int]:
        return sorted(self.ours.keys() - self.theirs.keys())

    @property
    def is_unsupported(self) -> bool:
        return any("not supported yet" in message for message in self.ours.values())


def split(text: str) -> tuple[str, dict[int, str]]:
    """The source, and what Cython says about it: the first message of each line."""
    found = re.search(r"^_(ERRORS|WARNINGS|PERFORMANCE_HINTS)\b", text, re.MULTILINE)
    source = text[: found.start()] if found else text
    block = re.search(r"^_ERRORS\s*=\s*u?(\"\"\"|''')(.*?)\1", text, re.MULTILINE | re.DOTALL)
    said: dict[int, str] = {}
    for line in block[2].splitlines() if block else []:
        message = re.match(r"\s*(\d+):\s*\d+:\s*(.*)", line)
        if message and not message[2].startswith("Previous declaration"):
            said.setdefault(int(message[1]), message[2])
    return source, said


def translate_one(path: str, level: str) -> None:
    """In a process of its own: prints our errors as JSON."""
    import engineroom
    from engineroom import _compiler

    file = Path(path)
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    source, _ = split(text)
    warnings_count = bool(re.search(r"^#\s*tag:.*\bwerror\b", text, re.MULTILINE))
    counted = {"error", "warning"} if warnings_count else {"error"}
    own_pxd = file.with_suffix(".pxd")
    request = _compiler.Request(
        source.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        file=file.name,
        module=file.stem.split(".")[0],
        level=level,
        own_pxd=str(own_pxd) if own_pxd.exists() else "",
        pxd_path=[str(file.parent), str(Path(engineroom.__file__).parent / "pxd"), *sys.path[1:]],
    )
    translation = _compiler.translate(request)
    said: dict[int, str] = {}
    for message in translation.messages:
        if message.severity in counted and message.file == file.name:
            said.setdefault(message.line, message.message)
    if not translation.ok and not said:  # the lines are those of a .pxd
        for message in translation.messages:
            if message.severity == "error":
                said.setdefault(message.line, message.message)
    print("RESULT " + json.dumps(said))


def compare(path: Path, script: str) -> Agreement | None:
    _, theirs = split(path.read_text(encoding="utf-8", errors="replace"))
    if not theirs:
        return None
    # What is an error may depend on the language level, which the files do not always say.
    at_levels = [compare_at(path, script, theirs, level) for level in ("3", "2")]
    return min(at_levels, key=lambda a: (bool(a.died), len(a.missed) + len(a.extra)))


def compare_at(path: Path, script: str, theirs: dict[int, str], level: str) -> Agreement:
    agreement = Agreement(path.name, theirs)
    try:
        done = subprocess.run(
            [sys.executable, script, "--one-error", str(path), "--level", level],
            capture_output=True, text=True, timeout=SECONDS, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        agreement.died = f"no end after {SECONDS} s"
        return agreement
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            said = json.loads(line.removeprefix("RESULT "))
            agreement.ours = {int(number): message for number, message in said.items()}
            return agreement
    agreement.died = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
    return agreement


def causes(messages: list[str], n: int) -> None:
    kinds = collections.Counter(re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "…", m) for m in messages)
    for message, count in kinds.most_common(n):
        print(f"  {count:4} {message[:100]}")


def show(agreements: list[Agreement], n_causes: int = 15) -> None:
    same = [a for a in agreements if not a.missed and not a.extra]
    supported = [a for a in agreements if not a.is_unsupported]
    n_theirs = sum(len(a.theirs) for a in agreements)
    n_missed = sum(len(a.missed) for a in agreements)
    n_extra = sum(len(a.extra) for a in agreements)
    print(
        f"errors: {len(same)} of {len(agreements)} files with the same lines; "
        f"{n_theirs - n_missed} of {n_theirs} lines found, {n_missed} missed, {n_extra} extra"
    )
    same_supported = sum(not a.missed and not a.extra for a in supported)
    print(f"errors, where nothing is unsupported: {same_supported} of {len(supported)} files")
    accepted = [a.name for a in agreements if not a.ours and not a.died]
    print(f"accepted without a word: {len(accepted)}: {' '.join(accepted)}")
    for a in agreements:
        if a.died:
            print(f"died: {a.name}: {a.died}")
    print("missed, by what Cython says:")
    causes([a.theirs[line] for a in supported for line in a.missed], n_causes)
    print("extra, by what we say:")
    causes([a.ours[line] for a in supported for line in a.extra], n_causes)
