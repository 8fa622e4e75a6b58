"""What an engine is told: the command line, the environment and the profile, made into Options.

The command line is ipyparallel's: launchers and batch templates of users contain it. So flags are
spelled as traitlets spells them (`--profile=x`, `--IPEngine.timeout=5`), and unknown ones are not
an error.

By hand rather than with argparse or traitlets: every engine pays for their imports before it
registers.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from . import mpi

HELP = """\
usage: engineroom-engine [options]

Start an engine: a Python process that runs tasks for clients. It finds its controller by the
connection file in the profile, or by --file, or by the file's text in IPP_CONNECTION_INFO.

options:
  -f, --file FILE        connection file (ipcontroller-engine.json)
  --profile NAME         profile to find the connection file in (default: default)
  --profile-dir DIR      the same, as a folder (default: $IPP_PROFILE_DIR)
  --ipython-dir DIR      where profiles are (default: $IPYTHONDIR or ~/.ipython)
  --cluster-id ID        which cluster of the profile (default: $IPP_CLUSTER_ID)
  --timeout SECONDS      how long to wait for the connection file, and for the controller's answer;
                         0 = for ever (default)
  --id N                 ask for this engine id, such as an MPI rank
  --cpus N               offer as many processors to tasks that demand some (default: what OpenMP
                         may use: OMP_NUM_THREADS, or all)
  --gpus N               the same for GPUs (default: the engine's share of those that are here)
  --memory SIZE          the same for memory, such as 8GiB (default: its share)
  --resource NAME=AMOUNT anything else that tasks may demand; several times, or with commas
  --mpi                  started by mpiexec: have MPI ready, and ask for the rank as the engine id
  --preload MODULES      import modules (a,b,…) before registering, so that no task waits for them:
                         torch, or ipyparallel, which the first call of an ipyparallel client needs
  -c CODE                run code before any task
  -s FILE                run a file before any task
  --keep-bytes N         results kept in memory, for tasks that are given them (default: 1 GiB)
  --spill-bytes N        large ones beyond that, on disk; 0: none (default: 8 GiB, but at most a
                         tenth of what is free there)
  --spill-dir DIR        where (default: $TMPDIR or /var/tmp)
  --exchange WAY         direct: engines of one host give results to each other (default);
                         relayed: all go by the controller
  --log-level LEVEL      debug, info, warning (default) or error; or a number as in Python's logging
  --debug                the same as --log-level=debug
  --log-format FORMAT    text, or json: an object per line (what ENGINEROOM_LOG_FORMAT says)
  --log-url URL          send copies to a ZeroMQ SUB socket that listens there: tcp://host:port
  --InteractiveShell.TRAIT=VALUE
                         options of IPython
  --version              print the version and exit
  -h, --help, --help-all print this and exit

exit status:
  0   told to end          64  wrong option or connection file      66  no connection file in time
  69  controller gone      75  no answer to the registration        77  registration refused
"""


class UsageError(Exception):
    """A wrong option; the message says which and what to do."""


@dataclass
class Options:
    """Defaults are those of an engine started without options."""

    file: str = ""
    profile: str = ""
    profile_dir: str = ""
    ipython_dir: str = ""
    cluster_id: str = ""
    timeout: float = 0.0  # seconds; 0 = for ever
    requested_id: int = -1
    resources: str = ""  # "gpus=1,licence=2": see resources.py
    use_mpi: bool = False
    mpi_code: str = mpi.DEFAULT_CODE
    preload: tuple[str, ...] = ()  # modules
    startup_code: str = ""
    startup_file: str = ""
    log_level: str = "warning"
    log_format: str = ""  # see src/base/log.cpp
    log_url: str = ""
    max_missed_pings: int = 50
    gone_after: float = 5.0  # seconds
    connection_info: str = ""  # text of a connection file
    uuid: str = ""
    # Results that are arguments of other tasks.
    exchange: str = "direct"
    keep_bytes: int = 1 << 30
    spill_bytes: int = -1  # the core chooses
    spill_dir: str = ""
    # What the command line said: the profile's configuration does not change it.
    given: set[str] = field(default_factory=set)
    show: str = ""  # "help" or "version": print it and exit
    shell: dict[str, dict[str, str]] = field(default_factory=dict)  # class → trait → value
    unknown: list[str] = field(default_factory=list)

    def connection_file(self) -> Path:
        if self.file:
            return Path(self.file).expanduser()
        suffix = f"-{self.cluster_id}" if self.cluster_id else ""
        return self.profile_folder() / "security" / f"ipcontroller{suffix}-engine.json"

    def profile_folder(self) -> Path:
        if self.profile_dir:
            return Path(self.profile_dir).expanduser()
        base = Path(self.ipython_dir or "~/.ipython").expanduser()
        return base / f"profile_{self.profile or 'default'}"


# What each of them adds to Options.resources.
_RESOURCES = {
    "cpus": "cpus={}",
    "gpus": "gpus={}",
    "memory": "memory={}",
    "resource": "{}",
}


def _truth(value: object) -> bool:
    return str(value).lower() in ("true", "1")


def _names(value: object) -> tuple[str, ...]:
    """Of "a,b", or of a list."""
    words = value.split(",") if isinstance(value, str) else value
    return tuple(str(word).strip() for word in words)  # type: ignore[attr-defined]


# Option → field of Options and its type. "" as a field: accepted, and ignored.
_FIELDS = {
    "file": ("file", str),
    "f": ("file", str),
    "profile": ("profile", str),
    "profile-dir": ("profile_dir", str),
    "ipython-dir": ("ipython_dir", str),
    "cluster-id": ("cluster_id", str),
    "timeout": ("timeout", float),
    "id": ("requested_id", int),
    "preload": ("preload", _names),
    "c": ("startup_code", str),
    "s": ("startup_file", str),
    "log-level": ("log_level", str),
    "log-format": ("log_format", str),
    "log-url": ("log_url", str),
    "BaseParallelApplication.log_url": ("log_url", str),
    "IPEngine.log_url": ("log_url", str),
    "uuid": ("uuid", str),
    "exchange": ("exchange", str),
    "keep-bytes": ("keep_bytes", int),
    "spill-bytes": ("spill_bytes", int),
    "spill-dir": ("spill_dir", str),
    "IPEngine.exchange": ("exchange", str),
    "IPEngine.keep_bytes": ("keep_bytes", int),
    "IPEngine.spill_bytes": ("spill_bytes", int),
    "IPEngine.spill_dir": ("spill_dir", str),
    "IPEngine.url_file": ("file", str),
    "IPEngine.connection_info_env": ("connection_info", str),
    "IPEngine.timeout": ("timeout", float),
    "IPEngine.wait_for_url_file": ("timeout", float),
    "IPEngine.id": ("requested_id", int),
    "IPEngine.preload": ("preload", _names),
    "IPEngine.startup_command": ("startup_code", str),
    "IPEngine.startup_script": ("startup_file", str),
    "IPEngine.max_heartbeat_misses": ("max_missed_pings", int),
    "IPEngine.controller_gone_after": ("gone_after", float),
    "IPEngine.cluster_id": ("cluster_id", str),
    "IPEngine.profile": ("profile", str),
    "IPEngine.log_level": ("log_level", str),
    "BaseParallelApplication.cluster_id": ("cluster_id", str),
    "ProfileDir.location": ("profile_dir", str),
    "work-dir": ("", str),
    "IPEngine.use_mpi": ("use_mpi", _truth),
    "IPEngine.init_mpi": ("mpi_code", str),
    # Ids are sure without it.
    "IPEngine.mpi_registration_delay": ("", str),
    # In the versions before ipyparallel 7 it named the package to use.
    "mpi": ("use_mpi", bool),
}

_FLAGS: dict[str, tuple[str, object]] = {
    "h": ("show", "help"),
    "help": ("show", "help"),
    "help-all": ("show", "help"),
    "version": ("show", "version"),
    "V": ("show", "version"),
    "debug": ("log_level", "debug"),
    "quiet": ("log_level", "error"),
    "log-to-file": ("", ""),
    "clean-logs": ("", ""),
    "init": ("", ""),
    "mpi": ("use_mpi", True),
}

# Classes whose traits go to IPython as they are.
_SHELL_CLASSES = {"InteractiveShell", "EngineShell", "HistoryManager", "InlineBackend"}


def parse(arguments: list[str], environment: dict[str, str] | None = None) -> Options:
    options = Options()
    _read_command_line(options, list(arguments))
    _read_environment(options, os.environ if environment is None else environment)
    if options.exchange not in ("direct", "relayed"):
        raise UsageError(f"--exchange={options.exchange}: it is direct or relayed; see --help")
    return options


def _read_command_line(options: Options, arguments: list[str]) -> None:
    while arguments:
        argument = arguments.pop(0)
        if not argument.startswith("-"):
            options.unknown.append(argument)
            continue
        name, equals, value = argument.lstrip("-").partition("=")
        if name in _FLAGS and not equals:
            target, setting = _FLAGS[name]
            if target:
                setattr(options, target, setting)
            continue
        known = name in _FIELDS or name in _RESOURCES
        if not equals:
            # `--profile x`. What follows an unknown option may be its value or not: it is left
            # alone.
            if not known:
                options.unknown.append(argument)
                continue
            if not arguments:
                raise UsageError(f"{argument} needs a value; see --help")
            value = arguments.pop(0)
        if known:
            _set(options, name, value)
        elif not _set_shell_trait(options, name, value):
            options.unknown.append(argument)


def _set(options: Options, name: str, value: str) -> None:
    if name in _RESOURCES:
        options.resources += f",{_RESOURCES[name].format(value)}"
        return
    target, kind = _FIELDS[name]
    if not target:
        return
    try:
        setattr(options, target, kind(value))
        options.given.add(target)
    except ValueError:
        raise UsageError(f"--{name}: {value!r} is not a number; see --help") from None


def set_trait(options: Options, name: str, value: object) -> None:
    """Sets an option from the profile's configuration, unless the command line did."""
    target, kind = _FIELDS.get(name, ("", str))
    if target and value is not None and target not in options.given:
        setattr(options, target, kind(value))


def _set_shell_trait(options: Options, name: str, value: str) -> bool:
    owner, dot, trait = name.partition(".")
    if not dot or owner not in _SHELL_CLASSES:
        return False
    options.shell.setdefault(owner, {})[trait] = value
    return True


def _read_environment(options: Options, environment: dict[str, str]) -> None:
    """What the command line leaves open. Launchers pass these on."""
    if not options.file:
        options.connection_info = environment.get("IPP_CONNECTION_INFO", "")
    options.ipython_dir = options.ipython_dir or environment.get("IPYTHONDIR", "")
    options.cluster_id = options.cluster_id or environment.get("IPP_CLUSTER_ID", "")
    if not options.profile and not options.profile_dir:
        options.profile_dir = environment.get("IPP_PROFILE_DIR", "")
