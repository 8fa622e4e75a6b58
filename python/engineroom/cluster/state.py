"""A cluster as JSON: what its file says, and how a cluster is found again from it."""

from __future__ import annotations

from typing import Any

from traitlets import import_item

from . import files
from .base import NotRunning
from .launcher import abbreviate_launcher_class, find_launcher_class
from .process import is_alive


def to_dict(cluster: Any) -> dict[str, Any]:
    about = {name: getattr(cluster, name) for name in cluster.traits(to_dict=True)}
    about["class"] = f"{type(cluster).__module__}.{type(cluster).__name__}"
    result: dict[str, Any] = {"cluster": about}
    controller = cluster.controller
    if controller is not None and controller.state != "after":
        name = abbreviate_launcher_class(cluster.controller_launcher_class)
        result["controller"] = {"class": name, "state": controller.to_dict()}
    sets = {
        # Sets may have been started in different ways, of which the file's layout knows but one.
        key: {"class": abbreviate_launcher_class(type(engine_set)), **engine_set.to_dict()}
        for key, engine_set in list(cluster.engines.items())
        if engine_set.state != "after"
    }
    result["engines"] = {
        "class": abbreviate_launcher_class(cluster.engine_launcher_class),
        "sets": sets,
    }
    return result


def from_dict(cls: Any, d: dict[str, Any], kwargs: dict[str, Any]) -> Any:
    about = d["cluster"]
    cls = _class_named(about.get("class", ""), cls)
    kwargs.setdefault("shutdown_atexit", False)
    cluster = cls(**kwargs)
    for name in cluster.traits(to_dict=True):
        if name in about:
            setattr(cluster, name, about[name])
    lost = _find_controller(cluster, d.get("controller") or {})
    lost |= _find_engines(cluster, d.get("engines") or {})
    if lost:
        cluster.update_cluster_file()
    return cluster


def _class_named(path: str, cls: Any) -> Any:
    """The class that wrote the file, if it is another one; ipyparallel's Cluster is ours here."""
    if not path or path.startswith("ipyparallel.") or path == f"{cls.__module__}.{cls.__name__}":
        return cls
    return import_item(path)


def _find_controller(cluster: Any, info: dict[str, Any]) -> bool:
    if not info:
        return False
    cluster.controller_launcher_class = info["class"]
    if not info.get("state"):
        return False
    try:
        launcher = cluster.controller_launcher_class.from_dict(
            info["state"], parent=cluster, log=cluster.log
        )
    except NotRunning as error:
        cluster.log.debug("controller of %r: %s has ended", cluster.cluster_id, error)
        return True
    cluster.controller = launcher
    cluster._on_stop(launcher, "controller")
    return False


def _find_engines(cluster: Any, info: dict[str, Any]) -> bool:
    lost = False
    if not info:
        return lost
    cluster.engine_launcher_class = info["class"]
    for key, engine_state in info.get("sets", {}).items():
        try:
            launcher_class = find_launcher_class(engine_state.get("class", info["class"]), "engine")
            engine_set = launcher_class.from_dict(
                engine_state, engine_set_id=key, parent=cluster, log=cluster.log
            )
        except NotRunning as error:
            cluster.log.debug("engine set %s of %r: %s", key, cluster.cluster_id, error)
            lost = True
            continue
        cluster.engines[key] = engine_set
        cluster._on_stop(engine_set, f"engine set {key}")
        # Another way to start engines need not have a process for each.
        if hasattr(engine_set, "launchers"):
            lost |= len(engine_set.launchers) != len(engine_state.get("engines", {}))
    return lost


def running_controller(cluster_file: str) -> str:
    """Where the controller of a cluster file runs, in words; "" if it does not."""
    try:
        controller = files.read_json(cluster_file).get("controller") or {}
        noted = controller.get("state") or {}
        if "pid" in noted:
            pid = int(noted["pid"])
            return f"process {pid}" if is_alive(pid, int(noted.get("birth", 0))) else ""
        if noted:
            launcher = find_launcher_class(controller["class"], "controller").from_dict(noted)
            return str(launcher.place)
    except (OSError, ValueError, KeyError, AttributeError, NotRunning):
        pass
    return ""


def running_engines(engine_set: Any) -> int:
    """How many engines of a set run; one process may have started several."""
    launchers = getattr(engine_set, "launchers", None)
    if launchers is None:
        return int(engine_set.n) if engine_set.condition == "running" else 0
    return sum(launcher.n for launcher in list(launchers.values()))
