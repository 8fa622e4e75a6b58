"""The `engineroom` command: start, list and stop clusters from a shell.

Each subcommand is a function `_<name>(args) -> exit code`. What takes time to import is imported
where it is used, so that `list` and `stop` answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engineroom import cli_build, cli_compile, cli_metrics
from engineroom.cluster import files
from engineroom.resources import parse_resource_text

# ipcluster's exit codes.
ALREADY_RUNNING = 10
NOT_RUNNING = 11
NO_CLUSTER = 12

_DESCRIPTION = """\
Start and stop clusters: a controller and engines, which any Python on this machine can use as

    import engineroom as ipp
    client = ipp.Client()
"""

_EPILOG = """\
examples:
  engineroom start -n 4                 four engines, until Ctrl-C
  engineroom start --daemonize          an engine per core, in the background
  engineroom start --cluster-id big     another cluster beside it: Client(cluster_id="big")
  engineroom engines -n 2               two more engines for the running cluster
  engineroom list                       what runs
  engineroom stop                       stop it;  stop --all: everything of the profile
  eval "$(engineroom completion bash)"  tab completion in this shell

exit status: 0 done, 1 failed, 2 wrong usage, 10 already running, 11 not running, 12 no such cluster
"""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Everything after these words belongs to another program.
    if arguments[:1] in (["controller"], ["engine"]):
        return _run_program(arguments[0], arguments[1:])
    arguments, passed_on = _split(arguments, "--")
    arguments, config = _split_config(arguments)
    parser = make_parser()
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        # By the command's own parser, which shows the command's own usage.
        getattr(args, "parser", parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if not getattr(args, "run", None):
        parser.print_help()
        return 2
    args.controller_args = passed_on
    args.config_args = config
    if args.ipython_dir:
        os.environ["IPYTHONDIR"] = args.ipython_dir
    try:
        return int(args.run(args) or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `engineroom list | head`: nobody reads any more, and that is no failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


# ---- arguments ----


def make_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="engineroom", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    parser.set_defaults(ipython_dir="")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    _add_start(commands)
    _add_engines(commands)
    _add_list(commands)
    _add_stop(commands)
    _add_clean(commands)
    command = _add_command(
        commands,
        "metrics",
        help="serve a cluster's metrics to Prometheus",
        epilog=_examples(
            "  engineroom metrics                       on port 9464, with a new token",
            "  engineroom metrics --token-file FILE     which Prometheus reads, too",
            note="exit status: 12 if there is no such cluster",
        ),
    )
    cli_metrics.add_arguments(command)
    _common(command)
    command = _add_command(
        commands,
        "compile",
        help="print what the compiler makes of a file of Cython",
        epilog=_examples(
            "  engineroom compile sieve.pyx                  in C++",
            "  engineroom compile -s asm sieve.pyx           in assembly",
            "  engineroom compile -a sieve.html sieve.pyx    what still talks to Python, and why",
        ),
    )
    cli_compile.add_arguments(command)
    command = _add_command(
        commands,
        "build",
        help="build extension modules of files of Cython",
        epilog=_examples(
            "  engineroom build julia.pyx                    beside it, for `import julia`",
            "  engineroom build -j4 -o build src/*.pyx       several, elsewhere",
            "  engineroom build --self-contained julia.pyx   to be imported without engineroom",
        ),
    )
    cli_build.add_arguments(command)
    command = _add_command(
        commands,
        "config",
        help="print the flags for the C++ that `engineroom build -c` writes",
        epilog=_examples(
            "  engineroom build -c julia.pyx",
            "  g++ -fPIC -O3 $(engineroom config --cflags) -c julia.cpp",
            "  g++ -shared julia.o $(engineroom config --ldflags) -o julia.so",
        ),
    )
    cli_build.add_config_arguments(command)
    for name, what in (("controller", "a controller alone"), ("engine", "an engine alone")):
        text = f"run {what}, in the foreground; takes the options of engineroom-{name}"
        commands.add_parser(name, help=text, add_help=False)
    command = _add_command(
        commands,
        "completion",
        help="print a script for tab completion",
        epilog=_examples(
            '  eval "$(engineroom completion bash)"     in ~/.bashrc',
            '  eval "$(engineroom completion zsh)"      in ~/.zshrc',
            "  engineroom completion fish | source      in ~/.config/fish/config.fish",
        ),
    )
    command.add_argument("shell", choices=("bash", "zsh", "fish"))
    command.set_defaults(run=_completion, parser=command)
    command = _add_command(
        commands,
        "man",
        help="print a manual page, or install them all",
        epilog=_examples(
            "  engineroom man start | man -l -                  the page of `engineroom start`",
            "  engineroom man --install                         then: man engineroom-start",
            "  engineroom man --install /usr/local/share/man    for everybody",
        ),
    )
    command.add_argument("page", nargs="?", default="", metavar="COMMAND", help="whose page")
    command.add_argument(
        "--install",
        nargs="?",
        const="~/.local/share/man",
        metavar="DIR",
        help="write all pages there (~/.local/share/man)",
    )
    command.set_defaults(run=_man, parser=command)
    return parser


class _Parser(argparse.ArgumentParser):
    """Suggests what may have been meant."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs
        )
        if self.add_help:
            # Of ipcluster and its like, which have a shorter help beside it.
            self.add_argument("--help-all", action="help", help=argparse.SUPPRESS)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            import difflib

            close = difflib.get_close_matches(str(value), [str(c) for c in action.choices or ()])
            if close:
                error.message = f"no {value!r}; did you mean {close[0]!r}?"
            raise


def _add_command(commands: Any, name: str, help: str, **kwargs: Any) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=help, description=f"{help.capitalize()}.", **kwargs)


def _common(command: argparse.ArgumentParser, *, cluster_id: bool = True) -> None:
    group = command.add_argument_group("which cluster")
    group.add_argument("--profile", default="", metavar="NAME", help="IPython profile (default)")
    group.add_argument("--profile-dir", default="", metavar="DIR", help="its folder instead")
    group.add_argument("--ipython-dir", default="", metavar="DIR", help="instead of ~/.ipython")
    if cluster_id:
        group.add_argument(
            "--cluster-id", default="", metavar="ID", help="tells clusters of one profile apart"
        )
    group = command.add_argument_group("messages")
    group.add_argument("--log-level", default="", metavar="LEVEL", help="10, DEBUG, 20, INFO …")
    for flag, level in (("--debug", "DEBUG"), ("--quiet", "ERROR")):
        text = f"the same as --log-level={level}"
        group.add_argument(flag, action="store_const", const=level, dest="log_level", help=text)


def _add_launch_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-n", "--n", type=_count, metavar="N", help="number of engines (default: one per core)"
    )
    command.add_argument(
        "--engines",
        default=None,
        metavar="LAUNCHER",
        help="how to start engines: local (default), mpi, ssh, slurm, dask, …",
    )
    command.add_argument(
        "--address", default="", metavar="URL", help="where the Dask or Ray is that they run on"
    )
    command.add_argument(
        "--resources",
        default=None,
        type=_resources,
        metavar="NAME=AMOUNT,...",
        help="what each engine offers to tasks: gpus=1,memory=8GiB (default: its share)",
    )
    command.add_argument(
        "--daemonize",
        nargs="?",
        const=True,
        default=False,
        type=_truth,
        metavar="BOOL",
        help="return when the engines are there, and leave them running",
    )
    command.add_argument("--json", action="store_true", help="print what was started as JSON")


def _add_start(commands: Any) -> None:
    command = _add_command(
        commands,
        "start",
        help="start a controller and engines",
        usage="%(prog)s [options] [-- CONTROLLER OPTION ...]",
        epilog="What follows -- goes to the controller; see `engineroom controller --help`.\n"
        "Settings are taken from ipcluster_config.py in the profile, and from\n"
        "options like --LocalEngineSetLauncher.delay=0.5.\n\n"
        + _examples(
            "  engineroom start -n 4                    until Ctrl-C",
            "  engineroom start --daemonize --json      in the background; prints pids and files",
            "  engineroom start --profile work          Client(profile='work') finds it",
            "  engineroom start -- --scheme=lru --nodb  with options for the controller",
            note="exit status: 10 if the cluster runs already, 1 if engines fail to start",
        ),
    )
    _add_launch_options(command)
    command.add_argument("--ip", default="", help="address the controller listens on (127.0.0.1)")
    command.add_argument("--location", default="", metavar="HOST", help="by which others reach it")
    command.add_argument(
        "--controller", default=None, metavar="LAUNCHER", help="how to start the controller (local)"
    )
    command.add_argument(
        "--delay", type=float, metavar="SECONDS", help="from the controller's start to the engines'"
    )
    command.add_argument(
        "--users",
        type=lambda names: names.split(","),
        metavar="NAMES",
        help="alice,bob: who see nothing of each other's tasks; each has a connection file",
    )
    command.add_argument(
        "--adapt",
        type=_limits,
        metavar="MIN:MAX",
        help="as many engines as there is work for, within these limits, until Ctrl-C",
    )
    command.add_argument("--clean-logs", action="store_true", help="remove old logs first")
    _common(command)
    command.set_defaults(run=_start, parser=command)


def _add_engines(commands: Any) -> None:
    command = _add_command(
        commands,
        "engines",
        help="start more engines for a running cluster",
        epilog=_examples(
            "  engineroom engines -n 2                  until Ctrl-C, which leaves the cluster",
            "  engineroom engines -n 2 --daemonize      until the cluster stops",
            note="exit status: 12 if there is no such cluster",
        ),
    )
    _add_launch_options(command)
    _common(command)
    command.set_defaults(run=_engines, parser=command)


def _add_list(commands: Any) -> None:
    command = _add_command(
        commands,
        "list",
        help="list the clusters that run",
        epilog=_examples(
            "  engineroom list                          of all profiles",
            "  engineroom list --profile work           of one",
            "  engineroom list --json                   with pids and connection files",
        ),
    )
    command.add_argument(
        "-o",
        "--output",
        choices=("text", "json", "ids"),
        default="text",
        help="a table (text, the default), JSON, or cluster ids alone",
    )
    command.add_argument(
        "--json", action="store_const", const="json", dest="output", help="the same as -o json"
    )
    _common(command, cluster_id=False)
    command.set_defaults(run=_list, parser=command)


def _add_stop(commands: Any) -> None:
    command = _add_command(
        commands,
        "stop",
        help="stop clusters",
        epilog=_examples(
            "  engineroom stop                          the cluster without an id",
            "  engineroom stop big small                by the ids that `engineroom list` shows",
            "  engineroom stop --all                    whatever runs in the profile",
            "  engineroom stop --signal INT             interrupts what runs, then stops",
            note="exit status: 11 if a cluster does not run",
        ),
    )
    command.add_argument("ids", nargs="*", metavar="ID", help="cluster ids (default: '')")
    command.add_argument("--all", action="store_true", help="every cluster of the profile")
    command.add_argument(
        "--signal", type=_signal, metavar="SIG", help="send this first, before SIGTERM"
    )
    command.add_argument("--json", action="store_true", help="print what was stopped as JSON")
    _common(command)
    command.set_defaults(run=_stop, parser=command)


def _add_clean(commands: Any) -> None:
    command = _add_command(
        commands,
        "clean",
        help="remove logs and files of dead clusters",
        epilog=_examples(
            "  engineroom clean                         in the default profile",
            "  engineroom clean --all                   in every profile",
            note="exit status: 10 if a cluster runs, whose files then stay",
        ),
    )
    command.add_argument("--force", action="store_true", help="of running clusters too")
    command.add_argument("--all", action="store_true", help="in every profile")
    command.add_argument("--json", action="store_true", help="print what was removed as JSON")
    _common(command, cluster_id=False)
    command.set_defaults(run=_clean, parser=command)


def _examples(*lines: str, note: str = "") -> str:
    return "\n".join(["examples:", *lines, *(["", note] if note else [])])


def _count(text: str) -> int:
    try:
        n = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: {text!r}") from None
    if n < 0:
        raise argparse.ArgumentTypeError("a number of engines cannot be negative")
    return n


def _limits(text: str) -> tuple[int, int]:
    minimum, _, maximum = text.partition(":")
    limits = int(minimum), int(maximum)
    if not 0 <= limits[0] <= limits[1] or limits[1] < 1:
        raise ValueError(text)
    return limits


def _resources(text: str) -> dict[str, float]:
    try:
        return parse_resource_text(text)
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _truth(text: str) -> bool:
    return text.lower() not in ("false", "0", "no")


def _signal(text: str) -> int:
    if text.isdigit():
        return int(text)
    name = text.upper()
    try:
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
    except KeyError:
        raise argparse.ArgumentTypeError(f"no such signal: {text}") from None


def _split(arguments: list[str], mark: str) -> tuple[list[str], list[str]]:
    if mark not in arguments:
        return arguments, []
    at = arguments.index(mark)
    return arguments[:at], arguments[at + 1 :]


def _split_config(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Take out settings in traitlets' form, --Class.trait=value."""
    config = [a for a in arguments if re.match(r"--[A-Z]\w*\.\w+=", a)]
    return [a for a in arguments if a not in config], config


def _profile_dir(args: argparse.Namespace) -> str:
    return (
        os.path.abspath(args.profile_dir) if args.profile_dir else files.profile_path(args.profile)
    )


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        from engineroom import __version__

        print(__version__)
        parser.exit()


def _say(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)


# ---- commands ----


def _start(args: argparse.Namespace) -> int:
    from engineroom import cli_start

    return cli_start.start(args, _profile_dir(args))


def _engines(args: argparse.Namespace) -> int:
    from engineroom import cli_start

    return cli_start.engines(args, _profile_dir(args))


def _list(args: argparse.Namespace) -> int:
    from engineroom.cluster import listing

    named = args.profile or args.profile_dir
    clusters = listing.read_clusters([_profile_dir(args)] if named else files.all_profile_dirs())
    if args.output == "json":
        print(json.dumps([cluster.as_json() for cluster in clusters], indent=2))
        return 0
    if args.output == "ids":
        print("\n".join(cluster.cluster_id for cluster in clusters if cluster.cluster_id))
        return 0
    rows = [("PROFILE", "CLUSTER ID", "RUNNING", "ENGINES", "LAUNCHER")]
    for cluster in clusters:
        engines = sum(member.engines for member in cluster.engines if member.running)
        name = cluster.cluster_id or "''"
        running = str(cluster.controller_running)
        rows.append((cluster.profile, name, running, str(engines), cluster.launcher))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
    return 0


def _stop(args: argparse.Namespace) -> int:
    from engineroom.cluster import listing

    folder = _profile_dir(args)
    if args.all:
        clusters = listing.read_clusters([folder])
        if not clusters:
            _say("engineroom: no cluster runs in", folder)
    else:
        clusters = []
        for cluster_id in args.ids or [args.cluster_id]:
            path = files.cluster_file(folder, cluster_id)
            cluster = listing.read_cluster(path)
            if cluster is None or not cluster.running:
                files.remove(path)
                _say(f"engineroom: cluster {cluster_id!r} is not running in {folder}")
                return NOT_RUNNING
            clusters.append(cluster)
    for cluster in clusters:
        listing.stop(cluster, args.signal)
        if not args.json and args.log_level != "ERROR":
            _say(f"stopped cluster {cluster.cluster_id!r}")
    if args.json:
        print(json.dumps([cluster.as_json() for cluster in clusters], indent=2))
    return 0


def _clean(args: argparse.Namespace) -> int:
    from engineroom.cluster import clean_cluster_files, listing

    folders = files.all_profile_dirs() if args.all else [_profile_dir(args)]
    found = [
        listing.read_cluster(path) for folder in folders for path in files.cluster_files(folder)
    ]
    running = [cluster for cluster in found if cluster is not None and cluster.running]
    if running and not args.force:
        names = ", ".join(f"{c.cluster_id!r} of profile {c.profile}" for c in running)
        _say(f"engineroom: still running: {names}; `engineroom stop` first, or use --force")
        return ALREADY_RUNNING
    removed = clean_cluster_files(folders, force=True)
    if args.json:
        print(json.dumps(removed, indent=2))
    elif args.log_level != "ERROR":
        _say("removed 1 file" if len(removed) == 1 else f"removed {len(removed)} files")
    return 0


def _completion(args: argparse.Namespace) -> int:
    from engineroom.completion import script

    print(script(args.shell, make_parser()))
    return 0


def _man(args: argparse.Namespace) -> int:
    from engineroom import __version__, manpages

    parser = make_parser()
    if args.install:
        folder = Path(args.install).expanduser() / "man1"
        for path in manpages.write_all(parser, folder, __version__):
            print(path)
        return 0
    if args.page and args.page not in manpages.subcommands(parser):
        args.parser.error(f"no command {args.page!r}")
    print(manpages.page(parser, args.page, __version__), end="")
    return 0


def _run_program(name: str, arguments: list[str]) -> int:
    from engineroom.cluster import programs

    commands = {"controller": programs.controller_command, "engine": programs.engine_command}
    command = [*commands[name](), *arguments]
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        _say(f"engineroom: cannot find {command[0]}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
