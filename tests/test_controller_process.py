"""engineroom-controller as a process: files, flags, ends."""

import json
import os
import signal
import stat
import subprocess

import engineroom
import pytest
from controller_peers import Client, ControllerProcess, Engine, controller_binary
from waiting import wait_until


def run(*arguments):
    return subprocess.run(
        [controller_binary(), *arguments], capture_output=True, text=True, timeout=20
    )


def test_a_log_of_json(tmp_path):
    for flags, env in ((["--log-format=json"], {}), ([], {"ENGINEROOM_LOG_FORMAT": "json"})):
        with subprocess.Popen(
            [controller_binary(), f"--profile-dir={tmp_path}", *flags],
            env={**os.environ, **env},
            stderr=subprocess.PIPE,
            text=True,
        ) as controller:
            first = json.loads(controller.stderr.readline())
            controller.terminate()
            rest = [json.loads(line) for line in controller.stderr]
        assert list(first) == ["time", "level", "program", "pid", "message"]
        assert {event["pid"] for event in (first, *rest)} == {controller.pid}
        assert first["program"] == "controller"


def test_version_and_help():
    assert run("--version").stdout.strip() == engineroom.__version__
    for flag in ("--help", "-h", "--help-all"):
        result = run(flag)
        assert result.returncode == 0
        assert "--ping=MS" in result.stdout


def test_bad_flag_value_is_explained():
    result = run("--ping=soon")
    assert result.returncode == 2
    assert "--ping=soon" in result.stderr


def test_files_are_private_and_complete():
    with ControllerProcess() as controller:
        for role in ("client", "engine"):
            mode = stat.S_IMODE(controller.path(role).stat().st_mode)
            assert mode == 0o600
        assert stat.S_IMODE(controller.path("client").parent.stat().st_mode) == 0o700
        for folder in ("log", "pid", "startup"):
            assert (controller.path("client").parents[1] / folder).is_dir()
        client, engine = controller.client_info, controller.engine_info
        for key in ("ssh", "interface", "key", "location", "pack", "unpack", "signature_scheme"):
            assert key in client and key in engine
        assert isinstance(client["broadcast"], int)
        assert isinstance(engine["broadcast"], list)
        assert client["key"] and engine["key"] and client["key"] != engine["key"]
        assert client["task_scheme"] == "leastload"
        ports = [client[k] for k in ("control", "mux", "task", "iopub", "notification")]
        ports += [engine[k] for k in ("control", "mux", "task", "iopub", "hb_ping", "hb_pong")]
        ports += [client["registration"], engine["registration"]]
        ports += [client["broadcast"], *engine["broadcast"]]
        assert len(set(ports)) == 15


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(number):
    with ControllerProcess() as controller:
        controller.process.send_signal(number)
        assert controller.wait() == 0
        assert not controller.path("client").exists()
        assert not controller.path("engine").exists()


def test_shutdown_request_ends_it_and_tells_everybody():
    with ControllerProcess() as controller:
        client = Client(controller)
        engine = Engine(controller, "engine-1").join()
        assert client.receive(client.notification).type == "registration_notification"
        assert client.ask("shutdown_request").content == {"status": "ok"}
        assert client.receive(client.notification).type == "shutdown_notification"
        assert engine.receive(engine.control).type == "shutdown_request"
        assert controller.wait() == 0
        assert not controller.path("client").exists()


def test_reuse_keeps_ports_and_key():
    with ControllerProcess("--reuse") as first:
        first.process.terminate()
        assert first.wait() == 0
        assert first.path("client").exists()
        with ControllerProcess("--reuse", folder=first.folder) as second:
            assert second.client_info == first.client_info
            assert second.engine_info == first.engine_info
            assert Client(second).engines() == {}


def test_a_newer_controllers_files_are_left_alone():
    with ControllerProcess() as first:
        wait_until(lambda: "ready" in first.log(), "the first controller")
        with ControllerProcess(folder=first.folder) as second:
            wait_until(lambda: second.log().count("ready") == 2, "the second controller")
            first.process.terminate()
            assert first.wait() == 0
            assert second.path("client").exists()


def test_cluster_id_and_profile_name_the_files(tmp_path):
    file = "profile_other/security/ipcontroller-abc-{role}.json"
    flags = ["--cluster-id=abc", "--profile=other", "--bad"]
    with ControllerProcess(*flags, folder=tmp_path, file=file) as controller:
        path = f"{tmp_path}/{file.format(role='client')}"
        # The file is there a moment before the line that names it.
        wait_until(lambda: path in controller.log(), "its name in the log")
        assert "ignored: --bad" in controller.log()


def test_configuration_of_the_profile_is_read(tmp_path):
    profile = tmp_path / "profile_default"
    profile.mkdir()
    (profile / "ipcontroller_config.py").write_text(
        "c.IPController.location = 'somewhere'\nc.HeartMonitor.period = compute()\n"
    )
    with ControllerProcess(folder=tmp_path) as controller:
        assert controller.engine_info["location"] == "somewhere"
        assert "HeartMonitor.period (no plain value)" in controller.log()


def test_configuration_of_the_working_directory_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "ipcontroller_config.py").write_text("c.IPController.location = 'evil'\n")
    monkeypatch.chdir(tmp_path)
    with ControllerProcess() as controller:
        assert controller.engine_info["location"] != "evil"


@pytest.mark.parametrize("how", ["flag", "environment", "address"])
def test_curve(how):
    flags = {"flag": ["--enable-curve"], "address": ["--ip=*"]}.get(how, [])
    env = {"IPP_ENABLE_CURVE": "1"} if how == "environment" else {}
    with ControllerProcess(*flags, env=env) as controller:
        assert controller.client_info["key"] == ""
        assert len(controller.client_info["curve_serverkey"]) == 40
        client = Client(controller)
        engine = Engine(controller, "engine-1").join()
        client.send(client.task, "apply_request")
        engine.serve_one()
        assert client.receive(client.task).content == {"status": "ok"}
        # Without the server's key nobody gets in.
        controller.client_info["curve_serverkey"] = None
        stranger = Client(controller)
        stranger.send(stranger.hub, "connection_request")
        assert not stranger.hub.poll(500)


def test_ipc_transport():
    with ControllerProcess("--transport=ipc") as controller:
        interface = controller.client_info["interface"]
        assert interface.startswith("ipc://")
        client = Client(controller)
        engine = Engine(controller, "engine-1").join()
        client.send(client.mux, "apply_request", to=[b"engine-1"])
        engine.serve_one()
        assert client.receive(client.mux).content == {"status": "ok"}
        # A closed connection ends an engine here too.
        engine.close()
        while client.receive(client.notification).type != "unregistration_notification":
            pass


def test_ports_are_taken_from_the_pool():
    with ControllerProcess() as other:
        taken = other.client_info["mux"]
        with ControllerProcess(f"--ports={taken}") as controller:
            assert f"port {taken} is taken" in controller.log()


def test_idle_costs_nothing():
    with ControllerProcess("--ping=3000") as controller:
        client = Client(controller)
        client.engines()
        assert controller.memory_mib() < 20
        fields = ("utime", "stime")

        def cpu_ticks():
            stats = open(f"/proc/{controller.process.pid}/stat").read().split()
            return sum(int(stats[13 + i]) for i in range(len(fields)))

        before = cpu_ticks()
        assert not client.hub.poll(1500)
        assert (cpu_ticks() - before) / os.sysconf("SC_CLK_TCK") < 0.05


def test_stats_are_logged_at_exit():
    with ControllerProcess("--stats") as controller:
        Client(controller).engines()
        controller.process.terminate()
        assert controller.wait() == 0
        line = next(line for line in controller.log().splitlines() if "stats {" in line)
        assert json.loads(line[line.index("{") :])["received"]["query"] == 1
