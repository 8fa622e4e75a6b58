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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import datapub
from .._core import task_interrupt_signal
from ..error import TaskTimeout
from ..original import pack_original
from ..serialize import forget_functions, pack_object, unpack_call
from .errors import error_content
from .shell import EngineShell

if TYPE_CHECKING:
    from .kernel import BoundKernel

APPLY, EXECUTE, COMM, CLEAR = range(4)


class Worker:
    """Takes tasks from the native engine and answers them."""

    # The one of this process, if it is an engine.
    current: "Worker | None" = None

    def __init__(self, core: Any, shell: EngineShell, gpu_ids: Sequence[str] = ()):
        Worker.current = self
        self._core = self.core = core
        self._shell = self.shell = shell
        self._namespace = shell.user_ns
        self._gpu_ids = gpu_ids
        self._data_pub = datapub.Publisher(core)
        shell.data_pub = shell.kernel.data_pub = self._data_pub
        # For tasks that import ipyparallel's, which would publish through an ipykernel.
        sys.modules["ipyparallel.engine.datapub"] = datapub
        # True while code of users runs: the only time at which an interrupt may be raised.
        self._interruptible = False
        # Nothing runs, and signals are looked at.
        self.is_waiting = False
        self._kernel: BoundKernel | None = None
        self._handlers: list[Callable[[Any], None]] = [
            self._apply,
            self._execute,
            self._comm,
            self._clear,
        ]

    def run(self) -> None:
        """Until the engine ends."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        signal.signal(task_interrupt_signal(), self._on_task_interrupt)
        core, handlers = self._core, self._handlers
        while True:
            self.is_waiting = True
            if self._kernel is not None:
                self._kernel.serve()
            task = core.next()
            self.is_waiting = False
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
        self._interrupt(frame)

    def _on_task_interrupt(self, number: int, frame: Any) -> None:
        # It may have been meant for a task that has ended meanwhile.
        if self._core.interruption:
            self._interrupt(frame)

    def _interrupt(self, frame: Any) -> None:
        # A task that goes on after one interrupt gets the next one, too. Never raised in run(),
        # which takes what is raised while an interrupt is being reported: the engine would end.
        if self._interruptible and frame.f_code is not Worker.run.__code__:
            raise KeyboardInterrupt

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """For running users' code."""
        self._interruptible = True
        try:
            yield
        finally:
            self._interruptible = False

    # ---- as a kernel of frontends ----

    def bind(self, **options: Any) -> "BoundKernel":
        """Becomes a kernel, once."""
        if self._kernel is None:
            from .kernel import BoundKernel

            self._kernel = BoundKernel(self, **options)
        return self._kernel

    def unbind(self) -> None:
        self._kernel = None

    # ---- apply ----

    def _apply(self, task: Any) -> None:
        foreign = not task.ours
        try:
            self._interruptible = True
            self._data_pub.foreign = foreign
            call = self._call_foreign if foreign else self._call
            result = self._call_granted(call, task) if task.resources else call(task)
            self._interruptible = False
            self._core.finish_ok(result)
        except BaseException as error:
            self._interruptible = False
            self._fail(error, "apply", self._format(error, publish=foreign))

    def _call(self, task: Any) -> Any:
        f, args, kwargs = unpack_call(task.buffers, self._namespace, task.inputs)
        return pack_object(f(*args, **kwargs))

    def _call_granted(self, call: Callable[[Any], Any], task: Any) -> Any:
        """A call that demands some of what this engine offers."""
        from .resources import granted

        self._interruptible = False
        with granted(json.loads(task.resources), self._gpu_ids):
            self._interruptible = True
            try:
                return call(task)
            finally:
                self._interruptible = False

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
        interruption = self._core.interruption
        if interruption == "abort":
            self._core.finish("aborted", "")
            return
        if interruption == "time limit":
            limit = self._core.time_limit
            error = TaskTimeout(f"the task ran longer than its time limit of {limit:g} s")
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
