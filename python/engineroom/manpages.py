"""Manual pages of the `engineroom` command, made from its own argument parser."""

from __future__ import annotations

import argparse
import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# These know their own options, and print them.
PROGRAMS = ("controller", "engine")


def write_all(parser: argparse.ArgumentParser, folder: Path, version: str) -> list[Path]:
    """Writes every page into `folder` (…/man/man1); returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in ["", *subcommands(parser)]:
        path = folder / f"{_title(name)}.1"
        path.write_text(page(parser, name, version), encoding="utf-8")
        paths.append(path)
    return paths


def page(parser: argparse.ArgumentParser, command: str, version: str) -> str:
    """The page of a command, or with "" of `engineroom` itself, in roff."""
    if command in PROGRAMS:
        return "".join(_program_page(parser, command, version))
    return "".join(_command_page(parser, command, version))


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _title(command: str) -> str:
    return f"engineroom-{command}" if command else "engineroom"


def _summary(parser: argparse.ArgumentParser, command: str) -> str:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                if choice.dest == command:
                    return choice.help or ""
    return "start, list and stop clusters of engines"


def _head(parser: argparse.ArgumentParser, command: str, version: str) -> Iterator[str]:
    title = _title(command)
    yield f'.TH {title.upper()} 1 "" "engineroom {version}" "User Commands"\n'
    yield f".SH NAME\n{title} \\- {_roff(_summary(parser, command))}\n"


def _command_page(parser: argparse.ArgumentParser, command: str, version: str) -> Iterator[str]:
    own = subcommands(parser)[command] if command else parser
    yield from _head(parser, command, version)
    usage = " ".join(own.format_usage().removeprefix("usage:").split())
    yield f".SH SYNOPSIS\n{_roff(usage)}\n"
    if own.description:
        yield f".SH DESCRIPTION\n{_text(own.description)}"
    for group in own._action_groups:
        yield from _group(group)
    if not command:
        yield ".SH COMMANDS\n"
        for name in subcommands(parser):
            yield f".TP\n.BR {_title(name)} (1)\n{_roff(_summary(parser, name))}\n"
    yield from _sections(own.epilog or "")
    yield from _see_also(parser, command)


def _program_page(parser: argparse.ArgumentParser, command: str, version: str) -> Iterator[str]:
    from engineroom.cluster import programs

    commands = {"controller": programs.controller_command, "engine": programs.engine_command}
    shown = subprocess.run(
        [*commands[command](), "--help"], capture_output=True, text=True, check=True
    )
    yield from _head(parser, command, version)
    yield f".SH DESCRIPTION\n{_literally(shown.stdout)}"
    yield from _see_also(parser, command)


def _group(group: Any) -> Iterator[str]:
    actions = [
        action
        for action in group._group_actions
        if action.help != argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction)
    ]
    if not actions:
        return
    yield f".SH {_roff((group.title or 'options').upper())}\n"
    for action in actions:
        yield f".TP\n{_invocation(action)}\n{_roff(action.help or '')}\n"


def _invocation(action: argparse.Action) -> str:
    """-n, --n N, the names in bold and the value in italics."""
    value = ""
    if action.nargs != 0:
        if action.choices:
            value = "{" + ",".join(str(choice) for choice in action.choices) + "}"
        else:
            value = str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return f"\\fI{_roff(value)}\\fR"
    names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in action.option_strings)
    optional = value and action.nargs == "?"
    shown = f"[{value}]" if optional else value
    return f"{names} \\fI{_roff(shown)}\\fR" if value else names


def _sections(epilog: str) -> Iterator[str]:
    """`examples:` and `exit status:` get sections of their own."""
    for part in re.split(r"\n\s*\n", textwrap.dedent(epilog).strip()):
        head, colon, rest = part.partition(":")
        if not part:
            continue
        if colon and head in ("examples", "exit status"):
            body = textwrap.dedent(rest.strip("\n")) if rest.startswith("\n") else rest.strip()
            yield f".SH {head.upper()}\n{_literally(body)}"
        else:
            yield f".SH NOTES\n{_text(part)}"


def _see_also(parser: argparse.ArgumentParser, command: str) -> Iterator[str]:
    others = [name for name in ("", *subcommands(parser)) if name != command]
    references = [f".BR {_title(name)} (1)" for name in others]
    yield ".SH SEE ALSO\n" + ",\n".join(references).replace(" (1),", " (1),") + "\n"


def _text(text: str) -> str:
    """Paragraphs, of which indented ones stay as they are."""
    shown = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        indented = part.startswith(" ")
        shown.append(_literally(textwrap.dedent(part)) if indented else f"{_roff(part)}\n")
    return ".PP\n".join(shown)


def _literally(text: str) -> str:
    return f".nf\n{_roff(text)}\n.fi\n"


def _roff(text: str) -> str:
    """Text in which roff finds no commands."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("%%", "%")
    return "\n".join(
        f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines()
    )
