"""BroadcastView: one message to the controller, which hands it on to many engines."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .. import remote_helpers, serialize
from .._core import Task
from .asyncresult import AsyncResult
from .base import label_metadata, pack_callable
from .direct import DirectView
from .map import Map, with_length
from .mapresult import AsyncMapResult
from .remotefunction import getname

if TYPE_CHECKING:
    from .client import Client


class BroadcastView(DirectView):
    """A DirectView that sends each call once, however many engines there are.

    is_coalescing: the controller collects the results, and one reply brings all of them, in the
    order of targets. Output and metadata then are those of all engines together, and execute, map,
    scatter and gather do without.
    """

    _flag_names = (*DirectView._flag_names, "is_coalescing")
    is_coalescing = False

    def __init__(
        self, client: "Client", socket: Any = None, targets: Any = None, **flags: Any
    ) -> None:
        super().__init__(client, socket, targets, **flags)

    def _broadcast(
        self,
        msg_type: str,
        content: str,
        buffers: list[Any],
        targets: Any,
        label: str | None,
        coalescing: bool,
    ) -> tuple[Any, list[int]]:
        """(Task if coalescing, else one per engine; engine ids)."""
        uuids, engine_ids = self._build_targets(self.targets if targets is None else targets)
        tasks = self.client._session.submit_broadcast(
            list(zip(uuids, engine_ids, strict=True)),
            msg_type,
            label_metadata(self.label if label is None else label),
            content,
            buffers,
            coalescing,
        )
        return (tasks[0] if coalescing else tasks), engine_ids

    def _submit(
        self, msg_type: str, content: str, buffers: list[Any], targets: Any, label: str | None
    ) -> tuple[Any, list[int]]:
        return self._broadcast(msg_type, content, buffers, targets, label, coalescing=False)

    def _push_each(
        self, uuids: list[str], engine_ids: list[int], calls: list[list[Any]]
    ) -> list[Task]:
        # By the same way as everything else of this view, lest a call overtakes what it needs.
        function = serialize.pack_function(remote_helpers._push)
        return [
            self._broadcast("apply_request", "{}", [function, *call], [id], None, False)[0][0]
            for id, call in zip(engine_ids, calls, strict=True)
        ]

    def _really_apply(
        self,
        f: Any,
        args: Sequence[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        targets: Any = None,
        block: bool | None = None,
        track: bool | None = None,
        label: str | None = None,
    ) -> Any:
        buffers = [pack_callable(f), *serialize.pack_arguments(args or (), kwargs or {})]
        tasks, engine_ids = self._broadcast(
            "apply_request", "{}", buffers, targets, label, self.is_coalescing
        )
        ar = AsyncResult(self.client, tasks, fname=getname(f), targets=engine_ids, owner=True)
        return self._finish(ar, block)

    def map(
        self,
        f: Callable[..., Any],
        *sequences: Iterable[Any],
        block: bool | None = None,
        track: bool = False,
        return_exceptions: bool = False,
        label: str | None = None,
    ) -> Any:
        """map(f, *sequences) in as many parts as there are engines.

        Each engine is sent its part, then one broadcast starts them all. A list if block, else an
        AsyncMapResult.
        """
        if not sequences:
            raise AssertionError("must have some sequences to map onto!")
        lists = [with_length(sequence) for sequence in sequences]
        count = min(len(sequence) for sequence in lists)
        prefix = f"_engineroom_map_{secrets.token_hex(5)}"
        names = [f"{prefix}_{index}" for index in range(len(lists))]
        lengths: list[int] = []
        for name, sequence in zip(names, lists, strict=True):
            _, lengths = self._scatter(name, sequence[:count], "b", False, None)
        buffers = [
            pack_callable(remote_helpers._map_scattered),
            *serialize.pack_arguments((f, *names), {}),
        ]
        tasks, engine_ids = self._broadcast("apply_request", "{}", buffers, None, label, False)
        ar = AsyncMapResult(
            self.client,
            tasks,
            Map(),
            fname=getname(f),
            return_exceptions=return_exceptions,
            chunk_sizes=lengths,
            targets=engine_ids,
        )
        return self._finish(ar, block)
