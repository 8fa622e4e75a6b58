"""What a client asks the controller: queues, results, records."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .. import error
from .._core import Task
from ..util import _parse_date, extract_dates, from_timestamp, int_keys
from .asyncresult import AsyncResult
from .hubresult import AsyncHubResult, finish_from_record
from .replies import unpack_reply

if TYPE_CHECKING:
    from ..graph import TaskGraph
    from .client import Client

DATES = ("submitted", "started", "completed", "received")


def _json_default(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (set, tuple)):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be sent to the controller: {value!r}")


class Queries:
    """Part of Client."""

    @staticmethod
    def _json(content: Any) -> str:
        return json.dumps(content, default=_json_default)

    def _query(
        self: "Client", msg_type: str, content: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Any]]:
        """(content, buffers) of the answer. Raises what the controller says went wrong."""
        _, text, buffers = self._session.query(msg_type, self._json(content))
        answer = json.loads(text)
        if answer.get("status") != "ok":
            raise self._unwrap_exception(answer)
        return answer, buffers

    def queue_status(self: "Client", targets: Any = "all", verbose: bool = False) -> dict[Any, Any]:
        """{engine id: {"queue", "completed", "tasks"}, "unassigned"}: counts, or lists of msg_ids.

        For an int only that engine's entry.
        """
        engine_ids = None if targets == "all" else self._build_targets(targets)[1]
        answer, _ = self._query("queue_request", {"targets": engine_ids, "verbose": verbose})
        answer.pop("status")
        status = int_keys(answer)
        return status[targets] if isinstance(targets, int) else status

    def resources(self: "Client", targets: Any = "all") -> dict[Any, Any]:
        """{engine id: {"cpus": 4, "memory": bytes, …}}: what engines offer to tasks that demand some.

        For an int only that engine's. A stock controller knows of none.
        """
        engine_ids = None if targets == "all" else self._build_targets(targets)[1]
        answer, _ = self._query("queue_request", {"targets": engine_ids, "resources": True})
        del answer["status"], answer["unassigned"]
        offers = {key: engine.get("resources", {}) for key, engine in int_keys(answer).items()}
        return offers[targets] if isinstance(targets, int) else offers

    def controller_stats(self: "Client") -> dict[str, Any]:
        """What the controller counts: engines, what waits and where, tasks, messages per channel.

        Counters are since its start; see docs/formats/extensions.md. A stock controller has none.
        """
        return self._query("stats_request", {})[0]["stats"]

    # ---- results ----

    def _msg_ids_from_jobs(self: "Client", jobs: Any) -> list[str]:
        """msg_ids of one or a list of: msg_id, index of history, AsyncResult."""
        msg_ids: list[str] = []
        for job in _as_list(jobs):
            if isinstance(job, int):
                msg_ids.append(self.history[job])
            elif isinstance(job, str):
                msg_ids.append(job)
            elif isinstance(job, AsyncResult):
                msg_ids.extend(job.msg_ids)
            else:
                raise TypeError(f"Expected msg_id, int, or AsyncResult, got {job!r}")
        return msg_ids

    def _task_of(self: "Client", msg_id: str) -> Task | None:
        return self._session.find(msg_id) or self._kept.get(msg_id)

    def _known_task(self: "Client", msg_id: str) -> Task:
        task = self._task_of(msg_id)
        if task is None:
            raise KeyError(f"No Future or result for msg_id: {msg_id}")
        return task

    def get_result(
        self: "Client",
        indices_or_msg_ids: Any = None,
        block: bool | None = None,
        owner: bool = True,
    ) -> AsyncResult:
        """An AsyncResult for msg_ids, indices of history or AsyncResults (default: the last task).

        Tasks of this client that are under way are known here; the controller is asked for others,
        and for what is done, with an AsyncHubResult. owner=False keeps the answer in `results`.
        """
        jobs = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        single = not isinstance(jobs, (list, tuple, set)) and not (
            isinstance(jobs, AsyncResult) and not jobs._single_result
        )
        children: list[Any] = []
        for job in _as_list(jobs):
            if isinstance(job, AsyncResult):
                children.extend(job._tasks)
            else:
                children.extend(self._task_of(id) or id for id in self._msg_ids_from_jobs(job))
        kind = AsyncHubResult if any(isinstance(each, str) for each in children) else AsyncResult
        ar = kind(self, children[0] if single else children, owner=owner)
        if self.block if block is None else block:
            ar.wait()
        return ar

    def _fetch_results(self: "Client", tasks: dict[str, Task], keep: bool) -> None:
        """Completes those of the tasks that the controller has results of."""
        # One by one when done: the buffers of an answer belong to its msg_ids in sorted order, and
        # only unpickling would tell where one result ends.
        status, _ = self._query("result_request", {"msg_ids": list(tasks), "status_only": True})
        for msg_id in status["completed"]:
            answer, buffers = self._query(
                "result_request", {"msg_ids": [msg_id], "status_only": False}
            )
            if msg_id in answer:
                self._finish_from_record(tasks[msg_id], answer[msg_id], buffers, keep)

    def _finish_from_record(
        self: "Client", task: Task, record: dict[str, Any], buffers: list[Any], keep: bool
    ) -> None:
        self._foreign[task.msg_id] = _known_fields(self, record)
        finish_from_record(self._session, task, record, buffers)
        if keep:
            self._kept[task.msg_id] = task
            self.results[task.msg_id] = unpack_reply(self, task)

    def result_status(self: "Client", msg_ids: Any, status_only: bool = True) -> dict[str, Any]:
        """{"pending": msg_ids, "completed": msg_ids}, and unless status_only also each result.

        Then the exception of a failed task is raised.
        """
        ids = self._msg_ids_from_jobs(msg_ids)
        here = [msg_id for msg_id in ids if msg_id in self.results]
        asked = [msg_id for msg_id in ids if msg_id not in self.results]
        answer: dict[str, Any] = {"pending": [], "completed": []}
        if asked:
            answer, _ = self._query("result_request", {"msg_ids": asked, "status_only": True})
        answer["completed"] = [*answer["completed"], *here]
        if status_only:
            return answer
        tasks = {
            msg_id: self._session.adopt(msg_id)
            for msg_id in answer["completed"]
            if msg_id not in self.results
        }
        self._fetch_results(tasks, keep=True)
        values = {msg_id: self.results[msg_id] for msg_id in answer["completed"]}
        failures = [value for value in values.values() if isinstance(value, error.RemoteError)]
        if len(asked) == 1 and failures:
            raise failures[0]
        error.collect_exceptions(failures, "result_status")
        return {**answer, **values}

    def resubmit(
        self: "Client",
        indices_or_msg_ids: Any = None,
        metadata: Any = None,
        block: bool | None = None,
    ) -> AsyncHubResult:
        """Runs finished tasks (default: the last) again, and returns their new results.

        metadata: ignored. RemoteError (KeyError) for unknown ids.
        """
        ids = self._msg_ids_from_jobs(-1 if indices_or_msg_ids is None else indices_or_msg_ids)
        answer, _ = self._query("resubmit_request", {"msg_ids": ids})
        ar = AsyncHubResult(self, [answer["resubmitted"][msg_id] for msg_id in ids])
        if self.block if block is None else block:
            ar.wait()
        return ar

    # ---- forgetting ----

    def _msg_ids_from_target(self: "Client", targets: Any) -> list[str]:
        """msg_ids of what is kept here of these engines."""
        if not targets:
            return []
        uuids = set(self._build_targets(targets)[0])
        return [msg_id for msg_id, task in self._kept.items() if task.engine_uuid in uuids]

    def purge_local_results(self: "Client", jobs: Any = (), targets: Any = ()) -> None:
        """Forgets results that are kept here ("all", jobs, or those of engines).

        RuntimeError if one is outstanding; ValueError if nothing is named.
        """
        if not targets and not jobs:
            raise ValueError("Must specify at least one of `targets` and `jobs`")
        outstanding = self.outstanding
        if jobs == "all":
            if outstanding:
                raise RuntimeError(f"Can't purge outstanding tasks: {outstanding}")
            for store in (self.results, self.metadata, self._kept, self._foreign):
                store.clear()
            return
        msg_ids = {*self._msg_ids_from_target(targets), *self._msg_ids_from_jobs(jobs)}
        if still := outstanding & msg_ids:
            raise RuntimeError(f"Can't purge outstanding tasks: {still}")
        for store in (self.results, self.metadata, self._kept, self._foreign):
            for msg_id in msg_ids:
                store.pop(msg_id, None)

    def purge_hub_results(self: "Client", jobs: Any = (), targets: Any = ()) -> None:
        """Makes the controller forget results ("all", jobs, or those of engines).

        RemoteError (IndexError) if one is pending; ValueError if nothing is named.
        """
        if not targets and not jobs:
            raise ValueError("Must specify at least one of `targets` and `jobs`")
        engine_ids = self._build_targets(targets)[1] if targets else []
        msg_ids = jobs if jobs == "all" else self._msg_ids_from_jobs(jobs)
        self._query("purge_request", {"engine_ids": engine_ids, "msg_ids": msg_ids})

    def purge_results(self: "Client", jobs: Any = (), targets: Any = ()) -> None:
        """purge_local_results() and purge_hub_results()"""
        self.purge_local_results(jobs=jobs, targets=targets)
        self.purge_hub_results(jobs=jobs, targets=targets)

    def purge_everything(self: "Client") -> None:
        """purge_results("all"), and the history."""
        self.purge_results("all")
        self.history.clear()
        self.session.digest_history.clear()

    # ---- records ----

    def hub_history(self: "Client") -> list[str]:
        """msg_ids of all tasks that the controller knows, of all clients, by time of submission."""
        return self._query("history_request", {})[0]["history"]

    def task_graph(self: "Client", jobs: Any = None) -> "TaskGraph":
        """A graph to look at: which task waits for which, where each ran, and when.

        jobs: AsyncResults or msg_ids (default: the last 500 tasks of this client). What they wait
        for is in it, too.
        """
        from ..graph import TaskGraph

        if jobs is None:
            jobs = self.history[-500:]
        elif isinstance(jobs, str) or hasattr(jobs, "msg_ids"):
            jobs = [jobs]
        return TaskGraph(self, jobs)

    def db_query(
        self: "Client", query: dict[str, Any], keys: str | Iterable[str] | None = None
    ) -> list[dict[str, Any]]:
        """Records of tasks that match a query like {"started": {"$gt": a_datetime}}.

        keys: which fields (default: all but buffers); msg_id is always there. A query that finds
        more than 512 MiB fails: ask for fewer records, or for some of their keys.
        """
        if keys is not None:
            keys = [keys] if isinstance(keys, str) else list(keys)
        answer, buffers = self._query("db_request", {"query": query, "keys": keys})
        rest = iter(buffers)
        records = answer["records"]
        counts = {
            "buffers": answer.get("buffer_lens"),
            "result_buffers": answer.get("result_buffer_lens"),
        }
        for index, record in enumerate(records):
            for key in ("header", "result_header"):
                if key in record:
                    record[key] = extract_dates(record[key])
            for key in DATES:
                if key in record:
                    record[key] = _parse_date(record[key])
            for key, lengths in counts.items():
                if lengths is not None:
                    record[key] = [next(rest) for _ in range(lengths[index] or 0)]
        return records


def _as_list(jobs: Any) -> list[Any]:
    if isinstance(jobs, (str, int, AsyncResult)) or not isinstance(jobs, Iterable):
        return [jobs]
    return list(jobs)


def _known_fields(client: "Client", record: dict[str, Any]) -> dict[str, Any]:
    """Metadata (see Metadata) as the controller recorded it."""
    request = record.get("metadata") or {}
    uuid = (record.get("result_metadata") or {}).get("engine")
    known = {key: value for key, value in (record.get("io") or {}).items() if value is not None}
    known.update(
        submitted=_parse_date(record["header"].get("date")),
        received=_parse_date(record.get("received")) or from_timestamp(0),
        engine_uuid=uuid,
        engine_id=client._engine_id(uuid) if uuid else None,
        label=request.get("label"),
        after=request.get("after", []),
        follow=request.get("follow", []),
    )
    return known
