"""DirectView: the same call on each of some engines, and their namespaces as a dict."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from .. import remote_helpers, serialize
from .._core import Task
from .._inputs import Collector
from .asyncresult import AsyncResult
from .base import View, balanced_metadata, pack_callable, with_inputs
from .map import dists, with_length
from .mapping import submit_map
from .mapresult import AsyncMapResult
from .remotefunction import getname

if TYPE_CHECKING:
    from .client import Client


class DirectView(View):
    """Calls go to each of the view's engines.

        rc[0]        engine 0: results are values
        rc[:]        all engines of now: results are lists in the order of targets
        rc[::2]      every second one
        rc.direct_view()   all engines at the time of each call

    The engines' namespaces work like a dict: view["a"] = 5, view["a"], view["a.b"].
    """

    def __init__(
        self, client: "Client", socket: Any = None, targets: Any = None, **flags: Any
    ) -> None:
        super().__init__(client, socket, targets=targets, **flags)

    # ---- calls ----

    def _submit(
        self, msg_type: str, content: str, buffers: list[Any], targets: Any, label: str | None
    ) -> tuple[Any, list[int]]:
        """(a Task for an int, else a list of them; engine ids)."""
        uuids, engine_ids = self._build_targets(targets)
        metadata = self._request_metadata(label)
        tasks = self._send(uuids, msg_type, metadata, content, buffers)
        return (tasks[0] if isinstance(targets, int) else tasks), engine_ids

    def _submit_call(
        self, buffers: list[Any], targets: Any, label: str | None
    ) -> tuple[Any, list[int]]:
        """Submits a packed call: the same."""
        return self._submit("apply_request", "{}", buffers, targets, label)

    def _submit_given(
        self, buffers: list[Any], inputs: Collector, targets: Any, label: str | None
    ) -> tuple[Any, list[int]]:
        """The same for a call that is given results of other tasks.

        The scheduler knows when they are there, so it goes by way of it, to these engines.
        """
        uuids, engine_ids = self._build_targets(targets)
        label = self.label if label is None else label
        session = self.client._session
        tasks = []
        for uuid in uuids:
            metadata = with_inputs(
                balanced_metadata("[]", "[]", 0, (uuid,), 0, label, self._limits()), inputs
            )
            tasks.append(
                session.submit(
                    "balanced", "", "apply_request", metadata, "{}", buffers, inputs=inputs.tasks
                )
            )
        return (tasks[0] if isinstance(targets, int) else tasks), engine_ids

    def _send(
        self, uuids: list[str], msg_type: str, metadata: str, content: str, buffers: list[Any]
    ) -> list[Task]:
        session = self.client._session
        if len(uuids) == 1:
            return [session.submit("direct", uuids[0], msg_type, metadata, content, buffers)]
        return session.submit_many(
            "direct", uuids, msg_type, metadata, content, buffers, [()] * len(uuids)
        )

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
        """apply() with everything said for this call only."""
        targets = self.targets if targets is None else targets
        function = pack_callable(f)
        with Collector(self.client) as inputs:
            buffers = [function, *serialize.pack_arguments(args or (), kwargs or {})]
        if inputs.tasks:
            tasks, engine_ids = self._submit_given(buffers, inputs, targets, label)
        else:
            tasks, engine_ids = self._submit_call(buffers, targets, label)
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

        A list if block, else an AsyncMapResult. As with the builtin, the shortest sequence counts.
        return_exceptions: errors become items; a part that failed is one item.
        """
        if not sequences:
            raise AssertionError("must have some sequences to map onto!")
        lists = [with_length(sequence) for sequence in sequences]
        ar = self._submit_map(f, lists, return_exceptions, label)
        return ar.get() if (self.block if block is None else block) else ar

    def _submit_map(
        self, f: Any, lists: list[Any], return_exceptions: bool, label: str | None
    ) -> AsyncMapResult:
        metadata = self._request_metadata(label)
        return submit_map(self, f, lists, metadata, return_exceptions=return_exceptions)

    # ---- code ----

    def execute(
        self,
        code: str,
        silent: bool = True,
        targets: Any = None,
        block: bool | None = None,
        label: str | None = None,
    ) -> AsyncResult:
        """Runs a cell on engines: Python or whatever IPython understands.

        silent=False also shows and stores what the last line is worth, as at a prompt. Always an
        AsyncResult (of ExecuteReply); if block it is done, and errors are raised here.
        """
        if not isinstance(code, str):
            raise TypeError(f"code must be text, not {type(code)}")
        targets = self.targets if targets is None else targets
        content = self.client._json({"code": code, "silent": bool(silent), "user_expressions": {}})
        tasks, engine_ids = self._submit("execute_request", content, [], targets, label)
        ar = AsyncResult(self.client, tasks, fname="execute", targets=engine_ids, owner=True)
        self._remember(ar)
        if self.block if block is None else block:
            ar.get()
            ar.wait_for_output()
        return ar

    def run(
        self,
        filename: str | os.PathLike[str],
        targets: Any = None,
        block: bool | None = None,
        label: str | None = None,
    ) -> AsyncResult:
        """Runs a local file's contents on engines."""
        with open(filename, encoding="utf-8") as file:
            # The newline ends a block that a file without one would leave open.
            code = file.read() + "\n"
        return self.execute(code, targets=targets, block=block, label=label)

    # ---- names ----

    def update(self, ns: dict[str, Any]) -> Any:
        """push(ns)"""
        return self.push(ns)

    def push(
        self,
        ns: dict[str, Any],
        targets: Any = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> Any:
        """Assigns names on engines. Keys may be targets of assignment: "a.b", "d['x']".

        The values are packed once, and large arrays are not copied. TypeError if ns is no dict.
        """
        if not isinstance(ns, dict):
            raise TypeError(f"Must be a dict, not {type(ns)}")
        return self._really_apply(
            remote_helpers._push, kwargs=ns, targets=targets, block=block, track=track
        )

    def get(self, key_s: Any) -> Any:
        """pull(key_s, block=True)"""
        return self.pull(key_s, block=True)

    def pull(self, names: Any, targets: Any = None, block: bool | None = None) -> Any:
        """What names are worth on engines: a value for one name, a list for a list, per engine."""
        if isinstance(names, (list, tuple, set)):
            for key in names:
                if not isinstance(key, str):
                    raise TypeError(f"keys must be str, not type {type(key)!r}")
        elif not isinstance(names, str):
            raise TypeError(f"names must be strs, not {names!r}")
        return self._really_apply(remote_helpers._pull, (names,), targets=targets, block=block)

    def __getitem__(self, key: Any) -> Any:
        return self.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def scatter(
        self,
        key: str,
        seq: Sequence[Any],
        dist: str = "b",
        flatten: bool = False,
        targets: Any = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> AsyncResult | None:
        """Gives each engine its part of `seq`, under the name `key`.

        dist: "b" contiguous parts, "r" every n-th item. flatten: a part of one item is the item.
        An AsyncResult, or None when block (as errors are raised here).
        """
        ar, _ = self._scatter(key, seq, dist, flatten, targets)
        if self.block if block is None else block:
            ar.get()
            return None
        return ar

    def _scatter(
        self, key: str, seq: Any, dist: str, flatten: bool, targets: Any
    ) -> tuple[AsyncResult, list[int]]:
        """(the result, lengths of the parts)."""
        targets = self.targets if targets is None else targets
        uuids, engine_ids = self._build_targets(targets)
        distribution = dists[dist]()
        parts = [distribution.getPartition(seq, p, len(uuids)) for p in range(len(uuids))]
        values = [part[0] if flatten and len(part) == 1 else part for part in parts]
        calls = [serialize.pack_arguments((), {key: value}) for value in values]
        tasks = self._push_each(uuids, engine_ids, calls)
        ar = AsyncResult(self.client, tasks, fname="scatter", targets=engine_ids, owner=True)
        self._remember(ar)
        return ar, [len(part) for part in parts]

    def _push_each(
        self, uuids: list[str], engine_ids: list[int], calls: list[list[Any]]
    ) -> list[Task]:
        """Submits a push per engine, given its arguments."""
        function = serialize.pack_function(remote_helpers._push)
        return self.client._session.submit_many(
            "direct", uuids, "apply_request", self._request_metadata(), "{}", [function], calls
        )

    def gather(
        self, key: str, dist: str = "b", targets: Any = None, block: bool | None = None
    ) -> Any:
        """Joins the engines' sequences named `key`: the inverse of scatter()."""
        _, engine_ids = self._build_targets(self.targets if targets is None else targets)
        buffers = serialize.pack_call(remote_helpers._pull, (key,), {})
        tasks, _ = self._submit("apply_request", "{}", buffers, engine_ids, None)
        ar = AsyncMapResult(self.client, tasks, dists[dist](), fname="gather", targets=engine_ids)
        return self._finish(ar, block)

    def clear(self, targets: Any = None, block: bool | None = None) -> Any:
        """Empties the engines' namespaces."""
        targets = self.targets if targets is None else targets
        return self.client.clear(targets, block=self.block if block is None else block)

    # ---- modules ----

    @property
    def importer(self) -> AbstractContextManager[None]:
        """sync_imports()"""
        return self.sync_imports(True)

    def sync_imports(self, local: bool = True, quiet: bool = False) -> AbstractContextManager[None]:
        """A `with` block whose import statements also run on the engines.

        `import x as y` defines x there, not y. Only local=True is possible. quiet: say nothing.
        """
        from .syncimports import sync_imports

        return sync_imports(self, local, quiet)

    def use_dill(self) -> Any:
        """Pickles with dill from now on, here and on these engines."""
        return self._use(serialize.use_dill)

    def use_cloudpickle(self) -> Any:
        """Pickles everything with cloudpickle from now on, here and on these engines."""
        return self._use(serialize.use_cloudpickle)

    def use_pickle(self) -> Any:
        """Back to the default, here and on these engines."""
        return self._use(serialize.use_pickle)

    def _use(self, switch: Callable[[], None]) -> Any:
        switch()
        return self.apply(switch)

    def activate(self, suffix: str = "") -> None:
        """Makes %px, %%px, %autopx, %pxresult and %pxconfig work on this view.

        suffix is added to their names, so that several views can have some.
        """
        import warnings

        from ..util import get_ipython

        shell = get_ipython()
        if shell is None:
            warnings.warn(
                "The IPython parallel magics (%px, etc.) only work within IPython.", stacklevel=2
            )
            return
        from ..magics import ParallelMagics

        shell.magics_manager.register(ParallelMagics(shell, self, suffix))
