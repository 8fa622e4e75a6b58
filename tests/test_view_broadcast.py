"""Broadcast views: one message for many engines."""

import engineroom as ipp
import pytest
from conftest import ENGINES


@pytest.fixture(params=[False, True], ids=["each", "coalescing"])
def view(client, request):
    client[:].scatter("rank", client.ids, flatten=True, block=True)
    return client.broadcast_view(is_coalescing=request.param)


def test_results_are_in_the_order_of_targets(client, view):
    def get(value):
        return value

    rank = ipp.Reference("rank")
    assert view.apply_sync(get, rank) == client.ids
    backwards = client.broadcast_view(client.ids[::-1], is_coalescing=view.is_coalescing)
    assert backwards.apply_sync(get, rank) == client.ids[::-1]
    assert backwards["rank"] == client.ids[::-1]
    one = client.broadcast_view(client.ids[1], is_coalescing=view.is_coalescing)
    assert one.apply_sync(get, rank) == [client.ids[1]]


def test_metadata(client, view):
    ar = view.apply_async(int)
    assert ar.get(10) == [0] * ENGINES
    assert ar.engine_id == client.ids
    assert len(ar.msg_ids) == (1 if view.is_coalescing else ENGINES)
    assert not client.outstanding


def test_an_error_on_one_engine(client, view):
    def fail_on(rank, bad):
        if rank == bad:
            raise ValueError("bad rank")

    with pytest.raises(ipp.RemoteError, match="bad rank"):
        view.apply_sync(fail_on, ipp.Reference("rank"), client.ids[0])


def test_push_pull_arrays(view):
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(100_000)
    view.push({"a": array}, block=True)
    for copy in view.pull("a", block=True):
        assert (copy == array).all()


def test_execute(view):
    ar = view.execute("print(rank); rank", silent=False, block=True)
    assert len(ar.get()) == ENGINES
    assert sorted(ar.stdout) == [f"{id}\n" for id in sorted(ar.engine_id)]


def test_scatter_gather_map(view):
    view.scatter("a", range(10), block=True)
    assert view.gather("a", block=True) == list(range(10))
    ar = view.map_async(lambda x, y: x + y, range(10), iter(range(8)))
    assert len(ar) == 8
    assert ar.get(10) == list(range(0, 16, 2))
    assert view.map_sync(lambda x: x, range(1)) == [0]
    # Nothing of it stays behind.
    assert not [name for names in view["dir()"] for name in names if "engineroom_map" in name]


def test_calls_arrive_in_the_order_of_submission(client, view):
    ars = []
    for number in range(20):
        view.push({"a": number})
        view.scatter("part", [number] * ENGINES)
        ars.append(view.apply_async(lambda a, part: (a, part), *map(ipp.Reference, ("a", "part"))))
    for number, ar in enumerate(ars):
        assert ar.get(10) == [(number, [number])] * ENGINES


def test_flags(client):
    view = client.broadcast_view(block=True, is_coalescing=True, label="x")
    assert (view.block, view.is_coalescing) == (True, True)
    view.block = False
    assert view.apply_async(int).label == "x"
