"""Starting engines: options, connection files, profiles, startup code."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine_peers import OURS, FakeController
from engineroom.engine.options import UsageError, parse
from waiting import wait_until


def options(*arguments, **environment):
    return parse(list(arguments), environment)


def run(*arguments, **environment):
    env = {key: value for key, value in os.environ.items() if not key.startswith("IPP_")}
    return subprocess.run(
        [sys.executable, "-m", "engineroom.engine", *arguments],
        env=env | environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture
def controller():
    controller = FakeController()
    yield controller
    controller.close()


# ---- options ----


@pytest.mark.parametrize("form", [["--profile=x"], ["--profile", "x"], ["--IPEngine.profile=x"]])
def test_forms_of_an_option(form):
    assert options(*form).profile == "x"


def test_where_the_connection_file_is():
    security = "profile_default/security"
    home = Path.home() / ".ipython"
    assert options().connection_file() == home / security / "ipcontroller-engine.json"
    chosen = options("--ipython-dir=/i", "--profile=p", "--cluster-id=c")
    assert str(chosen.connection_file()) == "/i/profile_p/security/ipcontroller-c-engine.json"
    assert str(options("-f", "/a/b.json").connection_file()) == "/a/b.json"


def test_environment_gives_what_the_command_line_leaves_open():
    environment = {"IPP_PROFILE_DIR": "/p", "IPP_CLUSTER_ID": "c", "IPYTHONDIR": "/i"}
    path = "/p/security/ipcontroller-c-engine.json"
    assert str(options(**environment).connection_file()) == path
    path = "/i/profile_q/security/ipcontroller-d-engine.json"
    chosen = options("--profile=q", "--cluster-id=d", **environment)
    assert str(chosen.connection_file()) == path


def test_forms_of_mpi():
    """As ipyparallel's launcher has it, and as older ones had it."""
    for form in ("--mpi", "--mpi=mpi4py", "--IPEngine.use_mpi=True"):
        assert options(form, "--IPEngine.mpi_registration_delay=0").use_mpi
    assert not options().use_mpi
    assert not options("--IPEngine.use_mpi=False").use_mpi


def test_unknown_options_are_kept_apart():
    chosen = options("--mpi", "--nonsense", "--Class.trait=1", "--debug", "stray")
    assert chosen.unknown == ["--nonsense", "--Class.trait=1", "stray"]
    assert chosen.log_level == "debug"


def test_traits_of_the_shell():
    assert options("--InteractiveShell.colors=nocolor").shell == {
        "InteractiveShell": {"colors": "nocolor"}
    }


def test_wrong_values():
    with pytest.raises(UsageError, match="--timeout"):
        options("--timeout=soon")
    with pytest.raises(UsageError, match="needs a value"):
        options("--profile")


def test_help_and_version():
    assert "usage: engineroom-engine" in run("--help").stdout
    assert run("--version").stdout.strip().count(".") == 2


# ---- connection files ----


def write_file(controller, path, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode)
    path.write_text(json.dumps(controller.info))
    path.chmod(mode)


def test_no_connection_file(tmp_path):
    done = run("--timeout=0.2", IPYTHONDIR=str(tmp_path))
    assert done.returncode == 66
    assert "no connection file" in done.stderr


def test_wrong_connection_file(tmp_path):
    done = run(IPP_CONNECTION_INFO="{}")
    assert done.returncode == 64
    assert "connection file is not usable" in done.stderr


def test_connection_file_of_everybody_is_refused(controller, tmp_path):
    path = tmp_path / "open.json"
    write_file(controller, path, 0o666)
    done = run("-f", str(path))
    assert done.returncode == 64
    assert str(path) in done.stderr


def test_engine_waits_for_the_file(controller, tmp_path):
    path = tmp_path / "profile_default" / "security" / "ipcontroller-engine.json"
    process = controller.start_engine(IPYTHONDIR=str(tmp_path), IPP_CONNECTION_INFO="")
    assert "waiting for" in process.stderr.readline()
    write_file(controller, path)
    controller.accept()


def test_a_log_of_json(controller, tmp_path):
    engine = run("--log-format=json", "--file=/nowhere.json", "--timeout=0.2")
    events = [json.loads(line) for line in engine.stderr.splitlines()]
    assert {event["program"] for event in events} == {"engine"}
    assert "no connection file /nowhere.json" in events[-1]["message"]
    assert list(events[-1]) == ["time", "level", "program", "pid", "message"]


# ---- profiles and startup code ----


def value_of(controller, expression):
    code = f"result = repr({expression})"
    ask = controller.ask
    assert (
        ask("execute_request", {"code": code, "silent": True}, metadata=OURS).content["status"]
        == "ok"
    )
    content = {"code": "pass", "silent": True, "user_expressions": {"v": "result"}}
    reply = ask("execute_request", content, metadata=OURS)
    return reply.content["user_expressions"]["v"]["data"]["text/plain"].strip("'\"")


def test_startup_code(controller, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("b = a + 1")
    profile = tmp_path / "profile_x"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "10-first.py").write_text("a = 5")
    (profile / "startup" / "README").write_text("not code")
    (profile / "ipengine_config.py").write_text(
        "c.InteractiveShellApp.exec_lines = ['line = 1']\n"
        "c.InteractiveShell.ast_node_interactivity = 'all'\n"
        "c.IPEngine.startup_command = 'never'\n"
    )
    controller.add_engine(f"--profile-dir={profile}", "-s", str(script), "-c", "d = b + 1")
    assert value_of(controller, "(line, a, b, d)") == "(1, 5, 6, 7)"
    assert value_of(controller, "get_ipython().ast_node_interactivity") == "all"


def test_preload(controller, tmp_path, monkeypatch):
    """Imported when the engine registers; what cannot be is told, and no reason to fail."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "slow.py").write_text("import time; time.sleep(0.3); when = time.time()")
    profile = tmp_path / "profile_x"
    profile.mkdir()
    (profile / "ipengine_config.py").write_text("c.IPEngine.preload = ['missing_module', 'slow']")
    controller.add_engine(f"--profile-dir={profile}")
    registered = time.time()
    assert float(value_of(controller, "__import__('sys').modules['slow'].when")) < registered


def test_pythonstartup(controller, tmp_path, monkeypatch):
    """Runs first, as in every program of IPython's, unless the profile says no."""
    (tmp_path / "first.py").write_text("import os\na = [os.getpid()]")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "first.py"))
    controller.add_engine(f"--ipython-dir={tmp_path}", "-c", "a.append(2)")
    assert value_of(controller, "len(a)") == "2"


def test_pythonstartup_can_be_turned_off(controller, tmp_path, monkeypatch):
    (tmp_path / "first.py").write_text("a = 1")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "first.py"))
    config = "c.InteractiveShellApp.exec_PYTHONSTARTUP = False"
    (tmp_path / "ipython_config.py").write_text(config)
    controller.add_engine(f"--profile-dir={tmp_path}")
    assert value_of(controller, "'a' in globals()") == "False"


def test_nothing_is_written_into_the_profile(controller, tmp_path):
    controller.add_engine(f"--ipython-dir={tmp_path}")
    assert value_of(controller, "1") == "1"
    assert list(tmp_path.iterdir()) == []


def test_it_registers_before_it_is_ready(controller):
    """Requests that come early wait for the shell."""
    controller.add_engine()
    assert value_of(controller, "1 + 1") == "2"
    wait_until(lambda: True, "")
