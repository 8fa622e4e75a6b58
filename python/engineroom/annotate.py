"""The listing that `%%cython -a` shows: how much of each line still talks to Python, and why."""

from __future__ import annotations

import html
import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import _compiler
    from .compiled import CompiledText

_STYLE = """
.er-listing { font-family: monospace; font-size: 13px; line-height: 1.45; color: #111;
  background: #fff; border: 1px solid #ddd; max-width: 100%; overflow-x: auto; }
.er-listing summary { white-space: pre; cursor: pointer; list-style: none; padding: 0 6px; }
.er-listing summary::-webkit-details-marker { display: none; }
.er-listing summary:hover { outline: 1px solid #bbb; }
.er-listing .er-line { white-space: pre; padding: 0 6px; }
.er-listing .er-number { color: #888; user-select: none; }
.er-listing .er-more { margin: 2px 0 6px 52px; }
.er-listing .er-more ul { margin: 2px 0; padding-left: 18px; font-family: sans-serif; }
.er-listing .er-hint { color: #0a6c2f; }
.er-listing .er-more pre { margin: 2px 0; padding: 4px 8px; background: #f6f6f6;
  border-left: 3px solid #ccc; white-space: pre; overflow-x: auto; font-size: 12px; color: #333; }
"""


class Annotation:
    """A listing of a text, line by line; in a notebook as HTML, else as text.

    lines: the text's lines. weights: for each line how much work Python has with it, 0 if none.
    notes: for each line what that work is, each with ``text`` and ``hint``. cpp: for each line the
    C++ it has become.
    """

    def __init__(self, source: str, cell: _compiler.Cell) -> None:
        self.lines = source.splitlines()
        self.notes: list[list[Any]] = [[] for _ in self.lines]
        for note in cell.notes:
            if 0 < note.line <= len(self.lines):
                self.notes[note.line - 1].append(note)
        self.weights = [sum(note.weight for note in notes) for notes in self.notes]
        cpp = defaultdict(list)
        for text, line in zip(cell.cpp.splitlines(), cell.lines, strict=False):
            if line:
                cpp[line].append(text)
        self.cpp = ["\n".join(cpp[number + 1]) for number in range(len(self.lines))]

    def html(self) -> str:
        """One element, with its style."""
        rows = "".join(self._row(number) for number in range(len(self.lines)))
        return f'<div class="er-listing"><style>{_STYLE}</style>{rows}</div>'

    def save(self, path: str | Path) -> None:
        """Writes a page of HTML."""
        page = f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{self.html()}</body>'
        Path(path).write_text(page + "</html>\n", encoding="utf-8")

    def _row(self, index: int) -> str:
        number = f'<span class="er-number">{index + 1:4}</span>  '
        text = number + (_highlighted(self.lines[index]) or " ")
        notes, cpp = self.notes[index], self.cpp[index]
        style = _shade(self.weights[index])
        if not notes and not cpp:
            return f'<div class="er-line"{style}>{text}</div>'
        reasons = "".join(f"<li>{_note_html(note, n)}</li>" for note, n in _counted(notes))
        more = f"<ul>{reasons}</ul>" if reasons else ""
        more += f"<pre>{html.escape(cpp)}</pre>" if cpp else ""
        return (
            f'<details><summary{style}>{text}</summary><div class="er-more">{more}</div></details>'
        )

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        rows = []
        for index, line in enumerate(self.lines):
            mark = "#" * min(5, math.ceil(self.weights[index] / 3))
            rows.append(f"{index + 1:4} {mark:5} {line}")
            rows += [f"{'':12}{_note_text(note, n)}" for note, n in _counted(self.notes[index])]
        return "\n".join(rows)


def annotate(compiled: CompiledText) -> Annotation:
    """The listing of a text that was compiled with `wants_notes`."""
    return Annotation(compiled.text.source, compiled.cell)


def _counted(notes: list[Any]) -> list[tuple[Any, int]]:
    """Notes that say the same are said once, with how many there are; those with a hint first."""
    found: dict[tuple[str, str], list[Any]] = {}
    for note in notes:
        found.setdefault((note.text, note.hint), []).append(note)
    return sorted(
        ((same[0], len(same)) for same in found.values()), key=lambda one: not one[0].hint
    )


def _note_text(note: Any, n: int) -> str:
    times = f" ({n} times)" if n > 1 else ""
    return f"{note.text}{times}{': ' + note.hint if note.hint else ''}"


def _note_html(note: Any, n: int) -> str:
    times = f" ({n} times)" if n > 1 else ""
    hint = f': <span class="er-hint">{html.escape(note.hint)}</span>' if note.hint else ""
    return html.escape(note.text) + times + hint


def _shade(weight: int) -> str:
    """White for a line of C, ever more yellow for the others."""
    if weight == 0:
        return ""
    blue = 255 - min(255, round(math.log1p(weight) * 62))
    return f' style="background-color: rgb(255, 255, {blue})"'


def _highlighted(line: str) -> str:
    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers.python import CythonLexer
    except ImportError:
        return html.escape(line)
    lexer = CythonLexer(stripnl=False, ensurenl=False)
    return str(highlight(line, lexer, HtmlFormatter(nowrap=True, noclasses=True))).rstrip("\n")
