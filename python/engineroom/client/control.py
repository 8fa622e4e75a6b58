"""What a client asks of engines besides running tasks: abort, clear, interrupt, shut down."""

import json
from typing import TYPE_CHECKING, Any

from .. import error
from .._core import Session, Task
from .asyncresult import AsyncResult

if TYPE_CHECKING:
    from .client import Client

METADATA = '{"engineroom":1}'


class ControlReply(AsyncResult):
    """The engines' answers to a control request: get() gives a list of {"content": …}."""

    def check(self) -> None:
        """Waits, and raises the first engine's refusal."""
        self.wait()
        for task in self._tasks:
            if task.status != "ok":
                self._refused(json.loads(task.content), task)

    def _refused(self, content: dict[str, Any], task: Task) -> None:
        raise self._client._unwrap_exception(content, task)

    def check_permission(self) -> None:
        """Waits, and raises if the controller did not pass it on."""
        self.wait()
        for task in self._tasks:
            if task.status == "error" and '"PermissionError"' in task.content:
                raise self._client._unwrap_exception(json.loads(task.content), task)


class SignalReply(ControlReply):
    def _refused(self, content: dict[str, Any], task: Task) -> None:
        # Who dies of the signal may have had no time to answer.
        if content.get("ename") != "EngineError":
            super()._refused(content, task)


class Control:
    """Part of Client."""

    block: bool
    _session: Session

    def _build_targets(self, targets: Any) -> tuple[list[str], list[int]]:
        raise NotImplementedError

    def _send_control_request(
        self: "Client", targets: Any, msg_type: str, content: dict[str, Any], block: bool | None
    ) -> ControlReply | None:
        uuids, engine_ids = self._build_targets(targets)
        reply = self._send_control(uuids, engine_ids, msg_type, content)
        if not (self.block if block is None else block):
            return reply
        reply.check()
        return None

    def _send_control(
        self: "Client",
        uuids: list[str],
        engine_ids: list[int],
        msg_type: str,
        content: dict[str, Any],
    ) -> ControlReply:
        text = self._json(content)
        tasks: list[Task] = [
            self._session.submit("control", uuid, msg_type, METADATA, text, []) for uuid in uuids
        ]
        if any(task.status == "error" for task in tasks):
            self._check_connection()
        kind = SignalReply if msg_type == "signal_request" else ControlReply
        return kind(self, tasks, fname=msg_type, targets=engine_ids)

    def send_signal(
        self: "Client", sig: int | str, targets: Any = None, block: bool | None = None
    ) -> ControlReply | None:
        """Sends engines a signal, by number or name ("SIGINT" interrupts what they run)."""
        return self._send_control_request(targets, "signal_request", {"sig": sig}, block)

    def clear(
        self: "Client", targets: Any = None, block: bool | None = None
    ) -> ControlReply | None:
        """Empties the engines' namespaces."""
        return self._send_control_request(targets, "clear_request", {}, block)

    def abort(
        self: "Client",
        jobs: Any = None,
        targets: Any = None,
        block: bool | None = None,
        interrupt: bool = False,
    ) -> ControlReply | None:
        """Keeps jobs (msg_ids, AsyncResults; default: all outstanding) from starting.

        What runs already goes on; or, with interrupt=True, gets a KeyboardInterrupt, and nothing
        else does. Their results raise TaskAborted.
        """
        if jobs is None:
            jobs = list(self.outstanding)
        elif isinstance(jobs, (str, AsyncResult)):
            jobs = [jobs]
        msg_ids: list[str] = []
        for job in jobs:
            if not isinstance(job, (str, AsyncResult)):
                raise TypeError(f"Invalid msg_id type {job!r}, expected str or AsyncResult")
            msg_ids.extend([job] if isinstance(job, str) else job.msg_ids)
        if not msg_ids:
            # On the wire an empty list means everything, also what others submitted.
            return None if block else ControlReply(self, [], fname="abort_request")
        if isinstance(targets, list) and None in targets:
            targets = None
        content: dict[str, Any] = {"msg_ids": msg_ids}
        if interrupt:
            content["interrupt"] = True
        return self._send_control_request(targets, "abort_request", content, block)

    def retire(self: "Client", targets: Any = "all", most: int | None = None) -> list[int]:
        """Ends engines that have nothing to do and that no task needs; returns their ids.

        most: how many of them, in the order of `targets`. The controller decides, and gives an
        engine that it has chosen no task any more: so none fails or runs twice because of this. An
        engine is needed if it has results that waiting tasks are given, or if no other will do for
        one of these. What it has in its namespace goes with it.
        """
        engine_ids = self._build_targets(targets)[1] if len(self) or targets != "all" else []
        content: dict[str, Any] = {"targets": engine_ids}
        if most is not None:
            content["most"] = most
        return self._query("retire_request", content)[0]["retired"]

    def shutdown(
        self: "Client",
        targets: Any = "all",
        restart: bool = False,
        hub: bool = False,
        block: bool | None = None,
    ) -> None:
        """Ends engines; with hub=True all of them and the controller, and closes this client.

        block: wait until they have said goodbye. restart is not implemented (NotImplementedError).
        """
        if restart:
            raise NotImplementedError("Engine restart is not yet implemented")
        try:
            uuids, engine_ids = self._build_targets("all" if hub else targets)
        except error.NoEnginesRegistered:
            uuids, engine_ids = [], []
        reply = self._send_control(uuids, engine_ids, "shutdown_request", {"restart": False})
        if hub or (self.block if block is None else block):
            # One that is gone before it could answer has done what it was asked for.
            reply.check_permission()
        if hub:
            try:
                self._query("shutdown_request", {})
            except ConnectionError:
                pass  # gone already
            self.close()
