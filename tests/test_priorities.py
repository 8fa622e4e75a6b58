"""Priorities, and clients that share engines."""

import engineroom as ipp
import pytest
from conftest import wait_for_file
from waiting import wait_until


@pytest.fixture(scope="module")
def cluster(new_cluster):
    # One task at a time, so that what an engine gets is what the controller has chosen.
    return new_cluster(1, "--hwm=1")


@pytest.fixture
def client(cluster):
    with ipp.Client(str(cluster.connection_file)) as client:
        client[:].push({"order": []}, block=True)
        yield client


@ipp.interactive
def note(name):
    order.append(name)  # noqa: F821 (the engine's)


def open_gate(client, gate, waiting):
    """Once the controller has all tasks: under load, the engine may be quicker than they are."""
    wait_until(lambda: client.queue_status()["unassigned"] == waiting, "all tasks")
    gate.touch()


def order_of(client, results):
    client.wait(results, 20)
    return client[0].pull("order", block=True)


def test_higher_priorities_go_first(client, gate):
    view = client.load_balanced_view()
    results = [view.apply_async(wait_for_file, str(gate))]
    for priority in (0, -5, 7, 0, 7):
        with view.temp_flags(priority=priority):
            results.append(view.apply_async(note, priority))
    open_gate(client, gate, 5)
    assert order_of(client, results) == [7, 7, 0, 0, -5]


def test_maps_have_priorities(client, gate):
    view = client.load_balanced_view()
    results = [view.apply_async(wait_for_file, str(gate)), view.map_async(note, "abc")]
    with view.temp_flags(priority=1):
        results.append(view.map_async(note, "xyz"))
    open_gate(client, gate, 6)
    assert order_of(client, results) == list("xyzabc")


def test_a_client_with_many_tasks_does_not_hold_up_another(client, cluster, gate):
    view = client.load_balanced_view()
    results = [view.apply_async(wait_for_file, str(gate))]
    results += [view.apply_async(note, "many") for _ in range(30)]
    with ipp.Client(str(cluster.connection_file)) as other:
        few = [other.load_balanced_view().apply_async(note, "few") for _ in range(3)]
        # Here before the gate opens: clients' connections have no order among them.
        open_gate(client, gate, 33)
        other.wait(few, 20)
        order = order_of(client, results)
    assert max(i for i, name in enumerate(order) if name == "few") <= 6


def test_a_resubmitted_task_keeps_its_priority(client, gate):
    view = client.load_balanced_view()
    with view.temp_flags(priority=9):
        first = view.apply_async(note, "again")
    first.wait(20)
    client[:].push({"order": []}, block=True)
    results = [view.apply_async(wait_for_file, str(gate)), view.apply_async(note, "later")]
    again = client.resubmit(first.msg_ids)
    open_gate(client, gate, 2)
    again.wait(20)
    assert order_of(client, results) == ["again", "later"]


@pytest.mark.parametrize("priority", [1001, -1001])
def test_a_priority_has_a_range(client, priority):
    view = client.load_balanced_view()
    with pytest.raises(ValueError, match="within -1000 and 1000"):
        view.set_flags(priority=priority)


@pytest.mark.parametrize("priority", ["high", 1.5, True, None])
def test_a_priority_is_a_number(client, priority):
    view = client.load_balanced_view()
    with pytest.raises(TypeError, match="priority"):
        view.set_flags(priority=priority)
