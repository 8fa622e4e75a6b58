"""Batch systems that are not here: scripts, command lines and answers as they are documented.

Slurm is tested for real in test_slurm.py.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import engineroom as ipp
import pytest
from engineroom.cluster import ending, guardian
from engineroom.cluster.base import LauncherError, NotRunning
from engineroom.cluster.command import Command, Completed
from engineroom.cluster.htcondor import read_condor_q
from engineroom.cluster.launcher import abbreviate_launcher_class, find_launcher_class
from engineroom.cluster.lsf import read_bjobs
from engineroom.cluster.pbs import read_qstat, read_sge_qstat
from engineroom.cluster.polled import Pace, Status
from engineroom.cluster.slurm import read_squeue
from engineroom.cluster.synchronize import run_sync
from engineroom.cluster.template import Quoted, render
from traitlets.config import Config
from waiting import wait_until

SYSTEMS = ("batch", "slurm", "pbs", "sge", "lsf", "htcondor")


# ---- templates ----


def test_values_are_quoted_for_the_shell_and_kept_in_directives():
    values = {"queue": "short", "profile_dir": "/a b/$(x)", "program_and_args": Quoted("a 'b c'")}
    template = (
        "#!/bin/sh\n#PBS -q {queue} -d {profile_dir}\ncd {profile_dir} && {program_and_args}\n"
    )
    assert render(template, values) == (
        "#!/bin/sh\n#PBS -q short -d '/a b/$(x)'\ncd '/a b/$(x)' && a 'b c'\n"
    )
    assert render("{{{queue!s};}}", {"queue": "a b"}) == "{a b;}"
    assert render('#BSUB -R "{r}"', {"r": "rusage[mem=4]"}) == '#BSUB -R "rusage[mem=4]"'


def test_a_field_may_calculate():
    assert render("nodes={(n + 3) // 4}:ppn={min}", {"n": 10, "min": 4}) == "nodes=3:ppn=4"
    assert render("{n:04d} {-n % 7}", {"n": 10}) == "0010 4"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{m}", r"\{m\}; there are: n, s"),
        ("{n.__class__}", "more than arithmetic"),
        ("{__import__('os')}", "more than arithmetic"),
        ("{'a' * n}", "more than arithmetic"),
        ("{s * n}", "more than arithmetic"),
        ("{n ** n}", "more than arithmetic"),
        ("{n // 0}", "divides by zero"),
        ("{n!r}", "only !s"),
        ("{n", "is wrong"),
        ("{n +}", "no value"),
        ("#PBS -q {s}", "does not fit in one line"),
    ],
)
def test_what_is_no_value_is_refused(template, message):
    with pytest.raises(LauncherError, match=message):
        render(template, {"n": 3, "s": "a\n#PBS -o /etc/passwd"})


# ---- how often to ask ----


def test_questions_become_rare_while_nothing_changes():
    pace = Pace(1.0, 10.0, growth=2.0)
    assert [pace.asked(changed=False) for _ in range(5)] == [2.0, 4.0, 8.0, 10.0, 10.0]
    assert pace.asked(changed=True) == 1.0


# ---- names ----


@pytest.mark.parametrize("kind", ["controller", "engine"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_launchers_by_name(system, kind):
    cls = find_launcher_class(system, kind)
    assert abbreviate_launcher_class(cls) == system
    assert find_launcher_class(f"ipyparallel.cluster.launcher.{cls.__name__}", kind) is cls
    import engineroom.cluster.launcher as launcher

    assert getattr(launcher, cls.__name__) is cls


def test_names_of_this_and_other_packages_are_told():
    with pytest.raises(KeyError, match="there are: .*htcondor, .*local, lsf, mpi, pbs"):
        find_launcher_class("slrum", "engine")


# ---- scripts ----


def script(system, n=4, kind="engine", config=None, **traits):
    cluster = ipp.Cluster(
        profile_dir="/home/me/my profile", cluster_id="c1", config=Config(config or {})
    )
    extra = {"engine_set_id": "e1"} if kind == "engine" else {}
    launcher = find_launcher_class(system, kind)(
        parent=cluster,
        profile_dir=cluster.profile_dir,
        cluster_id=cluster.cluster_id,
        output_file="/home/me/out.log",
        n=n,
        **{f"{kind}_cmd": ["/opt/python", "-m", "it's"]},
        **extra,
        **traits,
    )
    return launcher.batch_script()


def test_scripts_of_the_systems():
    command = """/opt/python -m 'it'"'"'s' '--profile-dir=/home/me/my profile' --cluster-id=c1"""
    assert script("slurm", queue="fast", timelimit="1:00", options="--mem=4G --gres=gpu:1") == (
        "#!/bin/sh\n#SBATCH --ntasks=4\n#SBATCH --mem=4G --gres=gpu:1\n#SBATCH --time=1:00\n"
        "#SBATCH --output=/home/me/out.log\n#SBATCH --partition=fast\n"
        "#SBATCH --export=ALL\n#SBATCH --job-name=ipengine-c1\n"
        f"exec srun --wait=0 --kill-on-bad-exit=0 {command}\n"
    )
    assert script("pbs", queue="fast") == (
        "#!/bin/sh\n#PBS -t 1-4\n#PBS -j oe\n#PBS -o /home/me/out.log\n#PBS -q fast\n"
        f"#PBS -V\n#PBS -N ipengine\nexec {command}\n"
    )
    # OpenPBS refuses an array of one.
    assert "-t" not in script("pbs", n=1).splitlines()[1]
    assert script("sge") == (
        "#!/bin/sh\n#$ -t 1-4\n#$ -j y\n#$ -o /home/me/out.log\n"
        f"#$ -V\n#$ -S /bin/sh\n#$ -N ipengine\nexec {command}\n"
    )
    assert script("lsf", queue="q") == (
        "#!/bin/sh\n#BSUB -J ipengine-c1[1-4]\n#BSUB -o /home/me/out.log\n"
        f"#BSUB -e /home/me/out.log\n#BSUB -q q\n#BSUB -env all\nexec {command}\n"
    )
    assert "ipengine" not in script("lsf", kind="controller")


def test_description_for_htcondor():
    lines = script("htcondor").splitlines()
    assert "executable = /opt/python" in lines
    arguments = "\"-m 'it''s' '--profile-dir=/home/me/my profile' --cluster-id=c1\""
    assert f"arguments = {arguments}" in lines
    assert "output = /home/me/out.log" in lines
    environment = next(line for line in lines if line.startswith("environment"))
    assert "IPP_CLUSTER_ID=c1 'IPP_PROFILE_DIR=/home/me/my profile'" in environment
    assert lines[-1] == "queue 4"


def test_a_template_of_ones_own(tmp_path):
    path = tmp_path / "template"
    path.write_text("#!/bin/sh\n#PBS -l nodes={n//2}:ppn=2,walltime={hours}:00:00\n{program}\n")
    config = {"PBSLauncher": {"batch_template_file": str(path), "namespace": {"hours": 3}}}
    assert script("pbs", config=config) == (
        "#!/bin/sh\n#PBS -l nodes=2:ppn=2,walltime=3:00:00\n/opt/python\n"
    )
    assert script("pbs", config=config, batch_template="{n}") == "4"


def test_a_directive_that_is_there_is_not_added():
    template = "#!/bin/sh\n#PBS -q other\n{program}\n"
    assert script("pbs", queue="fast", default_template=template).count("-q") == 1


def test_a_setting_cannot_add_a_line():
    with pytest.raises(LauncherError, match="one line"):
        script("slurm", queue="fast\ncurl example.org | sh")
    assert "#SBATCH --partition='a --wrap=id'" in script("slurm", queue="a --wrap=id")


# ---- answers ----


def answer(output="", errors="", code=0):
    return Completed(Command(["asked"]), code, output, errors)


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("PENDING   0   QOSMaxJobsPerUserLimit  ", Status("pending", "QOSMaxJobsPerUserLimit")),
        ("RUNNING   0   None", Status("running")),
        ("SUSPENDED 0   None", Status("running", "suspended")),
        ("FAILED    768 NonZeroExitCode", Status("ended", "failed", 3)),
        ("CANCELLED 15  None", Status("ended", "cancelled", -15)),
        ("NODE_FAIL 0   NodeDown", Status("ended", "node_fail", 0)),
        ("", Status("ended")),
    ],
)
def test_squeue(output, status):
    assert read_squeue(answer(output)) == status


def test_squeue_without_an_answer():
    gone = answer(errors="slurm_load_jobs error: Invalid job id specified", code=1)
    assert read_squeue(gone) == Status("ended")
    silent = answer(errors="Unable to contact slurm controller (connect failure)", code=1)
    assert read_squeue(silent) is None


QSTAT = """Job Id: 12.pbs
    Job_Name = ipengine
    job_state = {}
    queue = workq
    {}
"""


@pytest.mark.parametrize(
    ("letter", "more", "status"),
    [
        ("Q", "", Status("pending", "queued")),
        ("Q", "comment = Not Running: Insufficient amount of resource: ncpus", None),
        ("H", "", Status("pending", "held")),
        ("R", "", Status("running")),
        ("B", "", Status("running")),
        ("E", "", Status("running", "exiting")),
        ("C", "exit_status = 271", Status("ended", "", 271)),
        ("F", "Exit_status = 0", Status("ended", "", 0)),
    ],
)
def test_qstat(letter, more, status):
    status = status or Status("pending", more.partition(" = ")[2])
    assert read_qstat(answer(QSTAT.format(letter, more))) == status


def test_qstat_without_a_job():
    for said in ("qstat: Unknown Job Id 12.pbs", "qstat: 12.pbs Job has finished, use -x or -H"):
        assert read_qstat(answer(errors=said, code=153)) == Status("ended")
    assert read_qstat(answer(errors="qstat: cannot connect to server pbs", code=111)) is None


SGE = """job-ID  prior   name       user         state submit/start at     queue   slots ja-task-ID
-----------------------------------------------------------------------------------------
     11 0.55500 other      me           r     11/22/2026 02:00:00 all.q@h 1
"""


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("", Status("ended")),
        ("     12 0.0 ipengine me qw 11/22/2026 02:00:00    1 1-4:1", Status("pending")),
        ("     12 0.0 ipengine me hqw 11/22/2026 02:00:00   1 1-4:1", Status("pending", "on hold")),
        (
            "     12 0.0 ipengine me Eqw 11/22/2026 02:00:00   1 1-4:1",
            Status("pending", "in an error state: see qstat -j"),
        ),
        ("     12 0.5 ipengine me r 11/22/2026 02:00:00 all.q@h 1 1", Status("running")),
        (
            "     12 0.5 ipengine me r 11/22/2026 02:00:00 all.q@h 1 1\n"
            "     12 0.0 ipengine me qw 11/22/2026 02:00:00    1 2-4:1",
            Status("running", "some of its tasks still wait"),
        ),
    ],
)
def test_qstat_of_grid_engine(lines, status):
    assert read_sge_qstat(answer(SGE + lines), "12") == status
    assert read_sge_qstat(answer(code=1, errors="cannot reach qmaster"), "12") is None


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("PEND -\nPEND -\n", Status("pending")),
        ("RUN -\nRUN -\n", Status("running")),
        ("RUN -\nPEND -\n", Status("running", "1 of 2 still wait")),
        ("DONE -\nEXIT 64\n", Status("ended", "done, exit", 64)),
        ("DONE -\n", Status("ended", "done", 0)),
        ("Job <12> is not found", Status("ended")),
    ],
)
def test_bjobs(output, status):
    assert read_bjobs(answer(output)) == status


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("1 undefined undefined\n1 undefined undefined\n", Status("pending")),
        ("2 undefined undefined\n1 undefined undefined\n", Status("running", "1 of 2 still wait")),
        ("2 undefined undefined\n4 0 undefined\n", Status("running")),
        ("5 undefined no such file\n", Status("pending", "no such file")),
        ("4 3 undefined\n3 undefined undefined\n", Status("ended", "", 3)),
        ("", Status("ended")),
    ],
)
def test_condor_q(output, status):
    assert read_condor_q(answer(output)) == status


# ---- commands, as they are run ----

FAKE = """#!/bin/sh
name=$(basename "$0")
{ echo "$name $*"; } >>"$FAKE_FOLDER/calls"
case $name in bsub) cat >"$FAKE_FOLDER/stdin" ;; esac
cat "$FAKE_FOLDER/$name.says" 2>/dev/null
exit "$(cat "$FAKE_FOLDER/$name.code" 2>/dev/null || echo 0)"
"""


def replace(path, text, mode=0o600):
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(mode)
    new.rename(path)


class FakeSystem:
    """Programs that note how they are called, and answer what a file says."""

    def __init__(self, folder):
        self.folder = folder

    def says(self, name, text="", code=0):
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        # At once: it may be running, or be about to read.
        if not program.exists():
            replace(program, FAKE, 0o700)
        replace(self.folder / f"{name}.code", str(code))
        replace(self.folder / f"{name}.says", text)

    @property
    def calls(self):
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def system(tmp_path, monkeypatch):
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setenv("FAKE_FOLDER", str(folder))
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return FakeSystem(folder)


SUBMITTED = {
    "pbs": ("qsub", "12[].pbs.example.org\n", "12[].pbs.example.org"),
    "sge": ("qsub", 'Your job-array 12.1-4:1 ("ipengine") has been submitted\n', "12"),
    "lsf": ("bsub", "Job <12> is submitted to queue <normal>.\n", "12"),
    "htcondor": (
        "condor_submit",
        "Submitting job(s)....\n4 job(s) submitted to cluster 12.\n",
        "12",
    ),
}
WAITING = {
    "pbs": ("qstat", QSTAT.format("Q", "")),
    "sge": ("qstat", SGE + "     12 0.0 ipengine me qw 11/22/2026 02:00:00    1 1-4:1\n"),
    "lsf": ("bjobs", "PEND -\nPEND -\n"),
    "htcondor": ("condor_q", "1 undefined undefined\n"),
}
GONE = {
    "pbs": ("qstat", QSTAT.format("F", "Exit_status = 0"), 0),
    "sge": ("qstat", "", 0),
    "lsf": ("bjobs", "EXIT 130\n", 0),
    "htcondor": ("condor_q", "", 0),
}
CALLS = {
    "pbs": ("qstat -f 12[].pbs.example.org", "qdel 12[].pbs.example.org"),
    "sge": ("qstat ", "qdel 12"),
    "lsf": ("bjobs -a -noheader -o stat exit_code 12", "bkill 12"),
    "htcondor": ("condor_q 12 -af JobStatus ExitCode HoldReason", "condor_rm 12"),
}
SIGNALLED = {"pbs": "qsig -s 2 12[].pbs.example.org", "lsf": "bkill -s 2 12"}


@pytest.mark.parametrize("name", list(SUBMITTED))
def test_life_of_a_job(name, system, tmp_path):
    submit, said, job_id = SUBMITTED[name]
    query, waiting = WAITING[name]
    ask, delete = CALLS[name]
    system.says(submit, said)
    system.says(query, waiting)
    system.says(delete.split()[0])
    config = Config({"PolledLauncher": {"poll_seconds": 0.02}})
    cluster = ipp.Cluster(engines=name, profile_dir=str(tmp_path), controller_ip="*", config=config)
    cluster.start_engines_sync(4)
    engine_set = cluster.engine_set
    assert engine_set.job_id == job_id
    # The script itself is gone from nowhere: it can be looked at.
    assert "engineroom" in Path(engine_set.batch_file).read_text()
    if name == "lsf":
        assert system.calls[0] == "bsub "
        assert (system.folder / "stdin").read_text() == Path(engine_set.batch_file).read_text()
    else:
        assert system.calls[0] == f"{submit} {engine_set.batch_file}"
    wait_until(lambda: engine_set.condition.startswith("pending"))
    assert ask in system.calls
    assert "0 running, 4 pending" in repr(cluster)

    found = ipp.Cluster.from_file(cluster.cluster_file)
    assert found.engine_set.job_id == job_id
    assert found.engine_set.n == 4

    if name in SIGNALLED:
        system.says(SIGNALLED[name].split()[0])
        found.signal_engines_sync(2)
        assert SIGNALLED[name] in system.calls
    else:
        with pytest.raises(LauncherError, match="Client.send_signal"):
            found.signal_engines_sync(2)

    system.says(GONE[name][0], *GONE[name][1:])
    cluster.stop_cluster_sync()
    assert delete in system.calls
    assert engine_set.state == "after"
    with pytest.raises(NotRunning, match="job 12"):
        type(engine_set).from_dict(engine_set.to_dict())
    assert not Path(cluster.cluster_file).exists()


def test_a_system_of_ones_own(system, tmp_path):
    """All that `batch` needs: four commands and a template."""
    system.says("hand-in", "number 7 it is\n")
    system.says("look-up")
    system.says("take-back")
    settings = {
        "submit_command": ["hand-in"],
        "delete_command": ["take-back"],
        "status_command_prefix": ["look-up", "-v"],
        "job_id_regexp": r"number (\d+)",
        "job_id_regexp_group": 1,
        "batch_template": "{n} x {program_and_args}",
    }
    config = Config({"BatchEngineSetLauncher": settings, "PolledLauncher": {"poll_seconds": 0.02}})
    cluster = ipp.Cluster(
        engines="batch", profile_dir=str(tmp_path), controller_ip="*", config=config
    )
    cluster.start_engines_sync(3)
    assert Path(cluster.engine_set.batch_file).read_text().startswith("3 x ")
    wait_until(lambda: "look-up -v 7" in system.calls)
    assert "engines=<3 running>" in repr(cluster)
    system.says("look-up", code=1)
    wait_until(lambda: cluster.engine_set.state == "after")
    cluster.stop_cluster_sync()


def test_commands_that_fail(system, tmp_path):
    cluster = ipp.Cluster(engines="lsf", profile_dir=str(tmp_path), controller_ip="*")
    with pytest.raises(LauncherError, match="cannot run 'bsub': No such file"):
        cluster.start_engines_sync(1)
    system.says("bsub", "Request aborted by esub. Job not submitted.\n")
    with pytest.raises(LauncherError, match="no job id in the answer of `bsub`: 'Request aborted"):
        cluster.start_engines_sync(1)
    system.says("bsub", "Queue does not accept jobs\n", code=255)
    with pytest.raises(LauncherError, match=r"`bsub` failed \(255\): Queue does not accept"):
        cluster.start_engines_sync(1)
    assert cluster.engines == {}
    with pytest.raises(LauncherError, match="BatchEngineSetLauncher.submit_command is not set"):
        ipp.Cluster(engines="batch", profile_dir=str(tmp_path)).start_engines_sync(1)


def test_a_silent_system_is_no_end(system, tmp_path):
    system.says("qsub", "12.pbs\n")
    system.says("qstat", "", code=111)
    system.says("qdel")
    config = Config({"PolledLauncher": {"poll_seconds": 0.02}})
    launcher = find_launcher_class("pbs", "engine")(profile_dir=str(tmp_path), config=config)
    run_sync(lambda: launcher.start(1))
    wait_until(lambda: sum(call.startswith("qstat") for call in system.calls) > 2)
    assert launcher.running
    again = type(launcher).from_dict(launcher.to_dict())
    assert again.running
    system.says("qstat", QSTAT.format("F", "Exit_status = 9"))
    wait_until(lambda: launcher.state == "after")
    assert launcher.poll() == 9


def test_a_controller_for_this_host_only_is_told(system, tmp_path, caplog):
    system.says("bsub", "Job <12> is submitted\n")
    system.says("bjobs", "RUN -\n")
    cluster = ipp.Cluster(engines="lsf", profile_dir=str(tmp_path), shutdown_atexit=False)
    cluster.start_engines_sync(1)
    assert "engineroom start --ip='*'" in caplog.text
    caplog.clear()
    reachable = ipp.Cluster(
        engines="lsf", profile_dir=str(tmp_path), controller_ip="*", shutdown_atexit=False
    )
    reachable.start_engines_sync(1)
    assert "listens" not in caplog.text


def test_a_forgotten_job_ends(system, tmp_path):
    system.says("bsub", "Job <12> is submitted\n")
    system.says("bjobs", "RUN -\n")
    system.says("bkill")
    cluster = ipp.Cluster(engines="lsf", profile_dir=str(tmp_path), controller_ip="*")
    cluster.start_engines_sync(1)
    ending.end_without_waiting(cluster)()
    assert "bkill 12" in system.calls
    cluster.shutdown_atexit = False


def test_the_guardian_runs_what_was_not_forgotten(tmp_path):
    code = f"""
from engineroom.cluster import guardian

touch = {shutil.which("touch")!r}
guardian.run_at_death([touch, {str(tmp_path / "a b$(id)")!r}])
guardian.run_at_death([touch, {str(tmp_path / "c")!r}])
guardian.forget([touch, {str(tmp_path / "c")!r}])
guardian.run_at_death([touch, {str(tmp_path / "d")!r}])
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    wait_until(lambda: sorted(os.listdir(tmp_path)) == ["a b$(id)", "d"])
    with pytest.raises(ValueError):
        guardian.run_at_death(["a\nb"])
