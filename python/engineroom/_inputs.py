"""Results of tasks that are arguments of other tasks, on both sides.

`view.apply(f, ar)`: while the client packs the arguments, an AsyncResult among them (at any depth,
wherever pickle gets) pickles as a number, and the request says which task that is. On the engine,
where the I/O thread has got the results meanwhile, the number unpickles as the result.

The pickles of clients name this module's functions, so it imports nothing when it is loaded.
"""

import threading
from contextlib import contextmanager


class _Local(threading.local):
    collector = None


_local = _Local()

# ---- on the client ----

# Results of this size and less that the client has go along with the request.
MAX_INLINE_BYTES = 64 * 1024


class Collector:
    """The tasks whose results are arguments of the call that is being packed.

    In its `with` block AsyncResults may be pickled.
    """

    def __init__(self, client):
        self.client = client
        self.tasks = []
        self._numbers = {}
        self._before = None

    def __enter__(self):
        self._before = _local.collector
        _local.collector = self
        return self

    def __exit__(self, *exc):
        _local.collector = self._before

    def number_of(self, task):
        number = self._numbers.setdefault(task.msg_id, len(self.tasks))
        if number == len(self.tasks):
            self.tasks.append(task)
        return number

    def places(self):
        """The tasks as a request's metadata name them; JSON."""
        from json.encoder import encode_basestring_ascii as text

        entries = (
            f'{{"id":{text(task.msg_id)},"engine":{text(task.engine_uuid)}}}' for task in self.tasks
        )
        return f"[{','.join(entries)}]"


def reduce_result(ar, join=None):
    """What an AsyncResult pickles as; `join` makes one value of those of several tasks."""
    collector = _local.collector
    if collector is None:
        raise TypeError(
            "an AsyncResult can be an argument of apply() and map() of load-balanced and direct "
            "views; it cannot be pickled anywhere else: pass its value, ar.get()"
        )
    parts = [_reduce_task(collector, ar, index) for index in range(len(ar._tasks))]
    if ar._single_result and join is None:
        return _one, (parts[0],)
    return _all, (parts, join)


def _reduce_task(collector, ar, index):
    task = ar._tasks[index]
    by_reference = ar._client is collector.client and _is_referable(task)
    if task.done:
        if task.status == "ok" and (not by_reference or _should_travel(collector.client, task)):
            return _Value(ar._value(index))
        if not by_reference:
            raise ar._value(index)
    elif not by_reference:
        raise TypeError(
            f"{ar!r} is pending, and only results of apply() and map() of load-balanced and direct "
            "views of the same client can be arguments before they are here"
        )
    return collector.number_of(task)


class MapItem:
    """An item of a map's result, of the task with this index."""

    def __init__(self, ar, index, offset):
        self._ar = ar
        self._index = index
        self._offset = offset

    def __reduce__(self):
        part = _reduce_task(_local.collector, self._ar, self._index)
        return _item, (part, self._offset)


def _is_referable(task):
    return task.msg_type == "apply_request" and '"is_coalescing":true' not in task.request_metadata


def _should_travel(client, task):
    if sum(len(buffer) for buffer in task.buffers) <= MAX_INLINE_BYTES:
        return True
    # Engines of others keep nothing, and those that have gone neither.
    uuid = task.engine_uuid
    return '"engineroom":1' not in task.metadata or uuid not in client._session.engines().values()


class _Value:
    """A result that goes along."""

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        return _Value, (self.value,)


# ---- on the engine ----


class _Given:
    """The results that the running call is given, unpickled when they are first needed."""

    def __init__(self, inputs):
        self._inputs = inputs
        self._values = {}

    def __getitem__(self, number):
        if number not in self._values:
            from .serialize import unpack_object

            self._values[number] = unpack_object(self._inputs[number])
        return self._values[number]


_given = None


@contextmanager
def given(inputs):
    """A block in which the arguments of a call may be unpickled."""
    global _given
    _given = _Given(inputs)
    try:
        yield
    finally:
        _given = None


def _part(part):
    return part.value if type(part) is _Value else _given[part]


def _one(part):
    return _part(part)


def _item(part, offset):
    return _part(part)[offset]


def _all(parts, join):
    values = [_part(part) for part in parts]
    return values if join is None else join.joinPartitions(values)
