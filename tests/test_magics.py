"""%px, %%px, %autopx, %pxconfig, %pxresult: what they do, print, and how they are interrupted."""

import contextlib
import os
import re
import signal
import sys
import threading
import time

import engineroom as ipp
import pytest
from engineroom.magics import load_ipython_extension, parse_signal, parse_targets
from IPython.core.error import UsageError
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config
from waiting import wait_until

N = 3


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    home = tmp_path_factory.mktemp("ipython")
    before = os.environ.get("IPYTHONDIR")
    os.environ["IPYTHONDIR"] = str(home)
    try:
        with ipp.Cluster(n=N, log_level=30, cluster_id="") as client:
            yield client
    finally:
        if before is None:
            del os.environ["IPYTHONDIR"]
        else:
            os.environ["IPYTHONDIR"] = before


@pytest.fixture(scope="module")
def ip(client):
    config = Config()
    config.HistoryManager.enabled = False
    config.TerminalInteractiveShell.simple_prompt = True
    config.InteractiveShell.colors = "nocolor"
    shell = TerminalInteractiveShell.instance(config=config)
    with shell.builtin_trap:
        yield shell
    TerminalInteractiveShell.clear_instance()


@pytest.fixture
def view(client, ip):
    view = client[:]
    view.activate()
    view.block = True
    yield view
    client.wait(timeout=20)
    client.clear(block=True)


def px(ip, options="", cell="pass"):
    with capture_output(display=False) as io:
        io.result = ip.run_cell_magic("px", options, cell)
    return io


# ---- targets and signals, as words ----


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", "all"),
        ("2", 2),
        ("-1", 7),
        ("0,2", [0, 2]),
        ("[0, 2]", [0, 2]),
        ("'1:3'", [1, 4]),
        (":", [0, 1, 4, 7]),
        (":-1", [0, 1, 4]),
        ("::2", [0, 4]),
        ("-2:", [4, 7]),
    ],
)
def test_parse_targets(text, expected):
    assert parse_targets(text, [0, 1, 4, 7]) == expected


@pytest.mark.parametrize("text", ["", "x", "1.5", "a:b", "exit()", "['a']", "-5"])
def test_parse_targets_says_what_it_wants(text):
    with pytest.raises(UsageError, match="targets"):
        parse_targets(text, [0, 1, 4, 7])


def test_parse_signal():
    assert parse_signal("9") == 9
    assert parse_signal("SIGINT") == "SIGINT"
    assert parse_signal("kill") == "SIGKILL"
    with pytest.raises(UsageError):
        parse_signal("SIGNONSENSE")


# ---- %px and %%px ----


def test_px_line(ip, view):
    with capture_output(display=False) as io:
        ip.run_line_magic("px", "a = 5")
        ip.run_line_magic("px", "print('a is', a)")
    assert view["a"] == [5] * N
    assert sorted(re.findall(r"\[stdout:(\d)\] ?\n?a is 5\n", io.stdout)) == ["0", "1", "2"]


def test_px_takes_braces_literally(ip, view):
    ip.user_ns["x"] = "client"
    view["x"] = "engine"
    ip.run_line_magic("px", 'y = f"{x}"')
    assert view["y"] == ["engine"] * N
    ip.user_ns["name"] = "theoutput"
    ip.run_cell_magic("px", "-o {name}", 'z = f"{x}"')
    assert view["z"] == ["engine"] * N
    assert isinstance(ip.user_ns["theoutput"], ipp.AsyncResult)


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_output_and_results_carry_their_engine(ip, view, stream):
    view.scatter("rank", range(N), flatten=True)
    io = px(ip, stream, "import sys\nprint('out', rank)\nprint('err', rank, file=sys.stderr)\nrank")
    for i in range(N):
        assert re.search(rf"\[stdout:{i}\] ?\n?out {i}\n", io.stdout)
        assert re.search(rf"\[stderr:{i}\] ?\n?err {i}\n", io.stderr)
        assert re.search(rf"Out\[{i}:\d+\]: ?\n?.*{i}", io.stdout)
    assert io.result is None


def test_output_is_streamed(ip, view):
    """The first line is there long before the cell ends."""
    go = "engineroom-go-" + str(os.getpid())
    path = f"/tmp/{go}"
    seen = []

    class Tee:
        encoding = "utf-8"

        def write(self, text):
            seen.append(text)
            # Only when the first line has come does the cell go on.
            if "first" in text:
                open(path, "w").close()

        def flush(self):
            pass

        def isatty(self):
            return False

    cell = f"""
import os, time
print("first", flush=True)
deadline = time.monotonic() + 20
while not os.path.exists({path!r}) and time.monotonic() < deadline:
    time.sleep(0.01)
print("last", os.path.exists({path!r}))
"""
    try:
        with contextlib.redirect_stdout(Tee()):
            ip.run_cell_magic("px", "--targets 0", cell)
    finally:
        os.path.exists(path) and os.remove(path)
    assert "last True" in "".join(seen)


@pytest.mark.parametrize(
    ("option", "ran"),
    [
        ("1", [1]),
        ("-1", [2]),
        (":-1", [0, 1]),
        ("0,2", [0, 2]),
        ("[0,2]", [0, 2]),
        ("1:", [1, 2]),
        ("all", [0, 1, 2]),
    ],
)
def test_targets_are_for_one_cell(ip, view, client, option, ran):
    view["here"] = False
    px(ip, f"--targets {option}", "here = True")
    assert [i for i in client.ids if client[i]["here"]] == ran
    assert view.targets == client.ids


def test_noblock_and_pxresult(ip, view):
    io = px(ip, "--noblock", "print('later'); 6 * 7")
    assert isinstance(io.result, ipp.AsyncResult)
    assert "later" not in io.stdout
    with capture_output(display=False) as io:
        ip.run_line_magic("pxresult", "")
    assert io.stdout.count("later") == N
    assert io.stdout.count(": 42") == N
    ip.run_line_magic("pxresult", "-o named")
    assert isinstance(ip.user_ns["named"], ipp.AsyncResult)
    assert px(ip, "-a", "1").result is not None
    assert px(ip, "-b", "1").result is None


@pytest.mark.parametrize("option", ["", "--group-outputs=type"])
def test_group_by_type(ip, view, option):
    cell = "from IPython.display import display\nprint('x')\ndisplay('y')\n'z'"
    lines = px(ip, f"--no-stream {option}", cell).stdout
    marks = re.findall(r"\[?(stdout|output|Out)[:\[](\d)", lines)
    assert [kind for kind, _ in marks] == sorted(
        [kind for kind, _ in marks], key=["stdout", "output", "Out"].index
    )


@pytest.mark.parametrize("option", ["-e", "--group-outputs=engine"])
def test_group_by_engine(ip, view, option):
    lines = px(ip, f"--no-stream {option}", "print('x')\n'z'").stdout
    marks = [int(engine) for _, engine in re.findall(r"(stdout:|Out\[)(\d)", lines)]
    assert marks == sorted(marks)
    assert len(marks) == 2 * N


def test_output_of_many_is_collated(ip, view, monkeypatch):
    for place in ("magics", "client.display"):
        monkeypatch.setattr(f"engineroom.{place}.COLLATE_FROM", N)
    cell = "print('alike')\n123000 + 456"
    io = px(ip, "", cell)
    assert io.stdout.count("alike") == io.stdout.count("123456") == 1
    assert f"[stdout:0-{N - 1}]" in io.stdout
    assert io.stdout.count("[output:") == 1
    # Who wants to see it at once gets it from each.
    assert px(ip, "--stream", cell).stdout.count("alike") == N


def test_local(ip, view):
    ip.user_ns.pop("both", None)
    px(ip, "--local", "both = 3")
    assert ip.user_ns["both"] == 3
    assert view["both"] == [3] * N


def test_verbose(ip, view):
    assert "Parallel execution on engine(s): all" in px(ip, "--verbose -t all").stdout
    assert px(ip).stdout == ""
    ip.run_line_magic("pxconfig", "--verbose")
    assert px(ip, "--noblock").stdout.startswith("Async parallel")
    ip.run_line_magic("pxconfig", "--no-verbose")
    assert px(ip).stdout == ""


def test_pxconfig(client, ip):
    view = client.activate(-1, "_tst")
    for option, targets in (
        (":", client.ids),
        ("::2", client.ids[::2]),
        ("1", 1),
        ("0,2", [0, 2]),
        ("all", "all"),
    ):
        ip.run_line_magic("pxconfig_tst", f"-t {option}")
        assert view.targets == targets
    for option, block in (("--block", True), ("--noblock", False)):
        ip.run_line_magic("pxconfig_tst", option)
        assert view.block is block
    magics = ip.magics_manager.magics["line"]["pxconfig_tst"].__self__
    ip.run_line_magic("pxconfig_tst", "--no-stream --progress-after 7 --signal-on-interrupt 15")
    assert magics.stream_output is False
    assert magics.progress_after_seconds == 7
    assert magics.signal_on_interrupt == 15


def test_wrong_usage(ip, view):
    for options in ("--targets x", "--group-outputs=size", "--no-such-option"):
        with pytest.raises(UsageError):
            ip.run_cell_magic("px", options, "pass")
    assert view.apply_sync(lambda: 1) == [1] * N


def test_progress_of_a_cell_that_takes_long(ip, view, tmp_path):
    gate = tmp_path / "gate"
    cell = f"""
import os, time
print("begun")
while not os.path.exists({str(gate)!r}): time.sleep(0.01)
"""

    def open_the_gate():
        """Once bar and output are there. The magic's output is captured, in sys.stdout."""

        def is_shown():
            text = sys.stdout.getvalue() if hasattr(sys.stdout, "getvalue") else ""
            return "%px:" in text and text.count("begun") == N

        with contextlib.suppress(pytest.fail.Exception):
            wait_until(is_shown, "the bar")
        gate.touch()

    watching = threading.Thread(target=open_the_gate)
    watching.start()
    io = px(ip, "--stream --progress-after 0.1", cell)
    watching.join()
    assert f"{N}/{N}" in io.stdout
    # Output has lines of its own: the bar is taken away for it.
    lines = [line.rpartition("\r")[2].strip() for line in io.stdout.split("\n")]
    assert lines.count("begun") == N
    assert "[stdout:0]" in lines
    gate.unlink()
    threading.Timer(0.6, gate.touch).start()
    assert "%px:" not in px(ip, "--progress-after -1", cell).stdout
    assert "%px:" not in px(ip, "--progress-after 20", cell).stdout


# ---- errors and interrupts ----


def test_error_is_raised_once(ip, view):
    with capture_output(display=False) as io, pytest.raises(ipp.error.CompositeError) as raised:
        ip.run_cell_magic("px", "--no-stream", "1/0")
    assert "ZeroDivisionError" in str(raised.value)
    assert "ZeroDivisionError" not in io.stderr


def test_streamed_error_is_only_counted_in_the_end(ip, view):
    displayed = pytest.raises(ipp.error.AlreadyDisplayedError)
    with capture_output(display=False) as io, displayed as raised:
        ip.run_cell_magic("px", "--stream", "raise RuntimeError('oops')")
    assert "\n".join(raised.value.render_traceback()) == f"{N} errors"
    assert N <= io.stderr.count("RuntimeError") <= 3 * N


def interrupt_soon(path):
    """SIGINT for us, once every engine has begun."""

    def wait():
        deadline = time.monotonic() + 20
        while len(os.listdir(path)) < N and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


SLEEPER = """
import os, time
open(os.path.join({path!r}, str(os.getpid())), "w").close()
for _ in range(1000):
    time.sleep(0.02)
print("Exiting...")
"""


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_interrupt_reaches_the_engines(ip, view, tmp_path, stream):
    interrupt_soon(tmp_path)
    began = time.monotonic()
    io = px(ip, stream, SLEEPER.format(path=str(tmp_path)))
    assert time.monotonic() - began < 10
    assert "Received Keyboard Interrupt. Sending signal SIGINT to engines..." in io.stderr
    assert "Exiting..." not in io.stdout
    # They are idle again, and still there.
    assert view.apply_async(lambda: 2).get(timeout=10) == [2] * N
    assert "KeyboardInterrupt" in str(
        ip.magics_manager.magics["line"]["px"].__self__.last_result.exception()
    )


@pytest.mark.parametrize(
    ("owner", "name"), [(ipp.DirectView, "execute"), (ipp.AsyncResult, "stream_output")]
)
def test_an_interrupt_before_the_wait_reaches_them_too(
    ip, view, tmp_path, monkeypatch, owner, name
):
    method = getattr(owner, name)

    def interrupted(*args, **kwargs):
        method(*args, **kwargs)
        wait_until(lambda: len(os.listdir(tmp_path)) == N, "the cell to run")
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, name, interrupted)
    with contextlib.suppress(KeyboardInterrupt):
        px(ip, "--stream", SLEEPER.format(path=str(tmp_path)))
    assert view.apply_async(lambda: 2).get(timeout=10) == [2] * N


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_interrupt_without_a_signal(ip, view, tmp_path, stream):
    interrupt_soon(tmp_path)
    stop = "import os\nwhile not os.path.exists({0!r}): time.sleep(0.01)"
    stop_file = str(tmp_path / "stop")
    cell = SLEEPER.format(path=str(tmp_path)).split("for _")[0] + stop.format(stop_file)
    io = px(ip, f"{stream} --signal-on-interrupt 0", cell)
    assert "Sending signal 0 to engines..." in io.stderr
    assert ("%pxresult waits for it" in io.stderr) == (stream == "--no-stream")
    last = ip.magics_manager.magics["line"]["px"].__self__.last_result
    assert not last.done()
    open(stop_file, "w").close()
    assert last.wait(20)
    assert last.successful()


# ---- %autopx ----


def test_autopx(ip, view):
    with capture_output(display=False) as io:
        ip.run_line_magic("autopx", "")
        ip.run_cell("a = 5\nb = 12345\nc = 0")
        ip.run_cell("b *= 2")
        ip.run_cell("print(b)")
        ip.run_cell("b")
        ip.run_cell("b/c")
        ip.run_cell("%autopx")
        ip.run_cell("d = 1")
    assert io.stdout.startswith("%autopx enabled")
    assert io.stdout.rstrip().endswith("%autopx disabled")
    assert "ZeroDivisionError" in io.stdout + io.stderr
    assert re.search(r"Out\[0:\d+\]: ?\n?.*24690", io.stdout)
    assert view["a"] == [5] * N
    assert view["b"] == [24690] * N
    assert ip.user_ns["d"] == 1
    assert "a" not in ip.user_ns


def test_autopx_without_waiting(ip, view):
    view.block = False
    with capture_output(display=False) as io:
        ip.run_line_magic("autopx", "")
        ip.run_cell("print('x')")
        ip.run_cell("%autopx")
    assert "[stdout" not in io.stdout
    assert "Out[" not in io.stdout


def test_autopx_lets_one_type(ip, view):
    """Unfinished input stays unfinished."""
    with capture_output(display=False):
        ip.run_line_magic("autopx", "")
        assert ip.input_transformer_manager.check_complete("for i in range(3):")[0] == "incomplete"
        ip.run_cell("%autopx")


# ---- into IPython ----


@pytest.mark.parametrize("activate", [True, False])
def test_start_and_connect(ip, view, activate):
    cluster = ipp.Cluster(n=1, log_level=30)
    try:
        with cluster.start_and_connect_sync(activate=activate) as client:
            px = ip.magics_manager.magics["cell"]["px"]
            assert (px.__self__.view.client is client) is activate
    finally:
        cluster.stop_cluster_sync()


def test_load_ext(ip, client):
    for kind in ("line", "cell"):
        for name in ("px", "pxconfig", "pxresult", "autopx"):
            ip.magics_manager.magics[kind].pop(name, None)
    ip.run_line_magic("load_ext", "engineroom")
    with capture_output(display=False) as io:
        ip.run_line_magic("px", "print('found you')")
    assert io.stdout.count("found you") == N
    ip.run_line_magic("pxconfig", "--targets 1")
    with capture_output(display=False) as io:
        ip.run_line_magic("px", "print('found you')")
    assert io.stdout.count("found you") == 1
    lazy = ip.magics_manager.magics["line"]["px"].__self__.view
    lazy.client.close()


def test_load_ext_without_a_cluster(ip, monkeypatch):
    def fail():
        raise OSError("no connection file")

    monkeypatch.setattr(ipp, "Client", fail)
    for kind in ("line", "cell"):
        ip.magics_manager.magics[kind].pop("px", None)
    load_ipython_extension(ip)
    with pytest.raises(UsageError, match="engineroom start"):
        ip.run_line_magic("px", "1")


@pytest.mark.filterwarnings("ignore:`Completer.complete`")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("%%px --no", {"--noblock", "--no-stream", "--no-verbose"}),
        ("%%px --targets ", {"all", "0", "1", "2"}),
        ("%pxconfig --sig", {"--signal-on-interrupt"}),
        ("%pxresult --g", {"--group-outputs"}),
    ],
)
def test_completion_of_options(ip, view, line, wanted):
    _, matches = ip.complete(None, line, len(line))
    assert wanted <= set(matches), matches
