"""Finding a cluster: from Client's arguments to the text of a connection file.

    IPYTHONDIR/profile_<profile>/security/ipcontroller[-<cluster_id>]-client.json

The file holds the key that lets anybody run code as you, so one that others can read is refused.
"""

import json
import os
import socket
import stat
import time
import warnings
from pathlib import Path
from typing import Any

from ..util import is_url

NO_CONTROLLER = (
    "No controller could be found. Is a cluster running? (engineroom start, or Cluster())"
)


def connection_text(
    connection_info: str | os.PathLike[str] | dict[str, Any] | None,
    *,
    profile: str | None = None,
    profile_dir: str | os.PathLike[str] | None = None,
    ipython_dir: str | os.PathLike[str] | None = None,
    cluster_id: str | None = None,
    timeout: float = 10.0,
) -> str:
    """The JSON text to connect with. Waits up to `timeout` seconds for a profile's file to appear.

    OSError: no such file; PermissionError: others can read it; ValueError: not a connection file.
    """
    if connection_info is None:
        security = find_profile_dir(profile, profile_dir, ipython_dir) / "security"
        return read_connection_file(_await_file(security, _cluster_id(cluster_id), timeout))
    if isinstance(connection_info, dict):
        return _checked(json.dumps(connection_info), "the given connection info")
    path = os.fspath(connection_info)
    if is_url(path):
        raise ValueError(
            f"Give a connection file, not an address ({path!r}): it also holds the key."
        )
    if not os.path.exists(path):
        raise OSError(f"Connection file {_short(path)} not found. Is a controller running?")
    return read_connection_file(Path(path))


def _cluster_id(cluster_id: str | None) -> str:
    return os.environ.get("IPP_CLUSTER_ID", "") if cluster_id is None else cluster_id


def find_profile_dir(
    profile: str | None = None,
    profile_dir: str | os.PathLike[str] | None = None,
    ipython_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """Where the profile is kept; it need not exist. The running shell's profile is the default."""
    if profile_dir is None and profile is None:
        profile_dir = os.environ.get("IPP_PROFILE_DIR")
    if profile_dir is not None:
        return Path(profile_dir).expanduser()
    if ipython_dir is None:
        from IPython.paths import get_ipython_dir

        ipython_dir = get_ipython_dir()
    return Path(ipython_dir).expanduser() / f"profile_{profile or current_profile()}"


def current_profile() -> str:
    """The profile of the running IPython application, or "default"."""
    from IPython.core.application import BaseIPythonApplication

    if BaseIPythonApplication.initialized():
        try:
            return str(BaseIPythonApplication.instance().profile)
        except Exception:  # another kind of application is running; it has no profile
            pass
    return "default"


def file_name(cluster_id: str) -> str:
    return f"ipcontroller-{cluster_id}-client.json" if cluster_id else "ipcontroller-client.json"


def _await_file(security: Path, cluster_id: str, timeout: float) -> Path:
    path = security / file_name(cluster_id)
    if not path.exists():
        print(f"Waiting for connection file: {_short(path)}")
        deadline = time.monotonic() + timeout
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    if not path.exists():
        message = f"Connection file {_short(path)!r} not found.\n{_advice(security, cluster_id)}"
        raise FileNotFoundError(message)
    return path


def _advice(security: Path, cluster_id: str) -> str:
    others = _cluster_ids(security) - {cluster_id}
    if not others:
        return NO_CONTROLLER
    listed = ", ".join(f"Client(cluster_id={other!r})" for other in sorted(others))
    return f"This profile has {len(others)} other cluster(s); did you mean {listed}?"


def _cluster_ids(security: Path) -> set[str]:
    names = (path.name for path in security.glob("ipcontroller*-client.json"))
    return {name.removeprefix("ipcontroller").removesuffix("-client.json")[1:] for name in names}


def read_connection_file(path: Path) -> str:
    """The text of the file, which must be ours alone. PermissionError says how to make it so."""
    if os.name == "posix" and _readable_by_others(path):
        raise PermissionError(
            f"Connection file {_short(path)} can be read by other users, who could then run code"
            f" as you. Remedy: chmod 600 {_short(path)}, and restart the cluster if they may have."
        )
    return _checked(path.read_text(encoding="utf-8"), _short(path))


def _readable_by_others(path: Path) -> bool:
    others = stat.S_IRGRP | stat.S_IROTH
    through = stat.S_IXGRP | stat.S_IXOTH
    return bool(path.stat().st_mode & others) and bool(
        path.resolve().parent.stat().st_mode & through
    )


def _checked(text: str, source: str) -> str:
    """The text itself, with the server's CURVE key added if the environment has it."""
    try:
        info = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{source} is not a connection file: {error}") from None
    if not isinstance(info, dict) or "interface" not in info:
        raise ValueError(
            f"{source} is not a connection file of a client (no 'interface');"
            " the file to use is named ipcontroller-client.json."
        )
    server_key = os.environ.get("IPP_CURVE_SERVERKEY")
    if server_key and not info.get("curve_serverkey"):
        return json.dumps({**info, "curve_serverkey": server_key})
    return text


def warn_if_elsewhere(text: str) -> None:
    """RuntimeWarning for a controller that listens on the loopback interface of another machine."""
    info = json.loads(text)
    address = info["interface"].partition("://")[2]
    location = info.get("location")
    loopback = address == "localhost" or address.startswith("127.")
    if loopback and location and not _is_this_machine(location):
        warnings.warn(
            f"The controller seems to run on {location!r} and to listen there for that machine only."
            " Restart it with --ip, or forward its ports with ssh -L.",
            RuntimeWarning,
            stacklevel=3,
        )


def _is_this_machine(location: str) -> bool:
    if location in {"localhost", socket.gethostname()} or location.startswith("127."):
        return True
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            # Only addresses of this machine can be bound.
            probe.bind((location, 0))
    except OSError:
        return False
    return True


def _short(path: str | os.PathLike[str]) -> str:
    text, home = os.fspath(path), os.path.expanduser("~")
    return "~" + text[len(home) :] if text.startswith(home + os.sep) else text
