"""The commands that start a controller and an engine, and how many of these a machine is for."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig

CONTROLLER = "engineroom-controller"


def controller_command() -> list[str]:
    """$ENGINEROOM_CONTROLLER, or the program beside this Python, or the first one on PATH."""
    chosen = os.environ.get("ENGINEROOM_CONTROLLER")
    if chosen:
        return [chosen]
    folders = [
        os.path.dirname(sys.executable),
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", f"{os.name}_user"),
    ]
    for folder in folders:
        path = os.path.join(folder, CONTROLLER)
        if os.access(path, os.X_OK):
            return [path]
    return [shutil.which(CONTROLLER) or CONTROLLER]


def engine_command() -> list[str]:
    return [sys.executable, "-m", "engineroom.engine"]


def core_count() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
