"""The native core of engineroom as Python sees it. Everything here is internal; the package is the interface.

Every method that may block releases the GIL and returns to check signals, so Ctrl-C works. Buffers are bytes-like.
JSON crosses the border as text (str): what nobody looks at is never parsed.
"""

from collections.abc import Sequence
from typing import Any, Literal

from typing_extensions import Buffer  # of collections.abc from Python 3.12 on

__version__: str

Route = Literal["direct", "balanced", "broadcast", "control"]
# pending: no reply yet. The others are what the reply said, or (error) what the session found out itself:
# engine died, controller gone, session closed.
TaskStatus = Literal["pending", "ok", "error", "aborted"]

class Task:
    """One request and all that came back for it. Kept by the session only until done; then by its holders."""

    msg_id: str
    msg_type: str  # of the request, "apply_request" …
    engine_uuid: str  # target for direct requests, where it ran once replied; "" while unknown
    status: TaskStatus
    done: bool  # a reply (or failure) is here
    output_done: bool  # the engine said idle: no more output will come (true at once if it said so in the reply)
    metadata: str  # JSON of the reply's metadata, "{}" while pending
    content: str  # JSON of the reply's content, "{}" while pending
    header: str  # JSON of the reply's header, "{}" while pending
    request_metadata: str
    buffers: list[memoryview]  # the reply's; read-only views of received memory, no copy
    submitted: float  # seconds since the epoch
    received: float  # seconds since the epoch, 0 while pending
    sent: bool  # handed to the operating system or at least to the I/O thread's socket
    stdout: str
    stderr: str
    # Rich outputs and the rest of iopub in order of arrival: (msg_type, content JSON). execute_input,
    # execute_result, display_data, error, data_message (see output_buffers), …; stream goes to stdout/stderr.
    outputs: list[tuple[str, str]]
    # Every iopub message in arrival order, streams included: (msg_type, content JSON, seconds since epoch).
    output_log: list[tuple[str, str, float]]
    output_buffers: list[list[memoryview]]  # buffers of the messages in `outputs`, same order
    def release(self) -> None:
        """Drops the reply's payload (content, buffers, outputs)."""

class Session:
    """A client's connection. Safe to use from several threads."""

    def __init__(
        self,
        connection_json: str,  # text of the clients' connection file
        *,
        timeout: float = 10.0,  # seconds for the controller's first answer → TimeoutError
        username: str = "",
        debug: bool = False,
    ) -> None: ...

    session: str  # the session id in headers
    key: bytes
    closed: bool
    # "" while the controller answers, else why it is considered lost.
    lost: str
    def engines(self) -> dict[int, str]:
        """Live engines: id → uuid, in order of id. Kept current by notifications."""
    def engines_version(self) -> int:
        """Grows with every change of engines(): a cheap test whether a cached copy is current."""
    def uuid_of(self, engine_id: int) -> str | None: ...
    def id_of(self, engine_uuid: str) -> int | None:
        """Also of engines that are gone."""
    def submit(
        self,
        route: Route,
        target: str,  # engine uuid for direct and control, else ""
        msg_type: str,
        metadata: str,
        content: str,
        buffers: Sequence[Buffer],
        *,
        expect_reply: bool = True,
        inputs: Sequence[Task] = (),  # whose results it is given; held until it is done
    ) -> Task: ...
    def submit_many(
        self,
        route: Route,
        targets: Sequence[str],  # one per task, or one for all
        msg_type: str,
        metadata: str,
        content: str,
        shared_buffers: Sequence[Buffer],  # come first in every task: function and call shape
        own_buffers: Sequence[Sequence[Buffer]],  # one entry per task
    ) -> list[Task]:
        """Many tasks in one go, signed and sent without the GIL."""
    def submit_broadcast(
        self,
        targets: Sequence[tuple[str, int]],
        msg_type: str,
        metadata: str,  # without targets/is_broadcast/is_coalescing, which are added
        content: str,
        buffers: Sequence[Buffer],
        coalescing: bool,
    ) -> list[Task]:
        """One message. Non-coalescing: a Task per target (msg_id `<original>_<uuid>`); coalescing: one Task."""
    def query(
        self, msg_type: str, content: str, timeout: float = -1.0
    ) -> tuple[str, str, list[memoryview]]:
        """Asks the controller: (reply msg_type, content JSON, buffers). TimeoutError; ConnectionError if lost."""
    def wait(
        self,
        tasks: Sequence[Task],
        timeout: float = -1.0,  # seconds; negative = for ever
        mode: Literal["all", "any", "first_error"] = "all",
        outputs: bool = False,  # wait for output_done also
    ) -> bool:
        """True if the condition holds. Releases the GIL; KeyboardInterrupt passes through."""
    def count_done(self, tasks: Sequence[Task]) -> int: ...
    def outstanding(self) -> list[str]:
        """msg_ids without a reply."""
    def find(self, msg_id: str) -> Task | None:
        """An outstanding task, by msg_id."""
    def adopt(self, msg_id: str) -> Task:
        """A Task for another's or an older msg_id; completed by hand with finish(). For hub results."""
    def finish(
        self,
        task: Task,
        status: TaskStatus,
        header: str,
        metadata: str,
        content: str,
        buffers: Sequence[Buffer],
    ) -> None: ...
    def watch(self, tasks: Sequence[Task], token: int, outputs: bool = False) -> None:
        """When all are done (and their output), next_event() returns ("done", token). At once if they are."""
    def watch_each(self, tasks: Sequence[Task], token: int) -> None:
        """next_event() returns ("task", token, index) as each completes."""
    def watch_output(self, tasks: Sequence[Task], token: int) -> None:
        """next_event() returns ("output", token, index, msg_type, content JSON) for each iopub message of
        these tasks from now on."""
    def unwatch(self, token: int) -> None: ...
    def next_event(self, timeout: float = -1.0) -> tuple[Any, ...] | None:
        """The next event, or None after the time-out or when the session closed. Further events:
        ("engine", "joined" | "left", id, uuid), ("comm", msg_type, header JSON, content JSON, metadata JSON,
        buffers), ("lost", reason), ("closed",). Engine, comm and lost events are only queued after
        enable_events()."""
    def enable_events(self) -> None: ...
    def wait_for_engines(self, n: int, timeout: float = -1.0) -> bool:
        """True once at least n engines are registered; wakes early when an engine leaves (compare
        engines_version()): returns False then."""
    def close(self, linger: float = 1.0) -> None:
        """Sends what is queued within `linger` seconds; outstanding tasks become errors. Idempotent."""

# ---- engine ----

class TaskKind:
    APPLY: int
    EXECUTE: int
    COMM: int
    CLEAR: int

class EngineTask:
    """A request that Python is to answer."""

    kind: int  # a TaskKind
    ours: bool  # from a client of ours: its format, and no statuses without output
    msg_id: str
    msg_type: str
    header: str  # JSON
    metadata: str  # JSON
    content: str  # JSON
    buffers: list[bytes | memoryview]  # read-only views of received memory; small ones are copies
    resources: str  # JSON of what it demands; "" = nothing
    inputs: list[list[bytes | memoryview]]  # the results it is given, as its metadata name them

class Engine:
    """The native side of an engine: one per process, made on the thread that runs tasks."""

    def __init__(
        self,
        connection_json: str,  # text of the engines' connection file; ValueError if it is unusable
        *,
        requested_id: int = -1,  # -1 = any
        registration_timeout: float = 0.0,  # seconds; 0 = for ever
        controller_gone_after: float = 5.0,  # seconds without a connection until the engine ends
        max_missed_pings: int = 50,  # 0 = any number
        log_level: str = "warning",
        uuid: str = "",  # "" = a fresh one
        asks_engines: bool = True,  # or the controller for every result
        keep_bytes: int = 1 << 30,  # of results in memory
        spill_bytes: int = -1,  # on disk; -1 = the core chooses
        spill_dir: str = "",  # "" = $TMPDIR or /var/tmp
        resources: str = "",  # what tasks may demand of it: a JSON object; "" = it does not say
    ) -> None: ...

    uuid: str
    id: int  # -1 until registered
    exit_code: int | None  # once the engine ends: src/engine/membership.h
    interruption: Literal["abort", "time limit"] | None  # why the running task is to stop
    time_limit: float  # of the running task, in seconds; 0 = none
    def start(self) -> None:
        """Starts the I/O thread, which registers. From now on SIGTERM ends the engine."""
    def next(self) -> EngineTask | None:
        """The next task, which is then running; None when the engine ends. Handlers of signals run
        while it waits."""
    def finish_ok(self, buffers: Sequence[Buffer]) -> None:
        """Ends the running task with a result. Large buffers are sent from where they are."""
    def finish(
        self,
        status: Literal["ok", "error", "aborted"],
        content: str,  # JSON; "" = only the status
        more_metadata: str = "",  # further members of the reply's metadata: `,"key":value`
        dependencies_met: bool = True,
        abort_executes: bool = False,  # what the same client has queued to execute
    ) -> None: ...
    def publish(
        self,
        topic: str,  # becomes "engine.N.<topic>" unless verbatim
        msg_type: str,
        content: str,  # JSON
        buffers: Sequence[Buffer] = (),
        verbatim: bool = False,
        metadata: str = "",  # JSON; "" = {"engine": uuid}
    ) -> None:
        """Output of the running task (of the last one, if none is running). From any thread."""
    def write(self, stream: str, text: str) -> None:
        """Text for "stdout" or "stderr"; sent soon, and before the task's reply. From any thread."""
    def flush(self) -> None: ...
    def set_kernel_info(self, json: str) -> None: ...
    def request_end(self) -> None:
        """As if a client had asked for it."""
    def close(self) -> None:
        """Sends what is left, leaves the cluster, ends the I/O thread."""

def read_engine_connection(path: str) -> str:
    """The text of a connection file. FileNotFoundError; ValueError if it is unusable or unsafe."""

def forward_logs(url: str) -> None:
    """Copies of the engine's log to a collector: src/transport/log_forwarder.h. ValueError."""

def exit_after(seconds: float, code: int) -> None:
    """Ends the process after a while, whatever it is doing then."""
