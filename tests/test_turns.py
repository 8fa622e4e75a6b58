"""Turns: so many at a time, without engines."""

from concurrent.futures import Future

import pytest
from engineroom._turns import Turns


class Work:
    """What was started, in order."""

    def __init__(self, limit):
        self.limit = limit
        self.turns = Turns(lambda: self.limit)
        self.started = {}
        self.ended = []

    def add(self, name):
        def start():
            self.started[name] = Future()
            return self.started[name]

        return self.turns.add(start, lambda job: self.ended.append(name))

    def end(self, name, result=None):
        self.started[name].set_result(result)


def test_so_many_at_a_time_in_order():
    work = Work(2)
    jobs = {name: work.add(name) for name in "abcd"}
    assert [*work.started] == ["a", "b"]
    work.end("b", 7)
    assert [*work.started] == ["a", "b", "c"]
    assert jobs["b"].result(0).result(0) == 7
    assert work.ended == ["b"]
    work.end("a")
    work.end("c")
    assert [*work.started] == ["a", "b", "c", "d"]
    assert not jobs["d"].done()
    work.end("d")
    assert work.ended == ["b", "a", "c", "d"]


def test_the_limit_may_change():
    work = Work(1)
    for name in "abcde":
        work.add(name)
    work.limit = 2
    work.end("a")
    assert [*work.started] == ["a", "b", "c"]
    work.limit = 1
    work.end("b")
    assert [*work.started] == ["a", "b", "c"]
    work.limit = None
    work.end("c")
    assert [*work.started] == ["a", "b", "c", "d", "e"]


def test_what_cannot_start_leaves_its_place():
    work = Work(1)
    work.add("a")

    def fail():
        raise ValueError("no")

    failed = work.turns.add(fail)
    work.add("b")
    assert not failed.done()
    work.end("a")
    with pytest.raises(ValueError, match="no"):
        failed.result(0)
    assert [*work.started] == ["a", "b"]


def test_what_fails_leaves_its_place():
    work = Work(1)
    job = work.add("a")
    work.add("b")
    work.started["a"].set_exception(KeyError("x"))
    assert isinstance(job.result(0).exception(0), KeyError)
    assert [*work.started] == ["a", "b"]


def test_what_was_dropped_never_starts():
    work = Work(1)
    jobs = [work.add(name) for name in "abc"]
    work.turns.drop()
    assert [job.cancelled() for job in jobs] == [False, True, True]
    assert work.ended == ["b", "c"]
    work.end("a")
    assert [*work.started] == ["a"]
    work.add("d")
    assert [*work.started] == ["a", "d"]


def test_one_that_was_cancelled_is_passed_over():
    work = Work(1)
    jobs = [work.add(name) for name in "abc"]
    assert jobs[1].cancel()
    work.end("a")
    assert [*work.started] == ["a", "c"]


def test_who_ends_at_once_needs_no_deep_stack():
    turns = Turns(lambda: 1)
    first = Future()
    turns.add(lambda: first)

    def at_once():
        done = Future()
        done.set_result(1)
        return done

    jobs = [turns.add(at_once) for _ in range(5000)]
    first.set_result(0)
    assert all(job.result(0).result(0) == 1 for job in jobs)
