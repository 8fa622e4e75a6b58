"""Metrics for Prometheus: what they say, and who may look."""

import http.client
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import engineroom as er
import pytest
from waiting import wait_until

pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture(scope="module")
def cluster():
    with er.Cluster(n=2) as client:
        yield client


def profile_dir(client):
    return Path(client.cluster.profile_dir)


@pytest.fixture
def exporter(cluster):
    with running_exporter(cluster) as found:
        yield found


class running_exporter:
    """`engineroom metrics` for a cluster: its port, token and token file."""

    def __init__(self, client, *arguments):
        self.command = [sys.executable, "-m", "engineroom", "metrics", "--port=0", *arguments]
        self.command += [f"--profile-dir={client.cluster.profile_dir}"]
        self.command += [f"--cluster-id={client.cluster.cluster_id}"]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        url = self.process.stdout.readline()
        assert url.startswith("http://127.0.0.1:"), self.process.stderr.read()
        self.port = int(url.rpartition(":")[2].split("/")[0])
        said = self.process.stderr.readline()
        self.token_file = Path(said.strip().removeprefix("ask with the token in ").rstrip(":"))
        self.token = self.token_file.read_text().strip()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=10)

    def get(self, path="/metrics", method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        names = {"Authorization": f"Bearer {self.token}", **headers}
        connection.request(method, path, headers={k: v for k, v in names.items() if v})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def metrics(self):
        status, text = self.get()
        assert status == 200, text
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def test_what_a_cluster_does_is_counted(cluster, exporter):
    before = exporter.metrics()
    assert before["engineroom_up",] == 1
    assert before["engineroom_engines",] == 2
    cluster.load_balanced_view().map_sync(abs, range(10), chunksize=1)
    after = exporter.metrics()
    grown = {key: after[key] - before.get(key, 0) for key in after}
    assert grown["engineroom_tasks_submitted_total",] == 10
    assert grown["engineroom_tasks_delivered_total",] == 10
    assert grown["engineroom_messages_received_total", "task"] == 10
    assert (
        grown["engineroom_engine_completed_total", "0"]
        + grown["engineroom_engine_completed_total", "1"]
    ) == 10
    assert after["engineroom_tasks_outstanding",] == after["engineroom_tasks_waiting",] == 0
    assert after["engineroom_messages_dropped_total", "bad_signature"] == 0


def test_a_client_asks_the_same(cluster):
    stats = cluster.controller_stats()
    assert stats["engines"] == 2
    assert stats["received"]["query"] > 0


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/metrics", "GET", {"Authorization": ""}, 401),
        ("/metrics", "GET", {"Authorization": "Bearer wrong"}, 401),
        ("/metrics", "GET", {"Authorization": "Bearer wröng"}, 401),
        # By a name that leads here: a page in a browser would say so.
        ("/metrics", "GET", {"Host": "example.org"}, 421),
        ("/metrics", "POST", {}, 405),
        ("/", "GET", {}, 404),
    ],
)
def test_nobody_else_may_look(exporter, path, method, headers, status):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answered, text = exporter.get(path, method, **encoded)
    assert answered == status
    assert "engineroom_" not in text


def test_the_token_is_in_a_file_of_its_own_and_goes_with_the_server(cluster):
    with running_exporter(cluster) as exporter:
        assert stat.S_IMODE(exporter.token_file.stat().st_mode) == 0o600
        assert exporter.token_file.parent == profile_dir(cluster) / "security"
    assert not exporter.token_file.exists()


def test_a_token_that_others_can_read_is_refused(cluster, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text("0123456789abcdef\n")
    token_file.chmod(0o644)
    command = running_exporter(cluster, f"--token-file={token_file}").command
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert f"chmod 600 {token_file}" in done.stderr
    token_file.chmod(0o600)
    with running_exporter(cluster, f"--token-file={token_file}") as exporter:
        assert exporter.token == "0123456789abcdef"
        assert exporter.metrics()["engineroom_up",] == 1
    # A file that was given stays.
    assert token_file.exists()


def test_it_says_so_when_the_controller_is_gone():
    with er.Cluster(n=1) as client:
        with running_exporter(client) as exporter:
            assert exporter.metrics()["engineroom_up",] == 1
            os.kill(client.cluster.controller.pid, signal.SIGKILL)
            wait_until(
                lambda: exporter.metrics()["engineroom_up",] == 0, "the metrics to say so", 30
            )
            assert exporter.metrics() == {("engineroom_up",): 0}


def test_without_a_cluster_there_are_none(tmp_path):
    command = [sys.executable, "-m", "engineroom", "metrics", f"--profile-dir={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 12
    assert "no cluster" in done.stderr
