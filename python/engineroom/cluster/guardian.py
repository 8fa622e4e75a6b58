"""The guardian: ends what we started when we cannot do it ourselves any more.

A program that is killed (out of memory, a restarted notebook kernel, SIGKILL) runs no exit
handlers, and its engines would stay for ever. So a small shell reads from a pipe of which only we
hold the other end; when that closes, it ends the process groups we told it about. PR_SET_PDEATHSIG
looks simpler, but follows the thread that started the process rather than the program, and cannot
be taken back when a cluster is to stay after all.
"""

from __future__ import annotations

import os
import subprocess
import threading

# Words of a line: watch GROUP, or release GROUP. (No `--` before -GROUP: dash takes it for a
# process.)
_SCRIPT = r"""
trap '' HUP INT TERM
groups=
while read -r verb group; do
  case $verb in
    watch) groups="$groups $group" ;;
    release)
      kept=
      for g in $groups; do [ "$g" = "$group" ] || kept="$kept $g"; done
      groups=$kept ;;
  esac
done
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
