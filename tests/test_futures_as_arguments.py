"""AsyncResults as arguments: the task runs when they are done, and gets their values from engines."""

import os
import signal
from pathlib import Path

import engineroom as ipp
import numpy as np
import pytest
from conftest import wait_for_file
from waiting import wait_until

LARGE = 200_000  # numbers: more than what goes along with a request


@pytest.fixture
def view(client):
    return client.load_balanced_view()


@ipp.interactive
def where(*values):
    from engineroom.util import get_ipython

    return get_ipython().kernel.engine_id


@ipp.interactive
def numbers(start, n=LARGE):
    import numpy

    return numpy.arange(start, start + n)


def test_a_pending_result_is_an_argument(view, tmp_path):
    first = view.apply_async(wait_for_file, str(tmp_path / "gate"), 20)
    second = view.apply_async(lambda x, y: x + y, first, y=1)
    third = view.apply_async(lambda x: x * 2, second)
    assert not third.done()
    (tmp_path / "gate").touch()
    assert third.get(10) == 42


@pytest.mark.parametrize("pending", [True, False])
def test_wherever_pickle_gets(view, tmp_path, pending):
    gate = tmp_path / "gate"
    inner = view.apply_async(wait_for_file, str(gate), 7)
    if not pending:
        gate.touch()
        inner.get(10)
    outer = view.apply_async(lambda a: a, {"k": [(inner, {"deep": [inner]})], "s": "text"})
    gate.touch()
    assert outer.get(10) == {"k": [(7, {"deep": [7]})], "s": "text"}


def test_the_same_result_twice_is_one_object(view):
    array = view.apply_async(numbers, 0)
    assert view.apply_sync(lambda a, b: a is b[0], array, [array])


def test_large_results_come_from_engine_to_engine(client, view):
    made_on_0 = client[0].apply_async(numbers, 5)
    there = client[0].apply_async(lambda a: int(a.sum()), made_on_0)
    elsewhere = client[1].apply_async(lambda a: (int(a.sum()), a.flags.writeable), made_on_0)
    expected = int(np.arange(5, 5 + LARGE).sum())
    assert there.get(10) == expected
    assert elsewhere.get(10) == (expected, False)
    # Done and large: still by reference.
    assert client[2].apply_async(lambda a: int(a[0]), made_on_0).get(10) == 5
    assert view.apply_sync(lambda a: int(a[1]), made_on_0) == 6


def test_what_was_returned_counts_not_what_became_of_it(client):
    client[0].execute(
        "import numpy; table = numpy.zeros(300_000); give = lambda: table", block=True
    )
    ar = client[0].apply_async(ipp.Reference("give"))
    ar.get(10)
    client[0].execute("table[:] = 1", block=True)
    assert client[1].apply_sync(lambda t: float(t.sum()), ar) == 0


def test_a_task_goes_where_its_inputs_are(client, view):
    for engine_id in client.ids:
        made = client.load_balanced_view([engine_id]).apply_async(numbers, 0)
        made.wait(10)
        assert view.apply_sync(where, made) == engine_id


def test_a_result_of_many_tasks_is_a_list(client, view):
    everywhere = client[:].apply_async(where)
    assert view.apply_sync(lambda ids: ids, everywhere) == client.ids
    mapped = view.map_async(lambda x: x + 1, range(10), chunksize=3)
    assert view.apply_sync(sum, mapped) == sum(range(1, 11))
    assert client[:].apply_sync(sum, mapped) == [sum(range(1, 11))] * len(client.ids)


@pytest.mark.parametrize("chunksize", [1, 4])
def test_map_over_futures(client, view, chunksize):
    items = [view.apply_async(lambda x: x, i) for i in range(10)]
    squares = view.map_async(lambda x, y: x * y, items, items, chunksize=chunksize)
    assert squares.get(10) == [i * i for i in range(10)]
    assert client[:].map_sync(lambda x: -x, [*items, 10]) == [-i for i in range(11)]


def test_map_over_a_map_that_is_not_done(view, tmp_path):
    gate = str(tmp_path / "gate")
    first = view.map_async(lambda x, f=wait_for_file: f(gate, x), range(6), chunksize=2)
    second = view.map_async(lambda x: x * 10, first)
    assert not first.done()
    (tmp_path / "gate").touch()
    assert second.get(10) == [0, 10, 20, 30, 40, 50]


def test_push_of_a_future(client, view):
    client[:].push({"pushed": view.apply_async(numbers, 3)}, block=True)
    assert client[:].pull("int(pushed[0])", block=True) == [3] * len(client.ids)


# ---- errors ----


def test_a_failed_input_fails_the_task_at_once(client, view, tmp_path):
    waiting = [client[i].apply_async(wait_for_file, str(tmp_path / "gate")) for i in client.ids]
    bad = client.load_balanced_view(client.ids).apply_async(lambda: 1 / 0)
    chain = [bad]
    for _ in range(5):
        chain.append(view.apply_async(lambda x: x, chain[-1]))
    (tmp_path / "gate").touch()
    with pytest.raises(ipp.DependencyError, match=r"ZeroDivisionError: division by zero") as info:
        chain[-1].get(10)
    assert info.value.__cause__.ename == "ZeroDivisionError"
    assert "test_futures_as_arguments.py" in str(info.value.__cause__.traceback)
    with pytest.raises(ZeroDivisionError):
        chain[-1].get(raise_original=True)
    # One that was known to have failed beforehand, too; and of a direct request.
    with pytest.raises(ipp.DependencyError, match="ZeroDivisionError"):
        view.apply_async(lambda x: x, bad).get(10)
    direct = client[0].apply_async(lambda: [][1])
    with pytest.raises(ipp.DependencyError, match="IndexError"):
        client[1].apply_async(lambda x: x, direct).get(10)
    client.wait(waiting)


def test_an_aborted_input(client, view, tmp_path):
    busy = [client[i].apply_async(wait_for_file, str(tmp_path / "gate")) for i in client.ids]
    stuck = client.load_balanced_view([client.ids[0]]).map_async(abs, range(3))
    user = view.apply_async(lambda x: x, stuck)
    stuck.abort()
    (tmp_path / "gate").touch()
    with pytest.raises(ipp.DependencyError, match="abort"):
        user.get(10)
    client.wait(busy)


def test_what_cannot_be_an_argument(client, view, tmp_path):
    with pytest.raises(TypeError, match=r"pass its value, ar.get\(\)"):
        import pickle

        pickle.dumps(view.apply_async(int))
    client[0].push({"gate": str(tmp_path / "gate")}, block=True)
    code = "import os, time\nwhile not os.path.exists(gate): time.sleep(0.005)"
    pending = client[0].execute(code, block=False)
    with pytest.raises(TypeError, match="is pending"):
        view.apply_async(lambda x: x, pending)
    slow = view.apply_async(wait_for_file, str(tmp_path / "gate"))
    with pytest.raises(TypeError, match="broadcasts"):
        client.broadcast_view().apply_async(lambda x: x, slow)
    (tmp_path / "gate").touch()
    slow.get(10)


def test_an_engine_that_dies_with_the_only_copy(cluster, client):
    before = set(client.ids)
    cluster.add_engines(1)
    (doomed,) = wait_until(lambda: set(client.ids) - before)
    made = client[doomed].apply_async(numbers, 0)
    made.get(10)
    client.shutdown([doomed])
    wait_until(lambda: doomed not in client.ids)
    # The client has it, so it goes along.
    assert client[client.ids[0]].apply_async(lambda a: len(a), made).get(10) == LARGE


def test_aborting_a_task_whose_inputs_are_on_their_way(client, tmp_path):
    gate = str(tmp_path / "gate")
    slow = client[0].apply_async(wait_for_file, gate, 1)
    parked = client[1].apply_async(lambda x: x, slow)
    parked.abort()
    with pytest.raises(ipp.TaskAborted):
        parked.get(10)
    (tmp_path / "gate").touch()
    assert slow.get(10) == 1


# ---- engines that do not reach each other, and what is not where it was ----

MIB = 1 << 17  # numbers of 8 bytes


@ipp.interactive
def checked_sum(*arrays):
    """Their sums, if they hold what numbers() puts there."""
    import numpy

    for array in arrays:
        assert (numpy.diff(array) == 1).all()
    return [int(array.sum()) for array in arrays]


def total(start, n):
    return n * (2 * start + n - 1) // 2


@pytest.fixture(scope="module")
def relayed(new_cluster):
    """Engines that have no way to each other, and a controller that records nothing."""
    cluster = new_cluster(0, "--nodb")
    cluster.engine_args = ["--exchange=relayed"]
    cluster.add_engines(2)
    return cluster


@pytest.fixture
def two(relayed):
    relayed.ensure(2)
    with ipp.Client(str(relayed.connection_file)) as client:
        yield client


def test_by_the_controller(two):
    first, second = two.ids
    small = two[first].apply_async(lambda: "small")
    large = [two[first].apply_async(numbers, i, 9 * MIB + i) for i in range(4)]
    assert two[second].apply_sync(lambda a: a, small) == "small"
    expected = [total(i, 9 * MIB + i) for i in range(4)]
    assert two[second].apply_sync(checked_sum, *large) == expected
    # The engine itself has them.
    assert two[first].apply_sync(checked_sum, *large) == expected
    bad = two[first].apply_async(lambda: 1 / 0)
    with pytest.raises(ipp.DependencyError, match="ZeroDivisionError"):
        two[second].apply_async(lambda x: x, bad).get(10)


def test_by_the_controller_before_it_is_there(two, gate):
    first, second = two.ids
    slow = two[first].apply_async(wait_for_file, str(gate), np.arange(5, 5 + 2 * MIB))
    user = two[second].apply_async(checked_sum, slow)
    aborted = two[second].apply_async(checked_sum, slow)
    aborted.abort()
    # Others are not held up.
    assert two[second].apply_sync(abs, -1) == 1
    gate.touch()
    assert user.get(10) == [total(5, 2 * MIB)]


def give_result_of_dead_engine(cluster, client, gate):
    """A task that is given what only an engine had that is killed before the task is sent."""
    before = set(client.ids)
    cluster.add_engines(1)
    (doomed,) = wait_until(lambda: set(client.ids) - before)
    lost = client[doomed].apply_async(numbers, 3)
    pid = client[doomed].apply_sync(os.getpid)
    lost.wait(10)
    here = client.load_balanced_view([min(before)])
    user = here.apply_async(
        lambda array, _: int(array[1]), lost, here.apply_async(wait_for_file, str(gate))
    )
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: doomed not in client.ids)
    gate.touch()
    return user


def test_the_records_have_what_a_dead_engine_had(cluster, client, gate):
    assert give_result_of_dead_engine(cluster, client, gate).get(10) == 4


def test_without_records_it_is_lost(relayed, two, gate):
    with pytest.raises(ipp.InputLost, match="no record of it"):
        give_result_of_dead_engine(relayed, two, gate).get(10)


def test_what_memory_has_no_room_for_is_on_disk(new_cluster, tmp_path):
    cluster = new_cluster(0, "--nodb")
    folder = tmp_path / "spill"
    folder.mkdir()
    cluster.engine_args = [
        "--keep-bytes=3000000",
        "--spill-bytes=20000000",
        f"--spill-dir={folder}",
    ]
    cluster.add_engines(2)
    with cluster.connect() as client:
        first, second = client.ids
        made = [client[first].apply_async(numbers, i) for i in range(10)]
        client.wait(made)
        # No name, so nothing is left behind by whoever is killed.
        assert list(folder.iterdir()) == []
        for place in (first, second):
            assert client[place].apply_sync(checked_sum, *made) == [
                total(i, LARGE) for i in range(10)
            ]
        # More than there is room for.
        more = [client[first].apply_async(numbers, i) for i in range(10)]
        client.wait(more)
        with pytest.raises(ipp.InputLost, match="no engine has it any more"):
            client[second].apply_async(checked_sum, *made, *more).get(20)
        # What nobody holds any more takes no room.
        del made, more
        blocks = ipp.interactive(spilled_blocks)
        wait_until(lambda: client[first].apply_sync(blocks, str(folder)) == 0, "it is given back")


def spilled_blocks(folder):
    """How much of the disk the files take that this process has open there."""
    import os

    found = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{fd}").startswith(folder):
                found += os.fstat(int(fd)).st_blocks
        except OSError:
            pass
    return found


def test_nothing_is_left_of_a_killed_engine(cluster, client):
    """Neither names of sockets nor shared memory."""
    before = set(client.ids)
    cluster.add_engines(1)
    (doomed,) = wait_until(lambda: set(client.ids) - before)
    client[doomed].apply_async(numbers, 0, 1 << 20).get(10)
    pid = client[doomed].apply_sync(os.getpid)

    # Of its sockets, those that listen; and what anybody could have left where names stay.
    def names():
        fds = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
        inodes = {fd[len("socket:[") : -1] for fd in fds if fd.startswith("socket:[")}
        lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
        return {line[7] for line in lines if line[6] in inodes and len(line) > 7}

    def known():
        return {line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines()}

    listening = names()
    assert any(name.startswith("@engineroom-") for name in listening)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: doomed not in client.ids)
    wait_until(lambda: not listening & known(), "its names are gone")
    assert not [*Path("/dev/shm").glob("*engineroom*"), *Path("/var/tmp").glob("engineroom*")]
