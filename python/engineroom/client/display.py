"""Output of engines, shown here: at the end (display_outputs) or as it arrives (stream_output)."""

import contextlib
import contextvars
import json
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from .. import error
from ..util import get_ipython, in_kernel
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
        print(f"{before}{text}", file=file or sys.stdout, end="")
        self._at_line_start = text.endswith("\n")


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


def display_outputs(ar: "AsyncResult", groupby: str, result_only: bool) -> None:
    """Shows all output of a finished result. ValueError for an unknown grouping."""
    if groupby not in GROUPINGS:
        raise ValueError(f"groupby must be one of 'type', 'engine', 'order', not {groupby!r}")
    if ar._single_result:
        _display_single(ar, result_only)
    elif groupby == "engine":
        _display_by_engine(ar, result_only)
    else:
        _display_by_type(ar, result_only, in_order=groupby == "order")


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


def _display_by_type(ar: "AsyncResult", result_only: bool, in_order: bool) -> None:
    writer = Writer()
    engines = ar.engine_id
    if not result_only:
        for engine, text in zip(engines, ar.stdout, strict=True):
            writer.write(text, f"[stdout:{engine}]")
        for engine, text in zip(engines, ar.stderr, strict=True):
            writer.write(text, f"[stderr:{engine}]", sys.stderr)
    if get_ipython() is None:
        return
    if not result_only:
        _display_rich(dict(zip(engines, ar.outputs, strict=True)), in_order)
    results = ar.get(return_exceptions=True)
    for result, shown in zip(results, ar.execute_result, strict=True):
        if shown is not None:
            _show(result)


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

    Messages come as events; those from before, and those still on their way at the end, are taken
    from the tasks' logs. `_shown` counts how far each log is shown.
    """

    def __init__(self, ar: "AsyncResult") -> None:
        self._ar = ar
        self._tasks = ar._tasks
        self._writer = Writer()
        self._errors = 0
        self._lock = threading.Lock()
        self._shown = [0] * len(self._tasks)
        self._stream_ids: set[str] = set()
        self._token: int | None = None
        # Where a notebook puts output follows the context; in the event thread that would be the
        # cell that happened to start it.
        self._context = contextvars.copy_context()

    def start(self) -> None:
        self._token = self._ar._client._events.each_output(self._tasks, self._on_output)
        self._show_news()

    def stop(self) -> None:
        if self._token is not None:
            self._ar._client._events.forget(self._token)
        self._show_news()

    def _on_output(self, index: int, msg_type: str, content: str) -> None:
        _detach_thread_output()
        self._context.run(self._show_news_of, index)

    def _show_news(self) -> None:
        for index in range(len(self._tasks)):
            self._show_news_of(index)

    def _show_news_of(self, index: int) -> None:
        with self._lock:
            news = self._tasks[index].output_log[self._shown[index] :]
            self._shown[index] += len(news)
            for msg_type, content, _ in news:
                self._show(index, msg_type, json.loads(content))

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
        if in_kernel():
            self._update_cell(index, name, label)
        else:
            self._writer.write(content["text"], label, getattr(sys, name, sys.stdout))

    def _update_cell(self, index: int, name: str, label: str) -> None:
        """In a notebook each engine has its own place in the output, which grows."""
        from IPython.display import publish_display_data

        task = self._tasks[index]
        display_id = f"{task.msg_id}-{name}"
        text = task.stdout if name == "stdout" else task.stderr
        publish_display_data(
            {"text/plain": f"{label} {text}"},
            transient={"display_id": display_id},
            update=display_id in self._stream_ids,
        )
        self._stream_ids.add(display_id)

    def _show_error(self, index: int, content: dict[str, Any]) -> None:
        task = self._tasks[index]
        failure = self._ar._client._unwrap_exception(content, task)
        self._errors += 1
        if self._errors <= error.CompositeError.tb_limit:
            print("\n".join(failure.render_traceback()), file=sys.stderr)
        else:
            print(failure, file=sys.stderr)


def _detach_thread_output() -> None:
    """Undoes ipykernel 6's habit of showing a thread's output in the cell that started it."""
    ident = threading.get_ident()
    for stream in (sys.stdout, sys.stderr):
        for name in ("_thread_to_parent", "_thread_to_parent_header"):
            mapping = getattr(stream, name, None)
            if mapping:
                mapping.pop(ident, None)
