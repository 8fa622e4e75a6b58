"""Clusters as their files tell of them: enough to list and to stop them, and quick to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import files
from .process import Process, end_all, is_alive


@dataclass
class Member:
    """A process of a cluster."""

    name: str  # "controller", or "<engine set>/<number>"
    pid: int
    birth: int
    engines: int = 1  # that it stands for: mpiexec is one process for many
    place: str = ""  # no process of this machine: where it ran when its launcher was asked

    @property
    def running(self) -> bool:
        return bool(self.place) or is_alive(self.pid, self.birth)

    @property
    def identity(self) -> int | str:
        return self.place or self.pid


@dataclass
class ClusterInfo:
    file: str
    cluster_id: str
    profile_dir: str
    launcher: str  # how the engines were started
    controller: Member | None
    engines: list[Member] = field(default_factory=list)
    # The Cluster itself, where not all runs on this machine.
    cluster: Any = None

    @property
    def running(self) -> bool:
        return any(member.running for member in self.members)

    @property
    def controller_running(self) -> bool:
        return self.controller is not None and self.controller.running

    @property
    def members(self) -> list[Member]:
        return ([self.controller] if self.controller else []) + self.engines

    @property
    def profile(self) -> str:
        return files.profile_of(self.profile_dir)

    @property
    def connection_file(self) -> str:
        return files.connection_files(self.profile_dir, self.cluster_id)["client"]

    def as_json(self) -> dict[str, object]:
        return {
            "cluster_id": self.cluster_id,
            "profile": self.profile,
            "profile_dir": self.profile_dir,
            "cluster_file": self.file,
            "connection_file": self.connection_file,
            "running": self.controller_running,
            "controller": self.controller.identity if self.controller else None,
            "engines": [member.identity for member in self.engines if member.running],
            "launcher": self.launcher,
        }


def read_cluster(path: str) -> ClusterInfo | None:
    """The cluster of a file; None if there is no such file, or it makes no sense."""
    try:
        data = files.read_json(path)
        about = data["cluster"]
        noted = (data.get("controller") or {}).get("state") or {}
        engines = data.get("engines") or {}
        sets = (engines.get("sets") or {}).values()
        if (noted and "pid" not in noted) or not all(_has_processes(s) for s in sets):
            return _read_elsewhere(path, data)
        return ClusterInfo(
            file=path,
            cluster_id=str(about["cluster_id"]),
            profile_dir=str(about["profile_dir"]),
            launcher=str(engines.get("class", "")),
            controller=_member("controller", noted) if noted else None,
            engines=[
                _member(f"{key}/{number}", engine)
                for key, engine_set in (engines.get("sets") or {}).items()
                for number, engine in (engine_set.get("engines") or {}).items()
            ],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _has_processes(engine_set: dict[str, Any]) -> bool:
    """Whether all engines are processes of this machine."""
    return all("pid" in engine for engine in engine_set.get("engines", {"": {}}).values())


def _read_elsewhere(path: str, data: Any) -> ClusterInfo:
    """A cluster of which not all runs on this machine: its launchers are asked."""
    # Slow to import, and only needed here.
    from traitlets import TraitError

    from .base import LauncherError
    from .cluster import Cluster

    about = data["cluster"]
    launcher = str((data.get("engines") or {}).get("class", ""))
    info = ClusterInfo(path, str(about["cluster_id"]), str(about["profile_dir"]), launcher, None)
    try:
        cluster = Cluster.from_file(path)
    except (LauncherError, TraitError, KeyError, ImportError) as error:
        # Who cannot ask must not believe that it has ended.
        info.controller = Member("controller", -1, 0, place=f"unknown: {error}")
        return info
    info.cluster = cluster
    if cluster.controller is not None:
        info.controller = _member_of("controller", cluster.controller)
    for key, engine_set in cluster.engines.items():
        for number, one in getattr(engine_set, "launchers", {"": engine_set}).items():
            info.engines.append(_member_of(f"{key}/{number}", one))
    return info


def _member_of(name: str, launcher: Any) -> Member:
    if getattr(launcher, "pid", -1) > 0:
        return _member(name, launcher.to_dict())
    return Member(name, -1, 0, getattr(launcher, "n", 1), launcher.place or name)


def _member(name: str, noted: dict[str, object]) -> Member:
    def number(key: str, default: int) -> int:
        return int(str(noted.get(key, default)))

    return Member(name, number("pid", -1), number("birth", 0), number("n", 1))


def read_clusters(profile_dirs: Sequence[str]) -> list[ClusterInfo]:
    """Clusters that left a file in these folders and still run. Files of dead ones are removed."""
    found = []
    for profile_dir in profile_dirs:
        for path in files.cluster_files(profile_dir):
            cluster = read_cluster(path)
            if cluster is not None and cluster.running:
                found.append(cluster)
            elif cluster is not None:
                files.remove(path)
    return found


def stop(cluster: ClusterInfo, signum: int | None = None, grace: float = 5.0) -> None:
    """End all processes of a cluster and remove its files. A signal given is sent first."""
    if cluster.cluster is not None:
        if signum is not None:
            cluster.cluster.signal_engines_sync(signum)
        cluster.cluster.stop_cluster_sync()
        return
    engines = _find(cluster.engines)
    controller = _find([cluster.controller] if cluster.controller else [])
    if signum is not None:
        for process in engines + controller:
            process.send_signal(signum)
    # In this order: an engine that cannot say goodbye waits a while before it gives up.
    end_all(engines, grace)
    end_all(controller, grace)
    files.remove(cluster.file)
    for path in files.connection_files(cluster.profile_dir, cluster.cluster_id).values():
        files.remove(path)
    for path in files.user_connection_files(cluster.profile_dir, cluster.cluster_id):
        files.remove(path)


def _find(members: list[Member]) -> list[Process]:
    found = []
    for member in members:
        try:
            found.append(Process.find(member.pid, member.birth))
        except (ProcessLookupError, OverflowError):
            continue
    return found
