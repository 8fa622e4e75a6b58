"""How a client finds its cluster, and what it says when it does not."""

import json
import os
import socket

import engineroom
import pytest
from engineroom.client.connection import connection_text, find_profile_dir, warn_if_elsewhere

INFO = {"interface": "tcp://127.0.0.1", "registration": 1, "key": "k"}


@pytest.fixture
def security(tmp_path, monkeypatch):
    """The folder of connection files of the default profile."""
    for name in ("IPP_CLUSTER_ID", "IPP_PROFILE_DIR", "IPP_CURVE_SERVERKEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    folder = tmp_path / "profile_default" / "security"
    folder.mkdir(parents=True)
    return folder


def write(path, mode=0o600, **more):
    path.write_text(json.dumps({**INFO, **more}))
    path.chmod(mode)
    return path


def test_default_profile(security):
    write(security / "ipcontroller-client.json", key="of the profile")
    assert json.loads(connection_text(None))["key"] == "of the profile"


def test_cluster_id_from_argument_and_environment(security, monkeypatch):
    write(security / "ipcontroller-a-client.json", key="a")
    write(security / "ipcontroller-b-client.json", key="b")
    assert json.loads(connection_text(None, cluster_id="a"))["key"] == "a"
    monkeypatch.setenv("IPP_CLUSTER_ID", "b")
    assert json.loads(connection_text(None))["key"] == "b"


def test_profile_by_name_folder_and_environment(tmp_path, security, monkeypatch):
    assert find_profile_dir("other") == tmp_path / "profile_other"
    assert find_profile_dir(profile_dir=tmp_path / "x") == tmp_path / "x"
    assert find_profile_dir(ipython_dir="/elsewhere").as_posix() == "/elsewhere/profile_default"
    monkeypatch.setenv("IPP_PROFILE_DIR", str(tmp_path / "y"))
    assert find_profile_dir() == tmp_path / "y"
    assert find_profile_dir("named") == tmp_path / "profile_named"


def test_dict_and_path(security, tmp_path):
    assert json.loads(connection_text(INFO)) == INFO
    path = write(tmp_path / "elsewhere.json", key="file")
    assert json.loads(connection_text(path))["key"] == "file"
    assert json.loads(connection_text(str(path)))["key"] == "file"


def test_curve_key_from_environment(security, monkeypatch):
    monkeypatch.setenv("IPP_CURVE_SERVERKEY", "server key")
    assert json.loads(connection_text(INFO))["curve_serverkey"] == "server key"


def test_no_file(security, capsys):
    with pytest.raises(
        FileNotFoundError, match=r"client\.json.*not found(?s:.*)Is a cluster running"
    ):
        connection_text(None, timeout=0)
    assert "Waiting for connection file" in capsys.readouterr().out


def test_no_file_but_other_clusters(security):
    write(security / "ipcontroller-a-client.json")
    write(security / "ipcontroller-b-client.json")
    with pytest.raises(FileNotFoundError, match="2 other.*cluster_id='a'.*cluster_id='b'"):
        connection_text(None, timeout=0)


def test_named_file_is_not_waited_for(tmp_path):
    with pytest.raises(OSError, match=r"absent\.json not found. Is a controller running"):
        connection_text(tmp_path / "absent.json", timeout=60)


def test_file_that_others_can_read(security):
    path = write(security / "ipcontroller-client.json", mode=0o644)
    security.chmod(0o755)
    with pytest.raises(PermissionError, match="chmod 600"):
        connection_text(path)
    # In a folder that they cannot enter it is safe: older controllers rely on that.
    security.chmod(0o700)
    assert connection_text(path)


@pytest.mark.parametrize(
    ("text", "complaint"), [("[", "not a connection file"), ("{}", "no 'interface'")]
)
def test_file_of_something_else(tmp_path, text, complaint):
    path = tmp_path / "file.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ValueError, match=complaint):
        connection_text(path)


def test_address_instead_of_file():
    with pytest.raises(ValueError, match="Give a connection file"):
        connection_text("tcp://127.0.0.1:1234")


def test_controller_that_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        channels = ("control", "task", "mux", "iopub", "notification", "registration", "broadcast")
        info = {
            "interface": "tcp://127.0.0.1",
            "location": "127.0.0.1",
            "ssh": "",
            "key": "k",
            "pack": "json",
            "unpack": "json",
            "signature_scheme": "hmac-sha256",
            "task_scheme": "leastload",
            **dict.fromkeys(channels, port),
        }
        with pytest.raises(TimeoutError, match=f"127.0.0.1:{port} did not answer within 0.2"):
            engineroom.Client(info, timeout=0.2)


def test_controller_on_the_loopback_of_another_machine(recwarn):
    for here in ("", "localhost", "127.0.0.1", socket.gethostname()):
        warn_if_elsewhere(json.dumps({**INFO, "location": here}))
    warn_if_elsewhere(json.dumps({"interface": "tcp://192.0.2.1", "location": "192.0.2.1"}))
    assert not recwarn
    # An address for documentation: nobody has it.
    with pytest.warns(RuntimeWarning, match="192.0.2.1.*--ip"):
        warn_if_elsewhere(json.dumps({**INFO, "location": "192.0.2.1"}))


def test_arguments_that_are_refused():
    with pytest.raises(NotImplementedError, match="ssh -L"):
        engineroom.Client(INFO, sshserver="host")
    with pytest.raises(TypeError, match="unexpected keyword argument 'porfile'"):
        engineroom.Client(INFO, porfile="typo")


def test_import_is_light():
    """Everything is there, and nothing of it is loaded before it is used."""
    import subprocess
    import sys

    code = (
        "import sys, engineroom; assert not {'IPython', 'numpy', 'tqdm', 'asyncio'} & set(sys.modules)"
        "; [getattr(engineroom, name) for name in engineroom.__all__]; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})
