"""Records on a real PostgreSQL server: what another client, and another controller, find there."""

import os
import signal
import subprocess

import engineroom as ipp
import pytest
from engineroom.cluster.programs import controller_command
from postgres_server import PostgresServer
from waiting import wait_until


@pytest.fixture(scope="module")
def server():
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def cluster(new_cluster, server):
    return new_cluster(1, f"--postgres={server.url}")


def connect(cluster):
    return ipp.Client(str(cluster.connection_file))


def test_queries_are_answered_from_the_server(cluster, server):
    with connect(cluster) as client:
        view = client.load_balanced_view()
        with view.temp_flags(label='it\'s "one"'):
            ar = view.apply_async(print, "nul \0 and \udcff")
        ar.wait(20)
        (record,) = client.db_query({"label": 'it\'s "one"'})
        assert record["msg_id"] == ar.msg_ids[0]
        assert record["completed"] >= record["submitted"]
        again = client.resubmit(ar.msg_ids)
        again.wait(20)
    where = "FROM engineroom.tasks WHERE received IS NOT NULL"
    # That a client has a result is recorded after the client has it.
    wait_until(lambda: server.sql(f"SELECT count(*) {where}") == "2")
    assert server.sql(f"SELECT DISTINCT header::json->>'msg_type' {where}") == "apply_request"


def test_printed_bytes_that_no_text_may_hold_come_back(cluster):
    with connect(cluster) as client:
        ar = client.load_balanced_view().apply_async(lambda: print("a\0b"))
        ar.wait(20)
        with connect(cluster) as other:
            wait_until(lambda: other.db_query({"msg_id": ar.msg_ids[0]}, ["stdout"]), "the record")
            (record,) = other.db_query({"msg_id": ar.msg_ids[0]}, ["stdout"])
    assert record["stdout"] == "a\0b\n"


def test_a_second_controller_needs_a_schema_of_its_own(cluster, server, new_cluster):
    with pytest.raises(pytest.fail.Exception, match="another controller keeps its records"):
        new_cluster(0, f"--postgres={server.url}")
    other = new_cluster(0, f"--postgres={server.url}", "--postgres-schema=other")
    with connect(other) as client:
        assert client.hub_history() == []
    assert server.sql("SELECT count(*) FROM other.tasks") == "0"


def test_each_cluster_id_has_a_schema(server, tmp_path):
    command = [*controller_command(), f"--postgres={server.url}", "--cluster-id=b-1"]
    controller = subprocess.Popen(
        [*command, f"--ipython-dir={tmp_path}"], stderr=subprocess.DEVNULL
    )
    try:
        named = "SELECT count(*) FROM pg_namespace WHERE nspname = 'engineroom_b-1'"
        wait_until(lambda: server.sql(named) == "1", "the schema")
    finally:
        controller.terminate()
        controller.wait(20)


def test_records_outlive_a_killed_controller(new_cluster, server):
    options = [f"--postgres={server.url}", "--postgres-schema=killed"]
    first = new_cluster(1, *options)
    with connect(first) as client:
        ar = client.load_balanced_view().apply_async(lambda: 7)
        assert ar.get(20) == 7
        # Queries wait until all is written.
        assert client.db_query({"msg_id": ar.msg_ids[0]})
    os.killpg(first.controller.pid, signal.SIGKILL)
    first.controller.wait()
    second = new_cluster(0, *options)
    with connect(second) as client:
        assert client.get_result(ar.msg_ids[0]).get(20) == 7


def test_tasks_run_while_the_server_is_away_and_are_recorded_when_it_is_back(cluster, server):
    with connect(cluster) as client:
        view = client.load_balanced_view()
        server.stop()
        try:
            meanwhile = view.map_async(abs, range(-50, 0), chunksize=1)
            assert meanwhile.get(20) == list(range(50, 0, -1))
        finally:
            server.start()
        asked = {"msg_id": {"$in": meanwhile.msg_ids}, "received": {"$ne": None}}

        def recorded():
            try:
                return len(client.db_query(asked, keys="msg_id")) == 50
            except ipp.RemoteError:
                return False  # not connected again yet

        wait_until(recorded, "records")


def test_no_server_is_an_error_with_its_reason(new_cluster):
    with pytest.raises(pytest.fail.Exception, match="No such file or directory"):
        new_cluster(0, "--postgres=postgresql:///x?host=/nowhere")


def test_a_password_is_in_no_log(new_cluster, server):
    url = server.url.replace("engineroom@", "engineroom:s3cret@")
    cluster = new_cluster(0, f"--postgres={url}", "--postgres-schema=quiet", "--debug")
    assert "schema quiet" in cluster.log.read_text()
    assert "s3cret" not in cluster.log.read_text()
