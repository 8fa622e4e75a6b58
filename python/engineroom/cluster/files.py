"""Where clusters leave their files, and how those are read and written.

    <ipython dir>/profile_<name>/
        security/ipcontroller[-<id>]-{client,engine}.json   how to connect (secret)
        security/users/<user>/ipcontroller[-<id>]-client.json   the same for each user, if any
        security/cluster-<id>.json                          which processes it has
        log/                                                what they printed

The layout is ipyparallel's, so that either package finds what the other started. Only the standard
library is imported here: `engineroom list` and `stop` are made of this module and process.py, and
start in milliseconds.
"""

from __future__ import annotations

import glob
import json
import os
import tempfile
from pathlib import Path
from typing import Any

PROFILE_PREFIX = "profile_"


def ipython_dir() -> str:
    """$IPYTHONDIR, or ~/.ipython: what IPython itself would say."""
    return os.path.abspath(os.path.expanduser(os.environ.get("IPYTHONDIR") or "~/.ipython"))


def profile_path(profile: str = "", ipython_directory: str | None = None) -> str:
    return os.path.join(ipython_directory or ipython_dir(), PROFILE_PREFIX + (profile or "default"))


def profile_of(profile_dir: str) -> str:
    """The name of a profile in the IPython directory, else the whole path."""
    prefix = os.path.join(ipython_dir(), PROFILE_PREFIX)
    return profile_dir[len(prefix) :] if profile_dir.startswith(prefix) else profile_dir


def all_profile_dirs(ipython_directory: str | None = None) -> list[str]:
    root = Path(ipython_directory or ipython_dir())
    return sorted(str(path) for path in root.glob(PROFILE_PREFIX + "*") if path.is_dir())


def make_profile_dir(profile_dir: str) -> str:
    """Make the folders that controller and engines expect; those with secrets for us alone."""
    for name, mode in (("security", 0o700), ("pid", 0o700), ("log", 0o755), ("startup", 0o755)):
        path = os.path.join(profile_dir, name)
        if not os.path.isdir(path):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode)
    return profile_dir


def connection_files(profile_dir: str, cluster_id: str = "") -> dict[str, str]:
    stem = f"ipcontroller-{cluster_id}" if cluster_id else "ipcontroller"
    security = os.path.join(profile_dir, "security")
    return {kind: os.path.join(security, f"{stem}-{kind}.json") for kind in ("client", "engine")}


def user_connection_file(profile_dir: str, cluster_id: str, user: str, users_dir: str = "") -> str:
    """For clients of one user of a cluster that has users."""
    client = connection_files(profile_dir, cluster_id)["client"]
    folder = users_dir or os.path.join(os.path.dirname(client), "users")
    return os.path.join(folder, user, os.path.basename(client))


def user_connection_files(profile_dir: str, cluster_id: str) -> list[str]:
    """Those that exist in the usual place."""
    pattern = user_connection_file(glob.escape(profile_dir), cluster_id, "*")
    return glob.glob(pattern)


def cluster_file(profile_dir: str, cluster_id: str = "") -> str:
    return os.path.join(profile_dir, "security", f"cluster-{cluster_id}.json")


def cluster_files(profile_dir: str) -> list[str]:
    security = glob.escape(os.path.join(profile_dir, "security"))
    return sorted(glob.glob(os.path.join(security, "cluster-*.json")))


def read_json(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_json(path: str, data: Any) -> None:
    """Replace a file at once, so that nobody ever reads half of it, and for us alone."""
    write_text(path, json.dumps(data, indent=2))


def write_text(path: str, text: str) -> None:
    """The same for text."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    # mkstemp makes the file 0600.
    handle, temporary = tempfile.mkstemp(
        dir=os.path.dirname(path) or ".", prefix=".", suffix=".tmp"
    )
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def remove(path: str) -> bool:
    try:
        os.remove(path)
    except FileNotFoundError:
        return False
    return True


def tail(text: str, lines: int) -> str:
    """The last lines of an output; all of it for lines <= 0."""
    return "".join(text.splitlines(keepends=True)[-lines:]) if lines > 0 else text
