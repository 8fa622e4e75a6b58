"""Batch scripts from templates: `{n}`, `{queue}`, `{program_and_args}` and so on in a user's text.

Values come from settings and must not become code. In a line for the shell they are quoted, in a
directive of the batch system (a line that starts with #) only where they are more than one word;
one that would end the line is refused. `{name!s}` is the way to insert text as it is, by one's own choice.
As in ipyparallel's templates a field may calculate (`{(n + 3) // 4}`): with numbers only.
"""

from __future__ import annotations

import ast
import operator
import re
import shlex
import string
from collections.abc import Callable, Mapping
from typing import Any

from .base import LauncherError

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class Quoted(str):
    """Text that is ready for the script: a command line."""


def shell_words(words: list[str]) -> Quoted:
    return Quoted(shlex.join(words))


def render(template: str, values: Mapping[str, Any], *, shell: bool = True) -> str:
    """The script; LauncherError for a field that there is not. Without `shell` nothing is quoted."""
    try:
        fields = list(string.Formatter().parse(template))
    except ValueError as error:
        raise LauncherError(f"the batch template is wrong: {error}") from None
    script = ""
    for literal, field, spec, conversion in fields:
        script += literal
        if field is None:
            continue
        value = _evaluate(field.strip(), values)
        directive = script.rpartition("\n")[2].lstrip().startswith("#")
        ready = conversion == "s" or isinstance(value, Quoted)
        if conversion not in (None, "s"):
            raise LauncherError(f"{{{field}!{conversion}}} in the batch template: only !s is known")
        text = format(value, spec or "")
        script += text if ready else _safe(field, text, quote=shell, directive=directive)
    return script


def _safe(field: str, text: str, *, quote: bool, directive: bool) -> str:
    if not text.isprintable():
        raise LauncherError(f"the value of {field!r} does not fit in one line: {text!r}")
    if directive:
        # Read in words, too, but what else means something to a shell means nothing here, and may
        # stand in quotes of the template.
        quote = quote and re.search(r"[\s'\"\\]", text) is not None
    return shlex.quote(text) if quote else text


def _evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    if expression in values:
        return values[expression]
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError:
        raise LauncherError(f"the batch template has {{{expression}}}, which is no value") from None
    try:
        return _calculate(tree.body, expression, values)
    except ZeroDivisionError:
        raise LauncherError(f"{{{expression}}} in the batch template divides by zero") from None


def _calculate(node: ast.expr, expression: str, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left = _calculate(node.left, expression, values)
        return _OPERATORS[type(node.op)](left, _calculate(node.right, expression, values))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_calculate(node.operand, expression, values)
    value = None
    if isinstance(node, ast.Constant):
        value = node.value
    elif isinstance(node, ast.Name) and node.id in values:
        value = values[node.id]
    elif isinstance(node, ast.Name):
        known = ", ".join(sorted(values))
        raise LauncherError(f"the batch template has {{{expression}}}; there are: {known}")
    if type(value) not in (int, float):
        raise LauncherError(f"{{{expression}}} in the batch template is more than arithmetic")
    return value
