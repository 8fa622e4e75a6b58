"""Headers in C, for modules whose text is C++.

A module of Cython's is C unless it says otherwise, so a project's own header may have no `extern "C"`,
and C++ would look for its functions by other names than a C compiler gives them. Such a header is
included with C linkage. Headers that mention C++ are left to themselves, and those of the system and of
other packages, which know of C++ by now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

# C++ has these, too, in part as templates, which cannot have C linkage: so they come before.
_OF_C = {"assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits",
         "locale", "math", "setjmp", "signal", "stdalign", "stdarg", "stdatomic", "stdbool", "stddef",
         "stdint", "stdio", "stdlib", "string", "tgmath", "time", "uchar", "wchar",
         "wctype"}  # fmt: skip

_INCLUDE = re.compile(r'(?m)^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]')
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# Written for C++, or for both languages.
_CPP = re.compile(
    r"\b__cplusplus\b|\bextern\s*\"|\bnamespace\b|\btemplate\s*<|\w\s*::|\bclass\s+\w+\s*[:{;]|"
    r"#\s*include\s*<\w+>"
)

# The path of the header that a text in the folder includes, if it is one of the project's.
Find = Callable[[Path, str], Path | None]


def is_c(language: str | None, sources: Iterable[str | Path]) -> bool:
    """Whether the functions that a module's headers declare are C's: nobody says otherwise, and there
    is no source in C++ that may define them."""
    names = [str(source) for source in sources]
    is_cpp = any(re.search(r"\.(cc|cpp|cxx|c\+\+|C)$", name) for name in names)
    return (language or "c").strip().lower() == "c" and not is_cpp


def with_c_linkage(cpp: str, headers: Iterable[str], folder: Path, find: Find) -> str:
    """The text of a module, in which `headers` are included as they are written."""
    for header in dict.fromkeys(headers):
        before = _before(folder, header.strip('<>"'), find)
        if before is None:
            continue
        line = f"#include {header}" if header.startswith("<") else f'#include "{header}"'
        first = "".join(f"#include <{name}>\n" for name in before)
        wrapped = f'{first}extern "C" {{\n{line}\n}}\n'
        cpp = re.sub(rf"(?m)^{re.escape(line)}\n", lambda _, text=wrapped: text, cpp, count=1)
    return cpp


def _before(folder: Path, header: str, find: Find) -> list[str] | None:
    """Headers of the C library that it includes, be it by others; None if it is not the project's, or
    knows of C++."""
    seen: set[Path] = set()
    needed: dict[str, None] = {}
    waiting = [(folder, header)]
    while waiting:
        path = find(*waiting.pop())
        if path is None and not seen:
            return None
        if path is None or path in seen:
            continue
        seen.add(path)
        text = _COMMENT.sub(" ", path.read_text(encoding="utf-8", errors="replace"))
        if _CPP.search(text):
            return None
        for _, name in _INCLUDE.findall(text):
            if name.removesuffix(".h") in _OF_C:
                needed[name] = None
            else:
                waiting.append((path.parent, name))
    return list(needed)
