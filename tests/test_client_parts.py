"""Parts of the client that need no cluster."""

import pickle
from concurrent.futures import Future

import engineroom as ipp
import pytest
from engineroom.client.map import Map, RoundRobinMap
from engineroom.client.metadata import ExecuteReply, Metadata
from engineroom.client.records import LIMIT, History, Outstanding, Recent
from engineroom.client.waiting import _fulfil
from engineroom.util import _parse_date, compare_datetimes, extract_dates, int_keys

# ---- errors ----


def test_remote_error_shows_engine_and_traceback():
    error = ipp.RemoteError(
        "ValueError", "bad", "line 1\nline 2", {"engine_id": 3, "method": "apply"}
    )
    assert str(error) == "[3:apply] ValueError: bad"
    assert repr(error) == "<RemoteError[3]:ValueError(bad)>"
    assert error.render_traceback() == ["[3:apply]", "line 1", "line 2"]
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.engine_info) == (str(error), error.engine_info)


def test_remote_error_of_our_own_kind_is_of_that_class():
    error = ipp.RemoteError("EngineError", "engine 1 died", "")
    assert isinstance(error, ipp.EngineError)
    assert isinstance(error, ipp.RemoteError)
    assert isinstance(ipp.RemoteError("DependencyTimeout", "", ""), ipp.UnmetDependency)
    assert not isinstance(ipp.RemoteError("ValueError", "", ""), ipp.EngineError)
    assert isinstance(pickle.loads(pickle.dumps(error)), ipp.EngineError)


def composite(count):
    return ipp.CompositeError(
        "things went wrong in: f",
        [
            ("ValueError", f"bad {i}", f"tb {i}", {"engine_id": i, "method": "apply"})
            for i in range(count)
        ],
    )


def test_composite_error_shows_a_few():
    error = composite(6)
    assert repr(error) == "CompositeError(6)"
    assert str(error).splitlines()[1] == "[0:apply]ValueError: bad 0"
    assert str(error).endswith(".... 2 more exceptions ...")
    assert error.render_traceback()[-1] == "... 2 more exceptions ..."
    assert error.render_traceback(5) == ["[5:apply]:", "tb 5"]
    with pytest.raises(ipp.RemoteError, match="bad 5"):
        error.raise_exception(5)
    with pytest.raises(IndexError, match="index 6 does not exist"):
        error.raise_exception(6)
    assert str(ipp.AlreadyDisplayedError(error)) == "6 errors"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_collect_exceptions():
    fine = [1, 2]
    assert ipp.collect_exceptions(fine) is fine
    assert ipp.collect_exceptions({0: 1}) == {0: 1}
    bad = [1, ipp.RemoteError("KeyError", "x", ""), composite(2), ipp.TaskAborted("id")]
    with pytest.raises(ipp.CompositeError) as caught:
        ipp.collect_exceptions(bad, "f")
    assert [entry[0] for entry in caught.value.elist] == [
        *("KeyError", "ValueError", "ValueError", "TaskAborted")
    ]


def test_wrapped_exception_round_trip():
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        content = ipp.wrap_exception({"engine_id": 2, "method": "execute"})
    error = ipp.unwrap_exception(content)
    assert (error.ename, error.evalue) == ("ZeroDivisionError", "division by zero")
    assert "1 / 0" in error.traceback


# ---- dependencies ----


@pytest.mark.parametrize(
    ("options", "done", "failed", "met", "impossible"),
    [
        ({}, {"a"}, set(), False, False),
        ({}, {"a", "b"}, set(), True, False),
        ({}, {"a"}, {"b"}, False, True),
        ({"all": False}, {"a"}, {"b"}, True, False),
        ({"all": False}, set(), {"a", "b"}, False, True),
        ({"success": False, "failure": True}, set(), {"a", "b"}, True, False),
        ({"success": False, "failure": True}, {"a"}, {"b"}, False, True),
        ({"failure": True}, {"a"}, {"b"}, True, False),
    ],
)
def test_dependency(options, done, failed, met, impossible):
    dependency = ipp.Dependency(["a", "b"], **options)
    assert dependency.check(done, failed) is met
    assert dependency.unreachable(done, failed) is impossible
    again = ipp.Dependency(dependency.as_dict())
    assert again == dependency
    for one in (again, dependency):  # a set has no order of its own
        assert sorted(one.as_dict()["dependencies"]) == ["a", "b"]
    assert again.as_dict() | {"dependencies": []} == dependency.as_dict() | {"dependencies": []}


def test_dependency_arguments():
    assert ipp.Dependency("a") == {"a"}
    assert ipp.Dependency().check(set())
    with pytest.raises(ValueError, match="successes or failures"):
        ipp.Dependency(["a"], success=False)
    with pytest.raises(TypeError, match="invalid dependency type"):
        ipp.Dependency([1])


def test_require_refuses_what_has_no_name():
    with pytest.raises(TypeError, match="must be passed by kwarg"):
        ipp.require(5)


def test_a_dependent_function_is_not_checked_where_it_was_written():
    @ipp.depend(lambda: False)
    def f(x):
        return x

    assert f(1) == 1
    assert f.__name__ == "f"
    with pytest.raises(ipp.UnmetDependency):
        f.check_dependency()


# ---- cutting and joining ----


@pytest.mark.parametrize("distribution", [Map(), RoundRobinMap()])
@pytest.mark.parametrize("count", [0, 1, 7, 12])
@pytest.mark.parametrize("parts", [1, 3, 5])
def test_parts_join_to_the_whole(distribution, count, parts):
    sequence = list(range(count))
    cut = [distribution.getPartition(sequence, p, parts) for p in range(parts)]
    assert distribution.joinPartitions(cut) == sequence
    assert max(map(len, cut)) - min(map(len, cut)) <= 1


@pytest.mark.parametrize("distribution", [Map(), RoundRobinMap()])
def test_parts_of_arrays_join_to_the_whole(distribution):
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(21, dtype="int16").reshape(7, 3)
    joined = distribution.joinPartitions([distribution.getPartition(array, p, 3) for p in range(3)])
    assert joined.dtype == array.dtype
    assert (joined == array).all()


def test_part_that_is_none():
    with pytest.raises(ValueError, match="p=3,q=3"):
        Map().getPartition([1], 3, 3)


# ---- records ----


def test_history_is_bounded_and_keeps_the_latest():
    history = History()
    for number in range(3 * LIMIT):
        history.append(str(number))
        assert len(history) <= LIMIT + 1
    assert history[-1] == str(3 * LIMIT - 1)
    assert history[-LIMIT // 2] == str(3 * LIMIT - LIMIT // 2)
    # One call's tasks are all there, however many.
    history.extend(map(str, range(5 * LIMIT)))
    assert history[-5 * LIMIT] == "0"
    history.extend(["next"])
    assert history[-2:] == [str(5 * LIMIT - 1), "next"]
    assert len(history) <= LIMIT


def test_recent_forgets_the_oldest():
    recent = Recent()
    for number in range(LIMIT + 2):
        recent[str(number)] = number
    assert len(recent) == LIMIT
    assert "1" not in recent
    assert "2" in recent


class FakeSession:
    def __init__(self):
        self.pending = []

    def outstanding(self):
        return self.pending


def test_outstanding_forgets_what_is_done():
    session = FakeSession()
    outstanding = Outstanding(session)
    session.pending = ["5", "of another view"]
    outstanding.add(map(str, range(10_000)))
    assert outstanding._submitted == {"5"}
    assert outstanding.ids() == {"5"}


# ---- metadata ----


def test_metadata_has_a_fixed_set_of_keys():
    metadata = Metadata(msg_id="x")
    assert metadata.msg_id == "x"
    assert metadata.stdout == ""
    assert metadata["outputs"] == []
    metadata.status = "ok"
    assert metadata["status"] == "ok"
    with pytest.raises(KeyError):
        metadata["new"] = 1
    with pytest.raises(AttributeError):
        metadata.new = 1
    assert Metadata().outputs is not metadata.outputs


def test_execute_reply_shows_the_value():
    data = {"text/plain": "5" * 40, "text/html": "<b>5</b>"}
    metadata = Metadata(msg_id="x", engine_id=2, execute_result={"data": data, "metadata": {}})
    reply = ExecuteReply("x", {"execution_count": 7}, metadata)
    assert repr(reply) == f"<ExecuteReply[7]: {'5' * 29}...>"
    assert reply._repr_html_() == "<b>5</b>"
    assert reply._plaintext() == f"Out[2:7]: {'5' * 40}"
    assert reply.engine_id == reply["engine_id"] == 2
    with pytest.raises(AttributeError):
        reply.nothing
    assert pickle.loads(pickle.dumps(reply)) == reply


# ---- small helpers ----


def test_dates():
    when = _parse_date("2020-01-02T03:04:05.5Z")
    assert when.utcoffset().total_seconds() == 0
    assert _parse_date("not a date") == "not a date"
    assert _parse_date(None) is None
    assert extract_dates({"a": ["2020-01-02T03:04:05.5Z"], "b": 1}) == {"a": [when], "b": 1}
    naive = when.astimezone().replace(tzinfo=None)
    assert compare_datetimes(naive, when).total_seconds() == 0


def test_int_keys():
    assert int_keys({"1": "a", "-2": "b", "x": "c"}) == {1: "a", -2: "b", "x": "c"}
    with pytest.raises(KeyError, match="already have"):
        int_keys({"1": 0, 1: 0})


def test_interactive_functions_have_the_users_globals():
    import __main__

    def f(a, *, b=2):
        return a + b

    assert ipp.interactive(f).__globals__ is vars(__main__)
    assert ipp.interactive(f)(1) == 3


def test_stock_names_are_all_there():
    for name in ipp.__all__:
        assert getattr(ipp, name) is not None
    assert ipp.version_info[0] == int(ipp.__version__.split(".")[0])
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        ipp.nonsense


def test_canning_moves_functions_to_other_globals():
    f = ipp.uncan(ipp.can(lambda: secret), {"secret": 42})  # noqa: F821
    assert f() == 42
    assert ipp.uncan(ipp.Reference("secret + 1"), {"secret": 1}) == 2
    value, rest = ipp.deserialize_object([*ipp.serialize_object([1, 2]), b"rest"])
    assert (value, rest) == ([1, 2], [b"rest"])


# ---- waiting for engines ----


@pytest.mark.parametrize("error", [None, ConnectionError("This client is closed.")])
def test_a_wait_that_was_cancelled_ends_quietly(error):
    def wait():
        if error is not None:
            raise error

    given_up = Future()
    given_up.cancel()
    _fulfil(given_up, wait)
    assert given_up.cancelled()
    asked = Future()
    _fulfil(asked, wait)
    assert asked.exception() is error
