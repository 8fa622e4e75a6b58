"""All clusters that left a file, and what becomes of those files."""

from __future__ import annotations

import glob
import logging
import os
from typing import Any

from traitlets import Dict
from traitlets.config import LoggingConfigurable

from . import files
from .cluster import Cluster


class ClusterManager(LoggingConfigurable):
    """Clusters by key: `<profile>:<cluster id>`."""

    clusters = Dict(help="The known clusters.")

    @staticmethod
    def _cluster_key(cluster: Cluster) -> str:
        return f"{files.profile_of(cluster.profile_dir)}:{cluster.cluster_id}"

    @staticmethod
    def _cluster_files_in_profile_dir(profile_dir: str) -> list[str]:
        return files.cluster_files(profile_dir)

    def load_clusters(
        self,
        *,
        profile_dirs: list[str] | None = None,
        profile_dir: str | None = None,
        profiles: list[str] | None = None,
        profile: str | None = None,
        init_default_clusters: bool = False,
        **kwargs: Any,
    ) -> dict[str, Cluster]:
        """Forget clusters that have ended, find those that left a file, by default in any profile.

        With `init_default_clusters`, a profile without clusters gets one to be started, with the id
        "".
        """
        for key, cluster in list(self.clusters.items()):
            # A cluster without a controller has not been started yet.
            if cluster.controller and not cluster._is_running():
                self.clusters.pop(key)
        if profile_dirs is None:
            names = profiles or ([profile] if profile else [])
            profile_dirs = [profile_dir] if profile_dir else [files.profile_path(p) for p in names]
            profile_dirs = profile_dirs or files.all_profile_dirs()
        for folder in profile_dirs:
            self._load_profile_dir(folder, init_default_clusters)
        return self.clusters

    def _load_profile_dir(self, profile_dir: str, init_default: bool) -> None:
        known = {cluster.cluster_file for cluster in self.clusters.values()}
        paths = files.cluster_files(profile_dir)
        for path in paths:
            if path in known:
                continue
            try:
                cluster = Cluster.from_file(path, parent=self)
            except Exception as error:
                self.log.warning("cannot read the cluster file %s: %s", path, error)
                continue
            self.clusters[self._cluster_key(cluster)] = cluster
        if init_default and not paths:
            cluster = Cluster(profile_dir=profile_dir, cluster_id="")
            self.clusters.setdefault(self._cluster_key(cluster), cluster)

    def new_cluster(self, **kwargs: Any) -> tuple[str, Cluster]:
        """(key, cluster); KeyError if there is one with this id."""
        cluster = Cluster(parent=self, **kwargs)
        key = self._cluster_key(cluster)
        if key in self.clusters:
            raise KeyError(f"cluster {key} exists already")
        self.clusters[key] = cluster
        return key, cluster

    def get_cluster(self, cluster_id: str) -> Cluster:
        return self.clusters[cluster_id]

    def remove_cluster(self, cluster_id: str) -> None:
        """Forget a cluster; it is not stopped."""
        del self.clusters[cluster_id]


def clean_cluster_files(
    profile_dirs: str | list[str] | None = None,
    *,
    log: logging.Logger | None = None,
    force: bool = False,
) -> list[str]:
    """Remove the files that clusters left behind, and all logs, by default of every profile.

    Returns the paths of what is gone. ValueError if a cluster still runs; with `force` its files go
    too, and it can only be found by its processes.
    """
    log = log or logging.getLogger(__name__)
    if profile_dirs is None:
        profile_dirs = files.all_profile_dirs()
    elif isinstance(profile_dirs, str):
        profile_dirs = [profile_dirs]
    removed = []
    for profile_dir in profile_dirs:
        doomed = files.cluster_files(profile_dir)
        if not force:
            for path in doomed:
                _refuse_running(path)
        escaped = glob.escape(profile_dir)
        doomed += glob.glob(os.path.join(escaped, "security", "ipcontroller*.json*"))
        doomed += glob.glob(os.path.join(escaped, "log", "*"))
        for path in doomed:
            log.debug("removing %s", path)
            try:
                if files.remove(path):
                    removed.append(path)
            except OSError as error:
                log.error("cannot remove %s: %s", path, error)
    return removed


def _refuse_running(cluster_file: str) -> None:
    from .listing import read_cluster

    cluster = read_cluster(cluster_file)
    if cluster is not None and cluster.running:
        raise ValueError(f"{cluster_file} belongs to a running cluster; stop it, or use force=True")
