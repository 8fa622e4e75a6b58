"""PBS (OpenPBS, PBS Professional, TORQUE) and Grid Engine, whose commands have the same names.

TORQUE's arrays are `-t 1-{n}`, as here by default; OpenPBS wants `-J 1-{n}`: set
`c.PBSLauncher.job_array_template = "#PBS -J 1-{n}"`.
"""

from __future__ import annotations

import glob
import re

from traitlets import CRegExp, List, Unicode

from . import files
from .batch import BatchControllerLauncher, BatchEngineSetLauncher, BatchSystemLauncher
from .command import Command, Completed
from .polled import ENDED, PENDING, RUNNING, Status

# States of a job, by the letter that qstat shows.
_PBS_WAITING = {"Q": "queued", "H": "held", "W": "waiting", "T": "moving", "M": "moving"}
_PBS_ACTIVE = {"R": "", "E": "exiting", "B": "", "S": "suspended", "U": "suspended"}
_PBS_ENDED = {"C", "F", "X"}


class PBSLauncher(BatchSystemLauncher):
    """A job of PBS."""

    submit_command = List(Unicode(), ["qsub"], config=True, help="qsub")
    delete_command = List(Unicode(), ["qdel"], config=True, help="qdel").tag(to_dict=True)
    signal_command = List(Unicode(), ["qsig", "-s"], config=True, help="qsig -s").tag(to_dict=True)
    status_command_prefix = List(Unicode(), ["qstat", "-f"], config=True, help="qstat -f").tag(
        to_dict=True
    )
    # "12.server", and "12[].server" for an array, which only goes by that name.
    job_id_regexp = CRegExp(r"\d+(?:\[\])?(?:\.[\w.-]+)?", config=True)
    array_of_one = False

    job_array_regexp = CRegExp(r"#PBS\W+-[tJ]\W+[\w\d\-\$]+")
    job_array_template = Unicode("#PBS -t 1-{n}", config=True)
    queue_regexp = CRegExp(r"#PBS\W+-q\W+\$?\w+")
    queue_template = Unicode("#PBS -q {queue}", config=True)
    output_regexp = CRegExp(r"#PBS\W+-o\W+\$?\w+")
    output_template = Unicode("#PBS -j oe\n#PBS -o {output_file}", config=True)

    def read_status(self, answer: Completed) -> Status | None:
        return read_qstat(answer)

    def get_output(self, remove: bool = False) -> str:
        # Each job of an array has a file of its own: FILE-1, or FILE.1.
        pattern = glob.escape(self.output_file)
        parts = []
        for path in sorted(glob.glob(f"{pattern}[-.][0-9]*")):
            with open(path, encoding="utf-8", errors="replace") as file:
                parts.append(file.read())
            if remove:
                files.remove(path)
        return super().get_output(remove) + "".join(parts)


def read_qstat(answer: Completed) -> Status | None:
    """What `qstat -f JOB` says."""
    if answer.exit_code:
        gone = re.search(r"unknown job|has finished", answer.errors + answer.output, re.IGNORECASE)
        return Status(ENDED) if gone else None
    state = re.search(r"job_state = (\w)", answer.output)
    if state is None:
        return None
    letter = state.group(1)
    if letter in _PBS_WAITING:
        comment = re.search(r"\bcomment = (.*)", answer.output)
        return Status(PENDING, comment.group(1).strip() if comment else _PBS_WAITING[letter])
    if letter in _PBS_ACTIVE:
        return Status(RUNNING, _PBS_ACTIVE[letter])
    if letter not in _PBS_ENDED:
        return None
    code = re.search(r"exit_status = (-?\d+)", answer.output, re.IGNORECASE)
    return Status(ENDED, exit_code=int(code.group(1)) if code else None)


class PBSControllerLauncher(PBSLauncher, BatchControllerLauncher):
    """A controller as a job of PBS."""

    default_template = Unicode(
        "#!/bin/sh\n#PBS -V\n#PBS -N ipcontroller\nexec {program_and_args}\n"
    )


class PBSEngineSetLauncher(PBSLauncher, BatchEngineSetLauncher):
    """A set of engines as a job array of PBS."""

    default_template = Unicode("#!/bin/sh\n#PBS -V\n#PBS -N ipengine\nexec {program_and_args}\n")


# ---- Grid Engine ----


class SGELauncher(BatchSystemLauncher):
    """A job of Grid Engine."""

    submit_command = List(Unicode(), ["qsub"], config=True, help="qsub")
    delete_command = List(Unicode(), ["qdel"], config=True, help="qdel").tag(to_dict=True)
    # It has no command that sends signals.
    status_command_prefix = List(Unicode(), ["qstat"], config=True, help="qstat").tag(to_dict=True)

    job_array_regexp = CRegExp(r"#\$\W+-t")
    job_array_template = Unicode("#$ -t 1-{n}", config=True)
    queue_regexp = CRegExp(r"#\$\W+-q\W+\$?\w+")
    queue_template = Unicode("#$ -q {queue}", config=True)
    output_regexp = CRegExp(r"#\$\W+-o\W+\$?\w+")
    output_template = Unicode("#$ -j y\n#$ -o {output_file}", config=True)

    def status_command(self) -> Command:
        # Of all jobs of this user: `-j` does not say what state one is in.
        return Command(list(self.status_command_prefix))

    def read_status(self, answer: Completed) -> Status | None:
        return read_sge_qstat(answer, self.job_id)


def read_sge_qstat(answer: Completed, job_id: str) -> Status | None:
    """What a `qstat` says: a line for each job, or each group of jobs in an array."""
    if answer.exit_code:
        return None
    rows = [line.split() for line in answer.output.splitlines()]
    states = [row[4] for row in rows if len(row) > 4 and row[0] == job_id]
    if not states:
        return Status(ENDED)
    if all("q" in state for state in states):
        bad = next((state for state in states if "E" in state or "h" in state), "")
        held = "in an error state: see qstat -j" if "E" in bad else "on hold"
        return Status(PENDING, held if bad else "")
    waiting = sum("q" in state for state in states)
    return Status(RUNNING, "some of its tasks still wait" if waiting else "")


class SGEControllerLauncher(SGELauncher, BatchControllerLauncher):
    """A controller as a job of Grid Engine."""

    default_template = Unicode(
        "#!/bin/sh\n#$ -V\n#$ -S /bin/sh\n#$ -N ipcontroller\nexec {program_and_args}\n"
    )


class SGEEngineSetLauncher(SGELauncher, BatchEngineSetLauncher):
    """A set of engines as a job array of Grid Engine."""

    default_template = Unicode(
        "#!/bin/sh\n#$ -V\n#$ -S /bin/sh\n#$ -N ipengine\nexec {program_and_args}\n"
    )
