"""Slurm: one job, in which srun starts as many engines as the job has tasks."""

from __future__ import annotations

import os

from traitlets import Any as AnyTrait
from traitlets import CRegExp, List, Unicode

from .batch import BatchControllerLauncher, BatchEngineSetLauncher, BatchSystemLauncher
from .command import Command, Completed
from .polled import ENDED, PENDING, RUNNING, Status

# What a job is before and while it runs; every other state is an end. A job that is requeued is
# pending again.
_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD"}
_WAITING |= {"SPECIAL_EXIT", "STAGE_OUT"}
_ACTIVE = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING"}


class SlurmLauncher(BatchSystemLauncher):
    """A job of Slurm."""

    submit_command = List(Unicode(), ["sbatch"], config=True, help="sbatch")
    delete_command = List(Unicode(), ["scancel"], config=True, help="scancel").tag(to_dict=True)
    signal_command = List(Unicode(), ["scancel", "-s"], config=True, help="scancel -s").tag(
        to_dict=True
    )
    status_command_prefix = List(Unicode(), ["squeue"], config=True, help="squeue").tag(
        to_dict=True
    )
    account = Unicode(config=True, help="The account to charge.")
    qos = Unicode(config=True, help="The quality of service.")
    timelimit = AnyTrait("", config=True, help="A time limit, as sbatch --time takes it.")
    options = Unicode(config=True, help="Further options of sbatch, as in its command line.")

    job_array_regexp = CRegExp(r"#SBATCH\W+(?:--ntasks|-n)\b")
    job_array_template = Unicode("#SBATCH --ntasks={n}", config=True)
    queue_regexp = CRegExp(r"#SBATCH\W+(?:--partition|-p)\b")
    queue_template = Unicode("#SBATCH --partition={queue}", config=True)
    output_regexp = CRegExp(r"#SBATCH\W+(?:--output|-o)\b")
    output_template = Unicode("#SBATCH --output={output_file}", config=True)
    further_directives = (
        ("account", r"#SBATCH\W+(?:--account|-A)\b", "#SBATCH --account={account}"),
        ("qos", r"#SBATCH\W+(?:--qos|-q)\b", "#SBATCH --qos={qos}"),
        ("timelimit", r"#SBATCH\W+(?:--time|-t)\b", "#SBATCH --time={timelimit}"),
        ("options", "", "#SBATCH {options!s}"),
    )

    def status_command(self) -> Command:
        fields = "State:40,exit_code:20,Reason:100"
        question = ["--noheader", "--states=all", f"--Format={fields}", f"--jobs={self.job_id}"]
        return Command([*self.status_command_prefix, *question])

    def read_status(self, answer: Completed) -> Status | None:
        return read_squeue(answer)


def read_squeue(answer: Completed) -> Status | None:
    if answer.exit_code:
        # Ended jobs are forgotten after a while (MinJobAge), and are then no job ids any more.
        return Status(ENDED) if "Invalid job id" in answer.errors else None
    words = answer.output.split()
    if not words:
        return Status(ENDED)
    state, code, reason = words[0], words[1] if len(words) > 1 else "", " ".join(words[2:])
    reason = "" if reason == "None" else reason
    if state in _WAITING:
        return Status(PENDING, reason)
    if state in _ACTIVE:
        return Status(RUNNING, "" if state == "RUNNING" else state.lower())
    # The code is what wait() says of the script.
    exit_code = os.waitstatus_to_exitcode(int(code)) if code.isdigit() else None
    return Status(ENDED, state.lower(), exit_code)


class SlurmControllerLauncher(SlurmLauncher, BatchControllerLauncher):
    """A controller as a job of Slurm."""

    default_template = Unicode(
        "#!/bin/sh\n"
        "#SBATCH --export=ALL\n"
        "#SBATCH --job-name=ipcontroller-{cluster_id}\n"
        "exec {program_and_args}\n"
    )


class SlurmEngineSetLauncher(SlurmLauncher, BatchEngineSetLauncher):
    """A set of engines as a job of Slurm."""

    # Engines live and die by themselves: neither the first nor a failing one ends the others.
    default_template = Unicode(
        "#!/bin/sh\n"
        "#SBATCH --export=ALL\n"
        "#SBATCH --job-name=ipengine-{cluster_id}\n"
        "exec srun --wait=0 --kill-on-bad-exit=0 {program_and_args}\n"
    )
