"""The `engineroom` command, as a shell sees it."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import engineroom as ipp
import pytest
from engineroom.cluster.process import is_alive
from waiting import wait_until

COMMAND = [sys.executable, "-m", "engineroom.cli"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    yield tmp_path
    run("stop", "--all", check=False)
    run("stop", "--all", "--profile", "other", check=False)


def run(*arguments, check=True):
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def listed(*arguments):
    return json.loads(run("list", "--json", *arguments).stdout)


def foreground(*arguments):
    """A cluster in the foreground, up and running."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    line = process.stderr.readline()
    assert "at your service" in line, line + process.stderr.read()
    return process


def finish(process):
    process.communicate(timeout=20)
    return process.returncode


def test_version_and_help():
    assert run("--version").stdout.strip() == ipp.__version__
    assert "examples:" in run("--help").stdout
    for command in ("start", "engines", "list", "stop", "clean", "completion", "build", "config"):
        assert "usage: engineroom" in run(command, "--help").stdout
        # ipcluster's word for it.
        assert run(command, "--help-all").stdout == run(command, "--help").stdout
    assert run(check=False).returncode == 2
    assert run("nonsense", check=False).returncode == 2


def test_manual_pages(tmp_path):
    written = run("man", "--install", str(tmp_path)).stdout.split()
    pages = {path.stem: path.read_text() for path in (tmp_path / "man1").iterdir()}
    assert len(written) == len(pages) > 10
    start = pages["engineroom-start"]
    assert start == run("man", "start").stdout
    assert r"\fB\-n\fR, \fB\-\-n\fR \fIN\fR" in start
    assert ".SH EXAMPLES" in start
    assert ".BR engineroom-stop (1)" in start
    assert "--ping" in pages["engineroom-controller"].replace("\\-", "-")
    assert "SUPPRESS" not in "".join(pages.values()) + run("completion", "zsh").stdout
    # No line of text may be taken for a command.
    known = {".TH", ".SH", ".TP", ".PP", ".nf", ".fi", ".BR"}
    lines = [line for page in pages.values() for line in page.splitlines()]
    assert {line.split()[0] for line in lines if line.startswith((".", "'"))} <= known
    assert run("man", "nonsense", check=False).returncode == 2


def test_help_teaches():
    for command in ("start", "engines", "list", "stop", "clean", "completion"):
        text = run(command, "--help").stdout
        assert f"  engineroom {command}" in text[text.index("examples:") :], text


def test_wrong_usage_is_explained():
    told = run("star", check=False).stderr
    assert "did you mean 'start'" in told
    told = run("stop", "--jsn", check=False).stderr
    assert "usage: engineroom stop" in told
    assert "--jsn" in told
    assert "not a number: 'x'" in run("start", "-n", "x", check=False).stderr
    assert "negative" in run("start", "-n", "-1", check=False).stderr


def test_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "engineroom", "--version"], capture_output=True, text=True
    )
    assert done.stdout.strip() == ipp.__version__


def test_daemonized_cluster():
    started = json.loads(run("start", "-n", "2", "--daemonize", "--json").stdout)
    assert started["running"]
    assert started["cluster_id"] == ""
    assert len(started["engines"]) == 2
    # It returned when the engines were there.
    with ipp.Client() as client:
        assert client.ids == [0, 1]
        assert sorted(client[:].apply_sync(os.getpid)) == sorted(started["engines"])
    assert listed() == [started]
    again = run("start", "-n", "1", check=False)
    assert again.returncode == 10
    assert "already running" in again.stderr

    run("engines", "-n", "1", "--daemonize")
    with ipp.Client() as client:
        client.wait_for_engines(3, timeout=20)
    (now,) = listed()
    assert len(now["engines"]) == 3

    (stopped,) = json.loads(run("stop", "--json").stdout)
    assert stopped == {**now, "running": False, "engines": []}
    assert not any(is_alive(pid) for pid in [now["controller"], *now["engines"]])
    assert listed() == []
    assert run("stop", check=False).returncode == 11


def test_exit_codes_without_a_cluster():
    assert run("stop", check=False).returncode == 11
    assert run("stop", "a", "b", check=False).returncode == 11
    assert run("stop", "--all").returncode == 0
    assert run("engines", "-n", "1", check=False).returncode == 12


def test_several_clusters():
    run("start", "-n", "0", "--daemonize", "--cluster-id", "a")
    run("start", "-n", "0", "--daemonize", "--cluster-id", "b")
    run("start", "-n", "0", "--daemonize", "--profile", "other")
    assert {(c["profile"], c["cluster_id"]) for c in listed()} == {
        ("default", "a"),
        ("default", "b"),
        ("other", ""),
    }
    assert [c["cluster_id"] for c in listed("--profile", "other")] == [""]
    assert run("list", "-o", "ids").stdout.split() == ["a", "b"]
    table = run("list").stdout.splitlines()
    assert table[0].split() == ["PROFILE", "CLUSTER", "ID", "RUNNING", "ENGINES", "LAUNCHER"]
    assert table[1].split() == ["default", "a", "True", "0", "local"]
    run("stop", "a")
    assert [c["cluster_id"] for c in listed("--profile", "default")] == ["b"]
    run("stop", "--all")
    assert [c["profile"] for c in listed()] == ["other"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_foreground_cluster_ends_with_the_command(signum):
    process = foreground("start", "-n", "1")
    (cluster,) = listed()
    process.send_signal(signum)
    assert finish(process) == 0
    assert not any(is_alive(pid) for pid in [cluster["controller"], *cluster["engines"]])
    assert listed() == []


def test_foreground_cluster_can_be_stopped_from_elsewhere():
    process = foreground("start", "-n", "1")
    run("stop")
    assert finish(process) == 0


def test_killed_foreground_cluster_leaves_nothing():
    process = foreground("start", "-n", "1")
    (cluster,) = listed()
    process.kill()
    process.communicate()
    wait_until(lambda: not any(is_alive(p) for p in [cluster["controller"], *cluster["engines"]]))


def test_foreground_engines_come_and_go():
    run("start", "-n", "0", "--daemonize")
    process = foreground("engines", "-n", "2")
    with ipp.Client() as client:
        client.wait_for_engines(2, timeout=20)
        process.send_signal(signal.SIGINT)
        assert finish(process) == 0
        wait_until(lambda: client.ids == [])
    (cluster,) = listed()
    assert cluster["running"]


def test_failing_engines_are_explained():
    done = run("start", "-n", "1", '--EngineLauncher.engine_cmd=["false"]', check=False)
    assert done.returncode == 1
    assert "exited with code 1" in done.stderr
    assert listed() == []


def test_controller_alone_and_engines_for_it(home):
    controller = subprocess.Popen([*COMMAND, "controller"], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: (home / "profile_default/security/ipcontroller-engine.json").exists())
        process = foreground("engines", "-n", "1")
        with ipp.Client() as client:
            client.wait_for_engines(1, timeout=20)
        process.send_signal(signal.SIGINT)
        finish(process)
    finally:
        controller.terminate()
        controller.wait(10)


def test_clean(home):
    run("start", "-n", "0", "--daemonize")
    refused = run("clean", check=False)
    assert refused.returncode == 10
    assert "engineroom stop" in refused.stderr
    assert "--force" in refused.stderr
    run("stop")
    stale = home / "profile_default" / "log" / "stale.log"
    stale.write_text("old")
    assert str(stale) in json.loads(run("clean", "--json").stdout)
    assert not stale.exists()
    assert json.loads(run("clean", "--json").stdout) == []


# ---- completion: what each shell itself offers ----


@pytest.fixture
def completion(tmp_path, monkeypatch):
    """Writes a shell's script, and puts an `engineroom` for it to ask on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "engineroom").write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    (folder / "engineroom").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(shell):
        if not shutil.which(shell):
            pytest.skip(f"no {shell}")
        path = tmp_path / f"script.{shell}"
        path.write_text(run("completion", shell).stdout)
        return path

    return write


def ask(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.stderr == ""
    return done.stdout


def bash_offers(path, *words):
    asked = " ".join(f"'{word}'" for word in ("engineroom", *words))
    script = (
        f". {path}; COMP_WORDS=({asked}); COMP_CWORD={len(words)}; _engineroom; "
        "echo ${COMPREPLY[@]}"
    )
    return ask("bash", "-c", script).split()


def fish_offers(path, *words):
    line = " ".join(["engineroom", *words])
    script = f"source {path}; complete -C '{line}'"
    return [offer.split("\t")[0] for offer in ask("fish", "-c", script).splitlines()]


def zsh_shows(path, words, offered):
    """Presses tab in a shell of its own: completion works nowhere else."""
    pexpect = pytest.importorskip("pexpect")
    shell = pexpect.spawn("zsh", ["-f"], encoding="utf-8", timeout=20, dimensions=(60, 200))
    # "$": not in the line that is typed, only in what it prints.
    shell.sendline(f"PS1=; zstyle ':completion:*' list-colors; source {path}; echo re''ady")
    shell.expect("ready\r\n")
    shell.send(" ".join(["engineroom", *words]) + "\t\t")
    # A line that is completed without doubt is shown again at once, as is a list of choices.
    shown = ""

    def are_offered():
        nonlocal shown
        with contextlib.suppress(pexpect.TIMEOUT):
            shown += shell.read_nonblocking(4096, timeout=0.2)
        shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\x07\x0f]", "", shown)
        return all(word in shown for word in offered)

    try:
        wait_until(are_offered, f"{offered} by {words}")
    finally:
        shell.close(force=True)
    return shown


OFFERED = [
    (("st",), ["start", "stop"]),
    (("start", "--da"), ["--daemonize"]),
    (("completion", "z"), ["zsh"]),
    (("list", "-o", "j"), ["json"]),
    (("stop", "b"), ["blue"]),
    (("controller", "--reu"), ["--reuse"]),
    (("engine", "--time"), ["--timeout"]),
]


def test_completion_of_files():
    """Where a command takes them; bash offers them anyway."""
    fish = [line for line in run("completion", "fish").stdout.splitlines() if line.endswith(" -F")]
    assert {line.split("subcommand_from ")[1] for line in fish} == {"build' -F", "compile' -F"}
    assert run("completion", "zsh").stdout.count("'*:file:_files'") == 2


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_completion(completion, shell):
    path = completion(shell)
    run("start", "-n", "0", "--daemonize", "--cluster-id", "blue")
    offers = {"bash": bash_offers, "fish": fish_offers}[shell]
    for words, offered in OFFERED:
        assert offers(path, *words) == offered, words
    # The value of an option is no cluster's id.
    assert "blue" not in offers(path, "stop", "--signal", "")


@pytest.mark.parametrize(("words", "offered"), OFFERED)
def test_completion_in_zsh(completion, words, offered):
    path = completion("zsh")
    if "stop" in words:
        run("start", "-n", "0", "--daemonize", "--cluster-id", "blue")
    text = zsh_shows(path, words, offered)
    assert "_engineroom" not in text
