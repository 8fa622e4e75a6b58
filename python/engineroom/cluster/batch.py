"""Launchers for batch systems: a script made from a template is submitted, and is a job from then on.

Here is what all systems have in common; the commands and directives of each, and what its answers
mean, are in slurm.py, pbs.py (with SGE), lsf.py and htcondor.py. A site whose system is none of
these configures BatchEngineSetLauncher itself. Names of settings are ipyparallel's, so that
configuration files and templates written for it work.

A set of engines is one job, or one job array. Jobs see the profile's folder, as they see the
user's home everywhere else: engines find the connection file there, so no secret passes through
the batch system, which shows the environment of a job to others.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from traitlets import CRegExp, Dict, Integer, List, Unicode, default

from . import command, files
from .base import ControllerLauncher, EngineLauncher, LauncherError, ProcessStateError
from .command import Command, Completed
from .polled import ENDED, RUNNING, PolledLauncher, Status
from .template import Quoted, render, shell_words

# Options of the controller that say where it listens.
_ADDRESS_OPTIONS = ("--ip", "--transport", "--IPController.ip", "--RegistrationFactory.ip")


class BatchSystemLauncher(PolledLauncher):
    """A job of a batch system."""

    submit_command = List(Unicode(), config=True, help="The command that submits a script.")
    delete_command = List(Unicode(), config=True, help="The command that ends a job.").tag(
        to_dict=True
    )
    signal_command = List(
        Unicode(), config=True, help="The command that sends a signal; [] if there is none."
    ).tag(to_dict=True)
    status_command_prefix = List(
        Unicode(),
        config=True,
        help="The command that fails when there is no such job (any more); [] for a job that is"
        " believed to run until it is stopped.",
    ).tag(to_dict=True)
    job_id = Unicode().tag(to_dict=True)
    job_id_regexp = CRegExp(r"\d+", config=True, help="Finds the job's id in what submitting says.")
    job_id_regexp_group = Integer(0, config=True, help="Which group of it; 0 for all.")

    batch_template = Unicode(config=True, help="The template of the script.").tag(to_dict=True)
    batch_template_file = Unicode(config=True, help="A file that holds it.")
    batch_file_name = Unicode(config=True, help="The file that the script is written to.").tag(
        to_dict=True
    )
    queue = Unicode(config=True, help="The queue, or partition.").tag(to_dict=True)
    namespace = Dict(config=True, help="Further values for the template.").tag(to_dict=True)
    n = Integer(1).tag(to_dict=True)

    # What is used without a template of the user's: lines are added below its first one, for each
    # setting that has a value, unless the expression says that it is there already.
    default_template = Unicode("#!/bin/sh\n{program_and_args}\n")
    job_array_regexp = CRegExp("")
    job_array_template = Unicode(config=True, help="The directive for n processes.")
    queue_regexp = CRegExp("")
    queue_template = Unicode(config=True, help="The directive for the queue.")
    output_regexp = CRegExp("")
    output_template = Unicode(config=True, help="The directive for the output's file.")
    # (setting, expression, directive) of what one system has beside these.
    further_directives: tuple[tuple[str, str, str], ...] = ()
    # Whether the file is a shell script with directives in comments.
    shell_script = True
    # Whether one process may be submitted as an array of one.
    array_of_one = True
    # Whether the script is given as a file's name, or to be read from stdin.
    reads_stdin = False

    @default("batch_file_name")
    def _default_batch_file_name(self) -> str:
        # Beside its log, for several clusters may be started in one folder.
        folder = os.path.abspath(os.path.join(self.profile_dir, "log"))
        return os.path.join(folder, f"{self.identifier}.job")

    @property
    def batch_file(self) -> str:
        """The whole path of the script."""
        return os.path.join(self.work_dir, self.batch_file_name)

    @property
    def place(self) -> str:
        return f"job {self.job_id}" if self.job_id else self.identifier

    # ---- the script ----

    def command_line(self) -> list[str]:
        """What each process of the job runs."""
        raise NotImplementedError

    def quote_words(self, words: list[str]) -> Quoted:
        return shell_words(words)

    @property
    def context(self) -> dict[str, Any]:
        """The values for the template."""
        words = self.command_line()
        values = {
            "n": self.n,
            "queue": self.queue,
            "profile_dir": self.profile_dir,
            "cluster_id": self.cluster_id,
            "engine_set_id": getattr(self, "engine_set_id", ""),
            "output_file": self.output_file,
            "program": self.quote_words(words[:1]),
            "program_args": self.quote_words(words[1:]),
            "program_and_args": self.quote_words(words),
            "environment_json": json.dumps(self.get_env()),
        }
        further = {name: getattr(self, name) for name, _, _ in self.further_directives}
        return {**values, **further, **self.namespace}

    def batch_script(self) -> str:
        template = self.batch_template
        if not template and self.batch_template_file:
            with open(os.path.expanduser(self.batch_template_file), encoding="utf-8") as file:
                template = file.read()
        return render(template or self._whole_template(), self.context, shell=self.shell_script)

    def _whole_template(self) -> str:
        """The default template with the directives for what is set."""
        template = self.default_template
        for name, expression, directive in self._directives():
            there = bool(expression) and re.search(expression, template) is not None
            if getattr(self, name) and directive and not there:
                template = self._with_directive(template, directive)
        return template

    def _directives(self) -> list[tuple[str, str, str]]:
        named = [
            ("queue", self.queue_regexp.pattern, self.queue_template),
            ("output_file", self.output_regexp.pattern, self.output_template),
            *self.further_directives,
        ]
        if self.n > 1 or self.array_of_one:
            named.append(("n", self.job_array_regexp.pattern, self.job_array_template))
        return named

    def _with_directive(self, template: str, directive: str) -> str:
        first, _, rest = template.partition("\n")
        return f"{first}\n{directive}\n{rest}"

    def write_batch_script(self, n: int = 1) -> None:
        self.n = n
        script = self.batch_script()
        os.makedirs(os.path.dirname(self.batch_file), exist_ok=True)
        os.makedirs(os.path.dirname(self.output_file), exist_ok=True)
        with open(self.batch_file, "w", encoding="utf-8") as file:
            file.write(script)
        os.chmod(self.batch_file, 0o700)

    # ---- the job ----

    def find_args(self) -> list[str]:
        return list(self.submit_command) + ([] if self.reads_stdin else [self.batch_file])

    def parse_job_id(self, output: str) -> str:
        """The id of the job, from what the submit command has said."""
        match = self.job_id_regexp.search(output)
        if match is None:
            raise LauncherError(f"no job id in the answer of `{self.arg_str}`: {output!r}")
        self.job_id = match.group(self.job_id_regexp_group)
        return self.job_id

    async def start(self, n: int = 1) -> str:  # type: ignore[override]
        if self.state != "before":
            raise ProcessStateError(f"{self.identifier} was started before; it is {self.state}")
        if not self.submit_command:
            raise LauncherError(f"{type(self).__name__}.submit_command is not set")
        self.write_batch_script(n)
        stdin = ""
        if self.reads_stdin:
            with open(self.batch_file, encoding="utf-8") as file:
                stdin = file.read()
        submit = Command(self.find_args(), stdin)
        answer = (await command.finish(submit, environment=self.get_env())).check()
        self.parse_job_id(answer.output)
        self.log.info("%s submitted as job %s", self.identifier, self.job_id)
        self.notify_start(self.job_id)
        self._watch()
        return self.job_id

    def status_command(self) -> Command:
        return Command([*self.status_command_prefix, self.job_id])

    def read_status(self, answer: Completed) -> Status | None:
        return Status(ENDED) if answer.exit_code else Status(RUNNING)

    def stop_command(self) -> Command:
        return Command([*self.delete_command, self.job_id])

    def signal_command_for(self, sig: int) -> Command:
        if not self.signal_command:
            raise LauncherError(
                f"{type(self).__name__} has no command that sends signals to a job;"
                " use Client.send_signal, which reaches engines everywhere"
            )
        return Command([*self.signal_command, str(sig), self.job_id])

    def get_output(self, remove: bool = False) -> str:
        if remove:
            files.remove(self.batch_file)
        return super().get_output(remove)

    def warn_if_unreachable(self) -> None:
        """Engines of a job mostly run on other hosts than a controller that listens for this one."""
        cluster = self.parent
        if getattr(cluster, "controller_ip", None) != "":
            return
        words = [*cluster.controller_args, *getattr(cluster.controller, "controller_args", [])]
        if not any(word.partition("=")[0] in _ADDRESS_OPTIONS for word in words):
            self.log.warning(
                "the controller listens for this host only; engines on others need"
                " Cluster(controller_ip='*'), or `engineroom start --ip='*'`"
            )


class BatchControllerLauncher(BatchSystemLauncher, ControllerLauncher):
    """A controller as a job."""

    def command_line(self) -> list[str]:
        return [*self.controller_cmd, *self.cluster_args, *self.controller_args]

    async def start(self) -> str:  # type: ignore[override]
        # Engines started together with us must not find what an earlier controller left behind.
        if not {"--reuse", "--restore"} & set(self.controller_args):
            for path in self.connection_files.values():
                files.remove(path)
        self.warn_if_unreachable()
        return await super().start(1)


class BatchEngineSetLauncher(BatchSystemLauncher, EngineLauncher):
    """A set of engines as one job."""

    @property
    def reads_connection_file(self) -> bool:
        return True

    def command_line(self) -> list[str]:
        return [*self.engine_cmd, *self.cluster_args, *self.engine_args]

    async def start(self, n: int = 1) -> str:  # type: ignore[override]
        if n < 1:
            raise LauncherError("a job needs at least one engine")
        self.warn_if_unreachable()
        return await super().start(n)
