"""bind_kernel: an engine as a Jupyter kernel, too, for a console or a notebook of its own.

Frontends see the engine's namespace, and their cells run between tasks, on the same thread. While
it runs a cell, what is printed and shown goes to the frontends instead of the clients: the shell's
`core` is replaced by a Screen for as long.

A request that finds the engine idle wakes it by a signal, whose handler the main thread runs where
it waits for tasks; one that comes while a task runs is seen when the task has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .errors import clean_text, describe
from .frontends import HOST, Frontends

if TYPE_CHECKING:
    from .worker import Worker

# Nobody uses it, and without a handler nothing happens.
WAKE_UP = signal.SIGURG


class Screen:
    """Stands for the engine's core in the shell while a frontend's cell runs."""

    def __init__(self, core: Any, frontends: Frontends, parent: dict[str, Any]) -> None:
        self._core = core
        self._frontends = frontends
        self._parent = parent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def publish(
        self,
        topic: str,
        msg_type: str,
        content: str,
        buffers: Any = (),
        verbatim: bool = False,
        metadata: str = "",
    ) -> None:
        known = json.loads(metadata) if metadata else {}
        self._frontends.publish(msg_type, json.loads(content), self._parent, buffers, known)

    def write(self, stream: str, text: str) -> None:
        self._frontends.publish("stream", {"name": stream, "text": text}, self._parent)

    def flush(self) -> None:
        pass


class BoundKernel:
    """The engine's side of its frontends. Made, and used but for wake(), on the main thread."""

    def __init__(self, worker: Worker, connection_file: str = "", ip: str = HOST) -> None:
        self._worker = worker
        self._shell = worker.shell
        self._serving = False
        self._main = threading.main_thread().ident
        # Those blocked while tasks run: none, as a rule.
        self._signals = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "kernel_info_request": self._kernel_info,
            "execute_request": self._execute,
            "complete_request": self._complete,
            "inspect_request": self._inspect,
            "is_complete_request": self._is_complete,
            "history_request": self._history,
            "comm_info_request": self._comm_info,
            "connect_request": self._connect,
            "shutdown_request": self._shutdown,
        }
        self._frontends = Frontends(self.wake, self.interrupt, connection_file, ip)
        self.connection_file = self._frontends.connection_file
        signal.signal(WAKE_UP, lambda number, frame: self._woken())
        self._shell.register_magic_function(self.connect_info, "line", "connect_info")

    def connect_info(self, line: str = "") -> None:
        """How to connect a console or a notebook to this engine."""
        print(json.dumps(_texts(self._frontends.connection_info), indent=2))
        print(f"jupyter console --existing {os.path.basename(self.connection_file)}")

    # ---- from the thread of the frontends ----

    def wake(self) -> None:
        # Else it looks by itself, before it waits.
        if self._worker.is_waiting and self._main is not None:
            signal.pthread_kill(self._main, WAKE_UP)

    def interrupt(self) -> None:
        """Only of what frontends run: tasks are not theirs."""
        if self._serving and self._main is not None:
            signal.pthread_kill(self._main, signal.SIGINT)

    # ---- on the main thread ----

    def _woken(self) -> None:
        if not self._worker.is_waiting:
            return
        # Where the engine waits, it holds signals back.
        before = signal.pthread_sigmask(signal.SIG_SETMASK, self._signals)
        try:
            self.serve()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def serve(self) -> None:
        """Answers what has come."""
        requests = self._frontends.requests
        while not self._serving and not requests.empty():
            # A signal that comes in here finds it set, and its request is seen above.
            self._serving = True
            try:
                while not requests.empty():
                    self._answer(*requests.get())
            except Exception:
                # The task that comes next has nothing to do with it.
                traceback.print_exc(file=sys.__stderr__)
            finally:
                self._serving = False

    def _answer(self, channel: str, identities: Any, request: dict[str, Any]) -> None:
        parent = request["header"]
        publish = self._frontends.publish
        publish("status", {"execution_state": "busy"}, parent)
        try:
            with self._shown_there(parent):
                if handler := self._handlers.get(parent["msg_type"]):
                    content = self._guarded(handler, request["content"])
                    self._frontends.reply(channel, identities, request, content)
                elif parent["msg_type"] in ("comm_open", "comm_msg", "comm_close"):
                    self._comm(request)
        finally:
            publish("status", {"execution_state": "idle"}, parent)
            if parent["msg_type"] == "shutdown_request":
                self._frontends.close()

    def _guarded(self, handler: Any, content: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"status": "ok", **handler(content)}
        except (Exception, KeyboardInterrupt) as error:
            return _failure(error, [])

    @contextmanager
    def _shown_there(self, parent: dict[str, Any]) -> Iterator[None]:
        """What is printed and shown goes to the frontends."""
        holders = [self._shell, self._shell.display_pub, self._shell.displayhook]
        screen = Screen(self._worker.core, self._frontends, parent)
        streams = [stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "core")]
        before = [(holder, holder.core) for holder in (*holders, *streams)]
        for holder, _ in before:
            holder.core = screen
        try:
            yield
        finally:
            for holder, core in before:
                holder.core = core

    # ---- requests ----

    def _kernel_info(self, content: dict[str, Any]) -> dict[str, Any]:
        from .app import kernel_info

        return json.loads(kernel_info())

    def _execute(self, content: dict[str, Any]) -> dict[str, Any]:
        shell, code = self._shell, content["code"]
        silent = bool(content.get("silent", False))
        if not silent:
            shown = {"code": code, "execution_count": shell.execution_count}
            shell.core.publish("execute_input", "execute_input", json.dumps(shown))
        shell.publish_errors = not silent
        with self._worker.interruptible():
            result = shell.run_cell(
                code, store_history=bool(content.get("store_history", not silent)), silent=silent
            )
            error = result.error_before_exec or result.error_in_exec
            asked = content.get("user_expressions") or {}
            values = shell.user_expressions(asked) if error is None and asked else {}
        payload = shell.payload_manager.read_payload()
        shell.payload_manager.clear_payload()
        known = {"execution_count": max(1, shell.execution_count - 1), "payload": payload}
        if error is not None:
            return {**known, **_failure(error, shell.take_traceback())}
        return {**known, "user_expressions": values}

    def _complete(self, content: dict[str, Any]) -> dict[str, Any]:
        from IPython.core.completer import provisionalcompleter, rectify_completions

        code, cursor = content["code"], content.get("cursor_pos")
        cursor = len(code) if cursor is None else cursor
        with provisionalcompleter():
            found = list(rectify_completions(code, self._shell.Completer.completions(code, cursor)))
        return {
            "matches": [completion.text for completion in found],
            "cursor_start": found[0].start if found else cursor,
            "cursor_end": found[0].end if found else cursor,
            "metadata": {},
        }

    def _inspect(self, content: dict[str, Any]) -> dict[str, Any]:
        from IPython.utils.tokenutil import token_at_cursor

        name = token_at_cursor(content["code"], content.get("cursor_pos", len(content["code"])))
        try:
            data = self._shell.object_inspect_mime(name, content.get("detail_level", 0))
        except KeyError:
            return {"found": False, "data": {}, "metadata": {}}
        return {"found": True, "data": data, "metadata": {}}

    def _is_complete(self, content: dict[str, Any]) -> dict[str, Any]:
        manager = self._shell.input_transformer_manager
        status, indent = manager.check_complete(content["code"])
        return {"status": status, **({"indent": " " * indent} if indent else {})}

    def _history(self, content: dict[str, Any]) -> dict[str, Any]:
        # An engine keeps the cells of this session only, in memory.
        cells = self._shell.history_manager.input_hist_raw[1:]
        wanted = cells[-content["n"] :] if content.get("n") else cells
        first = len(cells) - len(wanted) + 1
        return {"history": [(0, first + i, cell) for i, cell in enumerate(wanted)]}

    def _comm_info(self, content: dict[str, Any]) -> dict[str, Any]:
        from . import comms

        wanted = content.get("target_name")
        return {
            "comms": {
                comm_id: {"target_name": comm.target_name}
                for comm_id, comm in comms.manager().comms.items()
                if wanted in (None, "", comm.target_name)
            }
        }

    def _connect(self, content: dict[str, Any]) -> dict[str, Any]:
        info = self._frontends.connection_info
        return {name: port for name, port in info.items() if name.endswith("_port")}

    def _shutdown(self, content: dict[str, Any]) -> dict[str, Any]:
        # The engine is the cluster's: a frontend that is closed leaves it as it is.
        self._worker.unbind()
        return {"restart": False}

    def _comm(self, request: dict[str, Any]) -> None:
        from . import comms

        getattr(comms.manager(), request["header"]["msg_type"])(None, None, request)


def _failure(error: BaseException, lines: list[str]) -> dict[str, Any]:
    return {
        "status": "error",
        "ename": type(error).__name__,
        "evalue": describe(error),
        "traceback": [clean_text(line) for line in lines],
    }


def _texts(info: dict[str, Any]) -> dict[str, Any]:
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in info.items()}
