"""The guardian: ends what we started when we cannot do it ourselves any more.

A program that is killed (out of memory, a restarted notebook kernel, SIGKILL) runs no exit
handlers, and its engines would stay for ever. So a small shell reads from a pipe of which only we
hold the other end; when that closes, it ends the process groups we told it about, and runs the
commands that end what runs elsewhere. PR_SET_PDEATHSIG
looks simpler, but follows the thread that started the process rather than the program, and cannot
be taken back when a cluster is to stay after all.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from collections.abc import Sequence

# Words of a line: watch GROUP, release GROUP, run COMMAND or forget COMMAND; commands come quoted
# for the shell. (No `--` before -GROUP: dash takes it for a process.)
_SCRIPT = r"""
trap '' HUP INT TERM
groups=
commands=
newline='
'
while read -r verb rest; do
  case $verb in
    watch) groups="$groups $rest" ;;
    release)
      kept=
      for g in $groups; do [ "$g" = "$rest" ] || kept="$kept $g"; done
      groups=$kept ;;
    run) commands="$commands$rest$newline" ;;
    forget)
      kept=
      IFS=$newline; set -f
      for c in $commands; do [ "$c" = "$rest" ] || kept="$kept$c$newline"; done
      unset IFS; set +f
      commands=$kept ;;
  esac
done
IFS=$newline; set -f
for c in $commands; do (unset IFS; set +f; eval "$c") & done
unset IFS; set +f
alive() {
  for g in $groups; do kill -0 "-$g" 2>/dev/null && return 0; done
  return 1
}
for g in $groups; do kill -TERM "-$g" 2>/dev/null; done
tries=0
while alive && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
for g in $groups; do kill -KILL "-$g" 2>/dev/null; done
"""

_lock = threading.Lock()
_pipe: int | None = None


def watch(group: int) -> None:
    with _lock:
        _tell(f"watch {group}\n", start=True)


def release(group: int) -> None:
    with _lock:
        _tell(f"release {group}\n", start=False)


def run_at_death(command: Sequence[str]) -> None:
    """What ends something that is no process of this machine."""
    with _lock:
        _tell(f"run {_quoted(command)}\n", start=True)


def forget(command: Sequence[str]) -> None:
    with _lock:
        _tell(f"forget {_quoted(command)}\n", start=False)


def _quoted(command: Sequence[str]) -> str:
    line = shlex.join(command)
    if "\n" in line:
        raise ValueError(f"a command of more than one line: {line!r}")
    return line


def _tell(line: str, *, start: bool) -> None:
    global _pipe
    if _pipe is None:
        if not start:
            return
        _pipe = _start()
    try:
        os.write(_pipe, line.encode())
    except OSError:
        # Somebody killed the guardian. Our own exit handlers still do their work.
        os.close(_pipe)
        _pipe = None


def _start() -> int:
    theirs, ours = os.pipe()
    try:
        shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "engineroom-guardian"],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        # It outlives us and nobody waits for it; so let Popen not complain about that.
        shell.returncode = 0
    finally:
        os.close(theirs)
    return ours


def _forget() -> None:
    # A forked child must not keep the pipe open after us.
    global _pipe, _lock
    _lock = threading.Lock()
    if _pipe is not None:
        os.close(_pipe)
        _pipe = None


os.register_at_fork(after_in_child=_forget)
