"""The engine as a controller sees it: registration, replies, statuses, control, the end."""

import os
import signal
import time

import pytest
from conftest import wait_for_file
from engine_peers import OURS, FakeController
from engineroom.serialize import pack_call, unpack_object
from waiting import wait_until

STATUSES = ["engine.0.status", "status"]
BUSY = {"execution_state": "busy"}
IDLE = {"execution_state": "idle"}


@pytest.fixture
def controller():
    controller = FakeController()
    yield controller
    controller.close()


@pytest.fixture
def engine(controller):
    return controller.add_engine()


def call(f, *args, **kwargs):
    """What an apply_request of our own client is made of."""
    return {"metadata": OURS, "buffers": pack_call(f, args, kwargs)}


def start(controller, f, *args):
    """Sends a call without waiting; returns its id."""
    return controller.send(controller.mux, "apply_request", route=[b"client"], **call(f, *args))


def test_registration_says_who(controller):
    controller.start_engine("--id=7")
    request = controller.accept(engine_id=7)
    assert request.identities == [request.content["uuid"].encode()]
    assert request.content["id"] == 7
    assert "engineroom" in request.content


def test_apply(controller, engine):
    reply = controller.ask("apply_request", **call(divmod, 7, 2))
    assert reply.type == "apply_reply"
    assert reply.content == {"status": "ok"}
    assert unpack_object(reply.buffers) == (3, 1)
    metadata = reply.metadata
    assert metadata["engine"] == controller.uuid.decode()
    assert metadata["status"] == "ok"
    assert metadata["dependencies_met"] is True
    assert metadata["idle"] is True
    assert controller.nothing_published()


@pytest.mark.parametrize("where", ["mux", "task", "leaf"])
def test_replies_go_back_where_requests_came_from(controller, engine, where):
    socket = controller.leaves[0] if where == "leaf" else getattr(controller, where)
    reply = controller.ask("apply_request", socket=socket, **call(abs, -1))
    assert unpack_object(reply.buffers) == 1


def test_metadata_is_repeated(controller, engine):
    metadata = OURS | {"is_broadcast": True, "is_coalescing": True}
    metadata |= {"original_msg_id": 'a"b', "label": {"x": [1]}}
    reply = controller.ask("apply_request", metadata=metadata, buffers=pack_call(abs, (1,), {}))
    assert metadata.items() <= reply.metadata.items()


def test_output_comes_before_idle(controller, engine):
    reply = controller.ask("apply_request", **call(print, "hello"))
    assert reply.metadata["idle"] is False
    assert controller.published(reply.parent["msg_id"]) == [
        ("engine.0.stdout", "stream", {"name": "stdout", "text": "hello\n"}),
        (*STATUSES, IDLE),
    ]


def test_stock_clients_get_statuses(controller, engine):
    code = "import sys; print('out'); print('err', file=sys.stderr); 6 * 7"
    reply = controller.ask("execute_request", {"code": code, "silent": False})
    assert reply.content["status"] == "ok"
    assert reply.content["execution_count"] == 1
    assert "idle" not in reply.metadata
    published = controller.published(reply.parent["msg_id"])
    assert [(topic, kind) for topic, kind, _ in published] == [
        ("engine.0.status", "status"),
        ("engine.0.execute_input", "execute_input"),
        ("engine.0.stdout", "stream"),
        ("engine.0.stderr", "stream"),
        ("engine.0.execute_result", "execute_result"),
        ("engine.0.status", "status"),
    ]
    assert published[0][2] == BUSY
    assert published[4][2]["data"] == {"text/plain": "42"}


def test_busy_is_said_while_a_task_runs(controller, engine):
    code = "import time; time.sleep(60)"
    controller.send(controller.mux, "execute_request", {"code": code, "silent": True})
    assert controller.receive(controller.iopub).content == BUSY


def test_errors(controller, engine):
    reply = controller.ask("apply_request", **call(divmod, 1, 0))
    info = {"engine_uuid": controller.uuid.decode(), "engine_id": 0}
    assert reply.content["status"] == "error"
    assert reply.content["ename"] == "ZeroDivisionError"
    assert reply.content["traceback"]
    assert reply.content["engine_info"] == info | {"method": "apply"}
    assert reply.metadata["status"] == "error"
    assert reply.metadata["dependencies_met"] is True
    assert reply.metadata["engine_info"] == info
    assert controller.nothing_published()


def test_unmet_dependency(controller, engine):
    code = "class UnmetDependency(Exception): pass\nraise UnmetDependency()"
    reply = controller.ask("execute_request", {"code": code, "silent": True}, metadata=OURS)
    assert reply.metadata["dependencies_met"] is False


def test_broken_pickle_is_an_error_of_that_task(controller, engine):
    reply = controller.ask("apply_request", metadata=OURS, buffers=[b"none", b"none"])
    assert reply.content["status"] == "error"
    assert controller.ask("apply_request", **call(abs, -1)).content["status"] == "ok"


def test_stock_format_needs_its_package(controller, engine):
    """Without ipyparallel, the error says what to do."""
    pytest.importorskip("engineroom")
    try:
        import ipyparallel  # noqa: F401
    except ImportError:
        reply = controller.ask("apply_request", buffers=pack_call(abs, (1,), {}))
        assert "pip install ipyparallel" in reply.content["evalue"]


def test_hostile_messages_are_dropped(controller, engine):
    good = [controller.uuid, b"client"]
    for frames in ([b"x"], [b"<IDS|MSG>"], [b"<IDS|MSG>", b"wrong", b"{}", b"{}", b"{}", b"{}"]):
        controller.mux.send_multipart([*good, *frames])
    controller.send(controller.mux, "complete_request", {"code": "pri"})
    assert controller.ask("apply_request", **call(abs, -1)).content["status"] == "ok"


# ---- control ----


def test_abort_queued_and_later_tasks(controller, engine, gate):
    start(controller, wait_for_file, str(gate))
    queued = start(controller, abs, 1)
    reply = controller.ask("abort_request", {"msg_ids": [queued]}, socket=controller.control)
    assert reply.content == {"status": "ok"}
    # Answered while the first one still runs.
    aborted = controller.receive(controller.mux)
    assert aborted.parent["msg_id"] == queued
    assert aborted.content == {"status": "aborted"}
    assert aborted.metadata["status"] == "aborted"
    gate.touch()
    assert controller.receive(controller.mux).content == {"status": "ok"}


def test_abort_all(controller, engine, tmp_path):
    begun = tmp_path / "begun"
    running = start(controller, os.system, f"touch {begun}; sleep 0.5")
    # Task and abort come by different sockets: only what runs already is sure to go on.
    wait_until(begun.exists, "the first task to start")
    queued = [start(controller, abs, i) for i in range(3)]
    controller.ask("abort_request", {"msg_ids": []}, socket=controller.control)
    replies = [controller.receive(controller.mux) for _ in range(4)]
    aborted = [r.parent["msg_id"] for r in replies if r.content == {"status": "aborted"}]
    # Those that had arrived when the abort did; the running one goes on.
    assert running not in aborted
    assert set(aborted) <= set(queued)


def test_clear(controller, engine):
    controller.ask("execute_request", {"code": "a = 1", "silent": True}, metadata=OURS)
    reply = controller.ask("clear_request", socket=controller.control)
    assert (reply.type, reply.content) == ("clear_reply", {"status": "ok"})
    reply = controller.ask("execute_request", {"code": "a", "silent": True}, metadata=OURS)
    assert reply.content["ename"] == "NameError"


@pytest.mark.parametrize("number", [2, "SIGINT"])
def test_signal_interrupts_the_running_task(controller, engine, number):
    start(controller, time.sleep, 60)
    # Idle or not, an interrupt that hits no task is lost, so it is sent until it hits.
    for _ in range(100):
        controller.ask("signal_request", {"sig": number}, socket=controller.control)
        if controller.mux.poll(50):
            break
    reply = controller.receive(controller.mux)
    assert reply.content["ename"] == "KeyboardInterrupt"
    assert controller.ask("apply_request", **call(abs, -1)).content["status"] == "ok"


def test_interrupt_when_idle_is_ignored(controller, engine):
    controller.ask("apply_request", **call(abs, 1))
    engine.send_signal(signal.SIGINT)
    assert controller.ask("apply_request", **call(abs, -1)).content["status"] == "ok"


def test_kernel_info(controller, engine):
    reply = controller.ask("kernel_info_request")
    assert reply.type == "kernel_info_reply"
    assert reply.content["status"] == "ok"


# ---- heartbeats ----


def test_a_task_that_holds_the_lock_loses_no_heartbeat(controller, tmp_path):
    controller.add_engine(hb_period=100)
    controller.ask("apply_request", **call(abs, 1))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # A C function called with the interpreter's lock held: no Python thread runs meanwhile. It
    # returns when we open the other end.
    code = f"import ctypes; ctypes.PyDLL(None).open({os.fsencode(fifo)!r}, {os.O_RDONLY})"
    controller.send(controller.mux, "execute_request", {"code": code, "silent": True})
    assert controller.receive(controller.iopub).content == BUSY
    for number in range(20):
        controller.ping.send(b"%d" % number)
        assert controller.pong.poll(10_000), f"no answer to heartbeat {number}"
        assert controller.pong.recv_multipart() == [controller.uuid, b"%d" % number]
    assert not controller.mux.poll(0), "the task ended before the heartbeats did"
    fifo.open("wb").close()
    assert controller.receive(controller.mux).content["status"] == "ok"


def test_missing_heartbeats_end_the_engine(controller):
    process = controller.add_engine("--IPEngine.max_heartbeat_misses=3", hb_period=100)
    assert process.wait(10) == 69
    assert "3 heartbeats" in process.stderr.read()


# ---- the end ----


def test_shutdown(controller, engine):
    reply = controller.ask("shutdown_request", {"restart": False}, socket=controller.control)
    assert reply.content == {"status": "ok", "restart": False}
    notice = controller.receive(controller.iopub, "shutdown_reply")
    assert notice.identities == [b"engine.0.shutdown"]
    assert engine.wait(10) == 0
    assert controller.receive(controller.registration).content == {"id": 0}


def test_shutdown_ends_a_running_task(controller, engine):
    """Even one that an interrupt cannot reach."""
    code = "import ctypes; ctypes.PyDLL(None).sleep(60)"
    controller.send(controller.mux, "execute_request", {"code": code, "silent": True})
    assert controller.receive(controller.iopub).content == BUSY
    controller.ask("shutdown_request", socket=controller.control)
    assert engine.wait(10) == 0


def test_sigterm_leaves_the_cluster(controller, engine):
    engine.terminate()
    assert controller.receive(controller.registration, "unregistration_request")
    assert engine.wait(10) == 0


def test_sigterm_while_starting(controller):
    process = controller.start_engine()
    controller.receive(controller.registration, "registration_request")
    process.terminate()
    assert process.wait(10) in (0, -signal.SIGTERM)


def test_refused_registration(controller):
    process = controller.start_engine()
    request = controller.receive(controller.registration, "registration_request")
    controller.uuid = request.identities[0]
    content = {"status": "error", "ename": "KeyError", "evalue": "uuid in use"}
    controller.send(controller.registration, "registration_reply", content)
    assert process.wait(10) == 77
    assert "uuid in use" in process.stderr.read()


def test_no_answer_to_the_registration(controller):
    process = controller.start_engine("--timeout=0.3")
    assert process.wait(10) == 75


def test_lost_connection_ends_the_engine(controller):
    process = controller.add_engine("--IPEngine.controller_gone_after=0.3")
    controller.registration.close()
    assert process.wait(10) == 69
    assert "connection" in process.stderr.read()


def test_lost_connection_ends_a_running_task(controller):
    process = controller.add_engine("--IPEngine.controller_gone_after=0.3")
    start(controller, time.sleep, 60)
    controller.registration.close()
    assert process.wait(10) == 69


def test_declared_dead_it_registers_again(controller, engine, gate):
    start(controller, wait_for_file, str(gate))
    start(controller, abs, 1)
    dead = {"id": 0, "uuid": controller.uuid.decode()}
    controller.send(controller.registration, "unregistration_notification", dead)
    before = controller.uuid
    controller.accept(engine_id=1)
    assert controller.uuid == before
    gate.touch()
    # The queue was dropped, and id 1 listens to the other leaf.
    reply = controller.ask("apply_request", socket=controller.leaves[1], **call(divmod, 7, 2))
    assert unpack_object(reply.buffers) == (3, 1)


def test_notifications_about_others_are_ignored(controller, engine):
    other = {"id": 5, "uuid": "another"}
    controller.send(controller.registration, "unregistration_notification", other)
    assert controller.ask("apply_request", **call(abs, -1)).content["status"] == "ok"
    assert not controller.registration.poll(0)


# ---- buffers ----


def test_large_results_are_released_when_sent(controller, engine):
    """The engine keeps no reference to an array once it was sent, also when it stays idle."""
    code = """
import weakref, array
class Data(bytearray): pass
data = Data(10_000_000)
gone = []
watch = weakref.finalize(data, gone.append, True)
def take():
    global data
    import pickle
    result, data = pickle.PickleBuffer(data), None
    return memoryview(result)
"""
    ask = controller.ask
    ask("execute_request", {"code": code, "silent": True}, metadata=OURS)
    from engineroom import Reference

    reply = ask("apply_request", metadata=OURS, buffers=pack_call(Reference("take"), (), {}))
    assert unpack_object(reply.buffers).nbytes == 10_000_000

    def is_gone():
        reply = ask("apply_request", **call(len, Reference("gone")))
        return unpack_object(reply.buffers)

    wait_until(is_gone, "the data to be released")
