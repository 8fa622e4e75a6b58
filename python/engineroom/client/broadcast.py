"""BroadcastView: one message to the controller, which hands it on to many engines."""

import secrets
from typing import Any

from .. import remote_helpers, serialize
from .._core import Task
from .base import pack_callable
from .direct import DirectView
from .map import Map
from .mapresult import AsyncMapResult
from .remotefunction import getname


class BroadcastView(DirectView):
    """A DirectView that sends each call once, however many engines there are.

    is_coalescing: the controller collects the results, and one reply brings all of them, in the
    order of targets. Output and metadata then are those of all engines together, and execute, map,
    scatter and gather do without.
    """

    _flag_names = (*DirectView._flag_names, "is_coalescing")
    is_coalescing = False

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
            self._request_metadata(label),
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

    def _submit_call(
        self, buffers: list[Any], targets: Any, label: str | None
    ) -> tuple[Any, list[int]]:
        return self._broadcast("apply_request", "{}", buffers, targets, label, self.is_coalescing)

    def _submit_given(
        self, buffers: list[Any], inputs: Any, targets: Any, label: str | None
    ) -> tuple[Any, list[int]]:
        raise TypeError(
            "pending results cannot be arguments of broadcasts: use a direct view, or ar.get()"
        )

    def _submit_map(
        self, f: Any, lists: list[Any], return_exceptions: bool, label: str | None
    ) -> AsyncMapResult:
        """Sends each engine its part, then one broadcast starts them all."""
        count = min(len(items) for items in lists)
        prefix = f"_engineroom_map_{secrets.token_hex(5)}"
        names = [f"{prefix}_{index}" for index in range(len(lists))]
        lengths: list[int] = []
        for name, items in zip(names, lists, strict=True):
            _, lengths = self._scatter(name, items[:count], "b", False, None)
        buffers = [
            pack_callable(remote_helpers._map_scattered),
            *serialize.pack_arguments((f, *names), {}),
        ]
        tasks, engine_ids = self._submit("apply_request", "{}", buffers, None, label)
        ar = AsyncMapResult(
            self.client,
            tasks,
            Map(),
            fname=getname(f),
            return_exceptions=return_exceptions,
            chunk_sizes=lengths,
            targets=engine_ids,
        )
        self._remember(ar)
        return ar
