"""view.executor: what one expects of any concurrent.futures.Executor."""

import concurrent.futures
import itertools
import time
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION

import engineroom as ipp
import pytest
from conftest import ENGINES, wait_for_file
from waiting import wait_until


@pytest.fixture
def view(client):
    return client.load_balanced_view()


@pytest.fixture
def executor(view):
    return view.executor


def test_submit(client, view, executor):
    assert view.executor is executor
    assert executor.view is view
    assert executor._max_workers == ENGINES
    future = executor.submit(pow, 2, 5)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result(10) == 32
    # Names of the executor's own arguments are free.
    assert executor.submit(dict, fn=1, self=2).result(10) == {"fn": 1, "self": 2}
    assert isinstance(client.executor().view, ipp.LoadBalancedView)
    assert client[:1].executor.submit(int).result(10) == [0]


def test_map(executor):
    assert list(executor.map(pow, range(10), range(10))) == [x**x for x in range(10)]
    assert list(executor.map(pow, range(10), itertools.repeat(2), chunksize=3)) == [
        x * x for x in range(10)
    ]
    # As the builtin, it ends with the shortest.
    assert list(executor.map(pow, [1, 2, 3], [2, 2])) == [1, 4]
    results = executor.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert [next(results), next(results)] == [(0, 1), (0, 1)]
    with pytest.raises(ZeroDivisionError):
        next(results)
    endless = executor.map(abs, itertools.count(), buffersize=2)
    assert [next(endless) for _ in range(5)] == [0, 1, 2, 3, 4]


def test_map_with_a_timeout(executor, gate):
    results = executor.map(wait_for_file, [str(gate) + "?", str(gate)], timeout=0.3)
    with pytest.raises(TimeoutError):
        list(results)
    gate.with_name(gate.name + "?").touch()


def test_exceptions_are_of_their_own_class(executor):
    future = executor.submit(int, "x")
    assert isinstance(future.exception(10), ValueError)
    with pytest.raises(ValueError, match="invalid literal") as caught:
        future.result()
    assert isinstance(caught.value.__cause__, ipp.RemoteError)
    with pytest.raises(ipp.RemoteError):
        future.get(raise_original=False)


def test_wait(executor, gate):
    slow = executor.submit(wait_for_file, str(gate))
    fast, bad = executor.submit(int), executor.submit(int, "x")
    futures = [slow, fast, bad]
    done, pending = concurrent.futures.wait(futures, 10, FIRST_COMPLETED)
    assert done
    assert slow in pending
    done, pending = concurrent.futures.wait(futures, 10, FIRST_EXCEPTION)
    assert bad in done
    assert slow in pending
    done, pending = concurrent.futures.wait(futures, 0.1, ALL_COMPLETED)
    assert (done, pending) == ({fast, bad}, {slow})
    with pytest.raises(TimeoutError):
        list(concurrent.futures.as_completed(futures, 0.1))
    gate.touch()
    assert set(concurrent.futures.as_completed([*futures, slow], 10)) == set(futures)


def test_callbacks_in_order_even_after_one_that_fails(executor, gate, caplog):
    future = executor.submit(wait_for_file, str(gate))
    called = []
    future.add_done_callback(lambda f: called.append(1))
    future.add_done_callback(lambda f: 1 / 0)
    future.add_done_callback(lambda f: called.append(2))
    gate.touch()
    wait_until(lambda: called == [1, 2], "callbacks")
    future.add_done_callback(lambda f: called.append(f))
    assert called[2] is future
    assert "ZeroDivisionError" in caplog.text


def test_cancel_what_has_not_started(client, gate):
    executor = client.executor(client.ids[:1])
    running = executor.submit(wait_for_file, str(gate), 1)
    late = executor.submit(int)
    assert late.cancel()
    assert late.cancelled()
    assert late.done()
    with pytest.raises(concurrent.futures.CancelledError):
        late.result()
    gate.touch()
    assert running.result(10) == 1
    assert not running.cancel()


def test_context_waits_at_its_end(view):
    with view.executor as executor:
        future = executor.submit(time.sleep, 0.05)
        results = executor.map(abs, range(20))
    assert future.done()
    assert len(view.history) == 21
    assert not view.outstanding
    assert list(results) == list(range(20))


def test_nothing_is_taken_after_shutdown(view, executor):
    executor.shutdown()
    executor.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(int)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.map(int, [1])
    # The engines go on, and so does the view.
    assert view.executor is not executor
    assert view.executor.submit(int).result(10) == 0


def test_shutdown_cancels_futures(client, gate):
    view = client.load_balanced_view(client.ids[:1])
    running = view.apply_async(wait_for_file, str(gate), 1)
    executor = view.executor
    late = [executor.submit(int) for _ in range(20)]
    endless = executor.map(abs, itertools.count())
    executor.shutdown(wait=False, cancel_futures=True)
    gate.touch()
    concurrent.futures.wait([running, *late], 10)
    assert isinstance(late[-1].exception(), ipp.TaskAborted)
    with pytest.raises(concurrent.futures.CancelledError):
        late[-1].result()
    executor.shutdown(cancel_futures=True)
    with pytest.raises((StopIteration, concurrent.futures.CancelledError)):
        next(endless)
