"""AsyncResult: results, waiting, metadata, times, output."""

from datetime import datetime

import engineroom as ipp
import pytest
from conftest import ENGINES, wait_for_file
from waiting import wait_until


@pytest.fixture
def view(client):
    return client[:]


@pytest.fixture
def one_waits(client, view, gate):
    """A result of which the last engine's part waits for the gate."""
    view.scatter("rank", client.ids, flatten=True, block=True)

    def wait_on_the_last(path, last, rank):
        return wait_for_file(path, rank) if rank == last else rank

    return view.apply_async(wait_on_the_last, str(gate), client.ids[-1], ipp.Reference("rank"))


# ---- results ----


def test_get_before_and_after_the_end(single, gate):
    ar = single.apply_async(wait_for_file, str(gate))
    with pytest.raises(TimeoutError):
        ar.get(0)
    with pytest.raises(TimeoutError):
        ar.get(timeout=0.02)
    with pytest.raises(TimeoutError):
        ar.result(0.02)
    assert not ar.ready()
    assert not ar.wait(0.02)
    with pytest.raises(RuntimeError, match="not done"):
        ar.successful()
    gate.touch()
    assert ar.get(-1) is None
    assert ar.ready()
    assert ar.successful()
    assert ar.get() is ar.r is ar.result() is None


def test_errors_are_raised_each_time(single):
    ar = single.apply_async(lambda: 1 / 0)
    for _ in range(2):
        with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
            ar.get()
    assert not ar.successful()
    assert ar.status == "error"
    assert isinstance(ar.get(return_exceptions=True), ipp.RemoteError)
    with pytest.raises(ipp.RemoteError):
        ar.get_dict()


def test_results_are_unpickled_once(single):
    ar = single.apply_async(list, "abc")
    assert ar.get() is ar.get()


def test_get_dict(client, view, single):
    assert view.apply_async(int).get_dict() == dict.fromkeys(client.ids, 0)
    assert single.apply_async(list, "ab").get_dict() == {single.targets: ["a", "b"]}
    assert view.apply_async(int).result_dict == dict.fromkeys(client.ids, 0)
    with pytest.raises(ValueError, match="jobs ran on engine"):
        client.load_balanced_view().map_async(abs, range(2 * ENGINES)).get_dict()


def test_indexing(view, client):
    ar = view.apply_async(lambda: [1])
    ar.get()
    assert ar[0] == [1]
    assert ar[:2] == [[1], [1]]
    assert ar["status"] == ["ok"] * ENGINES
    with pytest.raises(TypeError, match="Invalid key type"):
        ar[1.5]
    with pytest.raises(KeyError):
        ar["nonsense"]
    assert not hasattr(ar, "nonsense")
    assert "stdout" in dir(ar)


def test_indexing_before_the_end(one_waits):
    with pytest.raises(TimeoutError):
        one_waits[0]
    assert one_waits["completed"][-1] is None


def test_iteration(client, one_waits, single, gate):
    items = iter(one_waits)
    assert next(items) == client.ids[0]
    assert not one_waits.ready()
    gate.touch()
    assert list(items) == client.ids[1:]
    assert list(one_waits) == client.ids
    with pytest.raises(TypeError, match="not iterable"):
        iter(single.apply_async(int))


def test_errors_in_iteration(view):
    ar = view.map_async(lambda x: 1 / (x - 1), range(ENGINES))
    with pytest.raises(ipp.CompositeError, match="ZeroDivisionError"):
        list(ar)


# ---- waiting ----


@pytest.mark.parametrize("when", [ipp.FIRST_COMPLETED, ipp.FIRST_EXCEPTION, ipp.ALL_COMPLETED])
def test_wait_for_some(one_waits, gate, when):
    done, pending = one_waits.wait(0.5 if when != ipp.FIRST_COMPLETED else 10, return_when=when)
    assert {type(part) for part in done | pending} == {ipp.AsyncResult}
    assert one_waits.split()[-1] in pending
    gate.touch()
    assert one_waits.wait(10)
    done, pending = one_waits.wait(0, return_when=when)
    assert (len(done), pending) == (ENGINES, set())
    with pytest.raises(ValueError, match="Unrecognized"):
        one_waits.wait(0, return_when="SOMETIME")


def test_get_raises_the_first_error_at_once(client, view, gate):
    view.scatter("rank", client.ids, flatten=True, block=True)

    def fail_on_first(rank, first, path):
        if rank == first:
            raise ValueError("first")
        return wait_for_file(path)

    ar = view.apply_async(fail_on_first, ipp.Reference("rank"), client.ids[0], str(gate))
    with pytest.raises(ipp.RemoteError, match="ValueError: first"):
        ar.get(10, return_when=ipp.FIRST_EXCEPTION)
    assert not ar.ready()
    gate.touch()
    with pytest.raises(ipp.CompositeError):
        ar.get(10)
    results = ar.get(return_exceptions=True)
    assert isinstance(results[0], ipp.RemoteError)
    assert results[1:] == [None] * (ENGINES - 1)
    with pytest.warns(UserWarning, match="FIRST_COMPLETED"):
        ar.get(return_exceptions=True, return_when=ipp.FIRST_COMPLETED)


def test_wait_interactive(one_waits, gate, capsys):
    one_waits.wait_interactive(interval=0.01, timeout=0.1)
    assert not one_waits.ready()
    gate.touch()
    one_waits.wait_interactive(interval=0.01)
    assert one_waits.ready()
    assert f"{ENGINES}/{ENGINES}" in capsys.readouterr().out


def test_table_in_notebooks(one_waits, single, gate):
    wait_until(lambda: one_waits.progress == ENGINES - 1, "all but one")
    html = one_waits._repr_html_()
    assert "wait_on_the_last" in html
    assert html.count("<tr>") == ENGINES + 1
    assert html.count("<td>ok</td>") == ENGINES - 1
    assert html.count("<td>pending</td>") == 1
    gate.touch()
    one_waits.get()
    assert "pending" not in one_waits._repr_html_()
    failed = single.apply_async(lambda: 1 / 0)
    failed.wait()
    assert "<td>error</td>" in failed._repr_html_()
    # A program's name is text, not markup.
    assert "&lt;lambda&gt;" in failed._repr_html_()


def test_progress_and_repr(one_waits, single, gate):
    wait_until(lambda: one_waits.progress == ENGINES - 1, "all but one")
    text = repr(one_waits)
    assert text.startswith("<AsyncResult(wait_on_the_last): pending")
    assert f"{ENGINES - 1}/{ENGINES} done" in text
    gate.touch()
    one_waits.get()
    assert "finished" in repr(one_waits)
    failed = single.apply_async(lambda: 1 / 0)
    failed.wait()
    assert repr(failed) == "<AsyncResult(<lambda>): failed>"


def test_split_and_join(one_waits, gate):
    parts = one_waits.split()
    assert parts == one_waits.split()
    assert parts[0].split() == (parts[0],)
    assert len(parts) == ENGINES
    gate.touch()
    assert [part.get(10) for part in parts] == one_waits.get(10)
    joined = ipp.AsyncResult.join(*parts)
    assert joined.get(0) == one_waits.get()
    assert joined.msg_ids == one_waits.msg_ids
    assert ipp.AsyncResult.join(joined) is joined
    with pytest.raises(ValueError, match="at least one"):
        ipp.AsyncResult.join()


def test_split_of_a_map(view):
    parts = view.map_async(abs, range(ENGINES)).split()
    assert [part.get(10) for part in parts] == [[[0]], [[1]], [[2]]]


def test_sent(single):
    ar = single.apply_async(len, bytes(1_000_000))
    assert ar.wait_for_send(10)
    assert ar.sent
    assert ar.get() == 1_000_000


# ---- metadata and times ----


def test_metadata_of_one(single):
    ar = single.apply_async(int)
    assert ar.label is None
    ar.get()
    metadata = ar.metadata
    assert metadata.msg_id == ar.msg_ids[0]
    assert metadata.engine_id == single.targets
    assert metadata.engine_uuid == single.client._engines[single.targets]
    times = [metadata.submitted, metadata.started, metadata.completed, metadata.received]
    assert times == sorted(times)
    assert all(isinstance(when, datetime) and when.tzinfo for when in times)
    assert metadata.status == "ok"
    assert (metadata.follow, metadata.after) == ([], [])
    assert ar.started == metadata.started


def test_times(view, gate):
    def wait_and_sleep(path):
        import time

        wait_for_file(path)
        time.sleep(0.1)

    ar = view.apply_async(wait_and_sleep, str(gate))
    with pytest.raises(TimeoutError):
        ar.wall_time  # noqa: B018
    with pytest.raises(TimeoutError):
        ar.serial_time  # noqa: B018
    assert 0 <= ar.elapsed < 20
    gate.touch()
    ar.get()
    assert 0.1 <= ar.wall_time < 20
    assert ar.serial_time >= 0.1 * ENGINES
    assert ar.elapsed == ar.wall_time
    assert ar.timedelta(ar.started, ar.completed) >= 0.1
    assert ar.timedelta(ar.submitted[0], ar.received[0]) > 0


# ---- output ----

CELL = "import sys\nprint('out')\nprint('err', file=sys.stderr)"


def test_display_outputs(view, single, capsys):
    ar = view.execute(CELL)
    ar.get()
    ar.display_outputs()
    out, err = capsys.readouterr()
    assert out.splitlines() == [line for id in view.targets for line in (f"[stdout:{id}] ", "out")]
    assert err.splitlines() == [line for id in view.targets for line in (f"[stderr:{id}] ", "err")]
    ar.display_outputs("engine")
    assert capsys.readouterr() == (out, err)
    ar.display_outputs(result_only=True)
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ValueError, match="groupby"):
        ar.display_outputs("nonsense")
    ar = single.execute(CELL)
    ar.get()
    ar.display_outputs()
    assert capsys.readouterr() == ("out\n", "err\n")


def test_nothing_is_displayed_for_no_output(view, capsys):
    ar = view.execute("a = 1")
    ar.get()
    ar.display_outputs()
    assert capsys.readouterr() == ("", "")


def test_output_of_a_failed_task(single, capsys):
    ar = single.execute("print('before')\n1/0")
    ar.wait()
    ar.display_outputs()
    assert capsys.readouterr().out == "before\n"
    assert ar.error.ename == "ZeroDivisionError"


def test_output_before_the_end(single, gate):
    ar = single.execute(f"print('now', flush=True)\n{WAIT.format(str(gate))}")
    wait_until(lambda: ar.stdout == "now\n", "output")
    assert not ar.wait_for_output(0)
    gate.touch()
    assert ar.wait_for_output(10)
    assert ar.ready()


WAIT = (
    "import os, time\n"
    "end = time.monotonic() + 60\n"
    "while not os.path.exists({0!r}) and time.monotonic() < end: time.sleep(0.005)"
)


def test_stream_output(view, gate, capsys):
    shown = []

    def has(text):
        shown.append(capsys.readouterr().out)
        return text in "".join(shown)

    ar = view.execute(f"print('early', flush=True)\n{WAIT.format(str(gate))}\nprint('late')")
    wait_until(lambda: ar.stdout == ["early\n"] * ENGINES, "early output")
    with ar.stream_output():
        # What came before is shown at once, the rest as it comes.
        assert has("early")
        assert not ar.ready()
        gate.touch()
        wait_until(lambda: has("late"), "late output")
        ar.wait_for_output(10)
    has("")
    text = "".join(shown)
    assert text.count("early") == text.count("late") == ENGINES
    for id in view.targets:
        assert f"[stdout:{id}]" in text


def test_stream_output_of_errors(view, capsys):
    ar = view.execute("1/0", silent=False)
    with ar.stream_output():
        ar.wait()
        ar.wait_for_output(10)
    assert capsys.readouterr().err.count(":execute]") == ENGINES


def test_stream_output_that_is_left_early(single, gate, capsys):
    ar = single.execute(f"{WAIT.format(str(gate))}\nprint('late')")
    with ar.stream_output():
        pass
    gate.touch()
    ar.get()
    ar.wait_for_output(10)
    assert capsys.readouterr().out == ""
    assert not single.client._events._handlers
