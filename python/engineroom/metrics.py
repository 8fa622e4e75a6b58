"""Metrics of a cluster for Prometheus, on a port of loopback that asks for a token.

A process of its own, so that what speaks HTTP is not what holds the cluster's keys and queues: the
controller is asked as by any client, once per scrape. Texts and types are made by prometheus_client;
what is measured, and who may look, is here.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socketserver
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# What Prometheus' own list of ports has free; --port chooses another.
DEFAULT_PORT = 9464
LOOPBACK = "127.0.0.1"

# Name of the metric -> where it is in what the controller says, and what it is.
_GAUGES = {
    "engineroom_engines": (("engines",), "Engines that are registered"),
    "engineroom_tasks_waiting": (("waiting",), "Load-balanced tasks that no engine has yet"),
    "engineroom_tasks_outstanding": (("outstanding",), "Load-balanced tasks that engines have"),
    "engineroom_direct_requests_outstanding": (("direct",), "Direct requests that engines have"),
    "engineroom_broadcasts_outstanding": (("broadcasts",), "Broadcasts not answered by all"),
    "engineroom_host_buffers_bytes": (
        ("host_buffers", "bytes"),
        "Large buffers kept while the engines of a host get them from each other",
    ),
    "engineroom_records_pending": (("records", "pending"), "Requests without a result, in memory"),
    "engineroom_records_finished": (("records", "finished"), "Results remembered in memory"),
    "engineroom_records_bytes": (("records", "bytes"), "Memory of requests and results"),
}
_COUNTERS = {
    "engineroom_tasks_submitted": (("tasks", "submitted"), "Load-balanced tasks that came"),
    "engineroom_tasks_delivered": (("tasks", "delivered"), "Replies of engines to them"),
    "engineroom_tasks_rejected": (("tasks", "rejected"), "Of these, failed by the controller"),
    "engineroom_tasks_retried": (("tasks", "retried"), "Attempts after a failed one"),
    "engineroom_tasks_taken_back": (("tasks", "taken_back"), "Tasks moved to an idle engine"),
    "engineroom_host_buffers_spared_bytes": (
        ("host_buffers", "spared_bytes"),
        "Bytes that were not sent to a host, as it had them",
    ),
    "engineroom_host_buffers_resent_bytes": (
        ("host_buffers", "resent_bytes"),
        "Of these, bytes that were sent after all, as an engine failed others",
    ),
    "engineroom_engines_joined": (("engines_joined",), "Engines that registered"),
    "engineroom_engines_lost": (("engines_lost",), "Engines that left or died"),
    "engineroom_records_culled": (("records", "culled"), "Results forgotten for want of memory"),
}
_LABELLED_COUNTERS = {
    "engineroom_messages_received": ("received", "channel", "Messages that came"),
    "engineroom_messages_sent": ("sent", "channel", "Messages that went out"),
    "engineroom_messages_dropped": ("dropped", "reason", "Messages that were not passed on"),
}


def families(stats: dict[str, Any], queues: dict[Any, Any]) -> Iterator[Metric]:
    """Of `Client.controller_stats()` and `Client.queue_status()`."""
    for name, (path, text) in _GAUGES.items():
        yield GaugeMetricFamily(name, text, value=_at(stats, path))
    for name, (path, text) in _COUNTERS.items():
        yield CounterMetricFamily(name, text, value=_at(stats, path))
    for name, (key, label, text) in _LABELLED_COUNTERS.items():
        family = CounterMetricFamily(name, text, labels=[label])
        for value, count in stats[key].items():
            family.add_metric([value], count)
        yield family
    for key, text in (
        ("offered", "What engines offer to tasks"),
        ("held", "What tasks have of it"),
    ):
        resources = GaugeMetricFamily(f"engineroom_resources_{key}", text, labels=["resource"])
        for name, amount in stats["resources"][key].items():
            resources.add_metric([name], amount)
        yield resources
    queue = GaugeMetricFamily(
        "engineroom_engine_queue", "Requests that an engine has", labels=["engine"]
    )
    completed = CounterMetricFamily(
        "engineroom_engine_completed", "Requests that it has answered", labels=["engine"]
    )
    for engine, counts in queues.items():
        if engine == "unassigned":
            continue
        queue.add_metric([str(engine)], counts["queue"] + counts["tasks"])
        completed.add_metric([str(engine)], counts["completed"])
    yield queue
    yield completed


def _at(stats: dict[str, Any], path: tuple[str, ...]) -> float:
    value: Any = stats
    for key in path:
        value = value[key]
    return float(value)


class ClusterCollector(Collector):
    """Asks a cluster whenever it is looked at. `engineroom_up` is 0 while nobody answers."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def collect(self) -> Iterable[Metric]:
        try:
            found = list(families(self._client.controller_stats(), self._client.queue_status()))
            up = 1
        except (OSError, RuntimeError, TimeoutError):
            found, up = [], 0
        yield GaugeMetricFamily("engineroom_up", "Whether the controller answers", value=up)
        yield from found

    def describe(self) -> Iterable[Metric]:
        return []


Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def guarded(application: Application, token: str, port: int) -> Application:
    """Lets through a GET of /metrics with the token, addressed to this very server.

    A page in a browser can reach loopback, too, by a name of its own that leads here; so the name
    counts, and the token is asked for in a header that no form sends.
    """
    hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}
    expected = f"Bearer {token}".encode()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def refuse(status: str, why: str, *headers: tuple[str, str]) -> Iterable[bytes]:
            start_response(status, [("Content-Type", "text/plain; charset=utf-8"), *headers])
            return [f"{why}\n".encode()]

        if environ.get("HTTP_HOST") not in hosts:
            return refuse("421 Misdirected Request", f"ask for one of {', '.join(sorted(hosts))}")
        said = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        if not hmac.compare_digest(said, expected):
            return refuse(
                "401 Unauthorized",
                "the token is missing or wrong: Authorization: Bearer TOKEN",
                ("WWW-Authenticate", "Bearer"),
            )
        if environ.get("REQUEST_METHOD") != "GET":
            return refuse("405 Method Not Allowed", "only GET", ("Allow", "GET"))
        if environ.get("PATH_INFO") != "/metrics":
            return refuse("404 Not Found", "metrics are at /metrics")
        return application(environ, start_response)

    return answer


def read_token(path: Path) -> str:
    """PermissionError if others can read it, ValueError if there is none in it."""
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by other users; remedy: chmod 600 {path}")
    token = path.read_text().strip()
    if len(token) < 16:
        raise ValueError(f"{path} should hold a token of 16 characters or more")
    return token


def write_token(path: Path) -> str:
    """A new one, in a file that only its owner can read."""
    token = secrets.token_urlsafe(32)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    return token


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    # Seconds for a request; who says nothing holds no thread for longer.
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        pass


def make_metrics_server(client: Any, token: str, port: int = DEFAULT_PORT) -> WSGIServer:
    """Listens on loopback; port 0: a free one. Call serve_forever(). OSError: the port is taken."""
    registry = CollectorRegistry()
    registry.register(ClusterCollector(client))
    server = make_server(LOOPBACK, port, None, server_class=_Server, handler_class=_Quiet)  # type: ignore[arg-type]
    server.set_app(guarded(make_wsgi_app(registry), token, server.server_port))  # type: ignore[arg-type]
    return server
