"""HTCondor: a submit description instead of a shell script, and one line that queues n of it.

The programs run by their own names (`engineroom-engine`), not as `python -m …`: HTCondor starts
what it executes under another name, and by its name Python finds its packages.
"""

from __future__ import annotations

import os
import shutil
import sys

from traitlets import CRegExp, Integer, List, Unicode, default

from .batch import BatchControllerLauncher, BatchEngineSetLauncher, BatchSystemLauncher
from .command import Command, Completed
from .polled import ENDED, PENDING, RUNNING, Status
from .template import Quoted

# What condor_q calls the states of a job.
_IDLE, _RUNNING, _REMOVED, _COMPLETED, _HELD, _TRANSFERRING, _SUSPENDED = range(1, 8)
ENGINE = "engineroom-engine"


class HTCondorLauncher(BatchSystemLauncher):
    """A cluster of jobs of HTCondor."""

    submit_command = List(Unicode(), ["condor_submit"], config=True, help="condor_submit")
    delete_command = List(Unicode(), ["condor_rm"], config=True, help="condor_rm").tag(to_dict=True)
    # It has no command that sends signals.
    status_command_prefix = List(Unicode(), ["condor_q"], config=True, help="condor_q").tag(
        to_dict=True
    )
    # 4 job(s) submitted to cluster 12.
    job_id_regexp = CRegExp(r"cluster (\d+)", config=True)
    job_id_regexp_group = Integer(1, config=True)
    shell_script = False

    job_array_regexp = CRegExp(r"(?m)^\s*queue\b")
    job_array_template = Unicode("queue {n}", config=True)
    output_template = Unicode("output = {output_file}\nerror = {output_file}", config=True)
    queue_template = Unicode("", config=True)  # it has none

    def quote_words(self, words: list[str]) -> Quoted:
        return Quoted(" ".join(_condor_word(word) for word in words))

    @property
    def context(self) -> dict[str, object]:
        pairs = [f"{name}={value}" for name, value in self.get_env().items()]
        return {"environment": self.quote_words(pairs), **super().context}

    def _with_directive(self, template: str, directive: str) -> str:
        # What comes before `queue` holds for it.
        return f"{template.rstrip()}\n{directive}\n"

    def status_command(self) -> Command:
        fields = ["-af", "JobStatus", "ExitCode", "HoldReason"]
        return Command([*self.status_command_prefix, self.job_id, *fields])

    def read_status(self, answer: Completed) -> Status | None:
        return read_condor_q(answer)


def read_condor_q(answer: Completed) -> Status | None:
    """What `condor_q JOB -af JobStatus ExitCode HoldReason` says: a line for each job."""
    if answer.exit_code:
        return None
    rows = [line.split(None, 2) for line in answer.output.splitlines() if line.strip()]
    states = [int(row[0]) for row in rows if row[0].isdigit()]
    left = [state for state in states if state not in (_REMOVED, _COMPLETED)]
    if not left:
        codes = [int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()]
        return Status(ENDED, exit_code=max(codes, default=None))
    waiting = [state for state in left if state in (_IDLE, _HELD)]
    held = next((row[2] for row in rows if row[0] == str(_HELD) and len(row) > 2), "on hold")
    if len(waiting) == len(left):
        return Status(PENDING, held if _HELD in left else "")
    return Status(RUNNING, f"{len(waiting)} of {len(states)} still wait" if waiting else "")


def _condor_word(word: str) -> str:
    """An argument in HTCondor's own quotes: '' and \"\" stand for one of each."""
    text = word.replace('"', '""')
    if text and not any(character.isspace() or character == "'" for character in text):
        return text
    return "'" + text.replace("'", "''") + "'"


_DESCRIPTION = (
    "# By default a file system is shared with the hosts that run it.\n"
    "universe = vanilla\n"
    "executable = {program}\n"
    "transfer_executable = False\n"
    'arguments = "{program_args}"\n'
    'environment = "{environment}"\n'
)


class HTCondorControllerLauncher(HTCondorLauncher, BatchControllerLauncher):
    """A controller as a job of HTCondor."""

    default_template = Unicode(_DESCRIPTION)


class HTCondorEngineSetLauncher(HTCondorLauncher, BatchEngineSetLauncher):
    """A set of engines as jobs of HTCondor."""

    default_template = Unicode(_DESCRIPTION)

    @default("engine_cmd")
    def _default_engine_cmd(self) -> list[str]:
        beside = os.path.join(os.path.dirname(sys.executable), ENGINE)
        return [beside if os.access(beside, os.X_OK) else shutil.which(ENGINE) or ENGINE]
