"""Processes seen from outside: their trees, their CPU time, their memory, and their end.

Only the standard library, because the workers import it in every virtual environment.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def _parents() -> dict[int, int]:
    parents = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                stat = file.read()
        except OSError:
            continue
        # The name may hold anything, also spaces and brackets.
        state, parent = stat.rpartition(")")[2].split()[:2]
        if state != "Z":
            parents[int(entry)] = int(parent)
    return parents


def tree(root: int) -> list[int]:
    """`root` and all below it that still live."""
    parents = _parents()
    found = [root] if root in parents else []
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def trees(roots: Iterable[int]) -> list[int]:
    return [pid for root in roots for pid in tree(root)]


def _cpu_seconds_of(pid: int) -> float:
    try:
        # The kernel's CPU clock of another process: nanoseconds, where /proc counts in 10 ms.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        pass
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that these processes have taken so far."""
    return sum(_cpu_seconds_of(pid) for pid in pids)


def memory(pids: Iterable[int]) -> dict[str, float]:
    """Their resident memory in MiB: summed (`rss`), and with shared pages shared out (`pss`)."""
    total = {"rss": 0.0, "pss": 0.0}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                lines = file.readlines()
        except OSError:
            continue
        for line in lines:
            name = line.partition(":")[0].lower()
            if name in total:
                total[name] += int(line.split()[1]) / 1024
    return total


def become_subreaper() -> None:
    """From now on what our children leave behind becomes our child, so that it can be found."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def start(command: list[str], *, env: dict[str, str], log: str, **options) -> subprocess.Popen:
    """A process whose messages go to the file `log`, and which ends when we do."""
    with open(log, "ab") as file:
        options.setdefault("stdout", file)
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            command,
            env=env,
            stderr=file,
            start_new_session=True,
            preexec_fn=_end_with_parent,
            **options,
        )


def stop(process: subprocess.Popen, grace: float = 5.0) -> None:
    """Ask the tree below `process` to end, and after `grace` seconds make it end."""
    pids = tree(process.pid)
    _signal(pids[:1], signal.SIGTERM)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        pass
    # Whoever was there before and was not taken along.
    _signal(set(pids) & set(_parents()), signal.SIGKILL)
    process.wait()


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def reap_strays(keep: Iterable[int]) -> int:
    """Kill all children of ours that are not in `keep`, with all below them: how many there were.

    Kills again until nothing new turns up: a dying process hands its children to us.
    """
    kept = set(keep)
    killed = set()
    for _ in range(50):
        me = os.getpid()
        strays = [pid for pid, up in _parents().items() if up == me and pid not in kept]
        if not strays:
            break
        for stray in strays:
            branch = tree(stray)
            killed.update(branch)
            _signal(branch, signal.SIGKILL)
        time.sleep(0.02)
    _collect(kept)
    return len(killed)


def _collect(kept: set[int]) -> None:
    """Take the exit status of adopted processes; those of our own Popen objects stay for them."""
    me = os.getpid()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
            if state == "Z" and int(parent) == me and int(entry) not in kept:
                os.waitpid(int(entry), os.WNOHANG)
        except (OSError, ChildProcessError):
            continue
