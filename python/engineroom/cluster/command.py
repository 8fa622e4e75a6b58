"""Commands of other systems (sbatch, ssh, kubectl), run to their end within a time.

Arguments are passed as they are: no shell ever reads them. `finish` waits without threads and
without asyncio's child watchers, neither of which is there any more when a program ends.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from .base import LauncherError

# Seconds that a command gets: batch systems answer late when they are busy.
TIMEOUT = 60.0
_POLL = (0.002, 0.05)  # seconds between looks at a command: the first, and what they grow to


@dataclass(frozen=True)
class Command:
    """What to run: its arguments, and what it reads."""

    args: Sequence[str]
    stdin: str = ""

    def __str__(self) -> str:
        return shlex.join(self.args)


@dataclass(frozen=True)
class Completed:
    """What a command answered. It may have failed."""

    command: Command
    exit_code: int
    output: str
    errors: str

    def check(self) -> Completed:
        """Itself; LauncherError if it failed."""
        if self.exit_code:
            said = (self.errors.strip() or self.output.strip()) or "without a word"
            raise LauncherError(f"`{self.command}` failed ({self.exit_code}): {said}")
        return self


class _Running:
    """A command that has been started."""

    def __init__(self, command: Command, environment: Mapping[str, str] | None) -> None:
        self._command = command
        # Files, not pipes: nobody has to read them while the command runs.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        with tempfile.TemporaryFile() as stdin:
            stdin.write(command.stdin.encode())
            stdin.seek(0)
            try:
                self._popen = subprocess.Popen(
                    list(command.args),
                    stdin=stdin,
                    stdout=self._output,
                    stderr=self._errors,
                    env=None if environment is None else {**os.environ, **environment},
                    # Ctrl-C at the prompt is not meant for it.
                    start_new_session=True,
                )
            except OSError as error:
                raise LauncherError(f"cannot run {command.args[0]!r}: {error.strerror}") from None

    def is_done(self) -> bool:
        return self._popen.poll() is not None

    def completed(self) -> Completed:
        code = self._popen.returncode
        return Completed(self._command, code, _text(self._output), _text(self._errors))

    def give_up(self, timeout: float) -> LauncherError:
        self._popen.kill()
        self._popen.wait()
        return LauncherError(f"`{self._command}` did not end within {timeout:g} s")


def run(
    command: Command, *, timeout: float = TIMEOUT, environment: Mapping[str, str] | None = None
) -> Completed:
    """Run a command; LauncherError if it cannot be started, or takes too long."""
    running = _Running(command, environment)
    try:
        running._popen.wait(timeout)
    except subprocess.TimeoutExpired:
        raise running.give_up(timeout) from None
    return running.completed()


async def finish(
    command: Command, *, timeout: float = TIMEOUT, environment: Mapping[str, str] | None = None
) -> Completed:
    """The same for coroutines."""
    running = _Running(command, environment)
    deadline = time.monotonic() + timeout
    pause, longest = _POLL
    while not running.is_done():
        if time.monotonic() > deadline:
            raise running.give_up(timeout)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, longest)
    return running.completed()


def _text(file: IO[bytes]) -> str:
    with file:
        file.seek(0)
        return file.read().decode("utf-8", "replace")
