"""Buffers of a megabyte and more, which pass between processes of one machine in shared memory."""

import subprocess
import sys
import textwrap

import engineroom as ipp
import numpy as np
import pytest
from waiting import DEADLINE, wait_until

N = 1 << 18  # doubles: 2 MiB


@pytest.fixture(params=["direct", "balanced", "broadcast", "coalescing"])
def view(request, client):
    return {
        "direct": lambda: client[:],
        "balanced": client.load_balanced_view,
        "broadcast": client.broadcast_view,
        "coalescing": lambda: client.broadcast_view(is_coalescing=True),
    }[request.param]()


def test_there_and_back(view):
    array = np.arange(N, dtype=float)
    result = view.apply_sync(lambda x: x + 1, array)
    for got in result if isinstance(result, list) else [result]:
        assert np.array_equal(got, array + 1)
        assert got.dtype == array.dtype


def test_what_was_sent_is_no_longer_shared_with_the_sender(client):
    view = client[client.ids[0]]
    view.block = True
    array = np.zeros(N)
    view.push({"before": array})
    array[:] = 1
    # As many as it takes for memory to be used again.
    for value in range(20):
        view.push({"next": np.full(N, float(value))})
    assert not view.pull("before").any()
    assert (view.pull("next") == 19).all()


def test_results_stay_what_they_were(client):
    view = client[client.ids[0]]
    results = [
        view.apply_sync(lambda value, n: __import__("numpy").full(n, value), float(i), N)
        for i in range(20)
    ]
    assert [result[0] for result in results] == list(range(20))
    assert all((result == result[0]).all() for result in results)


def test_many_at_once(client):
    view = client.load_balanced_view()
    arrays = [np.full(N, float(i)) for i in range(100)]
    assert view.map_sync(lambda x: float(x.sum()), arrays) == [i * N for i in range(100)]


def test_results_are_kept_by_the_controller(client, cluster):
    ar = client.load_balanced_view().apply_async(lambda n: __import__("numpy").ones(n), N)
    ar.wait(DEADLINE)
    other = cluster.connect()
    assert other.get_result(ar.msg_ids[0], owner=False).get(DEADLINE).sum() == N
    other.close()


def test_client_that_leaves_after_sending(client, cluster):
    script = """
        import sys, engineroom as ipp, numpy as np
        rc = ipp.Client(sys.argv[1])
        rc[rc.ids[0]].push({"left": np.ones(1 << 20)}, block=False)
        """
    command = [sys.executable, "-c", textwrap.dedent(script), str(cluster.connection_file)]
    subprocess.run(command, check=True, timeout=DEADLINE)
    view = client[client.ids[0]]
    view.block = True
    wait_until(lambda: view.apply_sync(ipp.interactive(lambda: "left" in globals())), "arrived")
    assert view.pull("left").sum() == 1 << 20


def test_memory_is_given_back(client):
    """What idle processes keep is not their largest message."""

    def mappings():
        with open("/proc/self/maps") as maps:
            return sum("memfd:engineroom" in line for line in maps)

    def descriptors():
        import os

        links = []
        for fd in os.listdir("/proc/self/fd"):
            try:
                links.append(os.readlink(f"/proc/self/fd/{fd}"))
            except OSError:
                pass  # the listing's own
        return sum("memfd:engineroom" in link for link in links)

    view = client[client.ids[0]]
    before = mappings()
    for _ in range(3):
        view.apply_sync(lambda x: x, np.ones(N))
    wait_until(lambda: descriptors() == 0, "the client keeps none")
    wait_until(lambda: mappings() <= before, "nor what it has looked into")
    wait_until(
        lambda: view.apply_sync(ipp.interactive(descriptors)) == 0, "the engine keeps none either"
    )


def test_what_many_engines_are_given_is_in_memory_once(client):
    @ipp.interactive
    def segments():
        """The shared memory that this process looks into: (device, inode) of each."""
        with open("/proc/self/maps") as maps:
            lines = [line.split() for line in maps if "memfd:engineroom" in line]
        return {(fields[3], fields[4]) for fields in lines}

    client[:].push({"everywhere": np.arange(N)}, block=True)
    mapped = client[:].apply_sync(segments)
    assert len(set.intersection(*mapped)) == 1
    with pytest.raises(ipp.RemoteError, match="read-only"):
        client[0].execute("everywhere[0] = 1", block=True)
    client[:].execute("del everywhere", block=True)
    wait_until(lambda: not set.intersection(*client[:].apply_sync(segments)), "it is released")


def test_results_given_to_other_engines_are_not_copied(client):
    """Only the segment of the reply is looked into, by the engine that is given the result, too."""

    @ipp.interactive
    def segment_of(array):
        import numpy

        address = numpy.asarray(array).__array_interface__["data"][0]
        with open("/proc/self/maps") as maps:
            for line in maps:
                first, last = (int(part, 16) for part in line.split()[0].split("-"))
                if first <= address < last:
                    return line.split()[3:5] if "memfd:engineroom" in line else None

    made = client[client.ids[0]].apply_async(np.arange, N)
    users = [client[i].apply_async(segment_of, made) for i in client.ids]
    found = [ar.get(20) for ar in users]
    assert found[0] is not None
    assert found == found[:1] * len(found)
