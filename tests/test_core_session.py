"""The border of the native client, as _core.pyi promises it, on a real controller and engines."""

import gc
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from engineroom import _core
from waiting import DEADLINE, wait_until

OURS = '{"engineroom":1}'
SHAPE = pickle.dumps({"nargs": 1, "narg_bufs": 1, "kw_keys": []})


def call(function, argument):
    """The buffers of function(argument), for a function that is found by name."""
    return [pickle.dumps(function), SHAPE, pickle.dumps(argument)]


@pytest.fixture
def session(cluster):
    cluster.ensure(2)
    session = _core.Session(cluster.connection_file.read_text())
    yield session
    session.close(0)


@pytest.fixture
def engine(session):
    """The uuid of some engine."""
    assert session.wait_for_engines(1, DEADLINE)
    return next(iter(session.engines().values()))


def apply(session, engine, function, argument, metadata=OURS):
    return session.submit(
        "direct", engine, "apply_request", metadata, "{}", call(function, argument)
    )


def execute(session, engine, code):
    content = json.dumps({"code": code, "silent": False, "user_expressions": {}})
    return session.submit("direct", engine, "execute_request", OURS, content, [])


WAIT = """
import os, time
end = time.monotonic() + 60
while not os.path.exists({!r}) and time.monotonic() < end: time.sleep(0.005)
"""


def apply_waiting(session, engine, gate):
    """A task that runs until gate.touch()."""
    return apply(session, engine, exec, WAIT.format(str(gate)))


def finished(session, task, outputs=False):
    assert session.wait([task], DEADLINE, outputs=outputs)
    return task


def result(task):
    return pickle.loads(task.buffers[0])


# ---- connecting ----


def test_what_a_session_says_of_itself(session, cluster):
    info = json.loads(cluster.connection_file.read_text())
    assert session.key == info["key"].encode()
    assert not session.closed
    assert session.lost == ""
    assert session.outstanding() == []
    assert len(session.session) == 33


def test_no_controller():
    info = {"interface": "tcp://127.0.0.1", "key": "k", "broadcast": 1}
    ports = ("registration", "control", "mux", "task", "iopub", "notification")
    info |= dict.fromkeys(ports, 1)
    with pytest.raises(TimeoutError, match="no answer from the controller at tcp://127.0.0.1:1"):
        _core.Session(json.dumps(info), timeout=0.1)
    with pytest.raises(ValueError, match="connection info"):
        _core.Session("{}")
    with pytest.raises(ValueError, match="packed with 'pickle'"):
        _core.Session(json.dumps(info | {"pack": "pickle"}))


# ---- engines ----


def test_engines(session, engine):
    assert session.wait_for_engines(2, DEADLINE)
    engines = session.engines()
    assert list(engines) == sorted(engines)
    number = next(key for key, uuid in engines.items() if uuid == engine)
    assert session.uuid_of(number) == engine
    assert session.id_of(engine) == number
    assert session.uuid_of(12345) is None
    assert session.id_of("nobody") is None
    assert session.engines_version() >= 2
    assert not session.wait_for_engines(100, 0.01)


def test_engine_that_dies(session, cluster, tmp_path):
    cluster.ensure(3)
    assert session.wait_for_engines(3, DEADLINE)
    session.enable_events()
    version = session.engines_version()
    victim = list(session.engines().values())[-1]
    pid = result(finished(session, apply(session, victim, os.getenv, "PATH"))) and int(
        finished(session, execute(session, victim, "import os; print(os.getpid())"), True).stdout
    )
    runs = tmp_path / "runs"
    code = f"import pathlib, time; pathlib.Path({str(runs)!r}).touch(); time.sleep(100)"
    tasks = [apply(session, victim, exec, code), apply(session, victim, time.sleep, 100)]
    wait_until(runs.exists, "the first task to run")
    os.kill(pid, signal.SIGKILL)
    assert session.wait(tasks, DEADLINE)
    content = json.loads(tasks[0].content)
    assert tasks[0].status == "error"
    assert tasks[0].output_done
    assert content["ename"] == "EngineError"
    assert content["evalue"] == (f"Engine '{victim}' died while running task '{tasks[0].msg_id}'")
    assert content["engine_info"] == {"engine_uuid": victim, "engine_id": session.id_of(victim)}
    assert session.engines_version() > version
    assert victim not in session.engines().values()
    left = session.next_event(DEADLINE)
    assert left == ("engine", "left", session.id_of(victim), victim)
    assert apply(session, victim, abs, 1).status == "error", "known to be dead: at once"


# ---- tasks ----


def test_direct_task(session, engine):
    before = time.time()
    task = finished(session, apply(session, engine, abs, -3))
    assert result(task) == 3
    assert (task.status, task.done, task.output_done, task.sent) == ("ok", True, True, True)
    assert task.msg_id.startswith(session.session)
    assert task.msg_type == "apply_request"
    assert task.engine_uuid == engine
    assert before <= task.submitted <= task.received <= time.time()
    assert json.loads(task.metadata)["engine"] == engine
    assert json.loads(task.content) == {"status": "ok"}
    assert json.loads(task.header)["msg_type"] == "apply_reply"
    assert task.request_metadata == OURS
    assert all(isinstance(view, memoryview) and view.readonly for view in task.buffers)


def test_pending_task(session, engine, gate):
    task = apply_waiting(session, engine, gate)
    assert (task.status, task.done, task.received) == ("pending", False, 0)
    assert (task.metadata, task.content, task.header, task.buffers) == ("{}", "{}", "{}", [])
    assert session.outstanding() == [task.msg_id]
    assert session.find(task.msg_id) == task
    assert len({session.find(task.msg_id), task}) == 1
    assert session.find("nobody's") is None
    assert session.count_done([task, task]) == 0
    assert not session.wait([task], 0)
    gate.touch()
    finished(session, task)
    assert session.outstanding() == []
    assert session.find(task.msg_id) is None


def test_error_and_abort(session, engine, gate):
    task = finished(session, apply(session, engine, int, "no number"))
    assert task.status == "error"
    assert json.loads(task.content)["ename"] == "ValueError"
    running = apply_waiting(session, engine, gate)
    queued = apply(session, engine, abs, 1)
    abort = json.dumps({"msg_ids": [queued.msg_id]})
    reply = finished(session, session.submit("control", engine, "abort_request", "{}", abort, []))
    assert reply.status == "ok"
    assert finished(session, queued, outputs=True).status == "aborted"
    gate.touch()
    assert finished(session, running).status == "ok"


def test_release(session, engine):
    task = finished(session, execute(session, engine, "print('x')"), outputs=True)
    task.release()
    assert (task.content, task.buffers, task.outputs, task.stdout) == ("{}", [], [], "")
    assert task.status == "ok"
    assert json.loads(task.metadata)["engine"] == engine


def test_outputs(session, engine):
    code = "print('out'); import sys; print('err', file=sys.stderr); 6 * 7"
    task = finished(session, execute(session, engine, code), outputs=True)
    assert task.stdout == "out\n"
    assert task.stderr == "err\n"
    outputs = dict(task.outputs)
    assert json.loads(outputs["execute_input"])["code"] == code
    assert json.loads(outputs["execute_result"])["data"]["text/plain"] == "42"
    assert "stream" not in outputs
    assert len(task.output_buffers) == len(task.outputs)
    log = task.output_log
    assert [entry[0] for entry in log].count("stream") == 2
    assert [entry[2] for entry in log] == sorted(entry[2] for entry in log)


def test_tasks_of_an_engine_that_is_not_ours_say_idle_on_iopub(session, engine):
    task = apply(session, engine, abs, -1, metadata="{}")
    assert finished(session, task, outputs=True).output_done


def test_message_without_a_reply(session, engine):
    task = session.submit(
        "direct", engine, "comm_msg", "{}", '{"comm_id":"x","data":{}}', [], expect_reply=False
    )
    assert task.done
    assert task.status == "ok"
    assert session.outstanding() == []


def test_bad_route(session):
    with pytest.raises(ValueError, match="route must be"):
        session.submit("sideways", "", "apply_request", "{}", "{}", [])


def test_submit_many(session, engine):
    own = [[pickle.dumps(i)] for i in range(-300, 0)]
    shared = call(abs, 0)[:2]
    tasks = session.submit_many("balanced", [""], "apply_request", OURS, "{}", shared, own)
    assert session.wait(tasks, DEADLINE)
    assert [result(task) for task in tasks] == list(range(300, 0, -1))
    direct = session.submit_many(
        "direct", [engine] * 2, "apply_request", OURS, "{}", shared, own[:2]
    )
    assert session.wait(direct, DEADLINE)
    assert {task.engine_uuid for task in direct} == {engine}
    with pytest.raises(ValueError, match="3 targets for 2 tasks"):
        session.submit_many("direct", [engine] * 3, "apply_request", OURS, "{}", shared, own[:2])


@pytest.mark.parametrize("coalescing", [False, True])
def test_broadcast(session, coalescing):
    assert session.wait_for_engines(2, DEADLINE)
    targets = [(uuid, number) for number, uuid in session.engines().items()]
    tasks = session.submit_broadcast(
        targets, "apply_request", OURS, "{}", call(abs, -5), coalescing
    )
    assert session.wait(tasks, DEADLINE, outputs=True)
    assert len(tasks) == (1 if coalescing else len(targets))
    views = [view for task in tasks for view in task.buffers]
    assert [pickle.loads(view) for view in views] == [5] * len(targets)
    if not coalescing:
        assert [task.engine_uuid for task in tasks] == [uuid for uuid, _ in targets]
        assert all(task.msg_id.endswith(task.engine_uuid) for task in tasks)


# ---- buffers ----


def test_large_buffers_are_kept_until_sent_and_then_released(session, engine):
    data = bytearray(1 << 20)
    argument = pickle.dumps(pickle.PickleBuffer(data), 5, buffer_callback=lambda _: False)
    del argument
    payload = memoryview(pickle.dumps(bytes(data)))
    exporter = bytearray(payload)
    task = session.submit(
        "direct", engine, "apply_request", OURS, "{}", [pickle.dumps(len), SHAPE, exporter]
    )
    assert result(finished(session, task)) == 1 << 20

    def can_be_resized():
        try:
            exporter.append(0)
        except BufferError:
            return False
        return True

    # The thread that drops the buffer does not hold the interpreter's lock; this one lets go of it.
    wait_until(can_be_resized, "the buffer is released")


def test_views_outlive_task_and_session(cluster, session, engine):
    task = finished(session, apply(session, engine, bytes, 100_000))
    view = task.buffers[-1]
    del task
    gc.collect()
    assert bytes(view) == bytes(100_000)


def test_buffer_that_is_none(session, engine):
    with pytest.raises(TypeError):
        session.submit("direct", engine, "apply_request", "{}", "{}", [1])


# ---- queries ----


def test_query(session):
    msg_type, content, buffers = session.query("queue_request", '{"targets":null}', DEADLINE)
    assert msg_type == "queue_reply"
    assert json.loads(content)["status"] == "ok"
    assert buffers == []
    msg_type, content, _ = session.query("no_such_request", "{}", DEADLINE)
    assert json.loads(content)["status"] == "error"


# ---- waiting and events ----


def test_wait_modes(session, engine, gate):
    quick, slow = apply(session, engine, abs, 1), apply_waiting(session, engine, gate)
    wrong = apply(session, engine, int, "x")
    assert session.wait([quick, slow], DEADLINE, "any")
    assert not slow.done
    assert session.wait([], mode="all")
    gate.touch()
    assert session.wait([wrong, slow], DEADLINE, "first_error")
    assert wrong.done
    assert session.wait([quick, slow, wrong], DEADLINE)
    with pytest.raises(ValueError, match="mode must be"):
        session.wait([quick], mode="some")
    with pytest.raises(TypeError, match="sequence of tasks"):
        session.wait([1])


def test_watches(session, engine, gate):
    # In front of the others, which are not to begin before they are watched.
    apply_waiting(session, engine, gate)
    tasks = [execute(session, engine, f"print({i})") for i in range(3)]
    session.watch(tasks, 1)
    session.watch_each(tasks, 2)
    session.watch(tasks, 3, outputs=True)
    session.watch_output(tasks, 4)
    gate.touch()
    assert session.wait(tasks, DEADLINE, outputs=True)
    events = []

    def streams_in(events):
        return [event for event in events if event[0] == "output" and event[3] == "stream"]

    def all_have_come():
        events.append(session.next_event(DEADLINE))
        return {("done", 1), ("done", 3)} <= set(events) and len(streams_in(events)) == 3

    wait_until(all_have_come, "the events")
    # And no more than that.
    while (event := session.next_event(0.05)) is not None:
        events.append(event)
    assert [event for event in events if event[0] == "task"] == [("task", 2, i) for i in range(3)]
    streams = streams_in(events)
    assert [(event[1], event[2]) for event in streams] == [(4, 0), (4, 1), (4, 2)]
    assert json.loads(streams[1][4]) == {"name": "stdout", "text": "1\n"}


def test_unwatch(session, engine, gate):
    task = apply_waiting(session, engine, gate)
    session.watch([task], 1)
    session.watch_each([task], 1)
    session.unwatch(1)
    gate.touch()
    finished(session, task)
    assert session.next_event(0.05) is None


def test_events_from_another_thread(session, engine):
    events = []
    thread = threading.Thread(target=lambda: events.append(session.next_event(DEADLINE)))
    thread.start()
    session.watch([apply(session, engine, abs, 1)], 5)
    thread.join(DEADLINE)
    assert events == [("done", 5)]


def test_adopt_and_finish(session):
    task = session.adopt("another_1_2")
    session.watch([task], 9)
    assert not session.wait([task], 0)
    assert session.outstanding() == []
    session.finish(task, "ok", '{"h":1}', '{"m":1}', '{"c":1}', [b"x"])
    assert (task.msg_id, task.status, task.output_done) == ("another_1_2", "ok", True)
    assert (task.header, task.metadata, task.content) == ('{"h":1}', '{"m":1}', '{"c":1}')
    assert [bytes(view) for view in task.buffers] == [b"x"]
    assert session.next_event(DEADLINE) == ("done", 9)


@pytest.mark.parametrize("wait", ["task", "event", "engines"])
def test_interrupt(session, engine, wait, gate):
    """Ctrl-C ends every wait of the main thread, and not what it waits for."""
    task = apply_waiting(session, engine, gate)
    waits = {
        "task": lambda: session.wait([task]),
        "event": session.next_event,
        "engines": lambda: session.wait_for_engines(1000),
    }
    timer = threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, 2))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        waits[wait]()
    timer.join()
    assert not task.done
    gate.touch()
    finished(session, task)


def test_other_threads_run_while_one_waits(session, engine, gate):
    """A waiting thread holds no lock of the interpreter's."""
    task = apply_waiting(session, engine, gate)
    waiting = threading.Thread(target=session.wait, args=([task],))
    waiting.start()
    count = 0
    while waiting.is_alive() and not task.done:
        count += 1
        if count == 10_000:
            gate.touch()
    assert count >= 10_000
    waiting.join()


# ---- the end ----


def test_close(cluster, gate):
    session = _core.Session(cluster.connection_file.read_text())
    engine = next(iter(session.engines().values()))
    task = apply_waiting(session, engine, gate)
    session.close()
    session.close()
    assert session.closed
    assert task.status == "error"
    assert "closed" in json.loads(task.content)["evalue"]
    assert session.next_event() == ("closed",)
    assert session.next_event() is None
    assert apply(session, engine, abs, 1).status == "error"
    with pytest.raises(ConnectionError):
        session.query("queue_request", "{}")


def test_controller_that_is_killed(new_cluster):
    cluster = new_cluster(1)
    session = _core.Session(cluster.connection_file.read_text())
    session.enable_events()
    engine = next(iter(session.engines().values()))
    task = apply(session, engine, time.sleep, 30)
    wait_until(lambda: task.sent, "sent")
    cluster.controller.kill()
    assert session.wait([task], DEADLINE)
    assert "is gone" in json.loads(task.content)["evalue"]
    assert "is gone" in session.lost
    with pytest.raises(ConnectionError, match="is gone"):
        session.query("queue_request", "{}")
    events = iter(lambda: session.next_event(1.0), None)
    assert "lost" in [event[0] for event in events]
    session.close(0)


def test_controller_that_shuts_down(new_cluster):
    cluster = new_cluster(1)
    session = _core.Session(cluster.connection_file.read_text())
    msg_type, content, _ = session.query("shutdown_request", "{}", DEADLINE)
    assert (msg_type, json.loads(content)["status"]) == ("shutdown_reply", "ok")
    wait_until(lambda: session.closed, "closed")
    assert session.lost


def test_interpreter_that_ends_while_other_threads_wait(cluster):
    """Threads in a wait ask for the interpreter's lock when it is too late to get it."""
    script = """
        import itertools, sys, threading
        from engineroom import _core
        session = _core.Session(open(sys.argv[1]).read())
        def wait():
            for _ in itertools.count():
                session.next_event(0.001)
        for _ in range(8):
            threading.Thread(target=wait, daemon=True).start()
        """
    command = [sys.executable, "-c", textwrap.dedent(script), str(cluster.connection_file)]
    for _ in range(3):
        ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
        assert (ended.returncode, ended.stderr) == (0, "")


def test_sessions_do_not_leak(cluster):
    for _ in range(20):
        session = _core.Session(cluster.connection_file.read_text())
        del session
    gc.collect()
    files = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        session = _core.Session(cluster.connection_file.read_text())
        del session
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= files + 2


def test_many_outstanding_tasks_are_small(session, engine, gate):
    def resident_bytes():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    blocker = apply_waiting(session, engine, gate)
    before = resident_bytes()
    n = 20_000
    shared = call(abs, 0)[:2]
    own = [[b"\x80\x04K\x01."]] * n
    tasks = session.submit_many("direct", [engine], "apply_request", OURS, "{}", shared, own)
    assert len(session.outstanding()) == n + 1
    assert (resident_bytes() - before) / n < 6_000  # what waits in ZeroMQ to be sent included
    gate.touch()
    assert session.wait([blocker, *tasks], 60)
