"""Our client with an engine of ipyparallel on our controller. scripts/compat_cross.py tries all mixtures."""

import sys

import engineroom as ipp
import numpy as np
import pytest
from engineroom import serialize

pytest.importorskip("ipyparallel")


@pytest.fixture(scope="module")
def stock(new_cluster):
    cluster = new_cluster()
    file = cluster.connection_file.with_name("ipcontroller-engine.json")
    command = [sys.executable, "-m", "ipyparallel.engine", f"--file={file}"]
    cluster.engines.append(cluster._start(command))
    return cluster


@pytest.fixture
def engine(stock, monkeypatch):
    # Other tests are to go on with raw buffers.
    monkeypatch.setattr(serialize, "_in_band", False)
    # Pickled before it is known who gets it.
    array = ipp.PrePickled(np.arange(1 << 15))
    with stock.connect() as client:
        client.wait_for_engines(1, timeout=30)
        yield client[0], client.load_balanced_view(), array


def test_large_arrays(engine):
    direct, balanced, packed = engine
    array = np.arange(1 << 15)
    assert len(packed.buffers) > 1
    for view in (balanced, direct):
        assert view.apply_sync(lambda a: int(a.sum()), packed) == array.sum()
        assert (view.apply_sync(lambda a: a * 2, array) == array * 2).all()
    direct["a"] = array
    assert (direct["a"] == array).all()
    assert balanced.map_sync(lambda part: part.nbytes, [array, array]) == [array.nbytes] * 2


def test_references_output_and_errors(engine):
    direct, balanced, _ = engine
    direct.push({"b": 5}, block=True)
    assert (
        direct.apply_sync(lambda x, y: x + y[0], ipp.Reference("b"), [ipp.Reference("b + 1")]) == 11
    )
    result = direct.execute("print(b)", block=True)
    assert result.stdout == "5\n"
    with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
        balanced.apply_sync(lambda: 1 / 0)
