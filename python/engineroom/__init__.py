"""engineroom: one prompt, every core.

    import engineroom
    rc = engineroom.Cluster(n=4).start_and_connect_sync()
    rc[:].apply_sync(os.getpid)

A drop-in for ipyparallel (`import engineroom as ipp`): same names, arguments, defaults and errors.
"""

import importlib
import os
import sys
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
        DependencyError,
        DependencyTimeout,
        EngineError,
        ImpossibleDependency,
        ImpossibleResources,
        InputLost,
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
    " DependencyError ImpossibleDependency ImpossibleResources InputLost InvalidDependency"
    " KernelError"
    " NoEnginesRegistered RemoteError TaskAborted TaskRejectError TaskTimeout TimeoutError"
    " UnmetDependency collect_exceptions unwrap_exception wrap_exception",
    ".serialize": "PrePickled Reference use_cloudpickle use_dill use_pickle",
    ".util": "interactive",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
_SUBMODULES = frozenset(
    {"client", "cluster", "datapub", "error", "graph", "joblib", "serialize", "util"}
)

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


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """What `jupyter server extension enable engineroom` asks for."""
    return [{"module": "engineroom"}]


def load_jupyter_server_extension(app: Any) -> None:
    """For a Jupyter server: clusters are listed, started and stopped over HTTP."""
    from .server_extension import load

    load(app)


_load_jupyter_server_extension = load_jupyter_server_extension


def bind_kernel(connection_file: str = "", ip: str = "127.0.0.1") -> str | None:
    """Makes the engine on which it is called a Jupyter kernel, too; returns its connection file.

        client[0].apply_sync(engineroom.bind_kernel)
        !jupyter console --existing

    connection_file: where to write it, by default where Jupyter looks. In a notebook's kernel it
    does nothing. RuntimeError elsewhere.
    """
    from .util import in_kernel

    worker = None
    if "engineroom.engine.worker" in sys.modules:
        from .engine.worker import Worker

        worker = Worker.current
    if worker is not None:
        return worker.bind(connection_file=connection_file, ip=ip).connection_file
    if in_kernel():
        return None
    raise RuntimeError("bind_kernel() is to be called on an engine")


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
    "DependencyError",
    "Dependency",
    "DependencyTimeout",
    "DirectView",
    "EngineError",
    "IPythonError",
    "ImpossibleDependency",
    "ImpossibleResources",
    "InputLost",
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
    "load_jupyter_server_extension",
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
