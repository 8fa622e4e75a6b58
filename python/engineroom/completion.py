"""Scripts for tab completion of the `engineroom` command, made from its own argument parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

# Asked at the time of completion: these programs know their own options.
_PROGRAMS = ("controller", "engine")
_IDS = "engineroom list -o ids 2>/dev/null"


@dataclass
class _Option:
    names: list[str]
    text: str
    # None: it takes no value. Empty: any.
    values: list[str] | None


@dataclass
class _Command:
    name: str
    text: str
    options: list[_Option]
    # What may stand without a name, besides cluster ids.
    words: list[str]
    takes_files: bool

    @property
    def takes_ids(self) -> bool:
        return self.name == "stop"


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    writers: dict[str, Callable[[list[_Command]], str]] = {
        "bash": _bash,
        "zsh": _zsh,
        "fish": _fish,
    }
    return writers[shell](_commands(parser))


def _commands(parser: argparse.ArgumentParser) -> list[_Command]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            return [_command(name, helps[name], sub) for name, sub in action.choices.items()]
    return []


def _command(name: str, text: str, parser: argparse.ArgumentParser) -> _Command:
    options: list[_Option] = []
    words: list[str] = []
    takes_files = False
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        choices = [str(choice) for choice in action.choices or ()]
        if action.option_strings:
            # An option that may also stand alone is completed as if it did.
            values = None if action.nargs in (0, "?") else choices
            options.append(_Option(list(action.option_strings), action.help or "", values))
        else:
            words += choices
            takes_files = not choices and action.dest in ("file", "files")
    return _Command(name, text, options, words, takes_files)


def _options_of(program: str) -> str:
    """A shell command that prints the options of one of _PROGRAMS, a line each."""
    return f"engineroom {program} --help | grep -oE -e '--[a-z][a-z-]+' | sort -u"


# ---- bash ----

_BASH = """\
_engineroom() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= word words=
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || { command=$word; break; }
  done
  case $command:$prev in
@values@
    *) case $command in
@cases@
      *) words="@commands@ --help --version" ;;
    esac ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _engineroom engineroom"""


def _bash(commands: list[_Command]) -> str:
    values, cases = [], []
    for command in commands:
        for option in command.options:
            if option.values is not None:
                patterns = "|".join(f"{command.name}:{name}" for name in option.names)
                values.append(f'    {patterns}) words="{" ".join(option.values)}" ;;')
        names = [name for option in command.options for name in option.names]
        words = f'"{" ".join(names + command.words)}"'
        if command.name in _PROGRAMS:
            words = f"$({_options_of(command.name)})"
        elif command.takes_ids:
            words += f"; [[ $cur == -* ]] || words=$({_IDS})"
        cases.append(f"      {command.name}) words={words} ;;")
    text = _BASH.replace("@values@", "\n".join(values)).replace("@cases@", "\n".join(cases))
    return text.replace("@commands@", " ".join(command.name for command in commands))


# ---- zsh ----

_ZSH = """\
#compdef engineroom
_engineroom() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C '(- *)'{-h,--help}'[explain]' '(- *)--version[print the version]' \\
    '1: :->command' '*:: :->rest'
  case $state in
  command)
    local -a commands=(
@commands@
    )
    _describe command commands ;;
  rest)
    case $words[1] in
@cases@
    esac ;;
  esac
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _engineroom engineroom"""


def _zsh(commands: list[_Command]) -> str:
    described = [f"      {_quoted(f'{c.name}:{c.text}')}" for c in commands]
    cases = []
    for command in commands:
        if command.name in _PROGRAMS:
            cases.append(f"    {command.name}) compadd -- $({_options_of(command.name)}) ;;")
            continue
        specs = [spec for option in command.options for spec in _zsh_specs(option)]
        if command.words:
            specs.append(_quoted(f"1: :({' '.join(command.words)})"))
        if command.takes_files:
            specs.append(_quoted("*:file:_files"))
        if command.takes_ids:
            specs.append(_quoted(f"*: :{{compadd -- $({_IDS})}}"))
        joined = " \\\n        ".join(specs)
        cases.append(f"    {command.name})\n      _arguments \\\n        {joined} ;;")
    return _ZSH.replace("@commands@", "\n".join(described)).replace("@cases@", "\n".join(cases))


def _zsh_specs(option: _Option) -> list[str]:
    """Options as _arguments wants them: name[text]:what the value is:(its choices)."""
    text = option.text
    for mark in "\\[]:":
        text = text.replace(mark, "\\" + mark)
    value = ""
    if option.values:
        value = f":value:({' '.join(option.values)})"
    elif option.values is not None:
        value = ":value:_default"
    others = " ".join(option.names)
    return [_quoted(f"({others}){name}[{text}]{value}") for name in option.names]


# ---- fish ----


def _fish(commands: list[_Command]) -> str:
    lines = ["complete -c engineroom -f"]
    for command in commands:
        lines.append(
            "complete -c engineroom -n __fish_use_subcommand "
            f"-a {command.name} -d {_quoted(command.text)}"
        )
        prefix = f"complete -c engineroom -n '__fish_seen_subcommand_from {command.name}'"
        if command.name in _PROGRAMS:
            lines.append(f"{prefix} -a {_quoted(f'({_options_of(command.name)})')}")
        for option in command.options:
            flags = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in option.names
            )
            if option.values:
                flags += f" -x -a {_quoted(' '.join(option.values))}"
            elif option.values is not None:
                flags += " -r -F"
            lines.append(f"{prefix} {flags} -d {_quoted(option.text)}")
        if command.takes_files:
            lines.append(f"{prefix} -F")
        if command.words:
            lines.append(f"{prefix} -a {_quoted(' '.join(command.words))}")
        if command.takes_ids:
            lines.append(f"{prefix} -a '({_IDS})'")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """For fish, and for zsh: both read '…' as it is, but for the quote itself."""
    return "'" + text.replace("'", "'\\''") + "'"
