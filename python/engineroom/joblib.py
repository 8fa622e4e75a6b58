"""engineroom as a backend of joblib.

    engineroom.register_joblib_backend()
    with joblib.parallel_config(backend="engineroom"):
        joblib.Parallel()(joblib.delayed(f)(i) for i in range(10))

It is also there by the name "ipyparallel", so that scripts written for it find this backend.
"""

import functools
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pickle import PicklingError
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import cloudpickle
from joblib._parallel_backends import FallbackToBackend
from joblib.parallel import (
    AutoBatchingMixin,
    ParallelBackendBase,
    SequentialBackend,
    register_parallel_backend,
)

from ._environment import changed_environment
from ._turns import Job, Turns
from .error import IPythonError

if TYPE_CHECKING:
    from .client.asyncresult import AsyncResult
    from .client.balanced import LoadBalancedView

NAMES = ("engineroom", "ipyparallel")


class ViewBackend(AutoBatchingMixin, ParallelBackendBase):
    """Runs joblib's batches on a load-balanced view; without one, on a cluster of its own making.

    That is the profile's cluster if one is running, else a new one, which ends with the backend.
    """

    default_n_jobs = -1
    supports_retrieve_callback = True
    uses_threads = False
    supports_sharedmem = False
    supports_inner_max_num_threads = True

    # What engines do before a batch; nothing, mostly.
    _preparation: "Preparation | None" = None

    def __init__(self, view: "LoadBalancedView | None" = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._owns_client = view is None
        self._cluster: Any = None
        self._view = None if view is None else _copy(view)
        # By the Parallel object: one backend may serve several at a time, as their results may be
        # generators that are still read from.
        self._turns: WeakKeyDictionary[Any, Turns] = WeakKeyDictionary()

    def _ready_view(self) -> "LoadBalancedView":
        if self._view is None:
            self._view = _copy(self._default_view())
        return self._view

    def _default_view(self) -> "LoadBalancedView":
        from .cluster import Cluster

        try:
            cluster = Cluster.from_file()
        except FileNotFoundError:
            cluster = self._cluster = Cluster()
            cluster.start_cluster_sync()
        if not cluster.engines:
            cluster.start_engines_sync()
        client = cluster.connect_client_sync()
        client.wait_for_engines(cluster.n or 1)
        return client.load_balanced_view()

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """The engines, but no more than asked for; -2 is all but one, as everywhere in joblib."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs == 1:
            return 1  # for which no cluster need be started
        engines = len(self._ready_view())
        n_jobs = self.default_n_jobs if n_jobs is None else n_jobs
        return max(1, min(n_jobs, engines) if n_jobs > 0 else engines + 1 + n_jobs)

    def _most_at_once(self, n_jobs: int) -> int | None:
        """Batches that may be with the engines; None: as many as joblib dispatches.

        That is two for each engine, so that none waits for its next one. Asked anew each time, as
        engines come and go.
        """
        if n_jobs == -1:
            return None
        return n_jobs if n_jobs > 0 else self.effective_n_jobs(n_jobs)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **options: Any) -> int:
        """Of joblib's own options `initializer` and `initargs` are heeded; the others are of
        processes and temporary files that there are none of here."""
        workers = super().configure(n_jobs=n_jobs, parallel=parallel)
        if workers == 1:
            # In this process; and Parallel calls within it are not nested in anything.
            self.terminate()
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        wanted = self.default_n_jobs if n_jobs is None else n_jobs
        self._turns[parallel] = Turns(functools.partial(self._most_at_once, wanted))
        options = {**getattr(self, "backend_kwargs", {}), **options}
        self._preparation = Preparation.of(
            options.get("initializer"),
            options.get("initargs", ()),
            getattr(self, "inner_max_num_threads", None),
        )
        return workers

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> Job:
        """As soon as fewer than n_jobs run."""
        if self._preparation is not None:
            func = functools.partial(run_prepared, self._preparation, func)
        parallel = getattr(callback, "parallel", self.parallel)
        return self._turns[parallel].add(functools.partial(self._send, func), callback)

    def _send(self, func: Callable[[], Any]) -> "AsyncResult":
        try:
            return self._ready_view().apply_async(func)
        except (IPythonError, OSError):
            raise
        except Exception as error:
            # What joblib's users know from its other backends.
            raise PicklingError("Could not pickle the task to send to the engines.") from error

    apply_async = submit

    def retrieve_result_callback(self, out: Job) -> Any:
        return out.result().result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """What waits never starts, and what runs is interrupted: nobody wants its result.

        What does not heed that is not counted any more; the next call need not wait for it.
        """
        for parallel, turns in list(self._turns.items()):
            self._turns[parallel] = Turns(turns.limit)
            turns.drop()
        self._ready_view().abort(block=False, interrupt=True)

    def terminate(self) -> None:
        """Ends what the backend itself has started."""
        self.reset_batch_stats()
        if self._owns_client and self._view is not None:
            self._view.client.close()
            self._view = None
        if self._cluster is not None:
            self._cluster.stop_cluster_sync()
            self._cluster = None


@dataclass(frozen=True)
class Preparation:
    """What an engine does before it runs a batch. Travels with each."""

    initializer: bytes  # pickled, with its arguments; empty: none
    digest: bytes  # of these: the same again is not run again
    threads: int | None  # of OpenMP and BLAS

    @classmethod
    def of(cls, initializer: Any, arguments: Any, threads: int | None) -> "Preparation | None":
        if initializer is None:
            return None if threads is None else cls(b"", b"", threads)
        pickled = cloudpickle.dumps((initializer, tuple(arguments)))
        return cls(pickled, hashlib.sha256(pickled).digest(), threads)


# On engines: of the initializer that ran last.
_initialized_by = b""


def run_prepared(preparation: Preparation, batch: Callable[[], Any]) -> Any:
    """A batch, on an engine that was prepared for it."""
    global _initialized_by
    if preparation.digest and preparation.digest != _initialized_by:
        initializer, arguments = cloudpickle.loads(preparation.initializer)
        initializer(*arguments)
        _initialized_by = preparation.digest
    if preparation.threads is None:
        return batch()
    with _limited_threads(preparation.threads):
        return batch()


@contextmanager
def _limited_threads(threads: int) -> Iterator[None]:
    """For libraries that are loaded already, if threadpoolctl is there, and by the environment for
    those that are not, and for child processes."""
    variables = ParallelBackendBase.MAX_NUM_THREADS_VARS
    with changed_environment(dict.fromkeys(variables, str(threads))):
        try:
            from threadpoolctl import threadpool_limits
        except ImportError:
            yield
        else:
            with threadpool_limits(threads):
                yield


# Its name in ipyparallel.joblib.
IPythonParallelBackend = ViewBackend


def _copy(view: "LoadBalancedView") -> "LoadBalancedView":
    """A view with the same flags, whose tasks are the backend's alone: abort() ends no others.

    Errors are raised as themselves, as by joblib's other backends.
    """
    flags = {name: getattr(view, name) for name in view._flag_names}
    return type(view)(view.client, **{**flags, "raise_original": True})


def register(
    name: str | None = None, make_default: bool = False, view: "LoadBalancedView | None" = None
) -> None:
    """Registers the backend with joblib under a name, or under NAMES."""
    factory = functools.partial(ViewBackend, view=view)
    for each in NAMES if name is None else (name,):
        register_parallel_backend(each, factory, make_default=make_default)
