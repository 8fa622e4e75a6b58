"""engineroom as a backend of joblib.

    engineroom.register_joblib_backend()
    with joblib.parallel_config(backend="engineroom"):
        joblib.Parallel()(joblib.delayed(f)(i) for i in range(10))

It is also there by the name "ipyparallel", so that scripts written for it find this backend.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from joblib.parallel import AutoBatchingMixin, ParallelBackendBase, register_parallel_backend

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

    def __init__(self, view: "LoadBalancedView | None" = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._owns_client = view is None
        self._cluster: Any = None
        self._view = None if view is None else _copy(view)

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
        engines = len(self._ready_view())
        if n_jobs is None:
            return engines
        return max(1, min(n_jobs, engines) if n_jobs > 0 else engines + 1 + n_jobs)

    def submit(
        self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None
    ) -> "AsyncResult":
        result = self._ready_view().apply_async(func)
        if callback is not None:
            result.add_done_callback(callback)
        return result

    apply_async = submit

    def retrieve_result_callback(self, out: "AsyncResult") -> Any:
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        self._ready_view().abort(block=False)

    def terminate(self) -> None:
        """Ends what the backend itself has started."""
        if self._owns_client and self._view is not None:
            self._view.client.close()
            self._view = None
        if self._cluster is not None:
            self._cluster.stop_cluster_sync()
            self._cluster = None


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
