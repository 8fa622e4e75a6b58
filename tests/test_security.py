"""What a cluster shows to others: its listeners, its files, its processes' command lines."""

import json
import os
import stat
import subprocess
from pathlib import Path

import engineroom as er
import psutil
import pytest
import zmq
from controller_peers import Client, ControllerProcess, Engine
from waiting import wait_until


def listeners(pids):
    """(pid, address, port) of everything that these processes listen on, as `ss` sees it."""
    out = subprocess.run(["ss", "-Hltnup"], capture_output=True, text=True, check=True).stdout
    found = []
    for line in out.splitlines():
        owners = {int(part.split(",")[0]) for part in line.split("pid=")[1:]}
        address, _, port = line.split()[4].rpartition(":")
        found += [(pid, address, int(port)) for pid in owners & pids]
    return found


def family(pid):
    return {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}


@pytest.fixture(scope="module")
def cluster():
    with er.Cluster(n=2) as client:
        yield client


def ports_in(info):
    names = ("registration", "control", "mux", "task", "iopub", "notification", "broadcast")
    found = set()
    for name in (*names, "hb_ping", "hb_pong"):
        value = info.get(name, [])
        found |= set(value if isinstance(value, list) else [value])
    return found


def test_a_cluster_listens_on_the_documented_ports_of_loopback_alone(cluster):
    controller = cluster.cluster.controller
    pids = family(controller.pid)
    engines = cluster[:].apply_sync(os.getpid)
    for pid in engines:
        pids |= family(pid)
    found = listeners(pids)
    client_file = Path(cluster.cluster.cluster_file).parent / Path(
        f"ipcontroller-{cluster.cluster.cluster_id}-client.json"
    )
    documented = set()
    for role in ("client", "engine"):
        path = client_file.with_name(client_file.name.replace("client.json", f"{role}.json"))
        documented |= ports_in(json.loads(path.read_text()))
    assert {address for _, address, _ in found} == {"127.0.0.1"}
    assert {port for _, _, port in found} == documented
    assert len(documented) == 15
    # Engines listen on nothing.
    assert {pid for pid, _, _ in found} == {controller.pid}


def test_a_cluster_writes_nothing_that_others_may_read(cluster):
    folder = Path(cluster.cluster.cluster_file).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        if cluster.cluster.cluster_id in path.name:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_no_key_is_on_a_command_line(cluster):
    folder = Path(cluster.cluster.cluster_file).parent
    keys = [
        json.loads(path.read_text())["key"]
        for path in folder.glob(f"*{cluster.cluster.cluster_id}-*.json")
        if "key" in json.loads(path.read_text())
    ]
    assert len(keys) == 2
    lines = [Path(f"/proc/{process.pid}/cmdline") for process in psutil.process_iter()]
    said = b"".join(line.read_bytes() for line in lines if line.exists())
    for key in keys:
        assert key.encode() not in said


def test_with_curve_the_clients_key_opens_no_socket_of_engines():
    with ControllerProcess("--enable-curve") as controller:
        client, engine = controller.client_info, controller.engine_info
        assert client["curve_serverkey"] != engine["curve_serverkey"]
        assert client["key"] == engine["key"] == ""
        Engine(controller, "engine-1").join()
        thief = Client(controller, "thief")
        # As a client it is served.
        assert thief.engines() == {"0": "engine-1"}
        # With the clients' public key it gets no further than the handshake, on any engine's port.
        monitors = []
        for port in sorted(ports_in(engine)):
            socket = controller.context.socket(zmq.DEALER)
            socket.linger = 0
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
            socket.curve_serverkey = client["curve_serverkey"].encode()
            monitors.append(
                socket.get_monitor_socket(
                    zmq.EVENT_HANDSHAKE_SUCCEEDED
                    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
                    | zmq.EVENT_DISCONNECTED
                )
            )
            socket.connect(f"{engine['interface']}:{port}")
            thief.sockets.append(socket)
        for monitor in monitors:
            assert monitor.poll(10_000)
            event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
            assert event != zmq.EVENT_HANDSHAKE_SUCCEEDED
        assert thief.engines() == {"0": "engine-1"}


def test_a_key_that_is_given_is_one_for_both():
    with ControllerProcess("--Session.key=given") as controller:
        assert controller.client_info["key"] == controller.engine_info["key"] == "given"
        client = Client(controller)
        engine = Engine(controller, "engine-1").join()
        frames = client.frames("apply_request")
        client.mux.send_multipart([engine.identity, *frames])
        assert engine.receive(engine.shell).signature == frames[1]


def test_reused_files_keep_both_keys_and_all_ports(tmp_path):
    seen = []
    for _ in range(2):
        with ControllerProcess("--reuse", folder=tmp_path) as controller:
            seen.append((controller.client_info, controller.engine_info))
            Engine(controller, "engine-1").join()
            controller.process.terminate()
            assert controller.wait() == 0
    assert seen[0] == seen[1]


def test_a_client_that_never_waits_is_stopped_at_its_limit():
    with ControllerProcess("--max-client-requests=3") as controller:
        greedy, modest = Client(controller, "greedy"), Client(controller, "modest")
        sent = [greedy.send(greedy.task, "apply_request") for _ in range(4)]
        refusal = greedy.receive(greedy.task)
        assert refusal.parent["msg_id"] == sent[3]
        assert refusal.content["ename"] == "TaskRejectError"
        assert "3 requests unanswered" in refusal.content["evalue"]
        wanted = modest.send(modest.task, "apply_request")
        engine = Engine(controller, "engine-1").join()
        wait_until(lambda: engine.shell.poll(100), "the first task")
        for _ in range(4):
            engine.serve_one()
        assert modest.receive(modest.task).parent["msg_id"] == wanted
