"""Scripts for tab completion of the `engineroom` command, made from its own argument parser."""

from __future__ import annotations

import argparse

_BASH = """\
_engineroom() {
  local cur=${COMP_WORDS[COMP_CWORD]} command= word words
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || { command=$word; break; }
  done
  case $command in
%(cases)s
    *) words=%(commands)s ;;
  esac
  if [[ $command == stop && $cur != -* ]]; then
    words=$(engineroom list -o ids 2>/dev/null)
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _engineroom engineroom"""

# zsh runs the completion functions of bash.
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n" + _BASH.replace(
    'mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")',
    'COMPREPLY=($(compgen -W "$words" -- "$cur"))',
)


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    commands = _commands(parser)
    if shell == "fish":
        return _fish(commands)
    cases = [f'    {name}) words="{" ".join(_words(p))}" ;;' for name, (p, _) in commands.items()]
    names = " ".join([*commands, "--help", "--version"])
    return (_ZSH if shell == "zsh" else _BASH) % {
        "cases": "\n".join(cases),
        "commands": f'"{names}"',
    }


def _commands(parser: argparse.ArgumentParser) -> dict[str, tuple[argparse.ArgumentParser, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            return {name: (sub, helps.get(name, "")) for name, sub in action.choices.items()}
    return {}


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.option_strings]


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """The options, and the choices of arguments without a name."""
    words = [name for action in _options(parser) for name in action.option_strings]
    for action in parser._actions:
        if not action.option_strings and action.choices:
            words += list(action.choices)
    return words


def _fish(commands: dict[str, tuple[argparse.ArgumentParser, str]]) -> str:
    lines = ["complete -c engineroom -f"]
    for name, (parser, text) in commands.items():
        lines.append(
            f"complete -c engineroom -n __fish_use_subcommand -a {name} -d {_quoted(text)}"
        )
        condition = f"'__fish_seen_subcommand_from {name}'"
        for action in _options(parser):
            flags = "".join(
                f" -l {flag[2:]}" if flag.startswith("--") else f" -s {flag[1:]}"
                for flag in action.option_strings
            )
            text = _quoted(action.help or "")
            lines.append(f"complete -c engineroom -n {condition}{flags} -d {text}")
        for action in parser._actions:
            if not action.option_strings and action.choices:
                choices = _quoted(" ".join(action.choices))
                lines.append(f"complete -c engineroom -n {condition} -a {choices}")
    stop = "'__fish_seen_subcommand_from stop'"
    lines.append(f"complete -c engineroom -n {stop} -a '(engineroom list -o ids)'")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
