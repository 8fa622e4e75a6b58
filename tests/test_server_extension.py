"""Clusters over HTTP: a real Jupyter server with our extension."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import engineroom as ipp
import pytest
from engineroom.cluster.process import is_alive
from waiting import wait_until

pytest.importorskip("jupyter_server")

TOKEN = "a-token-of-this-test"


class Server:
    def __init__(self, folder):
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            port = chosen.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/base/ipyparallel/clusters"
        self.log = folder / "log"
        folders = ("CONFIG", "DATA", "RUNTIME")
        environment = {**os.environ, **{f"JUPYTER_{name}_DIR": str(folder) for name in folders}}
        environment["IPYTHONDIR"] = str(folder / "ipython")
        command = [sys.executable, "-m", "jupyter_server"]
        # Stock ipyparallel, which is installed for tests, has an extension at the same path.
        extensions = {"engineroom": True, "ipyparallel": False}
        options = [f"--ServerApp.port={port}", "--ServerApp.base_url=/base", "--no-browser"]
        options += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
        options += ["--allow-root", "--ServerApp.port_retries=0"]
        options += [f"--ServerApp.jpserver_extensions={extensions}"]
        self.process = subprocess.Popen(
            [*command, *options], env=environment, stdout=self.log.open("wb"), stderr=-2
        )

    def ask(self, method, key="", body=None, token=TOKEN):
        """(status, JSON)"""
        request = urllib.request.Request(
            self.url + (f"/{key}" if key else ""),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {token}"} if token else {},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(OSError):
            return self.ask("GET")
        return None

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("jupyter"))
    try:
        wait_until(server.answers, "the server")
        yield server
    finally:
        server.stop()


def test_the_life_of_a_cluster(server):
    assert server.ask("GET") == (200, [])
    status, made = server.ask("POST", body={"profile": "p", "cluster_id": None, "n": 1})
    assert (status, made["id"], made["cluster"]["cluster_id"]) == (200, "p:", "")
    assert "controller" not in made and made["engines"]["n"] == 0
    # With what was said before.
    status, started = server.ask("POST", "p:", {})
    assert status == 200
    assert started["cluster"]["profile"] == "p" and started["engines"]["n"] == 1
    pid = started["controller"]["state"]["pid"]
    with ipp.Cluster.from_file(started["cluster_file"]).connect_client_sync() as client:
        client.wait_for_engines(1, timeout=20)
        assert client[:].apply_sync(abs, -2) == [2]
    assert server.ask("POST", "p:", {"n": 2})[0] == 409
    assert server.ask("GET", "p:")[1]["controller"]["state"]["pid"] == pid
    assert [one["id"] for one in server.ask("GET")[1]] == ["p:"]
    assert server.ask("DELETE", "p:") == (204, None)
    assert not is_alive(pid)
    assert server.ask("GET", "p:")[0] == 404


def test_clusters_of_others_are_listed(server, tmp_path):
    """Those that left a file in a profile; and they are stopped, too."""
    folder = os.path.join(os.path.dirname(server.log), "ipython", "profile_other")
    cluster = ipp.Cluster(profile_dir=folder, cluster_id="x", n=0)
    cluster.start_cluster_sync()
    try:
        listed = {one["id"]: one for one in server.ask("GET")[1]}
        (key,) = [key for key in listed if key.endswith(":x")]
        assert listed[key]["cluster_file"] == cluster.cluster_file
        assert server.ask("DELETE", urllib.request.quote(key, safe=""))[0] == 204
        wait_until(lambda: not cluster.controller.running)
    finally:
        cluster.stop_cluster_sync()


def test_what_is_refused(server):
    for method, key in (("GET", ""), ("POST", ""), ("DELETE", "p:")):
        assert server.ask(method, key, body={} if method == "POST" else None, token="")[0] == 403
    assert server.ask("POST", body={"load_profile": False})[0] == 400
    assert server.ask("POST", body={"engines": "none"})[0] == 400
    assert server.ask("POST", body=["profile"])[0] == 400
    assert server.ask("POST", "nobody", {})[0] == 404
    assert server.ask("POST", body={"profile": "q"})[0] == 200
    assert server.ask("POST", body={"profile": "q", "cluster_id": ""})[0] in (200, 409)
    assert server.ask("POST", "q:", {"n": "two"})[0] == 400
