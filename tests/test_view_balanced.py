"""Load-balanced views: placement flags, maps with many tasks, lazy maps."""

import itertools
import threading

import engineroom as ipp
import pytest
from conftest import wait_for_file
from waiting import wait_until


@pytest.fixture
def view(client):
    return client.load_balanced_view()


def test_apply_is_a_single_result(view):
    ar = view.apply_async(lambda x: x + 1, 1)
    assert ar.get(10) == 2
    assert isinstance(ar.engine_id, int)
    assert len(ar) == 1
    assert view.apply_sync(sum, [1, 2]) == 3


def test_targets(client):
    chosen = client.ids[1:]
    view = client.load_balanced_view(chosen)
    assert len(view) == len(chosen)
    ars = [view.apply_async(int) for _ in range(10)]
    client.wait(ars)
    assert {ar.engine_id for ar in ars} <= set(chosen)


# ---- map ----


@pytest.mark.parametrize("chunksize", [1, 4, 100, "auto", None])
def test_map_with_chunks(view, chunksize):
    ar = view.map_async(lambda x, y: x - y, range(50), range(0, 100, 2), chunksize=chunksize)
    assert len(ar) == 50
    assert ar.get(20) == [-x for x in range(50)]
    assert ar.progress == 50
    assert list(ar) == ar.get()
    if isinstance(chunksize, int):
        assert len(ar.msg_ids) == -(-50 // chunksize)


def test_map_of_what_cannot_be_chunked(view):
    with pytest.raises(ValueError, match="chunksize must be"):
        view.map_async(abs, [1], chunksize=0)
    with pytest.raises(ValueError, match="chunksize must be"):
        view.map_async(abs, [1], chunksize="some")


def test_map_of_generators_and_strings(view):
    assert view.map_sync(lambda x: x * 2, (c for c in "abc")) == ["aa", "bb", "cc"]
    assert view.map_sync(str.upper, "abc") == ["A", "B", "C"]
    assert view.map_sync(lambda x: x, [[1], [2]]) == [[1], [2]]


def test_map_sync_takes_a_generator_as_engines_get_on(view, gate):
    ahead = []

    def source():
        for i in range(500):
            ahead.append(i - len(list(gate.parent.iterdir())))
            yield str(gate.parent / f"{i}")

    gate.parent.mkdir(exist_ok=True)
    done = view.map_sync(lambda path: open(path, "w").close(), source())
    assert done == [None] * 500
    # Up to two batches of 16 per engine.
    assert max(ahead) <= 2 * 16 * len(view) + 1


def test_map_of_a_slow_generator_has_begun_before_its_end(view, tmp_path):
    def source():
        yield str(tmp_path / "first")
        wait_until((tmp_path / "first").exists, "the first item to be worked on")
        yield str(tmp_path / "second")

    ar = view.map_async(lambda path: open(path, "w").close(), source(), chunksize=1)
    assert len(ar) == 2
    assert ar.get(10) == [None, None]
    assert list(view.map_async(pow, iter([2, 3, 4]), [2, 2, 2, 9], chunksize=2)) == [4, 9, 16]
    assert view.map_sync(abs, iter([]), chunksize=3) == []


def test_map_of_a_generator_that_raises(view):
    def source():
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        view.map_async(abs, source())
    with pytest.raises(ValueError, match="chunksize must be"):
        view.map_async(abs, source(), chunksize=0)


def test_imap_of_a_direct_view_takes_a_generator_as_it_goes(view):
    direct = view.client[:]
    results = direct.imap(lambda x: -x, itertools.count(1), label="counted")
    assert [next(results) for _ in range(5)] == [-1, -2, -3, -4, -5]
    results.cancel()
    assert list(view.client[-1].imap(pow, iter([2, 3]), [2, 2])) == [4, 9]


def test_unordered_iteration_gives_what_is_done_first(view, gate):
    late = view.map_async(
        lambda x, path: wait_for_file(path, x) if x == 0 else x,
        range(5),
        [str(gate)] * 5,
        ordered=False,
    )
    items = iter(late)
    first = [next(items) for _ in range(4)]
    assert sorted(first) == [1, 2, 3, 4]
    gate.touch()
    assert list(items) == [0]
    assert late.get() == list(range(5))


def test_ordered_iteration_does_not_wait_for_the_last(view, gate):
    ar = view.map_async(
        lambda x, path: wait_for_file(path, x) if x == 4 else x, range(5), [str(gate)] * 5
    )
    items = iter(ar)
    assert [next(items) for _ in range(4)] == [0, 1, 2, 3]
    assert not ar.ready()
    gate.touch()
    assert list(items) == [4]


def test_map_with_errors(view):
    def fail_on_two(x):
        if x == 2:
            raise ValueError("two")
        return x

    ar = view.map_async(fail_on_two, range(4))
    with pytest.raises(ipp.CompositeError, match="ValueError: two"):
        ar.get(10)
    assert ar.split()[1].get() == [[1]]
    items = view.map_sync(fail_on_two, range(4), return_exceptions=True)
    assert [type(item).__name__ for item in items] == ["int", "int", "RemoteError", "int"]


def test_a_large_map_is_one_submission(client, view):
    count = 5000
    ar = view.map_async(lambda x: x + 1, range(count))
    assert len(ar.msg_ids) == count
    assert ar.get(60) == list(range(1, count + 1))
    assert set(ar.engine_id) == set(client.ids)


# ---- dependencies and retries ----


def test_after(view, gate):
    first = view.apply_async(wait_for_file, str(gate))
    with view.temp_flags(after=first):
        second = view.apply_async(int)
    assert not second.wait(0.1)
    gate.touch()
    assert second.get(10) == 0
    assert second.started >= first.completed
    assert second.after == first.msg_ids


def test_follow(view):
    first = view.apply_async(int)
    first.get(10)
    view.follow = first
    ars = [view.apply_async(int) for _ in range(5)]
    assert view.wait(ars, 10)
    assert {ar.engine_id for ar in ars} == {first.engine_id}


def test_dependencies_that_cannot_be_met(view):
    failed = view.apply_async(lambda: 1 / 0)
    failed.wait(10)
    with (
        view.temp_flags(after=ipp.Dependency(failed)),
        pytest.raises(ipp.ImpossibleDependency) as caught,
    ):
        view.apply_sync(int)
    assert caught.value.ename == "ImpossibleDependency"
    with view.temp_flags(after="nonsense"), pytest.raises(ipp.InvalidDependency):
        view.apply_sync(int)
    with view.temp_flags(after=ipp.Dependency(failed, success=False, failure=True)):
        assert view.apply_sync(int) == 0


def test_timeout_of_a_task_that_waits(view, gate):
    with view.temp_flags(after=view.apply_async(wait_for_file, str(gate)), timeout=0.1):
        ar = view.apply_async(int)
    with pytest.raises(ipp.RemoteError) as caught:
        ar.get(10)
    assert caught.value.ename == "TaskTimeout"


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ({"after": 5}, ValueError),
        ({"follow": [5]}, ValueError),
        ({"timeout": "soon"}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"nonsense": 1}, KeyError),
    ],
)
def test_flags_that_are_refused(view, flags, error):
    with pytest.raises(error):
        view.set_flags(**flags)


def test_retries_must_be_a_number(view):
    view.retries = 1.5
    with pytest.raises(TypeError, match="retries must be int"):
        view.apply_async(int)


def test_retries(view, tmp_path):
    def succeed_the_second_time(path):
        import os

        if not os.path.exists(path):
            open(path, "w").close()
            raise ValueError("first time")
        return "done"

    with view.temp_flags(retries=1):
        assert view.apply_sync(succeed_the_second_time, str(tmp_path / "mark")) == "done"


def test_functional_dependencies(client, view):
    client[:].scatter("rank", client.ids, flatten=True, block=True)
    last = client.ids[-1]

    @ipp.depend(ipp.interactive(lambda wanted: rank == wanted), last)  # noqa: F821
    def here():
        return "here"

    ars = [view.apply_async(here) for _ in range(4)]
    assert [ar.get(10) for ar in ars] == ["here"] * 4
    assert {ar.engine_id for ar in ars} == {last}
    assert view.map_sync(here.__class__(lambda x: x, here.df, last), [1, 2]) == [1, 2]


def test_require(view):
    helper = ipp.interactive(lambda x: x + 1)
    helper.__name__ = "helper"

    @ipp.require("base64", helper, offset=10)
    @ipp.interactive
    def use(x):
        return base64.b64encode(b"foo"), helper(x) + offset  # noqa: F821

    assert view.apply_sync(use, 1) == (b"Zm9v", 12)

    @ipp.require("no_such_module")
    def never():
        return 1

    with view.temp_flags(retries=0), pytest.raises(ipp.RemoteError) as caught:
        view.apply_async(never).get(20)
    assert caught.value.ename in {"UnmetDependency", "ImpossibleDependency"}


# ---- imap ----


def test_imap_takes_no_more_than_it_needs(view, gate):
    taken = []

    def source():
        for number in itertools.count():
            taken.append(number)
            yield str(gate), number

    results = view.imap(lambda pair: wait_for_file(*pair), source(), max_outstanding=4)
    wait_until(lambda: len(view.history) == 4, "a full window")
    # One more may have been taken and wait for room.
    assert len(taken) <= 5
    gate.touch()
    assert [next(results) for _ in range(10)] == list(range(10))
    results.cancel()
    rest = list(results)
    assert rest == list(range(10, 10 + len(rest)))
    wait_until(lambda: not view._outstanding_maps, "the end of the map")


def test_imap_unordered(view, gate):
    results = view.imap(
        lambda x, path: wait_for_file(path, x) if x == 0 else x,
        range(4),
        [str(gate)] * 4,
        ordered=False,
        max_outstanding=2,
    )
    assert sorted(next(results) for _ in range(3)) == [1, 2, 3]
    gate.touch()
    assert list(results) == [0]
    with pytest.raises(StopIteration):
        next(results)


def test_imap_without_limit_and_with_errors(view):
    def fail_on_two(x):
        if x == 2:
            raise ValueError("two")
        return x

    items = list(view.imap(fail_on_two, range(4), max_outstanding=0, return_exceptions=True))
    assert [type(item).__name__ for item in items] == ["int", "int", "RemoteError", "int"]
    results = view.imap(fail_on_two, range(4))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ipp.RemoteError, match="two"):
        next(results)


def test_imap_of_a_source_that_fails(view):
    def source():
        yield 1
        raise OSError("source")

    results = view.imap(abs, source())
    assert next(results) == 1
    with pytest.raises(OSError, match="source"):
        next(results)
    with pytest.raises(TypeError, match="callable"):
        view.imap(5, [1])


def test_dropped_imap_ends(view):
    results = view.imap(abs, itertools.count(), max_outstanding=2)
    next(results)
    del results
    wait_until(lambda: not view._outstanding_maps, "the end of the map")
    wait_until(
        lambda: not any(thread.name == "engineroom-imap" for thread in threading.enumerate()),
        "the end of the thread",
    )


def test_imap_in_chunks(view):
    results = view.imap(pow, itertools.count(), itertools.repeat(2), chunksize=5, max_outstanding=2)
    assert list(itertools.islice(results, 12)) == [x * x for x in range(12)]
    assert len(view.history) < 12
    results.cancel()
    assert list(view.imap(abs, range(7), chunksize=3, ordered=False, max_outstanding=1)) == [
        *range(7)
    ]
    view.client[:].push({"shift": lambda x: x + 10}, block=True)
    assert list(view.imap(ipp.Reference("shift"), range(4), chunksize=3)) == [10, 11, 12, 13]
    with pytest.raises(ValueError, match="chunksize"):
        view.imap(abs, [1], chunksize=0)


def test_imap_with_a_timeout(view, gate):
    results = view.imap(wait_for_file, [str(gate), str(gate)], [1, 2], timeout=0.2)
    with pytest.raises(TimeoutError):
        next(results)
    assert list(results) == []
