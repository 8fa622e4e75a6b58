"""Processes of a cluster: noticed when they end, ended when they should, never left behind."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from engineroom.cluster import files, guardian
from engineroom.cluster.process import Process, birth_of, end_all, is_alive
from waiting import wait_until


def spawn(tmp_path, *command, **options):
    environment = {**os.environ, **options.pop("env", {})}
    return Process.spawn(
        command, output_file=str(tmp_path / "log"), environment=environment, **options
    )


def test_exit_code_and_output(tmp_path):
    process = spawn(tmp_path, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert process.wait(5) == 3
    assert process.returncode == 3
    assert not process.is_running()
    assert (tmp_path / "log").read_text() == "out\nerr\n"


def test_end_of_a_process_is_noticed(tmp_path):
    process = spawn(tmp_path, "sleep", "100")
    assert process.is_running()
    process.send_signal(signal.SIGKILL)
    assert process.wait(5) == -signal.SIGKILL


def test_signal_after_the_end_does_nothing(tmp_path):
    process = spawn(tmp_path, "true")
    process.wait(5)
    process.send_signal(signal.SIGTERM)
    process.kill()


def test_missing_program(tmp_path):
    with pytest.raises(FileNotFoundError):
        spawn(tmp_path, "no-such-program-anywhere")


def test_what_a_process_started_goes_with_it(tmp_path):
    child = tmp_path / "child"
    process = spawn(tmp_path, "sh", "-c", f"sleep 100 & echo $! > {child}; wait")
    wait_until(lambda: child.exists() and child.read_text().strip())
    pid = int(child.read_text())
    assert is_alive(pid)
    process.end()
    process.wait(5)
    wait_until(lambda: not is_alive(pid))


def test_end_all_kills_the_stubborn(tmp_path):
    stubborn = spawn(tmp_path, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    willing = spawn(tmp_path, "sleep", "100")
    wait_until(lambda: "ready" in (tmp_path / "log").read_text())
    end_all([stubborn, willing], grace=1.0)
    assert stubborn.returncode == -signal.SIGKILL
    assert willing.returncode == -signal.SIGTERM


def test_found_again_by_id_and_birth(tmp_path):
    process = spawn(tmp_path, "sleep", "100")
    found = Process.find(process.pid, process.birth)
    assert found.is_running()
    with pytest.raises(ProcessLookupError):
        # The id is right, but that was another process.
        Process.find(process.pid, process.birth + 1)
    found.kill()
    process.wait(5)
    # It was not started by `found`, which therefore cannot know the exit code.
    assert found.wait(5) is None
    assert not found.is_running()
    with pytest.raises(ProcessLookupError):
        Process.find(process.pid, process.birth)


def test_birth_survives_strange_names(tmp_path):
    program = tmp_path / "a) b (c"
    program.symlink_to("/bin/sleep")
    process = spawn(tmp_path, str(program), "100")
    assert process.birth == birth_of(process.pid) > 0
    process.kill()
    process.wait(5)


def test_zombie_is_not_alive():
    child = subprocess.Popen(["true"])
    wait_until(lambda: not is_alive(child.pid))
    child.wait()


PARENT = """
import os, signal, sys, time
from engineroom.cluster.process import Process
children = [
    Process.spawn(["sleep", "100"], output_file=os.devnull, environment=os.environ, guarded=guarded)
    for guarded in (True, True, False)
]
if "release" in sys.argv:
    children[1].release()
print(*(child.pid for child in children), flush=True)
if "fork" in sys.argv and os.fork() == 0:
    # A child that lives on must not keep the guardian waiting.
    time.sleep(100)
time.sleep(100)
"""


def start_parent(*arguments):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pids = [int(word) for word in parent.stdout.readline().split()]
    return parent, pids


@pytest.mark.parametrize("argument", ["", "fork"])
def test_killed_parent_leaves_nothing_but_the_unguarded(argument):
    parent, pids = start_parent(argument)
    try:
        assert all(is_alive(pid) for pid in pids)
        parent.kill()
        parent.wait()
        wait_until(lambda: not is_alive(pids[0]) and not is_alive(pids[1]))
        assert is_alive(pids[2])
    finally:
        os.kill(pids[2], signal.SIGKILL)
        try:
            os.killpg(parent.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        parent.stdout.close()


def test_released_process_outlives_its_parent():
    parent, pids = start_parent("release")
    try:
        parent.kill()
        parent.wait()
        wait_until(lambda: not is_alive(pids[0]))
        assert is_alive(pids[1])
    finally:
        for pid in pids[1:]:
            os.kill(pid, signal.SIGKILL)
        parent.stdout.close()


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_guardian_kills_the_stubborn(shell):
    if not os.path.exists(shell):
        pytest.skip(f"no {shell}")
    script = guardian._SCRIPT.replace("-lt 50", "-lt 2")
    stubborn = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.05; done"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    stubborn.stdout.readline()
    told = f"watch {stubborn.pid}\nwatch 999999999\nrelease 999999999\n"
    subprocess.run([shell, "-c", script], input=told, text=True, timeout=10, check=False)
    assert stubborn.wait(5) == -signal.SIGKILL
    stubborn.stdout.close()


# ---- files ----


def test_layout_of_files(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    profile = files.profile_path("x")
    assert profile == str(tmp_path / "profile_x")
    assert files.profile_of(profile) == "x"
    assert files.profile_of("/elsewhere") == "/elsewhere"
    files.make_profile_dir(profile)
    assert Path(profile, "security").stat().st_mode & 0o777 == 0o700
    assert files.all_profile_dirs() == [profile]
    security = tmp_path / "profile_x" / "security"
    assert files.connection_files(profile)["client"] == str(security / "ipcontroller-client.json")
    assert files.connection_files(profile, "a")["engine"] == str(
        security / "ipcontroller-a-engine.json"
    )
    assert files.cluster_file(profile) == str(security / "cluster-.json")


def test_json_is_written_whole_and_private(tmp_path):
    path = tmp_path / "new" / "file.json"
    files.write_json(str(path), {"a": 1})
    assert files.read_json(str(path)) == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError):
        files.write_json(str(path), {"a": object()})
    assert files.read_json(str(path)) == {"a": 1}
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]


def test_listing_stands_nonsense(tmp_path, monkeypatch):
    from engineroom.cluster import listing

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    profile = files.make_profile_dir(files.profile_path())
    for name, text in {
        "cluster-a.json": "",
        "cluster-b.json": "[]",
        "cluster-c.json": '{"cluster": {}}',
        "cluster-d.json": '{"cluster": {"cluster_id": "d", "profile_dir": "/"}, "engines": 3}',
    }.items():
        Path(profile, "security", name).write_text(text)
    assert listing.read_clusters(files.all_profile_dirs()) == []


def test_import_of_the_listing_is_light():
    code = textwrap.dedent(
        """
        import sys
        import engineroom.cluster.listing, engineroom.cli
        heavy = {"IPython", "traitlets", "numpy", "asyncio", "engineroom.client"} & set(sys.modules)
        sys.exit(str(heavy) if heavy else 0)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert not done.returncode, done.stderr
