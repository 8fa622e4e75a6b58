"""AsyncResults as futures: callbacks, concurrent.futures, asyncio, cancelling."""

import asyncio
import concurrent.futures
import gc
import threading
import weakref

import engineroom as ipp
import pytest
from conftest import wait_for_file
from waiting import wait_until


@pytest.fixture
def view(client):
    return client.load_balanced_view()


def test_no_thread_for_waiting(cluster):
    client = cluster.connect()
    ars = [client.load_balanced_view().apply_async(int) for _ in range(3)]
    assert client.wait(ars, 10)
    assert [ar.get() for ar in ars] == [0, 0, 0]
    assert ars[0].done()
    assert ars[0].result(0) == 0
    assert ars[0].exception() is None
    assert client._events._thread is None
    assert "_condition" not in ars[0].__dict__


def test_callbacks(view, gate):
    ar = view.apply_async(wait_for_file, str(gate), 5)
    seen = []
    ar.add_done_callback(lambda future: seen.append((future, future.result())))
    assert not seen
    assert ar.running()
    gate.touch()
    wait_until(lambda: seen == [(ar, 5)], "callback")
    # Of what is done it is called at once.
    ar.add_done_callback(lambda future: seen.append("again"))
    assert seen[1:] == ["again"]


def test_callbacks_may_wait_for_other_results(view):
    values = []
    first = view.apply_async(int)
    first.add_done_callback(lambda future: values.append(view.apply_async(lambda: 7).get(10)))
    wait_until(lambda: values == [7], "callback")


def test_a_callback_that_fails_harms_nobody(view, caplog):
    called = threading.Event()
    ar = view.apply_async(int)
    ar.add_done_callback(lambda future: 1 / 0)
    ar.add_done_callback(lambda future: called.set())
    assert called.wait(10)
    assert view.apply_sync(int) == 0


def test_concurrent_futures_wait(view, client, gate):
    slow = view.apply_async(wait_for_file, str(gate))
    fast = [view.apply_async(abs, -x) for x in range(4)]
    done, pending = concurrent.futures.wait([slow, *fast], 0.2)
    assert slow in pending
    done, _ = concurrent.futures.wait(
        [slow, *fast], 10, return_when=concurrent.futures.FIRST_COMPLETED
    )
    assert done
    failing = view.apply_async(lambda: 1 / 0)
    done, _ = concurrent.futures.wait(
        [slow, failing], 10, return_when=concurrent.futures.FIRST_EXCEPTION
    )
    assert done == {failing}
    assert isinstance(failing.exception(), ipp.RemoteError)
    gate.touch()
    done, pending = concurrent.futures.wait([slow, *fast], 10)
    assert (len(done), pending) == (5, set())


def test_as_completed(view, gate):
    slow = view.apply_async(wait_for_file, str(gate), "slow")
    fast = [view.apply_async(abs, -x) for x in range(4)]
    order = []
    for future in concurrent.futures.as_completed([slow, *fast], 20):
        order.append(future.result())
        if len(order) == 4:
            gate.touch()
    assert order[-1] == "slow"
    assert sorted(order[:4]) == [0, 1, 2, 3]


def test_await(view, client):
    async def main():
        one = await view.apply_async(lambda: 1)
        many = await asyncio.gather(*[view.apply_async(abs, -x) for x in range(3)])
        every = await client[:].map_async(lambda x: x + 1, range(4))
        with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
            await view.apply_async(lambda: 1 / 0)
        wrapped = await asyncio.wait_for(asyncio.wrap_future(view.apply_async(int)), 10)
        return one, many, every, wrapped

    assert asyncio.run(main()) == (1, [0, 1, 2], [1, 2, 3, 4], 0)


def test_cancel(client, gate):
    view = client.load_balanced_view(client.ids[:1])
    running = view.apply_async(wait_for_file, str(gate), 1)
    late = view.apply_async(lambda path: open(path, "w").close(), str(gate) + ".late")
    called = []
    late.add_done_callback(called.append)
    assert late.cancel()
    assert late.cancel()
    assert late.cancelled()
    assert late.done()
    # The latter once the controller has said so.
    assert any(f"<td>{word}</td>" in late._repr_html_() for word in ("cancelled", "aborted"))
    assert called == [late]
    with pytest.raises(concurrent.futures.CancelledError):
        late.result()
    done, _ = concurrent.futures.wait([late], 5)
    assert done == {late}
    # The abort overtakes tasks, but may not overtake the file that the running one waits for.
    wait_until(lambda: late.msg_ids[0] not in client.outstanding, "aborted")
    gate.touch()
    assert running.get(10) == 1
    assert not running.cancel()
    assert view.apply_sync(int) == 0
    assert not gate.with_name(gate.name + ".late").exists()


def test_results_go_with_their_holder(client, view):
    ar = view.apply_async(bytes, 1_000_000)
    ar.add_done_callback(lambda future: future.result())
    ar.get()
    gone = weakref.ref(ar)
    wait_until(lambda: not client._events._handlers, "callback")
    del ar
    wait_until(lambda: gc.collect() is not None and gone() is None, "the result to go")
