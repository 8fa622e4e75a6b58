"""AsyncMapResult: the result of a map, which can be iterated while it is still growing."""

import queue
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .._inputs import MapItem, reduce_result
from .asyncresult import AsyncResult
from .map import Map

if TYPE_CHECKING:
    from .client import Client


class AsyncMapResult(AsyncResult):
    """An AsyncResult whose tasks each computed a part of one sequence; get() joins the parts.

    Iterating (`for`, `async for`) gives items as soon as their task is done: in order, or with
    ordered=False in the order in which tasks finish.
    """

    def __init__(
        self,
        client: "Client",
        children: Any,
        mapObject: Map,
        fname: str = "",
        ordered: bool = True,
        return_exceptions: bool = False,
        chunk_sizes: Sequence[int] | None = None,
        targets: Sequence[int | None] | None = None,
    ) -> None:
        """mapObject: joins the parts (see client.map)."""
        super().__init__(
            client,
            children,
            fname=fname,
            targets=targets,
            return_exceptions=return_exceptions,
            chunk_sizes=chunk_sizes,
        )
        self._single_result = False
        self._mapObject = mapObject
        self.ordered = ordered

    @classmethod
    def join(cls, *async_results: AsyncResult) -> AsyncResult:
        return AsyncResult.join(*async_results)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return reduce_result(self, self._mapObject)

    def _futures(self) -> Any:
        """Its items, to be arguments of another map while they are not here yet."""
        if self._chunks is None or type(self._mapObject) is not Map:
            return self
        chunks = enumerate(self._chunks)
        return [MapItem(self, t, i) for t, size in chunks for i in range(size)]

    def _parts_are_single(self) -> bool:
        return False

    def _reconstruct_result(self, values: list[Any]) -> Any:
        if not values:
            return []
        if any(isinstance(value, Exception) for value in values):
            return [item for value in values for item in self._items_of(value)]
        return self._mapObject.joinPartitions(values)

    @staticmethod
    def _items_of(value: Any) -> Any:
        return [value] if isinstance(value, Exception) else value

    def _iterate(self) -> Iterator[Any]:
        if self._done_now():
            yield from self.get(0)
            return
        for index in self._in_order() if self.ordered else self._as_completed():
            yield from self._part(index)

    def _part(self, index: int) -> list[Any]:
        """The items of a task that is done."""
        value = self._value(index)
        return self._checked(value if isinstance(value, list) else [value])

    async def _iterate_async(self) -> AsyncIterator[Any]:
        if self._done_now():
            for item in self.get(0):
                yield item
            return
        async for index in self._indices_async():
            for item in self._part(index):
                yield item

    def _indices_async(self) -> AsyncIterator[int]:
        from .asynchronous import as_completed

        return super()._indices_async() if self.ordered else as_completed(self._client, self._tasks)

    def _in_order(self) -> Iterator[int]:
        for index in range(len(self._tasks)):
            self._wait_task(index)
            yield index

    def _as_completed(self) -> Iterator[int]:
        done: queue.SimpleQueue[int] = queue.SimpleQueue()
        token = self._client._events.each_done(self._tasks, done.put)
        try:
            for _ in range(len(self._tasks)):
                yield done.get()
        finally:
            self._client._events.forget(token)


__all__ = ["AsyncMapResult"]
