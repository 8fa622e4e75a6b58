"""Client: a connection to a cluster, from which views are made."""

import json
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from .. import error, serialize
from .._core import Session, Task
from ..util import get_ipython
from .asyncresult import AsyncResult
from .balanced import LoadBalancedView
from .base import pack_callable
from .broadcast import BroadcastView
from .comms import relay_comms
from .connection import connection_text, current_profile, warn_if_elsewhere
from .control import Control
from .direct import DirectView
from .events import Events
from .executor import ViewExecutor
from .future import deadline_after, remaining
from .hubresult import AsyncHubResult
from .metadata import ExecuteReply, Metadata, metadata_of
from .queries import Queries
from .records import History, Recent
from .waiting import engines_expected, wait_for_engines

if TYPE_CHECKING:
    from ..cluster import Cluster

# Arguments of jupyter_client's Session that stock clients accept; they mean nothing here.
_SESSION_ARGUMENTS = frozenset(
    {
        *("adapt_version", "auth", "buffer_threshold", "check_pid", "config", "copy_threshold"),
        *("digest_history_size", "item_threshold", "key", "keyfile", "log", "metadata", "packer"),
        *("parent", "session", "signature_scheme", "unpacker"),
    }
)


class SessionInfo:
    """What messages of a client say about it: session (its id), key, username."""

    def __init__(self, session: str, key: bytes, username: str) -> None:
        self.session = session
        self.key = key
        self.username = username
        self.digest_history: set[bytes] = set()


class MetadataStore(dict[str, Metadata]):
    """Metadata by msg_id: of tasks that are under way or kept, and what was put in."""

    def __init__(self, client: "Client") -> None:
        super().__init__()
        self._client = weakref.ref(client)

    def __missing__(self, msg_id: str) -> Metadata:
        client = self._client()
        if client is not None and (task := client._task_of(msg_id)) is not None:
            return metadata_of(client, task)
        return self.setdefault(msg_id, Metadata())


class Client(Control, Queries):
    """A connection to a cluster.

        rc = engineroom.Client()
        rc[:].apply_sync(os.getpid)

    connection_info: path of an ipcontroller-client.json, or its contents as a dict; by default the
    file of the profile (`profile`, `profile_dir`, `ipython_dir`, `cluster_id`; or IPYTHONDIR,
    IPP_PROFILE_DIR, IPP_CLUSTER_ID; else the running shell's profile, else "default").
    timeout: seconds to wait for the file and for the controller's answer.
    cluster: the Cluster that this is a client of, if any. debug: log every message.
    sshserver, sshkey, password, paramiko: not supported yet; forward a port and pass the file.

    FileNotFoundError: no such file; PermissionError: others can read it; TimeoutError: the
    controller does not answer.

    len(), indexing and iteration are over engines: rc[0], rc[:], rc[::2] and rc[[1, 3]] are
    DirectViews. A context manager, which closes it.

    block, raise_original: the defaults of new views (False). ids: the engines; outstanding:
    msg_ids without a reply; history: msg_ids of the latest tasks (see History); results, metadata:
    of tasks that were asked for with get_result(owner=False). Other results belong to the
    AsyncResults, and go with them.
    """

    def __init__(
        self,
        connection_info: str | os.PathLike[str] | dict[str, Any] | None = None,
        *,
        url_file: str | None = None,
        profile: str | None = None,
        profile_dir: str | os.PathLike[str] | None = None,
        ipython_dir: str | os.PathLike[str] | None = None,
        context: Any = None,
        debug: bool = False,
        sshserver: str | None = None,
        sshkey: str | None = None,
        password: str | None = None,
        paramiko: bool | None = None,
        timeout: float = 10,
        cluster_id: str | None = None,
        cluster: "Cluster | None" = None,
        username: str = "",
        **extra_args: Any,
    ) -> None:
        _refuse(sshserver, sshkey, password, extra_args)
        text = connection_text(
            connection_info if url_file is None else url_file,
            profile=profile,
            profile_dir=profile_dir,
            ipython_dir=ipython_dir,
            cluster_id=cluster_id,
            timeout=timeout,
        )
        warn_if_elsewhere(text)
        self.profile = profile or current_profile()
        self.cluster = cluster
        self.block = False
        self.raise_original = False
        self.debug = debug
        self._address = _address(text)
        # Encryption: the server's key, if any. Our own pair is the connection's, made for it alone.
        self.curve_serverkey = (json.loads(text).get("curve_serverkey") or "").encode()
        self.curve_publickey = self.curve_secretkey = b""
        self._session = self._connect(text, timeout, username, debug)
        self._finalizer = weakref.finalize(self, Session.close, self._session)
        self.session = SessionInfo(self._session.session, self._session.key, username)
        self._events = Events(self._session)
        self._table_version = -1
        self._table: dict[int, str] = {}
        self.history: list[str] = History()
        self.results: dict[str, Any] = Recent()
        self.metadata: dict[str, Metadata] = MetadataStore(self)
        # Of tasks fetched from the controller: tasks that get_result() shall find here again, and
        # the metadata that their messages do not hold.
        self._kept: dict[str, Task] = Recent()
        self._foreign: dict[str, dict[str, Any]] = Recent()
        relay_comms(self)
        self._activate_first()

    def _connect(self, text: str, timeout: float, username: str, debug: bool) -> Session:
        try:
            return Session(text, timeout=timeout, username=username, debug=debug)
        except TimeoutError:
            raise TimeoutError(
                f"The controller at {self._address} did not answer within {timeout} seconds."
                " Is it still running? Its connection file may be left over from an earlier one."
            ) from None

    def _activate_first(self) -> None:
        """The first client in a shell gets %px."""
        shell = get_ipython()
        if shell is None:
            return
        px = shell.magics_manager.magics["line"].get("px")
        # What %load_ext registers only stands in for the first client.
        if px is None or getattr(getattr(px, "__self__", None), "provisional", False):
            self.activate()

    # ---- engines ----

    def _engine_table(self) -> dict[int, str]:
        """Live engines: id → uuid, by id."""
        version = self._session.engines_version()
        if version != self._table_version:
            self._table = self._session.engines()
            serialize.heed_engines(self._table.values())
            self._table_version = version
        return self._table

    @property
    def ids(self) -> list[int]:
        """Ids of the live engines (a new list)."""
        return list(self._engine_table())

    _ids = ids

    @property
    def _engines(self) -> dict[Any, Any]:
        table = self._engine_table()
        return {**table, **{uuid: engine_id for engine_id, uuid in table.items()}}

    def _engine_id(self, uuid: str) -> int | None:
        return self._session.id_of(uuid)

    def _build_targets(self, targets: Any) -> tuple[list[str], list[int]]:
        """(uuids, ids) of targets: "all" or None, an id (negative: from the end), a slice, a list.

        NoEnginesRegistered; IndexError for an engine that is not there; TypeError.
        """
        table = self._engine_table()
        if not table:
            self._check_connection()
            raise error.NoEnginesRegistered("Can't build targets without any engines")
        if isinstance(targets, str) and targets.lower() != "all":
            raise TypeError(f"{targets!r} not valid str target, must be 'all'")
        if targets is None or isinstance(targets, str):
            return list(table.values()), list(table)
        if isinstance(targets, int):
            targets = [self.ids[targets] if targets < 0 else targets]
        elif isinstance(targets, slice):
            targets = self.ids[targets]
        if not isinstance(targets, (list, tuple, range)):
            raise TypeError(f"targets by int/slice/collection of ints only, not {type(targets)}")
        try:
            return [table[engine_id] for engine_id in targets], list(targets)
        except KeyError as missing:
            raise IndexError(f"No such engine: {missing.args[0]}") from None

    def wait_for_engines(
        self,
        n: int | None = None,
        *,
        timeout: float = -1,
        block: bool = True,
        interactive: bool | None = None,
        widget: bool | None = None,
    ) -> Future[None] | None:
        """Waits until n engines are there (default: as many as the cluster starts).

        timeout: seconds, then TimeoutError; negative: for ever. EngineError if an engine leaves
        meanwhile. interactive: a progress bar (default: in IPython); widget: as a widget.
        block=False: a Future instead.
        """
        if n is None:
            n = engines_expected(self.cluster)
        return wait_for_engines(self, n, timeout, block, interactive, widget)

    # ---- views ----

    def direct_view(self, targets: Any = "all", **flags: Any) -> DirectView:
        """A DirectView; "all" means all engines at the time of each call, rc[:] those of now."""
        if targets == "all":
            return DirectView(self, targets="all", **flags)
        engine_ids = self._build_targets(targets)[1]
        chosen: Any = engine_ids[0] if isinstance(targets, int) else engine_ids
        return DirectView(self, targets=chosen, **flags)

    def load_balanced_view(self, targets: Any = None, **flags: Any) -> LoadBalancedView:
        """A LoadBalancedView over some engines (default: all there are at any time)."""
        if targets == "all":
            targets = None
        if targets is not None:
            targets = self._build_targets(targets)[1]
        return LoadBalancedView(self, targets=targets, **flags)

    def broadcast_view(
        self, targets: Any = "all", is_coalescing: bool = False, **flags: Any
    ) -> BroadcastView:
        """A BroadcastView over some engines (default: all of now)."""
        engine_ids = self._build_targets(targets)[1]
        return BroadcastView(self, targets=engine_ids, is_coalescing=is_coalescing, **flags)

    def executor(self, targets: Any = None) -> ViewExecutor:
        """A concurrent.futures.Executor on some engines (default: all), load-balanced."""
        return self.load_balanced_view(targets).executor

    def activate(self, targets: Any = "all", suffix: str = "") -> DirectView:
        """A blocking DirectView for which %px<suffix> and the other magics work."""
        view = self.direct_view(targets)
        view.block = True
        view.activate(suffix)
        return view

    def __len__(self) -> int:
        return len(self._engine_table())

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: int | slice | Iterable[int]) -> DirectView:
        if not isinstance(key, (int, slice, tuple, list, range)):
            raise TypeError(f"key by int/slice/iterable of ints only, not {type(key)}")
        return self.direct_view(key)

    def __iter__(self) -> Iterator[DirectView]:
        return (self.direct_view(engine_id) for engine_id in self.ids)

    # ---- waiting ----

    @property
    def outstanding(self) -> set[str]:
        """msg_ids of tasks without a reply (a copy)."""
        return set(self._session.outstanding())

    def wait(self, jobs: Any = None, timeout: float | None = -1) -> bool:
        """Waits for jobs: msg_ids, indices of history, AsyncResults, any Futures; default: all.

        timeout: seconds, None or negative: for ever. Whether all are done.
        """
        tasks, others = self._waited_for(jobs)
        deadline = deadline_after(timeout)
        left = remaining(deadline)
        done = self._session.wait(tasks, -1.0 if left is None else left)
        return done and (not others or not wait(others, remaining(deadline)).not_done)

    def _waited_for(self, jobs: Any) -> tuple[list[Task], list[Any]]:
        """(tasks, futures of others)"""
        tasks: list[Task] = []
        others: list[Any] = []
        if jobs is None:
            jobs = self._session.outstanding()
        elif isinstance(jobs, (str, int, AsyncResult)) or not isinstance(jobs, Iterable):
            jobs = [jobs]
        for job in jobs:
            if isinstance(job, int):
                job = self.history[job]
            if isinstance(job, str):
                # What the session does not know is done.
                if task := self._session.find(job):
                    tasks.append(task)
            elif isinstance(job, AsyncResult) and not isinstance(job, AsyncHubResult):
                tasks.extend(job._tasks)
            elif hasattr(job, "add_done_callback"):
                others.append(job)
            else:
                raise TypeError(f"Expected msg_id, int, AsyncResult or Future, got {job!r}")
        return tasks, others

    def wait_interactive(
        self, jobs: Any = None, interval: float = 1.0, timeout: float | None = -1.0
    ) -> None:
        """Waits like wait(), with a progress bar refreshed every `interval` seconds."""
        if jobs is None:
            tasks, _ = self._waited_for(None)
            if not tasks:
                return
            ar = AsyncResult(self, tasks)
        else:
            ar = self.get_result(jobs, block=False, owner=False)
        ar.wait_interactive(interval=interval, timeout=timeout)

    # ---- low level ----

    def send_apply_request(
        self,
        socket: Any,
        f: Any,
        args: Any = None,
        kwargs: Any = None,
        metadata: dict[str, Any] | None = None,
        track: bool = False,
        ident: str | bytes | None = None,
        message_future_hook: Callable[[AsyncResult], None] | None = None,
    ) -> AsyncResult:
        """Submits f(*args, **kwargs) to the engine with uuid `ident`, or load-balanced without one.

        socket, track: ignored. message_future_hook: called with the AsyncResult.
        """
        buffers = [pack_callable(f), *serialize.pack_arguments(args or (), kwargs or {})]
        return self._send("apply_request", {}, buffers, metadata, ident, message_future_hook)

    def send_execute_request(
        self,
        socket: Any,
        code: str,
        silent: bool = True,
        metadata: dict[str, Any] | None = None,
        ident: str | bytes | None = None,
        message_future_hook: Callable[[AsyncResult], None] | None = None,
    ) -> AsyncResult:
        """Submits code to the engine with uuid `ident`."""
        if not isinstance(code, str):
            raise TypeError(f"code must be text, not {type(code)}")
        content = {"code": code, "silent": bool(silent), "user_expressions": {}}
        return self._send("execute_request", content, [], metadata, ident, message_future_hook)

    def _send(
        self,
        msg_type: str,
        content: dict[str, Any],
        buffers: list[Any],
        metadata: dict[str, Any] | None,
        ident: str | bytes | None,
        hook: Callable[[AsyncResult], None] | None,
    ) -> AsyncResult:
        uuid = ident.decode() if isinstance(ident, bytes) else ident or ""
        task = self._session.submit(
            "direct" if uuid else "balanced",
            uuid,
            msg_type,
            json.dumps({**(metadata or {}), "engineroom": 1}),
            self._json(content),
            buffers,
        )
        self.history.append(task.msg_id)
        ar = AsyncResult(self, task)
        if hook is not None:
            hook(ar)
        return ar

    def _unwrap_exception(
        self, content: dict[str, Any], task: Task | None = None
    ) -> error.RemoteError:
        """A RemoteError that knows its engine's id."""
        info = dict(content.get("engine_info") or {})
        if not info and task is not None and "engine_info" not in content and task.engine_uuid:
            info = {"engine_uuid": task.engine_uuid, "method": task.msg_type.partition("_")[0]}
        if info and "engine_id" not in info:
            info["engine_id"] = self._engine_id(info.get("engine_uuid", ""))
        return error.unwrap_exception({**content, "engine_info": info})

    def _check_connection(self) -> None:
        """ConnectionError if there is nobody to ask any more."""
        if self._session.closed:
            raise ConnectionError("This client is closed.")
        if self._session.lost:
            raise ConnectionError(f"The controller is lost: {self._session.lost}")

    # ---- Dask ----

    def become_dask(
        self,
        targets: Any = "all",
        port: int = 0,
        nanny: bool = False,
        scheduler_args: dict[str, Any] | None = None,
        **worker_args: Any,
    ) -> Any:
        """Makes engines workers of a Dask scheduler, beside their tasks; a distributed.Client.

        The scheduler is on the first engine, and listens on the loopback address only, unless
        scheduler_args say where ("host" or "interface"), which they must if engines are on several
        hosts: Dask's connections ask for no key. port: of the scheduler; 0 for a free one. nanny:
        workers in processes of their own, which Dask can restart. worker_args: of
        distributed.Worker; one thread by default.
        """
        from .dask import become_dask

        return become_dask(self, targets, port, nanny, scheduler_args, worker_args)

    def stop_dask(self, targets: Any = "all") -> None:
        """Ends what become_dask() started: the workers of `targets`, and the scheduler."""
        from .dask import stop_dask

        stop_dask(self, targets)

    become_distributed = become_dask
    stop_distributed = stop_dask

    # ---- what is not there ----

    def create_message_futures(self, *args: Any, **kwargs: Any) -> Any:
        """Not supported: send_apply_request and send_execute_request return futures."""
        raise NotImplementedError(
            "Replies to messages that were not sent by this client cannot be awaited. Use"
            " send_apply_request() or send_execute_request(), which return futures."
        )

    def spin(self) -> None:
        """Does nothing (deprecated): replies arrive by themselves."""
        _deprecated("spin")

    def spin_thread(self, interval: float = 1) -> None:
        """Does nothing (deprecated)."""
        _deprecated("spin_thread")

    def stop_spin_thread(self) -> None:
        """Does nothing (deprecated)."""
        _deprecated("stop_spin_thread")

    # ---- the end ----

    def close(self, linger: float | None = None) -> None:
        """Ends the connection; results that are not here yet become errors.

        linger: seconds to go on sending what was submitted (default 1). Idempotent.
        """
        self._finalizer.detach()
        self._session.close(1.0 if linger is None else linger)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # ---- what it looks like ----

    def __repr__(self) -> str:
        if self._session.closed:
            return f"<Client of {self._address}: closed>"
        if self._session.lost:
            return f"<Client of {self._address}: controller lost>"
        engines = "1 engine" if len(self) == 1 else f"{len(self)} engines"
        waiting = len(self._session.outstanding())
        tasks = "1 task" if waiting == 1 else f"{waiting} tasks"
        return f"<Client of {self._address}: {engines}, {tasks} outstanding>"

    def _repr_html_(self) -> str:
        from .tables import client_table

        return client_table(self)


def _address(text: str) -> str:
    info = json.loads(text)
    return f"{info['interface']}:{info.get('registration', '?')}"


def _refuse(
    sshserver: str | None, sshkey: str | None, password: str | None, extra: dict[str, Any]
) -> None:
    """Errors for arguments that cannot be honoured."""
    if sshserver or sshkey or password:
        raise NotImplementedError(
            "Tunnels are not supported yet. Forward the controller's ports with ssh -L, and connect"
            " with a copy of the connection file."
        )
    for name in extra:
        if name not in _SESSION_ARGUMENTS:
            raise TypeError(f"Client() got an unexpected keyword argument {name!r}")


def _deprecated(name: str) -> None:
    import warnings

    warnings.warn(
        f"Client.{name} is deprecated: replies arrive by themselves",
        DeprecationWarning,
        stacklevel=3,
    )


__all__ = ["Client", "ExecuteReply", "Metadata"]
