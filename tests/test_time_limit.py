"""Time limits and cancelling: a task that runs is interrupted, and only that task."""

import concurrent.futures
import time

import engineroom as ipp
import pytest
from conftest import wait_for_file
from waiting import wait_until


@ipp.interactive  # by value: engines cannot import this file
def run_long(started, stopped):
    """Tells when it starts, and when and how it is stopped."""
    import time
    from pathlib import Path

    try:
        Path(started).touch()
        time.sleep(30)
    except KeyboardInterrupt:
        Path(stopped).touch()
        raise


@pytest.fixture
def paths(tmp_path):
    return [tmp_path / "started", tmp_path / "stopped"]


@pytest.fixture
def view(client):
    return client.load_balanced_view(client.ids[:1])


@pytest.mark.parametrize("kind", ["balanced", "direct", "broadcast"])
def test_a_task_ends_at_its_time_limit(client, kind):
    views = {
        "balanced": client.load_balanced_view,
        "direct": lambda: client[client.ids[0]],
        "broadcast": client.broadcast_view,
    }
    view = views[kind]()
    begin = time.monotonic()
    with view.temp_flags(time_limit=0.2):
        ar = view.apply_async(time.sleep, 30)
    with pytest.raises((ipp.TaskTimeout, ipp.CompositeError), match=r"time limit of 0\.2 s"):
        ar.get(20)
    assert 0.2 <= time.monotonic() - begin < 20
    # The engine goes on, without a limit.
    assert client[:].apply_sync(int) == [0] * len(client)


def test_what_is_quick_enough_is_not_disturbed(view):
    with view.temp_flags(time_limit=5):
        assert view.map_sync(abs, range(-20, 0)) == list(range(20, 0, -1))


def test_cells_have_time_limits_too(client):
    direct = client[client.ids[0]]
    with direct.temp_flags(time_limit=0.2):
        ar = direct.execute("import time\ntime.sleep(30)", block=False)
    with pytest.raises(ipp.TaskTimeout, match="time limit"):
        ar.get(20)
    assert direct.apply_sync(int) == 0


def test_a_task_over_its_limit_is_tried_elsewhere_if_it_may_be(client):
    view = client.load_balanced_view()
    with view.temp_flags(time_limit=0.2, retries=1):
        ar = view.apply_async(time.sleep, 30)
    with pytest.raises(ipp.TaskTimeout):
        ar.get(20)
    assert ar.elapsed >= 0.4


def test_code_that_swallows_the_interrupt_is_interrupted_again(view):
    def swallow():
        import time

        count = 0
        while count < 2:
            try:
                time.sleep(10)
            except KeyboardInterrupt:
                count += 1
        return count

    # Long enough to be in the `try` by then.
    with view.temp_flags(time_limit=0.5):
        assert view.apply_async(swallow).get(20) == 2


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan")])
def test_a_limit_is_a_positive_time(view, limit):
    with pytest.raises(ValueError, match="positive"):
        view.set_flags(time_limit=limit)
    with pytest.raises(TypeError, match="seconds"):
        view.set_flags(time_limit="1 s")


def test_cancelling_interrupts_what_runs(client, view, paths):
    running = view.apply_async(run_long, *map(str, paths))
    behind = view.apply_async(int)
    wait_until(paths[0].exists, "started")
    assert running.cancel()
    assert running.cancelled()
    with pytest.raises(concurrent.futures.CancelledError):
        running.result()
    wait_until(paths[1].exists, "interrupted")
    assert behind.get(20) == 0
    # For everybody else it was aborted.
    with pytest.raises(ipp.TaskAborted):
        client.get_result(running.msg_ids[0], owner=False).get(20)


def test_abort_interrupts_only_if_told_to(client, view, paths):
    running = view.apply_async(run_long, *map(str, paths))
    wait_until(paths[0].exists, "started")
    running.abort()
    assert not paths[1].exists()
    assert not running.ready()
    running.abort(interrupt=True)
    with pytest.raises(ipp.TaskAborted):
        running.get(20)
    assert paths[1].exists()


def test_only_the_task_that_is_meant_is_interrupted(client, gate):
    """Tasks that are about to end are aborted; none of the others may notice."""
    direct = client[client.ids[0]]
    for round in range(30):
        first = direct.apply_async(time.sleep, 0.002 * (round % 3))
        second = direct.apply_async(lambda: sum(range(1000)))
        client.abort(first, interrupt=True, block=False)
        assert second.get(20) == 499500
    waiting = client[client.ids[1]].apply_async(wait_for_file, str(gate), 1)
    running = direct.apply_async(time.sleep, 30)
    wait_until(lambda: client.queue_status()[client.ids[0]]["queue"] == 1, "sent")
    running.abort(interrupt=True)
    running.wait(20)
    gate.touch()
    assert waiting.get(20) == 1
