"""Processes that a cluster consists of: started, watched, signalled, and never left behind.

One thread waits for all of them with a pidfd each, so an exit is noticed at once, and a signal can
never reach a stranger that was given the same process id. Each process we start leads its own
session: Ctrl-C at the prompt does not kill it, and what it started itself can be ended with it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from . import guardian

HAVE_PIDFD = hasattr(os, "pidfd_open")
# Where there are no pidfds (macOS), seconds between looks at each process.
POLL_INTERVAL = 0.05
# Places in `stat_fields`.
_STATE, _PARENT, _BIRTH = 0, 1, 19


class Process:
    """A process that we started (`spawn`) or found again (`find`). Safe to use from any thread."""

    def __init__(self, pid: int, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._popen = popen
        self._pidfd = os.pidfd_open(pid) if HAVE_PIDFD else -1
        self.birth = birth_of(pid)
        # Whether ending the group `pid` ends only this process and what it started.
        self._leads_group = popen is not None or _leads_group(pid)
        self._lock = threading.Lock()
        self._group_signal = signal.SIGTERM
        # The exit code (negative: the signal that ended it), or None where it was not our child.
        self.exited: Future[int | None] = Future()

    @classmethod
    def spawn(
        cls,
        command: Sequence[str],
        *,
        output_file: str,
        environment: Mapping[str, str],
        work_dir: str = ".",
        guarded: bool = True,
    ) -> Process:
        """Start a command. A guarded one is ended when this process dies, even by SIGKILL."""
        with open(output_file, "ab") as output:
            popen = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=work_dir,
                start_new_session=True,
            )
        process = cls(popen.pid, popen)
        if guarded:
            guardian.watch(process.pid)
        _watcher().add(process)
        return process

    @classmethod
    def find(cls, pid: int, birth: int = 0) -> Process:
        """Attach to a process; ProcessLookupError if it is gone, or another one has its id."""
        if not is_alive(pid, birth):
            raise ProcessLookupError(f"no process {pid}")
        process = cls(pid)
        if birth and process.birth != birth:
            if process._pidfd >= 0:
                os.close(process._pidfd)
            raise ProcessLookupError(f"no process {pid}")
        _watcher().add(process)
        return process

    @property
    def returncode(self) -> int | None:
        return self.exited.result() if self.exited.done() else None

    def is_running(self) -> bool:
        if self.exited.done():
            return False
        if self._popen is not None:
            return not self._is_readable()
        return is_alive(self.pid, self.birth)

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code; TimeoutError if it takes longer."""
        try:
            return self.exited.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s") from None

    def send_signal(self, signum: int) -> None:
        """Signal the process; nothing happens if it has exited."""
        with self._lock:
            if self.exited.done():
                return
            try:
                if HAVE_PIDFD:
                    signal.pidfd_send_signal(self._pidfd, signum)
                else:
                    os.kill(self.pid, signum)
            except ProcessLookupError:
                pass

    def end(self) -> None:
        """Ask it to exit, and have whatever it leaves behind in its group killed."""
        self._group_signal = signal.SIGKILL
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._group_signal = signal.SIGKILL
        self.send_signal(signal.SIGKILL)

    def release(self) -> None:
        """Let it outlive us after all."""
        guardian.release(self.pid)

    def _is_readable(self) -> bool:
        with self._lock:
            if self._pidfd < 0:
                return self._popen is not None and self._popen.poll() is not None
            return bool(select.select([self._pidfd], [], [], 0)[0])

    def _reap(self) -> None:
        """The process has exited: end its group, collect the exit code, tell who waits."""
        with self._lock:
            # Before waitpid: until then the id, and so the group, cannot be anybody else's.
            if self._leads_group:
                _signal_group(self.pid, self._group_signal)
            code = self._popen.wait() if self._popen is not None else None
            if self._pidfd >= 0:
                os.close(self._pidfd)
                self._pidfd = -1
        guardian.release(self.pid)
        if not self.exited.done():
            self.exited.set_result(code)


def stat_fields(pid: int) -> list[bytes]:
    """What /proc/PID/stat says after the command's name: state, parent, …; OSError if it is gone."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The name comes second, in parentheses, and may contain anything.
        return file.read().rpartition(b")")[2].split()


def birth_of(pid: int) -> int:
    """Clock ticks from boot to the start of a process: with its id, a name never used twice."""
    try:
        return int(stat_fields(pid)[_BIRTH])
    except (OSError, IndexError):
        return 0


def is_alive(pid: int, birth: int = 0) -> bool:
    """Whether a process runs; a zombie does not."""
    if pid <= 0:
        return False
    try:
        fields = stat_fields(pid)
        return fields[_STATE] not in (b"Z", b"X") and birth in (0, int(fields[_BIRTH]))
    except (OSError, IndexError):
        pass
    if os.path.isdir("/proc/self"):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def parent_of(pid: int) -> int:
    """0 if the process is gone."""
    try:
        return int(stat_fields(pid)[_PARENT])
    except (OSError, IndexError):
        return 0


def end_all(processes: Sequence[Process], grace: float = 5.0) -> None:
    """End processes together: SIGTERM, and SIGKILL for what is left after `grace` seconds."""
    for process in processes:
        process.end()
    deadline = time.monotonic() + grace
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            process.kill()
    for process in processes:
        process.wait(grace)


def _leads_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except OSError:
        return False


def _signal_group(pid: int, signum: int) -> None:
    try:
        os.killpg(pid, signum)
    except (ProcessLookupError, PermissionError):
        pass


class _Watcher:
    """A daemon thread that waits for every process at once."""

    def __init__(self) -> None:
        self._processes: dict[int, Process] = {}
        self._lock = threading.Lock()
        self._epoll = select.epoll() if HAVE_PIDFD else None
        run: Callable[[], None] = self._run_epoll if self._epoll else self._run_polling
        threading.Thread(target=run, name="engineroom-processes", daemon=True).start()

    def add(self, process: Process) -> None:
        key = process._pidfd if self._epoll else process.pid
        with self._lock:
            self._processes[key] = process
        if self._epoll:
            self._epoll.register(key, select.EPOLLIN | select.EPOLLONESHOT)

    def _run_epoll(self) -> None:
        assert self._epoll is not None
        while True:
            for fd, _ in self._epoll.poll():
                with self._lock:
                    process = self._processes.pop(fd)
                process._reap()

    def _run_polling(self) -> None:
        while True:
            time.sleep(POLL_INTERVAL)
            with self._lock:
                gone = [key for key, p in self._processes.items() if not p.is_running()]
                processes = [self._processes.pop(key) for key in gone]
            for process in processes:
                process._reap()


_the_watcher: _Watcher | None = None
_the_watcher_lock = threading.Lock()


def _watcher() -> _Watcher:
    global _the_watcher
    with _the_watcher_lock:
        if _the_watcher is None:
            _the_watcher = _Watcher()
        return _the_watcher


def _forget_watcher() -> None:
    # A forked child has no such thread, and these are not its children.
    global _the_watcher, _the_watcher_lock
    _the_watcher = None
    _the_watcher_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_watcher)
