"""engineroom: one prompt, every core.

    import engineroom
    rc = engineroom.Cluster(n=4).start_and_connect_sync()
    rc[:].apply_sync(os.getpid)

A drop-in for ipyparallel (`import engineroom as ipp`): same names, arguments, defaults and errors.
"""

import importlib
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from typing import TYPE_CHECKING, Any

from . import error
from ._core import __version__
from .client.asyncresult import AsyncResult
from .client.client import Client
from .client.hubresult import AsyncHubResult
from .client.mapresult import AsyncMapResult
from .client.remotefunction import ParallelFunction, RemoteFunction, parallel, remote
from .client.view import BroadcastView, DirectView, LoadBalancedView, ViewExecutor
from .dependency import Dependency, depend, dependent, require
from .error import (
    AlreadyDisplayedError,
    CompositeError,
    DependencyTimeout,
    EngineError,
    ImpossibleDependency,
    InvalidDependency,
    IPythonError,
    KernelError,
    NoEnginesRegistered,
    RemoteError,
    TaskAborted,
    TaskRejectError,
    TaskTimeout,
    TimeoutError,
    UnmetDependency,
    collect_exceptions,
    unwrap_exception,
    wrap_exception,
)
from .serialize import PrePickled, Reference, use_cloudpickle, use_dill, use_pickle
from .util import interactive, noninteractive

if TYPE_CHECKING:
    from .cluster import Cluster, ClusterManager

version_info = tuple(int(part) if part.isdigit() else part for part in __version__.split("."))
_NONINTERACTIVE = noninteractive()

# Loaded when first used: not every session starts clusters or handles buffers.
_LAZY = {
    "Cluster": "cluster",
    "ClusterManager": "cluster",
    "can": "canning",
    "can_map": "canning",
    "deserialize_object": "canning",
    "pack_apply_message": "canning",
    "serialize_object": "canning",
    "uncan": "canning",
    "uncan_map": "canning",
    "unpack_apply_message": "canning",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


def register_joblib_backend(name: str = "engineroom", make_default: bool = False) -> None:
    """Makes joblib able to run on the default cluster: Parallel(backend=name)."""
    from .joblib import register

    register(name=name, make_default=make_default)


def load_ipython_extension(ip: Any) -> None:
    """For `%load_ext engineroom`: %px and its family."""
    from .magics import load_ipython_extension

    load_ipython_extension(ip)


def unload_ipython_extension(ip: Any) -> None:
    from .magics import unload_ipython_extension

    unload_ipython_extension(ip)


def bind_kernel(**kwargs: Any) -> None:
    """Not supported yet: to connect a notebook or console to an engine."""
    raise NotImplementedError("Connecting frontends to an engine is not supported yet.")


__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "AlreadyDisplayedError",
    "AsyncHubResult",
    "AsyncMapResult",
    "AsyncResult",
    "BroadcastView",
    "Client",
    "Cluster",
    "ClusterManager",
    "CompositeError",
    "Dependency",
    "DependencyTimeout",
    "DirectView",
    "EngineError",
    "IPythonError",
    "ImpossibleDependency",
    "InvalidDependency",
    "KernelError",
    "LoadBalancedView",
    "NoEnginesRegistered",
    "ParallelFunction",
    "PrePickled",
    "Reference",
    "RemoteError",
    "RemoteFunction",
    "TaskAborted",
    "TaskRejectError",
    "TaskTimeout",
    "TimeoutError",
    "UnmetDependency",
    "ViewExecutor",
    "__version__",
    "bind_kernel",
    "collect_exceptions",
    "depend",
    "dependent",
    "error",
    "interactive",
    "parallel",
    "register_joblib_backend",
    "remote",
    "require",
    "unwrap_exception",
    "use_cloudpickle",
    "use_dill",
    "use_pickle",
    "version_info",
    "wrap_exception",
]
