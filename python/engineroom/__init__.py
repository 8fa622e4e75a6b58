"""engineroom: one prompt, every core.

    import engineroom
    rc = engineroom.Cluster(n=4).start_and_connect_sync()
    rc[:].apply_sync(os.getpid)

A drop-in for ipyparallel (`import engineroom as ipp`): same names, arguments, defaults and errors.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

from ._core import __version__

if TYPE_CHECKING:
    from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION

    from . import error
    from .canning import (
        can,
        can_map,
        deserialize_object,
        pack_apply_message,
        serialize_object,
        uncan,
        uncan_map,
        unpack_apply_message,
    )
    from .client.asyncresult import AsyncResult
    from .client.client import Client
    from .client.hubresult import AsyncHubResult
    from .client.mapresult import AsyncMapResult
    from .client.remotefunction import ParallelFunction, RemoteFunction, parallel, remote
    from .client.view import BroadcastView, DirectView, LoadBalancedView, ViewExecutor
    from .cluster import Cluster, ClusterManager
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
    from .util import interactive

# What lives where. Modules are loaded when a name is first used: engines and the command line need
# few of them, and a session that starts no cluster needs no launchers.
_HOMES = {
    "concurrent.futures": "ALL_COMPLETED FIRST_COMPLETED FIRST_EXCEPTION",
    ".building.cythonizing": "cythonize",
    ".building.module": "build",
    ".building.toolchain": "BuildError",
    ".canning": "can can_map deserialize_object pack_apply_message serialize_object uncan"
    " uncan_map unpack_apply_message",
    ".client.asyncresult": "AsyncResult",
    ".client.client": "Client",
    ".client.hubresult": "AsyncHubResult",
    ".client.mapresult": "AsyncMapResult",
    ".client.remotefunction": "ParallelFunction RemoteFunction parallel remote",
    ".client.view": "BroadcastView DirectView LoadBalancedView ViewExecutor",
    ".cluster": "Cluster ClusterManager",
    ".compiling": "CompileError CompileWarning compile compile_file explain",
    ".dependency": "Dependency depend dependent require",
    ".error": "AlreadyDisplayedError CompositeError DependencyTimeout EngineError IPythonError"
    " ImpossibleDependency InvalidDependency KernelError NoEnginesRegistered RemoteError"
    " TaskAborted TaskRejectError TaskTimeout TimeoutError UnmetDependency collect_exceptions"
    " unwrap_exception wrap_exception",
    ".serialize": "PrePickled Reference use_cloudpickle use_dill use_pickle",
    ".util": "interactive",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
_SUBMODULES = frozenset({"client", "cluster", "datapub", "error", "joblib", "serialize", "util"})

version_info = tuple(int(part) if part.isdigit() else part for part in __version__.split("."))
_NONINTERACTIVE = os.environ.get("IPP_NONINTERACTIVE", "") not in {"", "0"}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_SUBMODULES})


def register_joblib_backend(name: str | None = None, make_default: bool = False) -> None:
    """Makes joblib able to run on the default cluster: Parallel(backend="engineroom").

    Without a name also as "ipyparallel", which scripts written for it say.
    """
    from .joblib import register

    register(name=name, make_default=make_default)


def load_ipython_extension(ip: Any) -> None:
    """For `%load_ext engineroom`: %px and its family."""
    from . import magics

    magics.load_ipython_extension(ip)
    from .cython_magic import CythonMagics

    ip.register_magics(CythonMagics)


def unload_ipython_extension(ip: Any) -> None:
    """For `%unload_ext engineroom`."""
    from . import magics

    magics.unload_ipython_extension(ip)


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
    "BuildError",
    "Client",
    "Cluster",
    "ClusterManager",
    "CompileError",
    "CompileWarning",
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
    "build",
    "can",
    "can_map",
    "collect_exceptions",
    "compile_file",
    "cythonize",
    "depend",
    "dependent",
    "deserialize_object",
    "error",
    "explain",
    "interactive",
    "pack_apply_message",
    "parallel",
    "register_joblib_backend",
    "remote",
    "require",
    "serialize_object",
    "uncan",
    "uncan_map",
    "unpack_apply_message",
    "unwrap_exception",
    "use_cloudpickle",
    "use_dill",
    "use_pickle",
    "version_info",
    "wrap_exception",
]
