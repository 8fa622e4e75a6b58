"""The IPython session we may be in, its profile, and the settings kept there.

IPython itself is never imported.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from traitlets.config import Config

from . import files

CONFIG_NAME = "ipcluster_config"


def current_shell() -> Any:
    """The running IPython shell, or None."""
    ipython = sys.modules.get("IPython")
    get_ipython = getattr(ipython, "get_ipython", None)
    return get_ipython() if get_ipython is not None else None


def default_profile_dir(profile: str = "") -> str:
    """The named profile's folder; without a name the current session's, or the default one's."""
    if not profile:
        folder = getattr(getattr(current_shell(), "profile_dir", None), "location", "")
        if folder:
            return folder
    return files.profile_path(profile)


def load_profile_config(profile_dir: str) -> Config:
    """What ipcluster_config.py and ipcluster_config.json in a profile's folder say."""
    config = Config()
    for suffix in (".py", ".json"):
        name = CONFIG_NAME + suffix
        if not os.path.exists(os.path.join(profile_dir, name)):
            continue
        # Needed by few; and by nobody in a hurry.
        from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

        loader = PyFileConfigLoader if suffix == ".py" else JSONFileConfigLoader
        config.merge(loader(name, path=profile_dir).load_config())
    return config
