"""AsyncHubResult: results of tasks that another client submitted, asked from the controller."""

import json
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from .._core import Task
from .asyncresult import AsyncResult
from .future import WaitMode, deadline_after, remaining

if TYPE_CHECKING:
    from .client import Client

# Polling begins at the first and slows down to the second, in seconds.
FASTEST_POLL, SLOWEST_POLL = 0.01, 0.1


class AsyncHubResult(AsyncResult):
    """An AsyncResult that asks the controller: each wait polls, about ten times a second.

    With owner=False, what arrived stays known to the client, so that get_result() finds it here.
    """

    def __init__(self, client: "Client", children: Any, *args: Any, **kwargs: Any) -> None:
        """children: a msg_id or a list; Tasks of this client may be among them."""
        self._asked: dict[str, Task] = {}
        single = not isinstance(children, list)
        tasks = [self._adopt(client, child) for child in ([children] if single else children)]
        super().__init__(client, tasks[0] if single else tasks, *args, **kwargs)

    def _adopt(self, client: "Client", child: Any) -> Task:
        if not isinstance(child, str):
            return child
        return self._asked.setdefault(child, client._session.adopt(child))

    def _done_now(self) -> bool:
        if not self._ready:
            self._fetch()
        return self._ready

    def _fetch(self) -> None:
        """Asks once for what is missing."""
        missing = {msg_id: task for msg_id, task in self._asked.items() if not task.done}
        if missing:
            self._client._fetch_results(missing, keep=not self.owner)
        self._ready = all(task.done for task in self._tasks)

    def _wait_tasks(self, timeout: float | None, mode: WaitMode = "all") -> bool:
        return self._poll_tasks(self._tasks, timeout, mode)

    def _wait_task(self, index: int) -> None:
        self._poll_tasks([self._tasks[index]], None, "all")

    async def _indices_async(self) -> AsyncIterator[int]:
        from .asynchronous import wait_for

        await wait_for(self)
        for index in range(len(self._tasks)):
            yield index

    def _poll_tasks(self, tasks: list[Task], timeout: float | None, mode: WaitMode) -> bool:
        deadline = deadline_after(timeout)
        pause = FASTEST_POLL
        while True:
            self._fetch()
            left = remaining(deadline)
            # The session's wait ends early for what this client submitted itself.
            if self._client._session.wait(tasks, pause if left is None else min(pause, left), mode):
                return True
            if left == 0:
                return False
            pause = min(SLOWEST_POLL, pause * 1.5)

    def wait_for_output(self, timeout: float | None = -1) -> bool:
        return self.wait(timeout)

    @property
    def _output_ready(self) -> bool:
        return self._done_now()

    @property
    def progress(self) -> int:
        self._done_now()
        return sum(task.done for task in self._tasks)

    def _notify_when_done(self) -> None:
        threading.Thread(target=self._poll, name="engineroom-poll", daemon=True).start()

    def _poll(self) -> None:
        try:
            self._wait_tasks(None)
        except Exception as failure:
            # The controller cannot be asked any more; those who wait must hear of it.
            self.__dict__.setdefault("_outcome", (None, failure))
        self._finish()


def finish_from_record(session: Any, task: Any, record: dict[str, Any], buffers: list[Any]) -> None:
    """Completes a task with what the controller stored about it."""
    content = record["result_content"]
    if isinstance(content, dict):
        content = json.dumps(content)
    status = json.loads(content)["status"]
    session.finish(
        task,
        status if status in ("ok", "aborted") else "error",
        json.dumps(record["result_header"]),
        json.dumps(record.get("result_metadata") or {}),
        content,
        buffers,
    )


__all__ = ["AsyncHubResult"]
