"""Launchers by name, and all of them in one place.

Another package adds a way to start processes with a subclass of ControllerLauncher or
EngineLauncher, named in its entry point group `engineroom.controller_launchers` or
`engineroom.engine_launchers`.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import TraitError, import_item

from .base import (
    BaseLauncher,
    ControllerLauncher,
    EngineLauncher,
    LauncherError,
    NotRunning,
    ProcessStateError,
)
from .local import (
    LocalControllerLauncher,
    LocalEngineLauncher,
    LocalEngineSetLauncher,
    LocalProcessLauncher,
)
from .mpi import MPIControllerLauncher, MPIEngineSetLauncher, MPILauncher

__all__ = [
    "BaseLauncher",
    "ControllerLauncher",
    "EngineLauncher",
    "LauncherError",
    "LauncherTrait",
    "LocalControllerLauncher",
    "LocalEngineLauncher",
    "LocalEngineSetLauncher",
    "LocalProcessLauncher",
    "MPIControllerLauncher",
    "MPIEngineSetLauncher",
    "MPILauncher",
    "NotRunning",
    "ProcessStateError",
    "abbreviate_launcher_class",
    "find_launcher_class",
]

# What is needed quickly and by most. The others are found by their entry points, like those of other
# packages.
_BUILT_IN = {
    "controller": {
        "local": "engineroom.cluster.local.LocalControllerLauncher",
        "mpi": "engineroom.cluster.mpi.MPIControllerLauncher",
    },
    "engine": {
        "local": "engineroom.cluster.local.LocalEngineSetLauncher",
        "mpi": "engineroom.cluster.mpi.MPIEngineSetLauncher",
    },
}


_ELSEWHERE = {
    f"{system}{part}": module
    for module, systems, parts in (
        ("batch", ("Batch",), ("SystemLauncher", "ControllerLauncher", "EngineSetLauncher")),
        ("slurm", ("Slurm",), ("Launcher", "ControllerLauncher", "EngineSetLauncher")),
        ("pbs", ("PBS", "SGE"), ("Launcher", "ControllerLauncher", "EngineSetLauncher")),
        ("lsf", ("LSF",), ("Launcher", "ControllerLauncher", "EngineSetLauncher")),
        (
            "ssh",
            ("SSH",),
            ("Launcher", "ControllerLauncher", "EngineLauncher", "EngineSetLauncher"),
        ),
        ("ec2", ("EC2",), ("EngineSetLauncher",)),
        ("dask", ("Dask",), ("EngineSetLauncher",)),
        ("ray", ("Ray",), ("EngineSetLauncher",)),
        ("kubernetes", ("Kubernetes",), ("Launcher", "ControllerLauncher", "EngineSetLauncher")),
        ("htcondor", ("HTCondor",), ("Launcher", "ControllerLauncher", "EngineSetLauncher")),
    )
    for system in systems
    for part in parts
}


def find_launcher_class(name: str, kind: str) -> type[BaseLauncher]:
    """The class for a name ("local") or full path; `kind` is "controller" or "engine"."""
    if kind not in _BUILT_IN:
        raise ValueError(f"kind must be 'engine' or 'controller', not {kind!r}")
    known = dict(_BUILT_IN[kind])
    if name.lower() in known:
        return import_item(known[name.lower()])
    # Slow to import, and only needed for launchers of other packages.
    from importlib.metadata import entry_points

    for entry_point in entry_points(group=_group(kind)):
        if entry_point.name.lower() == name.lower():
            return entry_point.load()
        known[entry_point.name.lower()] = entry_point.value.replace(":", ".")
    if "." in name:
        return import_item(_in_this_package(name, known))
    raise KeyError(f"no {kind} launcher {name!r}; there are: {', '.join(sorted(known))}")


@functools.cache
def abbreviate_launcher_class(cls: type[BaseLauncher]) -> str:
    """The name by which find_launcher_class finds a class."""
    path = f"{cls.__module__}.{cls.__name__}"
    for names in _BUILT_IN.values():
        for name, known in names.items():
            if known == path:
                return name
    from importlib.metadata import entry_points

    for kind in _BUILT_IN:
        for entry_point in entry_points(group=_group(kind)):
            if entry_point.value.replace(":", ".") == path:
                return entry_point.name
    return path


def _group(kind: str) -> str:
    return f"engineroom.{kind}_launchers"


def _in_this_package(path: str, known: dict[str, str]) -> str:
    """Our class for one of ipyparallel's, as named in its cluster and configuration files."""
    module, _, name = path.rpartition(".")
    if module in ("ipyparallel.cluster.launcher", __name__):
        for ours in known.values():
            if ours.startswith("engineroom.") and ours.endswith(f".{name}"):
                return ours
    return path


def __getattr__(name: str) -> Any:
    """The classes of other systems, which few need, are imported when they are asked for."""
    module = _ELSEWHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_item(f"engineroom.cluster.{module}.{name}")


class LauncherTrait(AnyTrait):
    """A launcher class, given as such or by a name for find_launcher_class."""

    info_text = "a launcher class, or the name of one"

    def __init__(self, *, kind: str, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(**kwargs)

    def validate(self, obj: Any, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return find_launcher_class(value, self.kind)
            except (KeyError, ImportError) as error:
                raise TraitError(str(error.args[0])) from error
        if inspect.isclass(value) and issubclass(value, BaseLauncher):
            return value
        return self.error(obj, value)
