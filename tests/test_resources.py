"""Tasks that demand resources, and engines that offer them."""

import engineroom as ipp
import pytest
from conftest import wait_for_file
from engineroom.engine.resources import Offer
from engineroom.resources import parse_resource_text, parse_resources, parse_size
from waiting import wait_until


@pytest.fixture(scope="module")
def cluster(new_cluster):
    """Engine 0 is small, engine 1 large."""
    cluster = new_cluster(0, "--hwm=4")
    cluster.env.update(CUDA_VISIBLE_DEVICES="7,8", OMP_NUM_THREADS="3")
    cluster.add_engines(1, "--cpus=1", "--gpus=0", "--memory=1GiB")
    cluster.add_engines(1, "--cpus=4", "--memory", "4GiB", "--resource=licence=1,slots=0.5")
    return cluster


@pytest.fixture
def client(cluster):
    with ipp.Client(str(cluster.connection_file)) as client:
        yield client


@pytest.fixture
def view(client):
    return client.load_balanced_view()


@ipp.interactive
def where(_=None):
    return engine_id  # noqa: F821 (the engine's)


@pytest.fixture(autouse=True)
def names(client):
    for engine in client.ids:
        client[engine].push({"engine_id": engine}, block=True)


def test_engines_say_what_they_offer(client):
    assert client.resources() == {
        0: {"cpus": 1, "memory": 2**30},
        1: {"cpus": 4, "gpus": 2, "memory": 2**32, "licence": 1, "slots": 0.5},
    }
    assert client.resources(0) == {"cpus": 1, "memory": 2**30}
    assert set(client.queue_status(0)) == {"queue", "completed", "tasks"}


@pytest.mark.parametrize(
    "resources",
    [{"gpus": 1}, {"cpus": 2}, {"memory": "2GiB"}, {"licence": 1, "cpus": 1}, {"slots": 0.5}],
)
def test_a_task_runs_where_enough_is_offered(view, resources):
    with view.temp_flags(resources=resources):
        assert view.map_sync(where, range(6)) == [1] * 6
        assert view.apply_sync(where) == 1
        assert view.executor.submit(where).result(20) == 1
    assert view.resources is None


def test_what_nobody_offers_is_refused(view):
    with view.temp_flags(resources={"gpus": 3, "cpus": 1}):
        ar = view.apply_async(where)
    with pytest.raises(ipp.ImpossibleResources, match=r"cpus=1, gpus=3 .*cpus=4, gpus=2"):
        ar.get(20)
    with view.temp_flags(resources={"gpus": 1}, targets=[0]):
        ar = view.apply_async(where)
    with pytest.raises(ipp.ImpossibleDependency, match="gpus=1"):
        ar.get(20)


def test_what_nobody_offers_is_waited_for_until_the_timeout(view):
    with view.temp_flags(resources={"crane": 1}, timeout=0.2):
        ar = view.apply_async(where)
    with pytest.raises(ipp.TaskTimeout, match=r"crane=1 \(the most that one offers: crane=0"):
        ar.get(20)


def test_an_engine_that_comes_in_time(new_cluster):
    cluster = new_cluster(1)
    with ipp.Client(str(cluster.connection_file)) as client:
        view = client.load_balanced_view()
        with view.temp_flags(resources={"crane": 1}, timeout=60):
            ar = view.apply_async(abs, -1)
        cluster.add_engines(1, "--resource=crane=1")
        assert (ar.get(20), ar.engine_id) == (1, 1)


def test_what_a_task_has_nobody_else_has(view, client, gate):
    with view.temp_flags(resources={"cpus": 2}):
        results = [view.apply_async(wait_for_file, str(gate)) for _ in range(4)]
    wait_until(lambda: client.queue_status(1)["tasks"] == 2, "two tasks")
    status = client.queue_status()
    assert status["unassigned"] == 2
    assert status[0]["tasks"] == 0
    stats = client.controller_stats()["resources"]
    assert stats["held"] == {"cpus": 4, "gpus": 0, "licence": 0, "memory": 0, "slots": 0}
    assert stats["offered"]["cpus"] == 5
    # One that demands nothing is not in the way.
    assert client.load_balanced_view([0]).apply_sync(where) == 0
    gate.touch()
    client.wait(results, 20)
    assert client.controller_stats()["resources"]["held"]["cpus"] == 0


def test_an_aborted_task_gives_back_what_it_has(view, client, gate):
    with view.temp_flags(resources={"licence": 1}):
        first = view.apply_async(wait_for_file, str(gate))
        second = view.apply_async(where)
    wait_until(lambda: client.queue_status(1)["tasks"] == 1, "the first task")
    first.abort(interrupt=True)
    assert second.get(20) == 1
    with pytest.raises(ipp.TaskAborted):
        first.get(20)


@ipp.interactive
def surroundings():
    import os

    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("CUDA_VISIBLE_DEVICES")


def test_a_task_sees_what_it_has(view):
    with view.temp_flags(targets=[1]):
        assert view.apply_sync(surroundings) == ("3", "7,8")
        with view.temp_flags(resources={"cpus": 2, "gpus": 1}):
            assert view.apply_sync(surroundings) == ("2", "7")
        with view.temp_flags(resources={"gpus": 1.5}):
            assert view.apply_sync(surroundings) == ("3", "7,8")
        with view.temp_flags(resources={"cpus": 0.5}):
            assert view.apply_sync(surroundings) == ("1", "7,8")
        assert view.apply_sync(surroundings) == ("3", "7,8")


@ipp.interactive
def openmp_threads():
    import ctypes

    # Where a compiled prange asks.
    return ctypes.CDLL("libgomp.so.1").omp_get_max_threads()


def test_openmp_starts_as_many_threads_as_a_task_has_cpus(view):
    view.set_flags(targets=[1])
    usual = view.apply_sync(openmp_threads)
    assert usual == 3
    with view.temp_flags(resources={"cpus": 2}):
        assert view.apply_sync(openmp_threads) == 2
    assert view.apply_sync(openmp_threads) == usual


def test_dependencies_and_priorities_go_along(view):
    first = view.apply_async(where)
    with view.temp_flags(resources={"gpus": 1}, after=first, priority=5, retries=1):
        assert view.apply_sync(where) == 1


def test_a_view_shows_what_its_tasks_demand(view):
    assert "demanding" not in repr(view)
    view.set_flags(resources={"memory": "1 MiB", "cpus": 0})
    assert repr(view).endswith("demanding {'memory': 1048576}>")
    view.set_flags(resources=None)
    assert "demanding" not in repr(view)


@pytest.mark.parametrize(
    ("resources", "error", "message"),
    [
        (2, TypeError, "must be a dict"),
        ({"cpus": "two"}, TypeError, "cpus must be a number"),
        ({"cpus": True}, TypeError, "cpus must be a number"),
        ({"cpus": -1}, ValueError, "between 0 and"),
        ({"cpus": float("nan")}, ValueError, "between 0 and"),
        ({"memory": "4 quarts"}, ValueError, "is no size"),
        ({"a b": 1}, ValueError, "no name"),
        ({1: 1}, TypeError, "must be str"),
        ({str(i): 1 for i in range(65)}, ValueError, "too many"),
    ],
)
def test_demands_that_make_no_sense(view, resources, error, message):
    with pytest.raises(error, match=message):
        view.set_flags(resources=resources)


def test_sets_of_engines_offer_what_they_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    cluster = ipp.Cluster(n=1, resources={"gpus": 0})
    client = cluster.start_and_connect_sync()
    try:
        cluster.start_engines_sync(1, resources={"gpus": 1, "memory": "1GiB"})
        client.wait_for_engines(2, timeout=20)
        offers = client.resources()
        assert [offer.get("gpus", 0) for offer in offers.values()] == [0, 1]
        assert offers[1]["memory"] == 2**30
        assert all(offer["cpus"] >= 1 for offer in offers.values())
        with client.load_balanced_view().temp_flags(resources={"gpus": 1}):
            pass
        view = client.load_balanced_view().set_flags(resources={"gpus": 1})
        ar = view.map_async(str, range(3))
        ar.get(20)
        assert set(ar.engine_id) == {1}
    finally:
        client.close()
        cluster.stop_cluster_sync()


# ---- the parts -------------------------------------------------------------------------------


def test_sizes():
    assert [parse_size(text) for text in ("1", "2kB", "1.5 MiB", "4gib", "1e3 B")] == [
        1,
        2000,
        1.5 * 2**20,
        2**32,
        1000,
    ]


def test_resources_as_text():
    assert parse_resource_text("gpus=1, memory=1KiB,") == {"gpus": 1, "memory": 1024}
    for text in ("gpus", "gpus=", "gpus=many", "=1"):
        with pytest.raises(ValueError):
            parse_resource_text(text)


def test_amounts_are_sorted_and_whole_numbers_are_int():
    assert repr(parse_resources({"b": 1.0, "a": 0.5})) == "{'a': 0.5, 'b': 1}"


def offers(count, told="", gpus="0,1,2", **environment):
    return [
        Offer(
            told,
            {
                "CUDA_VISIBLE_DEVICES": gpus,
                "OMP_NUM_THREADS": "2",
                "ENGINEROOM_ENGINES_HERE": str(count),
                "ENGINEROOM_ENGINE_HERE": str(number),
                **environment,
            },
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "told", "gpus", "shares"),
    [
        (1, "", "0,1,2", [["0", "1", "2"]]),
        (2, "", "0,1,2", [["0", "2"], ["1"]]),
        (4, "", "GPU-a,GPU-b", [["GPU-a"], ["GPU-b"], [], []]),
        (2, "gpus=1", "0,1,2", [["0"], ["1"]]),
        (3, "gpus=0.5", "0,1", [["0"], ["0"], ["1"]]),
        (2, "gpus=0", "0,1", [[], []]),
        (2, "", "", [[], []]),
        (1, "", "0,-1,1", [["0"]]),
    ],
)
def test_gpus_are_shared(count, told, gpus, shares):
    assert [offer.gpu_ids for offer in offers(count, told, gpus)] == shares


def test_an_engine_offers_a_share_of_the_machine():
    whole = Offer("", {}).amounts
    halves = [offer.amounts for offer in offers(2)]
    assert halves[0]["cpus"] == 2
    assert (
        halves[0]["memory"] == halves[1]["memory"] == pytest.approx(whole["memory"] / 2, rel=0.01)
    )
    assert offers(1, "cpus=0,x=1,memory=1KiB")[0].amounts == {"gpus": 3, "memory": 1024, "x": 1}


def test_an_engine_refuses_what_it_cannot_read():
    import subprocess

    from engineroom.cluster.programs import engine_command

    done = subprocess.run(
        [*engine_command(), "--memory=plenty"], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 64
    assert "'plenty' is no size" in done.stderr
