"""asyncio: what `await` and `async for` of results wait with.

The replies arrive in a thread of the client; here they wake the event loop that waits for them.
Cancelling what waits never cancels the tasks: their results can be asked for again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from .._core import Task

if TYPE_CHECKING:
    from .client import Client


async def wait_for(future: Future[Any]) -> None:
    """Waits until the future is done."""
    if not future.done():
        await _until(lambda wake: future.add_done_callback(lambda _: wake()))


async def in_order(client: "Client", tasks: Sequence[Task]) -> AsyncIterator[int]:
    """The indices of the tasks, each as soon as it and all before it are done."""
    for index, task in enumerate(tasks):
        if not task.done:
            await _until(lambda wake, task=task: client._events.when_done([task], wake))
        yield index


async def as_completed(client: "Client", tasks: Sequence[Task]) -> AsyncIterator[int]:
    """The indices of the tasks as they get done."""
    done: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    token = client._events.each_done(
        tasks, lambda index: _call_in(loop, lambda: done.put_nowait(index))
    )
    try:
        for _ in tasks:
            yield await done.get()
    finally:
        client._events.forget(token)


async def _until(register: Callable[[Callable[[], None]], object]) -> None:
    """Waits until the function given to `register` is called, in whichever thread."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    register(lambda: _call_in(loop, event.set))
    await event.wait()


def _call_in(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:
        pass  # the loop is closed: nobody waits any more
