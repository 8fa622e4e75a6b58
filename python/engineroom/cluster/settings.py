"""What a cluster is told: its traits, from arguments, from a profile's configuration or by default."""

from __future__ import annotations

import logging
import os
import random
import string
import sys
import time
from typing import Any

from traitlets import Bool, Float, Integer, List, Unicode, default, validate
from traitlets import Dict as DictTrait
from traitlets.config import Application, Config, LoggingConfigurable

from ..resources import parse_resources
from . import files
from .launcher import LauncherTrait
from .local import LocalControllerLauncher, LocalEngineSetLauncher
from .profile import current_shell, default_profile_dir, load_profile_config

# By which programs know it.
_LOG_NAME = "engineroom.cluster.cluster"
_ID_LETTERS = string.ascii_lowercase + string.digits


class ClusterSettings(LoggingConfigurable):
    """The settings of a cluster, and where each comes from."""

    shutdown_atexit = Bool(True, help="End with this program; off: keep running without it.")
    cluster_id = Unicode(help="Tells clusters of one profile apart; default: a new one.").tag(
        to_dict=True
    )
    profile = Unicode(help="Name of an IPython profile, whose folder holds the cluster's files.")
    profile_dir = Unicode(help="That folder; default: the current session's.").tag(to_dict=True)
    cluster_file = Unicode(help="Where the cluster's processes are noted; '' for nowhere.")
    load_profile = Bool(True, config=True, help="Read ipcluster_config of the profile.")
    log_level = Integer(logging.INFO)

    controller_launcher_class = LauncherTrait(
        kind="controller", default_value=LocalControllerLauncher, config=True
    )
    engine_launcher_class = LauncherTrait(
        kind="engine", default_value=LocalEngineSetLauncher, config=True
    )

    n = Integer(None, allow_none=True, config=True, help="Engines; default: one per core.").tag(
        to_dict=True
    )
    address = Unicode(config=True, help="Where the Dask or Ray is that engines are to run on.").tag(
        to_dict=True
    )
    resources = DictTrait(
        config=True, help="What each engine offers to tasks, such as {'gpus': 1}: see docs."
    ).tag(to_dict=True)
    engine_timeout = Integer(60, config=True, help="Seconds for the engines to register.")
    delay = Float(0.0, config=True, help="Seconds from controller to engines.").tag(to_dict=True)
    send_engines_connection_env = Bool(
        True,
        config=True,
        help="Hand connection info to engines that cannot be sure to see the controller's files.",
    )
    controller_args = List(Unicode(), config=True, help="Further arguments.").tag(to_dict=True)
    restart_controller = Bool(
        False,
        config=True,
        help="Start the controller anew when it is killed; engines, tasks and futures go on.",
    ).tag(to_dict=True)
    controller_ip = Unicode(config=True, help="Address to listen on.").tag(to_dict=True)
    controller_location = Unicode(
        config=True, help="Host by which others reach a controller that listens everywhere."
    ).tag(to_dict=True)

    users = List(
        Unicode(),
        config=True,
        help="Users who see nothing of each other's tasks; user_file(name) is for each.",
    ).tag(to_dict=True)
    users_dir = Unicode(config=True, help="Where those files go; default: beside the others.").tag(
        to_dict=True
    )

    @validate("resources")
    def _check_resources(self, proposal: Any) -> Any:
        return parse_resources(proposal["value"])

    @default("cluster_id")
    def _default_cluster_id(self) -> str:
        return f"{int(time.time())}-{''.join(random.choices(_ID_LETTERS, k=4))}"

    @default("profile_dir")
    def _default_profile_dir(self) -> str:
        return default_profile_dir(self.profile)

    @validate("profile_dir")
    def _validate_profile_dir(self, proposal: Any) -> str:
        return os.path.abspath(proposal.value) if proposal.value else proposal.value

    @default("cluster_file")
    def _default_cluster_file(self) -> str:
        return files.cluster_file(self.profile_dir, self.cluster_id)

    @default("log")
    def _default_log(self) -> Any:
        if self.parent is not None and self.parent is current_shell():
            # Whoever sits at the prompt sees what happens.
            log = logging.getLogger(f"{_LOG_NAME}.{self.cluster_id}")
            log.setLevel(self.log_level)
            log.handlers = [logging.StreamHandler(sys.stdout)]
            log.propagate = False
            return log
        if getattr(self.parent, "log", None) is not None:
            return self.parent.log
        if Application.initialized():
            return Application.instance().log
        log = logging.getLogger(f"{_LOG_NAME}.{self.cluster_id}")
        log.setLevel(self.log_level)
        return log


def merged_config(kwargs: dict[str, Any]) -> Config:
    """The profile's settings, under those given directly."""
    direct = kwargs.get("config")
    if direct is None:
        direct = getattr(kwargs.get("parent"), "config", None) or Config()
    if not kwargs.get("load_profile", direct.get("Cluster", {}).get("load_profile", True)):
        return direct
    folder = kwargs.get("profile_dir") or default_profile_dir(kwargs.get("profile", ""))
    config = load_profile_config(folder)
    config.merge(direct)
    return config
