"""map: one function over many items, as few or as many tasks, submitted in one go.

Items of a generator are taken by whoever calls map, in the caller's thread, and tasks are on their
way before it has ended. If the caller waits for the results anyway, only as many items are taken as
keep the engines busy.
"""

import itertools
import math
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import serialize
from .._inputs import Collector
from .._reference import holds_reference
from ..remote_helpers import EachItem, _map
from .base import balanced_metadata, pack_callable, with_inputs
from .map import Map
from .mapresult import AsyncMapResult
from .remotefunction import getname

if TYPE_CHECKING:
    from .base import View

# Items of these types need no care when they are pickled.
_PLAIN = frozenset({int, float, bool, complex, type(None)})
# With chunksize="auto": enough tasks to even out differences between them, few enough to be cheap.
TASKS_PER_ENGINE = 16
# For so long, in seconds, items of a generator are collected and then submitted together.
COLLECT = 0.002


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
    sequences = [_with_futures(sequence) for sequence in sequences]
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
        children = _submit(view, f, parts, uuids, metadata, each_item)
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


def submit_map_of_generators(
    view: "View",
    f: Callable[..., Any],
    iterables: Sequence[Iterable[Any]],
    metadata: str,
    *,
    chunksize: int,
    ordered: bool = True,
    return_exceptions: bool = False,
    wait: bool = False,
) -> AsyncMapResult:
    """submit_map() over what has no length, load-balanced.

    wait: take no more than keeps the engines busy, until all is taken. If a generator raises, what
    was submitted is aborted.
    """
    if chunksize < 1:
        raise ValueError(f"chunksize must be a positive number or 'auto', not {chunksize!r}")
    items = zip(*iterables, strict=False)
    session = view.client._session
    tasks: list[Any] = []
    sizes: list[int] = []
    # Those of which it is not known that they are done.
    pending: list[Any] = []
    try:
        for parts in _batches(items, chunksize, TASKS_PER_ENGINE * max(1, len(view))):
            new = _submit(view, f, parts, [""], metadata, each_item=True)
            tasks += new
            sizes += [len(part[0]) for part in parts]
            pending += new
            while wait and len(pending) > TASKS_PER_ENGINE * max(1, len(view)):
                session.wait(pending, -1.0, "any")
                pending = [task for task in pending if not task.done]
    except BaseException:
        if tasks:
            view.client.abort([task.msg_id for task in tasks], block=False)
        raise
    ar = AsyncMapResult(
        view.client,
        tasks,
        Map(),
        fname=getname(f),
        ordered=ordered,
        return_exceptions=return_exceptions,
        chunk_sizes=sizes,
    )
    view._remember(ar)
    return ar


def _batches(
    items: Iterator[tuple[Any, ...]], chunksize: int, limit: int
) -> Iterator[list[list[Any]]]:
    """Lists of parts, of `chunksize` items each: first one, then more, up to `limit`.

    Fewer, if items come slowly.
    """
    parts: list[list[Any]] = []
    wanted = 1
    began = time.monotonic()
    while chunk := list(itertools.islice(items, chunksize)):
        parts.append([list(column) for column in zip(*chunk, strict=True)])
        if len(parts) >= wanted or time.monotonic() - began > COLLECT:
            yield parts
            wanted = min(2 * wanted, limit)
            parts, began = [], time.monotonic()
    if parts:
        yield parts


def _submit(
    view: "View",
    f: Any,
    parts: list[list[Any]],
    uuids: list[str],
    metadata: str,
    each_item: bool,
) -> list[Any]:
    """A task per part."""
    with Collector(view.client) as inputs:
        packed = _pack(f, parts, each_item)
    if inputs.tasks:
        return _submit_given(view, f, parts, uuids, metadata, each_item)
    route = "balanced" if view._balances else "direct"
    return view.client._session.submit_many(route, uuids, "apply_request", metadata, "{}", *packed)


def _with_futures(sequence: Any) -> Any:
    """The items of a map that is not done yet; else the sequence itself."""
    if not isinstance(sequence, AsyncMapResult) or sequence.done():
        return sequence
    return sequence._futures()


def _submit_given(
    view: "View",
    f: Any,
    parts: list[list[Any]],
    uuids: list[str],
    metadata: str,
    each_item: bool,
) -> list[Any]:
    """Submits parts with results of other tasks in them, each of which needs only its own."""
    tasks = []
    for index, part in enumerate(parts):
        with Collector(view.client) as inputs:
            shared, own = _pack(f, [part], each_item)
        if not view._balances:
            metadata = balanced_metadata(
                "[]", "[]", 0, (uuids[index],), 0, view.label, view._limits()
            )
        tasks.append(
            view.client._session.submit(
                "balanced",
                "",
                "apply_request",
                with_inputs(metadata, inputs),
                "{}",
                [*shared, *own[0]],
                inputs=inputs.tasks,
            )
        )
    return tasks


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
