"""joblib on engines: what joblib promises of any of its backends, and scikit-learn on top of it."""

import itertools
import multiprocessing
import os
import pickle
import threading

import engineroom as ipp
import pytest
from conftest import ENGINES, wait_for_file
from waiting import wait_until

joblib = pytest.importorskip("joblib")
delayed, Parallel = joblib.delayed, joblib.Parallel


@pytest.fixture
def view(client):
    """joblib's backend for the test runs on it."""
    view = client.load_balanced_view()
    view.register_joblib_backend("engineroom")
    with joblib.parallel_config(backend="engineroom"):
        yield view


def test_default_cluster_by_both_names(cluster, monkeypatch):
    from engineroom.joblib import ViewBackend

    monkeypatch.setattr(
        ViewBackend, "_default_view", lambda backend: cluster.connect().load_balanced_view()
    )
    ipp.register_joblib_backend()
    for name in ("engineroom", "ipyparallel"):
        with joblib.parallel_config(backend=name):
            assert Parallel(n_jobs=2)(delayed(abs)(-x) for x in range(3)) == [0, 1, 2]
        assert Parallel(n_jobs=2, backend=name)(delayed(abs)(-x) for x in range(3)) == [0, 1, 2]


def test_runs_on_engines(client, view):
    pids = set(client[:].apply_sync(os.getpid))
    assert set(Parallel()(delayed(os.getpid)() for _ in range(50))) <= pids


@pytest.mark.parametrize(
    ("n_jobs", "effective"),
    [(None, ENGINES), (-1, ENGINES), (-2, ENGINES - 1), (2, 2), (100, ENGINES), (-100, 1)],
)
def test_n_jobs(view, n_jobs, effective):
    from engineroom.joblib import ViewBackend

    assert ViewBackend(view).effective_n_jobs(n_jobs) == effective
    if n_jobs is not None:
        assert joblib.effective_n_jobs(n_jobs) == effective
    assert Parallel(n_jobs=n_jobs)(delayed(abs)(-x) for x in range(5)) == [0, 1, 2, 3, 4]


@ipp.interactive  # by value: engines cannot import this file
def worked(x):
    """When it ran: by the clock that all processes of a machine share."""
    import time

    began = time.monotonic()
    time.sleep(0.005)
    return began, time.monotonic()


def most_at_once(intervals):
    steps = sorted([(began, 1) for began, _ in intervals] + [(ended, -1) for _, ended in intervals])
    return max(itertools.accumulate(step for _, step in steps))


@pytest.mark.parametrize("batch_size", [1, "auto"])
@pytest.mark.parametrize("pre_dispatch", ["all", "2*n_jobs"])
@pytest.mark.parametrize("n_jobs", [2, -2])
def test_no_more_than_n_jobs_run_at_once(view, n_jobs, pre_dispatch, batch_size):
    parallel = Parallel(n_jobs=n_jobs, batch_size=batch_size, pre_dispatch=pre_dispatch)
    intervals = parallel(delayed(worked)(x) for x in range(40))
    assert most_at_once(intervals) <= ENGINES - 1


@pytest.mark.parametrize(
    ("n_jobs", "busy"), [(-1, ENGINES), (-2, ENGINES - 1), (2, 2), (100, ENGINES)]
)
def test_as_many_as_n_jobs_do(client, view, gate, n_jobs, busy):
    results = Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator")(
        delayed(wait_for_file)(str(gate), x) for x in range(9)
    )
    try:
        wait_until(lambda: sum(is_busy(client, engine) for engine in client.ids) == busy, "engines")
    finally:
        gate.touch()
    assert list(results) == list(range(9))


def test_two_calls_of_one_backend_count_for_themselves(view):
    """One is still read from when the other begins."""
    first = Parallel(n_jobs=2, batch_size=1, return_as="generator")(
        delayed(worked)(x) for x in range(30)
    )
    second = Parallel(n_jobs=2, batch_size=1)(delayed(worked)(x) for x in range(30))
    assert most_at_once(list(first)) <= 2
    assert most_at_once(second) <= 2


def test_what_waits_when_one_fails_never_runs(client, view, gate, tmp_path):
    def work(x):
        (tmp_path / f"began-{x}").touch()
        return int("x") if x == 0 else wait_for_file(str(gate), x)

    with pytest.raises(ValueError, match="invalid literal"):
        Parallel(n_jobs=2, batch_size=1, pre_dispatch="all")(delayed(work)(x) for x in range(50))
    wait_until(lambda: not any(is_busy(client, engine) for engine in client.ids), timeout=10)
    # The third one may take the place of the first before the error is known.
    assert {path.name for path in tmp_path.glob("began-*")} <= {"began-0", "began-1", "began-2"}


def test_what_cannot_be_pickled_later(view):
    """When its turn comes, not in the caller's thread."""

    class Stubborn:
        def __reduce__(self):
            raise RuntimeError("no")

    arguments = [*range(20), Stubborn()]
    with pytest.raises(pickle.PicklingError, match="the task to send") as caught:
        Parallel(n_jobs=2, batch_size=1, timeout=20)(delayed(id)(x) for x in arguments)
    assert str(caught.value.__cause__) == "no"


def test_n_jobs_zero(view):
    with pytest.raises(ValueError, match="n_jobs == 0"):
        Parallel(n_jobs=0)(delayed(abs)(x) for x in range(3))


@pytest.mark.parametrize("batch_size", [1, 3, 100, "auto"])
@pytest.mark.parametrize("pre_dispatch", ["all", 1, "2*n_jobs"])
def test_batches(view, batch_size, pre_dispatch):
    parallel = Parallel(n_jobs=2, batch_size=batch_size, pre_dispatch=pre_dispatch)
    assert parallel(delayed(pow)(x, 2) for x in range(10)) == [x * x for x in range(10)]
    assert parallel(delayed(abs)(x) for x in ()) == []


def test_one_parallel_for_several_calls(view):
    with Parallel(n_jobs=2) as parallel:
        for _ in range(3):
            assert parallel(delayed(abs)(-x) for x in range(4)) == [0, 1, 2, 3]


def test_generators(view, gate):
    def work(x):
        return wait_for_file(str(gate), x) if x == 0 else x

    ordered = Parallel(n_jobs=2, return_as="generator")(delayed(abs)(-x) for x in range(9))
    assert iter(ordered) is ordered
    assert list(ordered) == list(range(9))
    unordered = Parallel(n_jobs=2, return_as="generator_unordered", batch_size=1)(
        delayed(work)(x) for x in range(6)
    )
    seen = [next(unordered) for _ in range(5)]
    gate.touch()
    assert sorted(seen) == [1, 2, 3, 4, 5]
    assert list(unordered) == [0]


@pytest.mark.parametrize("return_as", ["list", "generator", "generator_unordered"])
def test_errors_are_of_their_own_class(view, return_as):
    class Mine(Exception):
        pass

    def fail(x):
        if x == 2:
            raise Mine("two", x)
        return x

    for function, kind in [(fail, Mine), (lambda x: 1 / (x - 2), ZeroDivisionError)]:
        with pytest.raises(kind) as caught:
            list(Parallel(n_jobs=2, return_as=return_as)(delayed(function)(x) for x in range(9)))
        assert isinstance(caught.value.__cause__, ipp.RemoteError)
    # And nothing is left behind that hurts the next call.
    assert Parallel(n_jobs=2)(delayed(abs)(x) for x in range(3)) == [0, 1, 2]


def test_an_error_aborts_no_other_work_of_the_view(client, gate):
    view = client.load_balanced_view(client.ids[:2])
    view.register_joblib_backend("engineroom-two")
    busy = [view.apply_async(wait_for_file, str(gate), x) for x in range(2)]
    mine = [view.apply_async(abs, -x) for x in range(5)]
    threading.Timer(0.2, gate.touch).start()
    with pytest.raises(ValueError, match="invalid literal"):
        Parallel(n_jobs=2, backend="engineroom-two")(delayed(int)("x") for _ in range(9))
    assert [ar.get(10) for ar in [*busy, *mine]] == [0, 1, 0, 1, 2, 3, 4]


def test_an_error_frees_the_engines(client, view, gate):
    def work(x):
        return int("x") if x == 0 else wait_for_file(str(gate), x)

    with pytest.raises(ValueError, match="invalid literal"):
        Parallel(n_jobs=ENGINES, batch_size=1)(delayed(work)(x) for x in range(9))
    # Though the gate is closed.
    wait_until(lambda: not any(is_busy(client, engine) for engine in client.ids), timeout=10)


def is_busy(client, engine):
    status = client.queue_status(engine)
    return status["tasks"] + status["queue"] > 0


def test_initializer(client, view):
    def note(name):
        import builtins

        builtins.noted = [*getattr(builtins, "noted", []), name]

    def noted():
        import builtins

        return builtins.noted

    for name in "aab":
        options = {"initializer": note, "initargs": (name,)}
        found = Parallel(n_jobs=2, batch_size=1, **options)(delayed(noted)() for _ in range(20))
        assert all(names[-1] == name for names in found)
    # Once for each engine, not for each call or batch.
    with joblib.parallel_config(backend="engineroom", initializer=note, initargs=("c",)):
        found = Parallel(n_jobs=2, batch_size=1)(delayed(noted)() for _ in range(20))
    assert all(names in (["c"], ["b", "c"], ["a", "c"], ["a", "b", "c"]) for names in found)


def test_inner_max_num_threads(client, view):
    def threads():
        import os

        return os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS")

    before = client[:].apply_sync(threads)
    with joblib.parallel_config(backend="engineroom", inner_max_num_threads=7):
        found = Parallel(n_jobs=2, batch_size=1)(delayed(threads)() for _ in range(9))
    assert set(found) == {("7", "7")}
    assert client[:].apply_sync(threads) == before


def test_one_job_is_done_here_and_needs_no_engines(monkeypatch):
    from engineroom.joblib import ViewBackend

    monkeypatch.setattr(ViewBackend, "_default_view", lambda backend: pytest.fail("a cluster"))
    assert Parallel(n_jobs=1, backend=ViewBackend())(delayed(os.getpid)() for _ in "ab") == [
        os.getpid(),
        os.getpid(),
    ]


def test_what_cannot_be_pickled(view):
    class Stubborn:
        def __reduce__(self):
            raise RuntimeError("no")

    with pytest.raises(pickle.PicklingError, match="the task to send") as caught:
        Parallel(n_jobs=2)(delayed(id)(Stubborn()) for _ in range(9))
    assert str(caught.value.__cause__) == "no"


def test_batch_sizes_start_anew(client):
    from engineroom.joblib import ViewBackend

    backend = ViewBackend(client.load_balanced_view())
    Parallel(n_jobs=2, backend=backend)(delayed(abs)(x) for x in range(2000))
    assert backend.compute_batch_size() == ViewBackend._DEFAULT_EFFECTIVE_BATCH_SIZE


def test_timeout(view, gate):
    # joblib's own, which is no TimeoutError of Python.
    with pytest.raises(multiprocessing.TimeoutError):
        Parallel(n_jobs=2, timeout=0.2)(delayed(wait_for_file)(str(gate)) for _ in range(4))
    gate.touch()
    assert Parallel(n_jobs=2, timeout=20)(delayed(abs)(x) for x in range(3)) == [0, 1, 2]


def test_nested(view):
    def inner(x):
        from joblib import Parallel, delayed

        return sum(Parallel(n_jobs=2)(delayed(pow)(y, 2) for y in range(x)))

    def names(depth):
        from joblib.parallel import Parallel, delayed, get_active_backend

        here = type(get_active_backend()[0]).__name__
        return [
            here,
            *(Parallel(n_jobs=2)(delayed(names)(depth - 1) for _ in "ab")[0] if depth else []),
        ]

    assert Parallel(n_jobs=2)(delayed(inner)(x) for x in range(6)) == [0, 0, 1, 5, 14, 30]
    # As with joblib's own: threads within processes, and nothing within those.
    assert Parallel(n_jobs=2)(delayed(names)(2) for _ in "ab")[0] == [
        "ThreadingBackend",
        "SequentialBackend",
        "SequentialBackend",
    ]


def test_a_source_is_taken_as_needed(view, gate):
    taken = []

    def source():
        for x in range(100):
            taken.append(x)
            yield delayed(wait_for_file)(str(gate))

    results = Parallel(n_jobs=2, pre_dispatch=4, batch_size=1, return_as="generator")(source())
    assert len(taken) < 20
    gate.touch()
    list(results)
    assert len(taken) == 100


def test_large_arrays(view):
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(200_000.0)
    sums = Parallel(n_jobs=2)(delayed(numpy.dot)(array, array + x) for x in range(4))
    assert sums == [float(numpy.dot(array, array + x)) for x in range(4)]


def test_call_leaves_nothing_outstanding(client, view):
    Parallel(n_jobs=2)(delayed(abs)(x) for x in range(20))
    wait_until(lambda: not client.outstanding, "all tasks")


def test_scikit_learn(view):
    pytest.importorskip("sklearn")
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, cross_val_score

    features, classes = make_classification(300, n_features=8, random_state=0)
    before = len(view.client.history)
    scores = cross_val_score(LogisticRegression(), features, classes, cv=4, n_jobs=-1)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=3, n_jobs=-1)
    search.fit(features, classes)
    forest = RandomForestClassifier(8, random_state=0, n_jobs=-1).fit(features, classes)
    assert len(view.client.history) > before
    with joblib.parallel_config(backend="sequential"):
        expected = cross_val_score(LogisticRegression(), features, classes, cv=4)
        alone = RandomForestClassifier(8, random_state=0).fit(features, classes)
        reference = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=3)
        reference.fit(features, classes)
    assert list(scores) == list(expected)
    assert search.best_params_ == reference.best_params_
    assert (forest.predict(features) == alone.predict(features)).all()
