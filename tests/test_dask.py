"""become_dask: engines as workers of a Dask scheduler."""

import os
import socket

import engineroom as ipp
import pytest

distributed = pytest.importorskip("distributed")


@pytest.fixture
def dask(client):
    with client.become_dask() as dask:
        yield dask
    client.stop_dask()


def test_dask_runs_on_the_engines(client, dask):
    pids = set(client[:].apply_sync(os.getpid))
    assert set(dask.run(os.getpid).values()) == pids
    squares = dask.map(lambda x: x * x, range(10))
    assert dask.submit(sum, squares).result(20) == 285
    # Side by side with the engines' own tasks, and in the same process.
    assert client[:].apply_sync(abs, -1) == [1] * len(pids)
    names = client[:].apply_sync(lambda worker: worker.name, ipp.Reference("distributed_worker"))
    assert names == [f"engine-{engine_id}" for engine_id in client.ids]
    # Another client gets the same scheduler; nobody listens where others could reach it.
    with client.become_dask(targets=client.ids[:1]) as again:
        assert again.scheduler.address == dask.scheduler.address
    assert dask.scheduler.address.startswith("tcp://127.0.0.1:")


def test_the_end_of_it(client):
    with client.become_distributed(nthreads=2) as dask:
        address = dask.scheduler.address
    client.stop_distributed()
    host, port = address.removeprefix("tcp://").split(":")
    with pytest.raises(ConnectionError), socket.create_connection((host, int(port)), 5):
        pass
    with pytest.raises(ipp.RemoteError) as raised:
        client[0].apply_sync(lambda worker: worker, ipp.Reference("distributed_worker"))
    assert raised.value.ename == "NameError"


def test_engines_on_several_hosts(client, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    with pytest.raises(ValueError, match="several hosts .*elsewhere.*scheduler_args"):
        client.become_dask()
