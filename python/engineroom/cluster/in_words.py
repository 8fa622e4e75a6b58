"""What a cluster is and does, as people read it: at the prompt and in notebooks."""

from __future__ import annotations

import os
from html import escape
from typing import Any

from . import files
from .state import running_engines


def describe(cluster: Any) -> str:
    """What repr() of it says."""
    fields = [f"cluster_id={cluster.cluster_id!r}", _profile_of(cluster)]
    if cluster.controller is not None:
        fields.append(f"controller=<{cluster.controller.condition}>")
    if cluster.engines:
        fields.append(f"engines=<{describe_engines(cluster)}>")
    return f"<{type(cluster).__name__}({', '.join(fields)})>"


def _profile_of(cluster: Any) -> str:
    profile = files.profile_of(cluster.profile_dir)
    if profile != cluster.profile_dir:
        return f"profile={profile!r}"
    home = os.path.expanduser("~") + os.sep
    inside = profile.startswith(home)
    shown = os.path.join("~", profile.removeprefix(home)) if inside else profile
    return f"profile_dir={shown!r}"


def as_html(cluster: Any) -> str:
    # Here, because starting and stopping clusters needs no client.
    from ..client.tables import table

    title = repr(cluster)[1:-1]
    if cluster.controller is None:
        return f"<b>{escape(title)}</b>"
    return table(title, ["process", "place", "state"], processes(cluster))


def describe_engines(cluster: Any) -> str:
    """ "4 running", or "2 running, 4 pending (Resources)"."""
    sets = list(cluster.engines.values())
    words = [f"{sum(running_engines(engine_set) for engine_set in sets)} running"]
    for engine_set in sets:
        if engine_set.condition not in ("before", "running", "after"):
            words.append(f"{engine_set.n} {engine_set.condition}")
    return ", ".join(words)


def processes(cluster: Any) -> list[list[Any]]:
    """[what, where, state] of all that a cluster has."""
    rows = [["controller", cluster.controller.place, cluster.controller.condition]]
    for key, engine_set in list(cluster.engines.items()):
        launchers = getattr(engine_set, "launchers", None)
        if launchers is None:
            launchers = {"": engine_set}
        for number, launcher in list(launchers.items()):
            what = "engine" if launcher.n == 1 else f"{launcher.n} engines"
            name = f"{what} {key}/{number}" if number else f"{what} {key}"
            rows.append([name, launcher.place, launcher.condition])
    return rows
