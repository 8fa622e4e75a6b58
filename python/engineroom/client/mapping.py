"""map: one function over many items, as few or as many tasks, submitted in one go."""

import math
import pickle
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import serialize
from .._reference import holds_reference
from ..remote_helpers import EachItem, _map
from .base import pack_callable
from .map import Map
from .mapresult import AsyncMapResult
from .remotefunction import getname

if TYPE_CHECKING:
    from .base import View

# Items of these types need no care when they are pickled.
_PLAIN = frozenset({int, float, bool, complex, type(None)})
# With chunksize="auto": enough tasks to even out differences between them, few enough to be cheap.
TASKS_PER_ENGINE = 16


def submit_map(
    view: "View",
    f: Callable[..., Any],
    sequences: Sequence[Any],
    metadata: str,
    *,
    each_item: bool = True,
    distribution: Map | None = None,
    chunksize: int | str | None = 1,
    ordered: bool = True,
    return_exceptions: bool = False,
) -> AsyncMapResult:
    """Submits f over sequences (which have lengths) and returns the growing result.

    metadata: of the requests, as JSON.
    each_item: f gets items, else whole parts. A load-balanced view makes a task per `chunksize`
    items, or as many as suit ("auto" or None); another one makes a task per engine.
    """
    distribution = distribution or Map()
    count = min(len(sequence) for sequence in sequences)
    uuids, engine_ids = ([""], None) if view._balances else view._build_targets(view.targets)
    tasks = _task_count(view, count, chunksize) if view._balances else len(uuids)
    parts = [
        [distribution.getPartition(sequence, p, tasks, count) for sequence in sequences]
        for p in range(min(tasks, count))
    ]
    if engine_ids is not None:
        uuids, engine_ids = uuids[: len(parts)], engine_ids[: len(parts)]
    children = []
    if parts:
        children = view.client._session.submit_many(
            "balanced" if view._balances else "direct",
            uuids,
            "apply_request",
            metadata,
            "{}",
            *_pack(f, parts, each_item),
        )
    ar = AsyncMapResult(
        view.client,
        children,
        distribution,
        fname=getname(f),
        ordered=ordered,
        return_exceptions=return_exceptions,
        chunk_sizes=[len(part[0]) for part in parts] if each_item else None,
        targets=engine_ids,
    )
    view._remember(ar)
    return ar


def call_per_item(f: Any) -> tuple[Any, ...]:
    """(function, arguments before the parts ...) for a call that maps f over parts."""
    if isinstance(f, (serialize.Reference, serialize.PrePickled)):
        # What f is, is known on the engine only, where References are looked up in arguments.
        return _map, f
    return (EachItem(f) if callable(f) else f,)


def _task_count(view: "View", count: int, chunksize: int | str | None) -> int:
    if chunksize is None or chunksize == "auto":
        return min(count, TASKS_PER_ENGINE * max(1, len(view)))
    if isinstance(chunksize, str) or chunksize < 1:
        raise ValueError(f"chunksize must be a positive number or 'auto', not {chunksize!r}")
    return math.ceil(count / chunksize)


def _pack(f: Any, parts: list[list[Any]], each_item: bool) -> tuple[list[Any], list[list[Any]]]:
    """(buffers that all tasks share, buffers of each task)."""
    arguments: list[Any] = []
    if each_item:
        f, *arguments = call_per_item(f)
    function = pack_callable(f)
    shared = _pack_plain(arguments, parts)
    if shared is None:
        return [function], [serialize.pack_arguments((*arguments, *part), {}) for part in parts]
    prefix, own = shared
    return [function, *prefix], own


def _pack_plain(
    arguments: list[Any], parts: list[list[Any]]
) -> tuple[list[Any], list[list[Any]]] | None:
    """The same if all parts are pickles of one buffer each, so that all calls have one shape."""
    if arguments or any(holds_reference(argument) for part in parts for argument in part):
        return None
    own = [[buffer for items in part for buffer in _pack_items(items)] for part in parts]
    if any(len(buffers) != len(parts[0]) for buffers in own):
        return None
    return serialize.pack_arguments(parts[0], {})[:1], own


def _pack_items(items: Any) -> list[Any]:
    """The buffers of one sequence of one task."""
    if type(items) in (list, range) and len(items) == 1 and type(items[0]) in _PLAIN:
        return [pickle.dumps([items[0]], serialize.PROTOCOL)]
    return serialize.pack_object(items)
