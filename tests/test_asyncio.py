"""asyncio: await, async for, cancelling who waits; inside a running loop of IPython, too."""

import asyncio
import itertools

import engineroom as ipp
import pytest
from conftest import ENGINES, wait_for_file


@pytest.fixture
def view(client):
    return client.load_balanced_view()


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def test_many_awaits_at_once(view):
    async def main():
        return await asyncio.gather(*[view.apply_async(abs, -x) for x in range(300)])

    assert run(main()) == list(range(300))


def test_one_result_awaited_by_many(view, gate):
    async def main():
        ar = view.apply_async(wait_for_file, str(gate), 5)

        async def one():
            return await ar

        waiting = [asyncio.create_task(one()) for _ in range(10)]
        await asyncio.sleep(0.02)
        assert not any(task.done() for task in waiting)
        gate.touch()
        return await asyncio.gather(*waiting)

    assert run(main()) == [5] * 10


def test_who_waits_can_be_cancelled_without_loss(view, gate):
    async def main():
        ar = view.apply_async(wait_for_file, str(gate), 5)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ar, 0.05)
        task = asyncio.ensure_future(ar)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not ar.cancelled()
        gate.touch()
        return await ar

    assert run(main()) == 5


def test_cancelled_results_cancel(view, gate):
    async def main():
        ar = view.apply_async(wait_for_file, str(gate))
        asyncio.get_running_loop().call_later(0.02, ar.cancel)
        with pytest.raises(asyncio.CancelledError):
            await ar

    run(main())


def test_the_loop_goes_on_meanwhile(view, gate):
    async def main():
        ticks = 0
        waiting = asyncio.ensure_future(view.apply_async(wait_for_file, str(gate)))
        while not waiting.done():
            ticks += 1
            if ticks == 5:
                gate.touch()
            await asyncio.sleep(0.01)
        return ticks

    assert run(main()) >= 5


def test_async_for_in_order(client, view):
    async def main():
        values = [value async for value in view.map_async(abs, range(20))]
        chunked = [value async for value in view.map_async(abs, range(20), chunksize=7)]
        direct = [value async for value in client[:].map_async(abs, range(20))]
        each = [value async for value in client[:].apply_async(int)]
        return values, chunked, direct, each

    numbers = list(range(20))
    assert run(main()) == (numbers, numbers, numbers, [0] * ENGINES)


def test_async_for_gives_values_as_they_come(view, gate):
    def work(x, path):
        return wait_for_file(path, x) if x == 0 else x

    async def main():
        seen = []
        async for value in view.map_async(work, range(4), [str(gate)] * 4, ordered=False):
            seen.append(value)
            if len(seen) == 3:
                gate.touch()
        return seen

    seen = run(main())
    assert seen[-1] == 0
    assert sorted(seen) == [0, 1, 2, 3]


def test_async_for_raises_in_its_place(view):
    async def main():
        seen = []
        with pytest.raises(ZeroDivisionError):
            async for value in view.map_async(lambda x: 1 / (x - 1), range(3)):
                seen.append(value)
        with pytest.raises(TypeError, match="await it"):
            async for _ in view.apply_async(int):
                pass
        return seen

    view.raise_original = True
    assert run(main()) == [-1]


def test_async_for_of_an_endless_imap(view, gate):
    async def main():
        seen = []
        results = view.imap(lambda x: x * x, itertools.count())
        async for value in results:
            seen.append(value)
            if len(seen) == 10:
                break
        results.cancel()
        waiting = view.imap(wait_for_file, [str(gate)] * 2, [1, 2])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(waiting), 0.05)
        gate.touch()
        return seen, [value async for value in waiting]

    assert run(main()) == ([x * x for x in range(10)], [1, 2])


def test_results_of_another_client(cluster, view):
    ar = view.map_async(abs, range(5))
    other = cluster.connect()

    async def main():
        result = other.get_result(ar.msg_ids)
        return [value async for value in result], await result

    ar.get()
    assert run(main()) == ([[x] for x in range(5)], [[x] for x in range(5)])


def test_in_the_loop_of_ipython(client):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.user_ns["view"] = client.load_balanced_view()
    cell = (
        "values = [x async for x in view.map_async(abs, [-1, -2])]\nvalues, await view.apply(int)"
    )
    result = asyncio.run(shell.run_cell_async(cell, transformed_cell=cell))
    result.raise_error()
    assert result.result == ([1, 2], 0)
    assert isinstance(client.load_balanced_view().apply_async(int), ipp.AsyncResult)
