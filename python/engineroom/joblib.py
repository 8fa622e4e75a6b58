"""engineroom as a backend of joblib.

    engineroom.register_joblib_backend()
    with joblib.parallel_config(backend="ipyparallel"):
        joblib.Parallel()(joblib.delayed(f)(i) for i in range(10))

The name is ipyparallel's by default, so that scripts written for it find this backend.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from joblib.parallel import AutoBatchingMixin, ParallelBackendBase, register_parallel_backend

if TYPE_CHECKING:
    from .client.asyncresult import AsyncResult
    from .client.balanced import LoadBalancedView


class ViewBackend(AutoBatchingMixin, ParallelBackendBase):
    """Runs joblib's batches on a load-balanced view; without one, on a cluster of its own making.

    That is the profile's cluster if one is running, else a new one, which ends with the backend.
    """

    supports_retrieve_callback = True
    uses_threads = False
    supports_sharedmem = False

    def __init__(self, view: "LoadBalancedView | None" = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._view = view
        self._owns_view = view is None
        self._cluster: Any = None

    def _ready_view(self) -> "LoadBalancedView":
        if self._view is None:
            self._view = self._default_view()
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
        """The engines, but no more than asked for."""
        engines = len(self._ready_view())
        return engines if n_jobs is None or n_jobs < 0 else max(1, min(n_jobs, engines))

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
        if self._owns_view and self._view is not None:
            self._view.client.close()
            self._view = None
        if self._cluster is not None:
            self._cluster.stop_cluster_sync()
            self._cluster = None


def register(name: str = "ipyparallel", make_default: bool = False) -> None:
    """Registers the backend with joblib under a name."""
    register_parallel_backend(name, ViewBackend, make_default=make_default)
