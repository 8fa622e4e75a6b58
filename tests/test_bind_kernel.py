"""bind_kernel: consoles and notebooks on an engine, beside its tasks."""

import os
import queue
import stat
import threading
from pathlib import Path

import engineroom as ipp
import pytest
from waiting import wait_until

jupyter_client = pytest.importorskip("jupyter_client")


@pytest.fixture
def engine(single):
    return single


@pytest.fixture
def frontend(engine, tmp_path):
    path = engine.apply_sync(ipp.bind_kernel, str(tmp_path / "kernel.json"))
    client = jupyter_client.BlockingKernelClient(connection_file=path)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=20)
    yield client
    client.shutdown()
    client.stop_channels()


def run(frontend, code, **options):
    """(content of the reply, what was published)"""
    shown = []
    reply = frontend.execute_interactive(code, output_hook=shown.append, timeout=20, **options)
    return reply["content"], [message for message in shown if message["msg_type"] != "status"]


def test_it_shares_the_engines_namespace(engine, frontend):
    engine.push({"a": 5}, block=True)
    content, shown = run(frontend, "b = a + 1\nprint('printed')\nprint('more')\nb")
    assert content["status"] == "ok"
    assert engine["b"] == 6
    kinds = [message["msg_type"] for message in shown]
    assert kinds == ["execute_input", "stream", "execute_result"]
    assert shown[1]["content"] == {"name": "stdout", "text": "printed\nmore\n"}
    assert shown[2]["content"]["data"] == {"text/plain": "6"}
    content, _ = run(frontend, "", user_expressions={"twice": "2 * b"})
    assert content["user_expressions"]["twice"]["data"]["text/plain"] == "12"


def test_errors_and_what_clients_see(engine, frontend):
    content, shown = run(frontend, "1 / 0", stop_on_error=False)
    assert (content["status"], content["ename"]) == ("error", "ZeroDivisionError")
    assert shown[-1]["content"]["ename"] == "ZeroDivisionError"
    # Output of tasks goes to their clients, as before.
    ar = engine.execute("print('for the client')", silent=False)
    ar.get(10)
    ar.wait_for_output(10)
    assert ar.stdout == "for the client\n"
    with pytest.raises(queue.Empty):
        while frontend.get_iopub_msg(timeout=0.2)["msg_type"] != "stream":
            pass


def test_it_helps_with_typing(engine, frontend):
    engine.push({"number_of_things": 1}, block=True)
    content = frontend.complete("x = 1\nnumber_of_t", reply=True, timeout=10)["content"]
    assert content["matches"] == ["number_of_things"]
    assert (content["cursor_start"], content["cursor_end"]) == (6, 17)
    content = frontend.inspect("number_of_things", reply=True, timeout=10)["content"]
    assert content["found"] and "int" in content["data"]["text/plain"]
    assert not frontend.inspect("nothing_here", reply=True, timeout=10)["content"]["found"]
    frontend.is_complete("for i in range(3):")
    content = frontend.get_shell_msg(timeout=10)["content"]
    assert content == {"status": "incomplete", "indent": " " * 4}
    run(frontend, "remembered = 1")
    content = frontend.history(hist_access_type="tail", n=1, reply=True, timeout=10)["content"]
    assert content["history"][0][2] == "remembered = 1"
    assert frontend.comm_info(reply=True, timeout=10)["content"]["comms"] == {}


def test_tasks_and_cells_take_turns(engine, frontend, gate):
    path = str(gate)

    def wait():
        import os
        import time

        open(path + "-begun", "w").close()
        while not os.path.exists(path):
            time.sleep(0.01)
        return "task"

    ar = engine.apply_async(wait)
    wait_until(lambda: os.path.exists(path + "-begun"), "the task")
    asked = frontend.execute("after = 1")
    with pytest.raises(queue.Empty):
        frontend.get_shell_msg(timeout=0.3)
    gate.touch()
    assert ar.get(10) == "task"
    assert frontend.get_shell_msg(timeout=10)["parent_header"]["msg_id"] == asked
    # And the other way: an interrupt ends the cell, not the task behind it.
    begun = Path(path + "-cell")

    def interrupt():
        wait_until(begun.exists, "the cell")
        frontend.control_channel.send(frontend.session.msg("interrupt_request", {}))

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    content, _ = run(frontend, f"import time; open({str(begun)!r}, 'w').close(); time.sleep(60)")
    interrupter.join()
    assert content["ename"] == "KeyboardInterrupt"
    assert engine.apply_sync(abs, -1) == 1


def test_the_connection_file(engine, frontend, tmp_path):
    path = tmp_path / "kernel.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Once bound, it stays so.
    assert engine.apply_sync(ipp.bind_kernel) == str(path)
    ar = engine.execute("%connect_info", silent=False)
    ar.wait_for_output(10)
    assert "jupyter console --existing kernel.json" in ar.stdout
    frontend.shutdown(reply=True, timeout=10)
    wait_until(lambda: not path.exists(), "the end of the file")
    # The engine is still there.
    assert engine.apply_sync(abs, -1) == 1


def test_only_engines_can():
    with pytest.raises(RuntimeError, match="on an engine"):
        ipp.bind_kernel()
