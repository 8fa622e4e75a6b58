"""What README.md tells people to type works."""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.M | re.S)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def typed(prompts):
    """What a person types, of a session as it looks on the screen."""
    lines = [re.match(r"(?:In \[\d+\]|   \.\.\.): (.*)", line) for line in prompts.splitlines()]
    return "\n".join(line[1] for line in lines if line)


def test_tour(tmp_path):
    """All Python blocks in one session, then the one with prompts; comments tell the values."""
    script, expected = [], []
    for code in (text for language, text in BLOCKS if language == "python"):
        for line in code.splitlines():
            said = re.match(r"(\S.*?)  # (\[.*[^…]\])$", line)
            if said:
                script.append(f"print('said', {said[1]} == {said[2]})")
                expected.append(said[1])
            else:
                script.append(line)
    (session,) = (text for language, text in BLOCKS if language == "" and "In [" in text)
    for cell in re.split(r"\n(?=%)", typed(session)):
        script.append(f"get_ipython().run_cell({cell!r}).raise_error()")
    script += ["rc.close()", "cluster.stop_cluster_sync()"]
    path = tmp_path / "tour.py"
    path.write_text("\n".join(script))
    ast.parse(path.read_text())
    done = subprocess.run(
        [sys.executable, "-m", "IPython", str(path)], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("said True") == len(expected) >= 2, done.stdout
    assert "said False" not in done.stdout
    assert "9801" in done.stdout
    assert all(f"[stdout:{i}] \nhello\n" in done.stdout for i in range(4))


def test_shell_commands():
    (commands,) = (text for language, text in BLOCKS if language == "sh" and "engineroom" in text)
    for line in commands.splitlines():
        words = shlex.split(line, comments=True)
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_make_targets_and_links_exist():
    root = Path(__file__).resolve().parent.parent
    makefile = (root / "Makefile").read_text()
    for target in set(re.findall(r"\bmake (\w+)", README)):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (root / link).exists(), link
