"""What the controller remembers of tasks: queries in the manner of MongoDB, and running tasks again."""

import datetime

import engineroom as ipp
import pytest
from conftest import ENGINES


@pytest.fixture
def labelled(client):
    """Three finished tasks: two with labels, one that failed."""
    view = client.load_balanced_view()
    with view.temp_flags(label="sums/small"):
        small = view.apply_async(sum, [1, 2])
    with view.temp_flags(label="sums/large"):
        large = view.apply_async(sum, [1000, 2000])
    failed = view.apply_async(lambda: 1 / 0)
    client.wait([small, large, failed], 20)
    return small, large, failed


def ids(*results):
    return {ar.msg_ids[0] for ar in results}


def found(client, query):
    return {record["msg_id"] for record in client.db_query(query, keys="msg_id")}


def test_queries_by_label_time_and_engine(client, labelled):
    small, large, failed = labelled
    assert found(client, {"label": "sums/small"}) >= ids(small)
    assert ids(small, large) <= found(client, {"label": {"$glob": "sums/*"}})
    assert not ids(failed) & found(client, {"label": {"$glob": "*"}})
    mine = {"msg_id": {"$in": sorted(ids(small, large, failed))}}
    assert found(client, {**mine, "label": None}) == ids(failed)
    assert found(client, {**mine, "submitted": {"$gt": large.submitted}}) == ids(failed)
    assert found(client, {**mine, "submitted": {"$lte": large.submitted}}) == ids(small, large)
    assert found(client, {**mine, "engine_uuid": small.metadata.engine_uuid}) >= ids(small)
    assert found(client, {**mine, "result_content.ename": "ZeroDivisionError"}) == ids(failed)
    hour_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    assert found(client, {**mine, "completed": {"$lt": hour_ago}}) == set()


def test_records_hold_what_was_asked_and_answered(client, labelled):
    small = labelled[0]
    (record,) = client.db_query({"msg_id": small.msg_ids[0]})
    assert record["header"]["msg_type"] == "apply_request"
    assert record["label"] == "sums/small"
    assert record["queue"] == "task"
    assert record["submitted"] <= record["started"] <= record["completed"] <= record["received"]
    assert record["result_content"]["status"] == "ok"
    assert "buffers" not in record
    (record,) = client.db_query({"msg_id": small.msg_ids[0]}, keys=["result_buffers"])
    assert set(record) == {"msg_id", "result_buffers"}
    assert len(record["result_buffers"]) >= 1


def test_times_are_in_order(client):
    view = client.load_balanced_view()
    with view.temp_flags(label="in order"):
        client.wait([view.apply_async(int) for _ in range(500)], 20)
    steps = ["submitted", "started", "completed", "received"]
    records = client.db_query({"label": "in order"}, keys=steps)
    assert len(records) == 500
    for record in records:
        times = [record[step] for step in steps]
        assert times == sorted(times)


def test_a_mistake_in_a_query_is_an_error_that_names_it(client):
    with pytest.raises(ipp.RemoteError, match=r"query: 'label': \$like: there is no such operator"):
        client.db_query({"label": {"$like": "a"}})
    with pytest.raises(ipp.RemoteError, match="keys: records have no field 'id'"):
        client.db_query({}, keys=["id"])


def test_broadcasts_are_recorded_with_their_label(client):
    view = client.broadcast_view()
    with view.temp_flags(label="to all"):
        ar = view.apply_async(int)
    ar.get(20)
    records = client.db_query({"label": "to all"}, keys=["queue", "engine_uuid"])
    assert {record["queue"] for record in records} == {"broadcast"}
    assert len(records) >= ENGINES


def test_tasks_run_again_under_a_new_id(client):
    view = client.load_balanced_view()
    ar = view.apply_async(lambda: [4, 5])
    ar.get(20)
    again = client.resubmit(ar.msg_ids)
    assert again.get(20) == [[4, 5]] or again.get(20) == [4, 5]
    assert not set(again.msg_ids) & set(ar.msg_ids)
    (record,) = client.db_query({"msg_id": ar.msg_ids[0]}, keys="resubmitted")
    assert record["resubmitted"] == again.msg_ids[0]


def test_a_resubmitted_task_keeps_label_and_targets(client):
    target = client.ids[-1]
    view = client.load_balanced_view([target])
    with view.temp_flags(label="again", retries=1):
        ar = view.apply_async(int)
    ar.get(20)
    again = client.resubmit(ar)
    again.wait(20)
    (record,) = client.db_query({"msg_id": again.msg_ids[0]})
    assert record["label"] == "again"
    assert record["metadata"]["retries"] == 1
    assert client._engine_id(record["engine_uuid"]) == target


def test_another_client_runs_a_task_again(client, cluster):
    ar = client[client.ids[0]].apply_async(lambda: "direct")
    ar.get(20)
    with ipp.Client(str(cluster.connection_file)) as other:
        again = other.resubmit(ar.msg_ids)
        assert "direct" in str(again.get(20))


def test_an_unknown_id_cannot_run_again(client):
    with pytest.raises(ipp.RemoteError, match="No such msg"):
        client.resubmit(["no-such-id"])


def test_large_results_are_there_until_too_much_is_kept(new_cluster):
    # Nothing is answered from memory, and the database keeps two results of 400,000 bytes.
    cluster = new_cluster(1, "--max-records=0", "--max-saved-bytes=1000000")
    results = [bytes([number]) * 400_000 for number in range(4)]
    with ipp.Client(str(cluster.connection_file)) as client:
        view = client.load_balanced_view()
        msg_ids = [view.apply_async(lambda x: x, value).msg_ids[0] for value in results]
        client.wait(timeout=20)
    with ipp.Client(str(cluster.connection_file)) as other:
        assert other.get_result(msg_ids[3]).get(timeout=20) == results[3]
        with pytest.raises(ipp.RemoteError, match="dropped"):
            other.get_result(msg_ids[0]).get(timeout=20)
