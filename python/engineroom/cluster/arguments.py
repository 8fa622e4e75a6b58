"""What a cluster's launchers are told: by their settings, on command lines and in the environment."""

from __future__ import annotations

import json
import socket
from typing import Any


def launcher_arguments(cluster: Any, given: dict[str, Any]) -> dict[str, Any]:
    arguments = {
        "parent": cluster,
        "log": cluster.log,
        "profile_dir": cluster.profile_dir,
        "cluster_id": cluster.cluster_id,
        "guarded": cluster.shutdown_atexit,
    }
    return {**arguments, **given}


def add_controller_args(cluster: Any, controller: Any) -> None:
    added = _controller_args(cluster)
    if not added:
        return
    if hasattr(controller, "controller_args"):
        controller.controller_args = [*controller.controller_args, *added]
    else:
        cluster.log.warning("%s takes no arguments: %s", type(controller).__name__, added)


def _controller_args(cluster: Any) -> list[str]:
    added = []
    if getattr(cluster.engine_launcher_class, "by_tunnel", False):
        # The end of a connection is not that of an engine then.
        added.append(f"--enginessh={socket.gethostname()}")
    if cluster.controller_ip:
        added.append(f"--ip={cluster.controller_ip}")
    if cluster.controller_location:
        added.append(f"--location={cluster.controller_location}")
    added += cluster.controller_args
    if cluster.restart_controller:
        added.append("--journal")
    if cluster.users:
        added.append(f"--users={','.join(cluster.users)}")
    if cluster.users_dir:
        added.append(f"--users-dir={cluster.users_dir}")
    return added


async def add_connection(cluster: Any, engine_set: Any) -> None:
    """Hand connection info to engines that cannot be sure to see the controller's files."""
    if not cluster.send_engines_connection_env or engine_set.reads_connection_file:
        return
    if cluster.controller:
        info = await cluster.controller.get_connection_info()
        connection = {"IPP_CONNECTION_INFO": json.dumps(info["engine"])}
        engine_set.environment = {**engine_set.environment, **connection}
