"""Clusters: starting, watching and stopping controllers and engines."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import launcher
    from .cluster import Cluster
    from .manager import ClusterManager, clean_cluster_files

__all__ = ["Cluster", "ClusterManager", "clean_cluster_files", "launcher"]

# Imported at first use: `engineroom list` lives from files.py alone.
_HOMES = {"Cluster": "cluster", "ClusterManager": "manager", "clean_cluster_files": "manager"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name == "launcher":
        return import_module(f"{__name__}.launcher")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
