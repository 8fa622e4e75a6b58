"""Running tasks, one after the other, on the main thread.

What is here runs once per task, so it is measured in microseconds: apply_requests of our own
clients are neither parsed nor looked at in Python beyond their pickles. The native side
(src/engine/workbench.h) makes the replies' metadata and sends statuses and output in the right
order.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from .. import datapub
from ..original import pack_original
from ..serialize import forget_functions, pack_object, unpack_call
from .errors import error_content
from .shell import EngineShell

APPLY, EXECUTE, COMM, CLEAR = range(4)


class Worker:
    """Takes tasks from the native engine and answers them."""

    def __init__(self, core: Any, shell: EngineShell):
        self._core = core
        self._shell = shell
        self._namespace = shell.user_ns
        self._data_pub = datapub.Publisher(core)
        shell.data_pub = shell.kernel.data_pub = self._data_pub
        # For tasks that import ipyparallel's, which would publish through an ipykernel.
        sys.modules["ipyparallel.engine.datapub"] = datapub
        # True while code of users runs: the only time at which an interrupt may be raised.
        self._interruptible = False
        self._handlers: list[Callable[[Any], None]] = [
            self._apply,
            self._execute,
            self._comm,
            self._clear,
        ]

    def run(self) -> None:
        """Until the engine ends."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        core, handlers = self._core, self._handlers
        while True:
            task = core.next()
            if task is None:
                return
            try:
                handlers[task.kind](task)
            except KeyboardInterrupt as error:
                # A second one, while the first was being reported.
                self._interruptible = False
                self._fail(error, "apply", [])
            # An idle engine keeps no arguments alive.
            del task

    def _on_interrupt(self, number: int, frame: Any) -> None:
        if self._interruptible:
            self._interruptible = False
            raise KeyboardInterrupt

    # ---- apply ----

    def _apply(self, task: Any) -> None:
        foreign = not task.ours
        try:
            self._interruptible = True
            self._data_pub.foreign = foreign
            result = self._call_foreign(task) if foreign else self._call(task)
            self._interruptible = False
            self._core.finish_ok(result)
        except BaseException as error:
            self._interruptible = False
            self._fail(error, "apply", self._format(error, publish=foreign))

    def _call(self, task: Any) -> Any:
        f, args, kwargs = unpack_call(task.buffers, self._namespace)
        return pack_object(f(*args, **kwargs))

    def _call_foreign(self, task: Any) -> Any:
        """A call in ipyparallel's own format."""
        serialize = _import_ipyparallel_serialize()
        f, args, kwargs = serialize.unpack_apply_message(task.buffers, self._namespace, copy=False)
        return serialize.serialize_object(f(*args, **kwargs))

    # ---- execute ----

    def _execute(self, task: Any) -> None:
        content = json.loads(task.content)
        silent = bool(content.get("silent", False))
        shell = self._shell
        shell.publish_errors = not (silent and task.ours)
        self._data_pub.foreign = not task.ours
        if not silent:
            self._core.publish(
                "execute_input",
                "execute_input",
                json.dumps({"code": content["code"], "execution_count": shell.execution_count}),
            )
        error = None
        try:
            self._interruptible = True
            result = shell.run_cell(
                content["code"],
                store_history=bool(content.get("store_history", not silent)),
                silent=silent,
            )
            error = result.error_before_exec or result.error_in_exec
            expressions = {}
            if error is None and content.get("user_expressions"):
                expressions = shell.user_expressions(content["user_expressions"])
            self._interruptible = False
        except BaseException as escaped:
            self._interruptible = False
            error = escaped
            self._format(error, publish=shell.publish_errors)
        payload = shell.payload_manager.read_payload()
        shell.payload_manager.clear_payload()
        if error is not None:
            stop = not silent and bool(content.get("stop_on_error", True))
            self._fail(error, "execute", shell.take_traceback(), abort_executes=stop)
            return
        reply = {
            "status": "ok",
            "execution_count": shell.execution_count - 1,
            "user_expressions": expressions,
            "payload": payload,
        }
        self._finish_json("ok", reply)

    # ---- others ----

    def _comm(self, task: Any) -> None:
        try:
            self._interruptible = True
            from . import comms

            comms.handle(task)
            self._interruptible = False
        except BaseException as error:
            self._interruptible = False
            self._format(error, publish=True)
        self._core.finish("ok", "")

    def _clear(self, task: Any) -> None:
        try:
            self._shell.reset(new_session=False)
            forget_functions()
            self._finish_json("ok", {"status": "ok"})
        except Exception as error:
            self._fail(error, "clear", self._format(error, publish=False))

    # ---- answers ----

    def _finish_json(self, status: str, content: dict) -> None:
        from .errors import to_json

        self._core.finish(status, to_json(content))

    def _format(self, error: BaseException, publish: bool) -> list[str]:
        """The traceback as IPython shows it, without the frames of this file."""
        if type(error).__name__ == "UnmetDependency":
            # Happens in the normal course of scheduling, and nobody looks at it.
            return []
        shell = self._shell
        shell.publish_errors = publish
        try:
            shell.showtraceback((type(error), error, _users_part(error)), tb_offset=0)
        except Exception as failure:
            return [f"{type(error).__name__}: {error!r}", f"(no traceback: {failure!r})"]
        return shell.take_traceback()

    def _fail(
        self,
        error: BaseException,
        method: str,
        traceback: list[str],
        abort_executes: bool = False,
    ) -> None:
        info = self._shell.kernel.get_engine_info()
        unmet = type(error).__name__ == "UnmetDependency"
        original = {} if unmet else pack_original(error)
        self._core.finish(
            "error",
            error_content(error, traceback, {**info, "method": method}, original),
            more_metadata=f',"engine_info":{json.dumps(info)}',
            dependencies_met=not unmet,
            abort_executes=abort_executes,
        )


_OUR_FOLDER = os.path.dirname(os.path.dirname(__file__)) + os.sep


def _users_part(error: BaseException) -> Any:
    """The error's traceback from where code of users begins; all of it if none is theirs."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_OUR_FOLDER):
        traceback = traceback.tb_next
    return traceback or error.__traceback__


def _import_ipyparallel_serialize() -> Any:
    try:
        from ipyparallel import serialize
    except ImportError as error:
        raise ImportError(
            "this call comes from an ipyparallel client, and its format needs the ipyparallel "
            "package on the engine: install it here (pip install ipyparallel), or call from an "
            "engineroom.Client"
        ) from error
    return serialize
