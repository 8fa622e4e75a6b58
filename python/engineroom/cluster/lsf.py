"""LSF: `bsub` reads the script from its standard input; a set of engines is a job array."""

from __future__ import annotations

from collections import Counter

from traitlets import CRegExp, Integer, List, Unicode

from .batch import BatchControllerLauncher, BatchEngineSetLauncher, BatchSystemLauncher
from .command import Command, Completed
from .polled import ENDED, PENDING, RUNNING, Status

_WAITING = {"PEND", "PSUSP", "WAIT", "FWD_PEND", "PROV"}
_ACTIVE = {"RUN", "USUSP", "SSUSP", "UNKWN"}


class LSFLauncher(BatchSystemLauncher):
    """A job of LSF."""

    submit_command = List(Unicode(), ["bsub"], config=True, help="bsub")
    delete_command = List(Unicode(), ["bkill"], config=True, help="bkill").tag(to_dict=True)
    signal_command = List(Unicode(), ["bkill", "-s"], config=True, help="bkill -s").tag(
        to_dict=True
    )
    status_command_prefix = List(Unicode(), ["bjobs", "-a", "-noheader"], config=True).tag(
        to_dict=True
    )
    # Job <12> is submitted to queue <normal>.
    job_id_regexp = CRegExp(r"Job <(\d+)>", config=True)
    job_id_regexp_group = Integer(1, config=True)
    reads_stdin = True

    job_array_regexp = CRegExp(r"#BSUB\s+-J\s*\S+\[\d+-")
    job_array_template = Unicode("#BSUB -J ipengine-{cluster_id}[1-{n}]", config=True)
    queue_regexp = CRegExp(r"#BSUB\s+-q\s+\w+")
    queue_template = Unicode("#BSUB -q {queue}", config=True)
    output_regexp = CRegExp(r"#BSUB\s+-oo?\s+\w+")
    output_template = Unicode("#BSUB -o {output_file}\n#BSUB -e {output_file}", config=True)

    def get_env(self) -> dict[str, str]:
        # Output is written while the job runs, and not by one element of an array over another's.
        return {"LSB_STDOUT_DIRECT": "Y", **super().get_env()}

    def status_command(self) -> Command:
        return Command([*self.status_command_prefix, "-o", "stat exit_code", self.job_id])

    def read_status(self, answer: Completed) -> Status | None:
        return read_bjobs(answer)


def read_bjobs(answer: Completed) -> Status | None:
    """What `bjobs -o "stat exit_code"` says: a line for each element of an array."""
    if "is not found" in answer.errors + answer.output:
        return Status(ENDED)
    rows = [line.split() for line in answer.output.splitlines() if line.strip()]
    if not rows:
        return None
    states = Counter(row[0] for row in rows)
    waiting = sum(states[state] for state in _WAITING)
    active = [state for state in _ACTIVE if states[state]]
    if active:
        if waiting:
            return Status(RUNNING, f"{waiting} of {len(rows)} still wait")
        return Status(RUNNING, "" if active == ["RUN"] else ", ".join(sorted(active)))
    if waiting:
        return Status(PENDING, "" if states["PEND"] else ", ".join(sorted(states)))
    codes = [int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()]
    failed = next((code for code in codes if code), None)
    return Status(
        ENDED, ", ".join(sorted(states)).lower(), failed or (0 if "DONE" in states else None)
    )


class LSFControllerLauncher(LSFLauncher, BatchControllerLauncher):
    """A controller as a job of LSF."""

    job_array_template = Unicode("", config=True)
    default_template = Unicode(
        "#!/bin/sh\n#BSUB -env all\n#BSUB -J ipcontroller-{cluster_id}\nexec {program_and_args}\n"
    )


class LSFEngineSetLauncher(LSFLauncher, BatchEngineSetLauncher):
    """A set of engines as a job array of LSF."""

    default_template = Unicode("#!/bin/sh\n#BSUB -env all\nexec {program_and_args}\n")
