"""Output of engines, shown here: at the end (display_outputs) or as it arrives (stream_output)."""

import contextlib
import contextvars
import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from .. import error
from .._core import Task
from ..util import get_ipython, in_kernel
from .collate import COLLATE_FROM, engine_ranges, group_alike, labelled
from .metadata import ExecuteReply, LiveMetadata

if TYPE_CHECKING:
    from .asyncresult import AsyncResult

GROUPINGS = ("type", "engine", "order")


class Writer:
    """Prints text of several engines: a label line whenever the engine or stream changes."""

    def __init__(self) -> None:
        self._label = ""
        self._at_line_start = True

    def write(self, text: str, label: str = "", file: TextIO | None = None) -> None:
        if not text:
            return
        before = ""
        if label and label != self._label:
            before = f"{label} \n" if self._at_line_start else f"\n{label} \n"
            self._label = label
        with _above_progress_bars():
            print(f"{before}{text}", file=file or sys.stdout, end="")
        self._at_line_start = text.endswith("\n")


def _above_progress_bars() -> contextlib.AbstractContextManager[None]:
    """Takes bars away from the terminal's last line, and puts them back."""
    # Who shows one has loaded it.
    tqdm = sys.modules.get("tqdm")
    return contextlib.nullcontext() if tqdm is None else tqdm.tqdm.external_write_mode()


def _print_label(label: str) -> None:
    from IPython.display import display_pretty

    display_pretty(label, raw=True)


def _show(value: Any) -> None:
    from IPython.display import display

    display(value)


def _republish(content: dict[str, Any], engine: Any) -> None:
    """Shows one display_data message here. Without a shell there is nowhere to show it."""
    shell = get_ipython()
    if shell is not None:
        metadata = {**(content.get("metadata") or {}), "engine": engine}
        shell.display_pub.publish(data=content["data"], metadata=metadata)


def display_outputs(
    ar: "AsyncResult", groupby: str, result_only: bool, collate: bool | None
) -> None:
    """Shows all output of a finished result. ValueError for an unknown grouping."""
    if groupby not in GROUPINGS:
        raise ValueError(f"groupby must be one of 'type', 'engine', 'order', not {groupby!r}")
    if ar._single_result:
        _display_single(ar, result_only)
    elif groupby == "engine":
        _display_by_engine(ar, result_only)
    else:
        if collate is None:
            collate = len(ar._tasks) >= COLLATE_FROM
        _display_by_type(ar, result_only, groupby == "order", collate)


def _display_single(ar: "AsyncResult", result_only: bool) -> None:
    writer = Writer()
    if not result_only:
        writer.write(ar.stdout)
        writer.write(ar.stderr, file=sys.stderr)
    if get_ipython() is None:
        return
    for output in [] if result_only else ar.outputs:
        _republish(output, ar.engine_id)
    if ar.execute_result is not None:
        _show(ar.get())


def _display_by_engine(ar: "AsyncResult", result_only: bool) -> None:
    writer = Writer()
    shell = get_ipython()
    results = ar.get(return_exceptions=True)
    for engine, metadata, result in zip(ar.engine_id, ar.metadata, results, strict=True):
        outputs = [] if result_only else metadata["outputs"]
        if not result_only:
            writer.write(metadata["stdout"], f"[stdout:{engine}]")
            writer.write(metadata["stderr"], f"[stderr:{engine}]", sys.stderr)
        if shell is None:
            continue
        if outputs or metadata["execute_result"] is not None:
            _print_label(f"[output:{engine}]")
        for output in outputs:
            _republish(output, engine)
        if metadata["execute_result"] is not None:
            _show(result)


def _display_by_type(ar: "AsyncResult", result_only: bool, in_order: bool, collate: bool) -> None:
    writer = Writer()
    engines = ar.engine_id
    if not result_only:
        for label, text in labelled(engines, ar.stdout, collate):
            writer.write(text, f"[stdout:{label}]")
        for label, text in labelled(engines, ar.stderr, collate):
            writer.write(text, f"[stderr:{label}]", sys.stderr)
    if get_ipython() is None:
        return
    if not result_only:
        _display_rich(dict(zip(engines, ar.outputs, strict=True)), in_order)
    _display_results(engines, ar.get(return_exceptions=True), ar.execute_result, collate)


def _display_results(
    engines: list[Any], results: list[Any], shown: list[dict[str, Any] | None], collate: bool
) -> None:
    """What the last line of a cell is worth; collated, the first of those that look alike."""
    if not collate:
        for result, content in zip(results, shown, strict=True):
            if content is not None:
                _show(result)
        return
    looks = [content and json.dumps(content["data"], sort_keys=True) for content in shown]
    for group, first in group_alike(engines, looks):
        if len(group) > 1:
            _print_label(f"[output:{engine_ranges(group)}]")
        _show(results[first])


def _display_rich(outputs: dict[Any, list[dict[str, Any]]], in_order: bool) -> None:
    """Rich outputs: engine by engine, or all first ones, all second ones and so on."""
    if not in_order:
        for engine, contents in outputs.items():
            if contents:
                _print_label(f"[output:{engine}]")
            for content in contents:
                _republish(content, engine)
        return
    for rank in range(max(map(len, outputs.values()), default=0)):
        for engine, contents in outputs.items():
            if rank < len(contents):
                _print_label(f"[output:{engine}]")
                _republish(contents[rank], engine)


@contextlib.contextmanager
def stream_output(ar: "AsyncResult") -> Iterator[None]:
    """Shows the output of a result as it arrives, until the block is left."""
    streamer = _Streamer(ar)
    streamer.start()
    try:
        yield
    finally:
        streamer.stop()


class _Streamer:
    """Shows each output message of some tasks once, in order per task.

    Messages come as events. Those from before, and those still on their way at the end, are taken
    from the tasks' logs, of which `_shown` counts how much is shown.
    """

    def __init__(self, ar: "AsyncResult") -> None:
        self._ar = ar
        self._tasks = ar._tasks
        self._writer = Writer()
        self._cells: dict[str, _StreamCell] = {}
        self._errors = 0
        self._lock = threading.RLock()
        self._shown = [0] * len(self._tasks)
        # Per task: the place in its log of the last event.
        self._seen = [0] * len(self._tasks)
        self._token: int | None = None
        # Where a notebook puts output follows the context; in the event thread that would be the
        # cell that happened to start it.
        self._context = contextvars.copy_context()

    def start(self) -> None:
        events = self._ar._client._events
        with self._lock:
            # If nothing comes while we subscribe, the first event is the next message of the log.
            # If something always does, better shown twice than never.
            for _ in range(20):
                before = self._log_lengths()
                self._token = events.each_output(self._tasks, self._on_output)
                self._seen = self._log_lengths()
                if self._seen == before:
                    break
                events.forget(self._token)
            else:
                self._token = events.each_output(self._tasks, self._on_output)
            self._show_logs()

    def stop(self) -> None:
        if self._token is not None:
            self._ar._client._events.forget(self._token)
        with self._lock:
            self._show_logs()
            for cell in self._cells.values():
                cell.close()

    def _log_lengths(self) -> list[int]:
        return [len(task.output_log) for task in self._tasks]

    def _show_logs(self) -> None:
        for index, task in enumerate(self._tasks):
            for msg_type, content, _ in task.output_log[self._shown[index] :]:
                self._shown[index] += 1
                self._show(index, msg_type, json.loads(content))

    def _on_output(self, index: int, msg_type: str, content: str) -> None:
        _detach_thread_output()
        with self._lock:
            self._seen[index] += 1
            if self._seen[index] > self._shown[index]:
                self._shown[index] += 1
                self._context.run(self._show, index, msg_type, json.loads(content))

    def _engine(self, index: int) -> Any:
        targets = self._ar._targets
        if targets is not None and index < len(targets):
            return targets[index]
        return LiveMetadata(self._ar._client, self._tasks[index])["engine_id"]

    def _show(self, index: int, msg_type: str, content: dict[str, Any]) -> None:
        if msg_type == "stream":
            self._show_stream(index, content)
        elif msg_type == "error":
            self._show_error(index, content)
        elif msg_type == "execute_result":
            task = self._tasks[index]
            _show(ExecuteReply(task.msg_id, content, LiveMetadata(self._ar._client, task)))
        elif msg_type == "display_data" and get_ipython() is not None:
            _print_label(f"[output:{self._engine(index)}]")
            _republish(content, self._engine(index))

    def _show_stream(self, index: int, content: dict[str, Any]) -> None:
        name = content["name"]
        label = f"[{name}:{self._engine(index)}]"
        if not in_kernel():
            self._writer.write(content["text"], label, getattr(sys, name, sys.stdout))
            return
        task = self._tasks[index]
        display_id = f"{task.msg_id}-{name}"
        if display_id not in self._cells:
            self._cells[display_id] = _StreamCell(task, name, label, display_id)
        self._cells[display_id].update()

    def _show_error(self, index: int, content: dict[str, Any]) -> None:
        task = self._tasks[index]
        failure = self._ar._client._unwrap_exception(content, task)
        self._errors += 1
        if self._errors <= error.CompositeError.tb_limit:
            print("\n".join(failure.render_traceback()), file=sys.stderr)
        else:
            print(failure, file=sys.stderr)


class _StreamCell:
    """The place in a notebook's output where one stream of one task grows.

    Each update sends all of the text, so a long one is updated a few times a second only.
    """

    LONG = 4096  # characters
    PAUSE = 0.2  # seconds between updates of a long text

    def __init__(self, task: Task, name: str, label: str, display_id: str) -> None:
        self._task = task
        self._name = name
        self._label = label
        self._display_id = display_id
        self._lock = threading.Lock()
        self._text = ""
        self._updated = 0.0
        self._timer: threading.Timer | None = None

    def update(self) -> None:
        with self._lock:
            if self._timer is not None:
                return
            wait = self._updated + self.PAUSE - time.monotonic()
            if len(self._text) > self.LONG and wait > 0:
                context = contextvars.copy_context()
                self._timer = threading.Timer(wait, context.run, [self._update_late])
                self._timer.daemon = True
                self._timer.start()
            else:
                self._publish()

    def close(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._publish()

    def _update_late(self) -> None:
        _detach_thread_output()
        with self._lock:
            self._timer = None
            self._publish()

    def _publish(self) -> None:
        from IPython.display import publish_display_data

        text = self._task.stdout if self._name == "stdout" else self._task.stderr
        if text == self._text:
            return
        publish_display_data(
            {"text/plain": f"{self._label} {text}"},
            transient={"display_id": self._display_id},
            update=bool(self._text),
        )
        self._text = text
        self._updated = time.monotonic()


def _detach_thread_output() -> None:
    """Undoes ipykernel 6's habit of showing a thread's output in the cell that started it."""
    ident = threading.get_ident()
    for stream in (sys.stdout, sys.stderr):
        for name in ("_thread_to_parent", "_thread_to_parent_header"):
            mapping = getattr(stream, name, None)
            if mapping:
                mapping.pop(ident, None)
