"""Clusters as their files tell of them: enough to list and to stop them, and quick to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import files
from .process import Process, end_all, is_alive


@dataclass
class Member:
    """A process of a cluster."""

    name: str  # "controller", or "<engine set>/<number>"
    pid: int
    birth: int
    engines: int = 1  # that it stands for: mpiexec is one process for many

    @property
    def running(self) -> bool:
        return is_alive(self.pid, self.birth)


@dataclass
class ClusterInfo:
    file: str
    cluster_id: str
    profile_dir: str
    launcher: str  # how the engines were started
    controller: Member | None
    engines: list[Member] = field(default_factory=list)

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
            "controller": self.controller.pid if self.controller else None,
            "engines": [member.pid for member in self.engines if member.running],
            "launcher": self.launcher,
        }


def read_cluster(path: str) -> ClusterInfo | None:
    """The cluster of a file; None if there is no such file, or it makes no sense."""
    try:
        data = files.read_json(path)
        about = data["cluster"]
        noted = (data.get("controller") or {}).get("state") or {}
        engines = data.get("engines") or {}
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


def _find(members: list[Member]) -> list[Process]:
    found = []
    for member in members:
        try:
            found.append(Process.find(member.pid, member.birth))
        except (ProcessLookupError, OverflowError):
            continue
    return found
