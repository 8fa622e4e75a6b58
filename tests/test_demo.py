"""`make demo`, with small numbers."""

import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parent.parent / "demo" / "demo.py"


def test_demo(tmp_path, monkeypatch):
    pytest.importorskip("numpy")
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    picture = tmp_path / "pi.png"
    done = subprocess.run(
        [sys.executable, str(DEMO), "--quick", "-n", "2", "--picture", str(picture)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "engine 1: process" in done.stdout
    assert "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]" in done.stdout
    assert "π ≈ 3.1" in done.stdout
    assert done.stdout.count("lines compiled in") == 5
    assert "144, 2.25, 100000000000000000000" in done.stdout
    assert "1229 primes below 10000" in done.stdout
    assert done.stdout.count(" times as fast\n") == 3
    assert "10201 points on" in done.stdout
    assert "0.09 million points" in done.stdout
    for name in ("pi", "walk", "julia"):
        picture = tmp_path / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 10_000
