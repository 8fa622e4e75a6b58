"""What users see of engines: namespaces, output, errors, interrupts, and what is left behind."""

import os
import re
import signal
import sys
import time

import engineroom
import pytest
from conftest import wait_for_file
from engineroom import Reference, RemoteError, interactive
from waiting import wait_until


@pytest.fixture
def view(client):
    """One engine."""
    return client[0]


def run(view, code):
    """Executes code and waits for its output."""
    result = view.execute(code, silent=False, block=False)
    result.get(timeout=20)
    result.wait_for_output(10)
    return result


# ---- namespace ----


def test_main_is_the_namespace(view):
    @interactive
    def add(x):
        global total
        total = a + x  # noqa: F821 - on the engine
        return __name__

    view["a"] = 1
    assert view.apply_sync(add, 2) == "__main__"
    assert view["total"] == 3
    view.execute("class Point:\n    x = 1\npoint = Point()", block=True)
    view.execute("import pickle; again = pickle.loads(pickle.dumps(point)).x", block=True)
    assert view["again"] == 1


def test_execute_and_apply_share_it(view):
    view.execute("def double(x): return 2 * x", block=True)
    assert view.apply_sync(Reference("double"), 4) == 8


def test_engine_knows_itself(client, view):
    @interactive
    def who():
        kernel = get_ipython().kernel  # noqa: F821 - on the engine
        return kernel.engine_id, kernel.ident

    engine_id = client.ids[0]
    assert view.apply_sync(who) == (engine_id, client._engines[engine_id])


def test_clear_empties_it(client, view):
    view.push({"a": 1}, block=True)
    client.clear(block=True)
    with pytest.raises(RemoteError, match="NameError"):
        view.pull("a", block=True)


# ---- output ----


def test_streams_and_results_in_order(view):
    result = run(view, "print('a'); print('b'); import sys; sys.stderr.write('c'); 6 * 7")
    assert result.stdout == "a\nb\n"
    assert result.stderr == "c"
    assert result.get().data == {"text/plain": "42"} or "42" in str(result.get())


def test_output_of_apply(view):
    result = view.apply_async(print, "hello")
    result.get(timeout=20)
    assert result.wait_for_output(10)
    assert result.stdout == "hello\n"


def test_display(view):
    result = run(view, "from IPython.display import display, HTML; display(HTML('<b>x</b>'))")
    [output] = result.outputs
    assert output["data"]["text/html"] == "<b>x</b>"


def test_inline_plots(view):
    pytest.importorskip("matplotlib")
    code = "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    [output] = run(view, code).outputs
    assert output["data"]["image/png"].startswith("iVBOR")


def test_top_level_await(view):
    code = "import asyncio; await asyncio.sleep(0); print('awaited')"
    assert run(view, code).stdout == "awaited\n"


def test_text_that_utf8_cannot_hold(view):
    assert run(view, "print('a\\udc80b')").stdout == "a?b\n"


def test_binary_writes(view):
    assert run(view, "import sys; sys.stdout.buffer.write(b'abc'); None").stdout == "abc"


def test_shell_commands(view):
    assert "hello" in run(view, "!echo hello").stdout


def test_output_from_threads(view):
    code = """
import threading
thread = threading.Thread(target=print, args=("from a thread",))
thread.start()
thread.join()
"""
    assert run(view, code).stdout == "from a thread\n"


def test_forked_children_do_not_disturb(view):
    code = """
import os
if os.fork() == 0:
    print("child")
    os._exit(0)
os.wait()
print("parent")
"""
    assert run(view, code).stdout == "parent\n"


def test_sigterm_ends_forked_children(view):
    def terminate():
        import multiprocessing
        import time

        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        child.start()
        child.terminate()
        child.join(20)
        return child.exitcode

    assert view.apply_sync(terminate) == -signal.SIGTERM
    # And not the engine.
    assert view.apply_sync(abs, -1) == 1


@pytest.mark.parametrize("package", ["engineroom", "ipyparallel"])
def test_publish_data(view, package):
    pytest.importorskip(package)

    @interactive
    def publish(package):
        import importlib

        publish_data = importlib.import_module(f"{package}.datapub").publish_data
        publish_data({"a": 1, "b": [1, 2]})

    result = view.apply_async(publish, package)
    result.get(timeout=20)
    result.wait_for_output(10)
    assert result.data == {"a": 1, "b": [1, 2]} or result.data[0] == {"a": 1, "b": [1, 2]}


def test_user_expressions_and_payload_are_harmless(view):
    assert run(view, "print(1)\nfloat('nan')").stdout == "1\n"


# ---- errors ----


def test_errors_show_the_users_code_only(view):
    @interactive
    def fail():
        return 1 / 0

    with pytest.raises(RemoteError) as caught:
        view.apply_sync(fail)
    error = caught.value
    text = re.sub("\x1b\\[[0-9;]*m", "", "\n".join(error._render_traceback_()))
    assert error.ename == "ZeroDivisionError"
    assert "1 / 0" in text
    assert "worker.py" not in text
    assert error.engine_info["engine_id"] == view.targets


def test_exceptions_whose_text_fails(view):
    view.execute("class Bad(Exception):\n    def __str__(self): return 1 / 0", block=True)
    with pytest.raises(RemoteError, match="Bad"):
        view.execute("raise Bad()", block=True)


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "raise KeyboardInterrupt", "1 +"])
def test_engines_survive(view, code):
    with pytest.raises(RemoteError):
        view.execute(code, block=True)
    assert view.apply_sync(abs, -1) == 1


def test_exit_in_a_task_does_not_end_the_engine(view):
    with pytest.raises(RemoteError, match="SystemExit"):
        view.apply_sync(sys.exit, 1)
    assert view.apply_sync(abs, -1) == 1


def test_input_is_refused(view):
    with pytest.raises(RemoteError, match="nobody sits in front of it"):
        view.apply_sync(input)


def test_unpicklable_result(view):
    with pytest.raises(RemoteError, match="pickle"):
        view.execute("import threading; lock = threading.Lock()", block=True)
        view.pull("lock", block=True)
    assert view.apply_sync(abs, -1) == 1


def test_failed_cell_aborts_those_behind_it(client, view, gate):
    view.push({"wait_for_file": wait_for_file}, block=True)
    results = [
        view.execute(code, silent=False, block=False)
        for code in (f"wait_for_file({str(gate)!r}); 1 / 0", "a = 1", "b = 1")
    ]
    # Only those abort that are there when it fails. They are when one behind them is.
    behind = view.apply_async(int)
    client.abort(behind, block=True)
    assert behind.wait(20)
    gate.touch()
    for result in results:
        with pytest.raises(engineroom.error.KernelError):
            result.get(timeout=20)
    assert view.apply_sync(abs, -1) == 1


# ---- interrupts, signals, the end ----


def test_interrupt_reaches_the_task_only(client, view):
    result = view.apply_async(time.sleep, 60)
    wait_until(lambda: interrupted(client, result), "the interrupt to hit the task")
    with pytest.raises(RemoteError, match="KeyboardInterrupt"):
        result.get(timeout=10)
    assert view.apply_sync(abs, -1) == 1


@engineroom.interactive  # by value: engines cannot import this file
def swallow_interrupts(count, path):
    import time

    for seen in range(count):
        try:
            path.write_text(str(seen))  # from now on, and until the except, it is caught
            time.sleep(20)
        except KeyboardInterrupt:
            continue
        return seen
    return count


def test_a_task_that_swallows_interrupts_gets_the_next_one(client, view, tmp_path):
    seen = tmp_path / "seen"
    result = view.apply_async(swallow_interrupts, 3, seen)
    for number in range(3):
        wait_until(
            lambda now=str(number): seen.exists() and seen.read_text() == now,
            "the task to sleep again",
        )
        client.send_signal(signal.SIGINT, targets=client.ids[0], block=True)
    assert result.get(timeout=20) == 3


def interrupted(client, result):
    client.send_signal(signal.SIGINT, targets=client.ids[0], block=True)
    return result.wait(0.1)


def test_many_interrupts(client, view):
    """Interrupts at any moment end tasks, never the engine."""
    results = [view.apply_async(pow, 3, 2000) for _ in range(300)]
    for _ in range(20):
        client.send_signal(signal.SIGINT, targets=client.ids[0], block=True)
    for result in results:
        try:
            result.get(timeout=20)
        except RemoteError as error:
            assert error.ename == "KeyboardInterrupt"
    assert view.apply_sync(abs, -1) == 1


def test_handlers_of_users_run_while_idle(view):
    view.execute(
        "import signal; hits = []; signal.signal(signal.SIGUSR1, lambda *a: hits.append(1))",
        block=True,
    )
    os.kill(view.apply_sync(os.getpid), signal.SIGUSR1)
    wait_until(lambda: view["hits"] == [1], "the handler to run")


def test_engines_do_not_outlive_their_threads(new_cluster):
    """A thread that a task left running does not keep the process."""
    cluster = new_cluster(1)
    with cluster.connect() as client:
        code = "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()"
        client[0].execute(code, block=True)
        client.shutdown(targets=client.ids, block=True)
    assert cluster.engines[0].wait(10) == 0


def test_controller_gone(new_cluster):
    cluster = new_cluster(2)
    cluster.controller.kill()
    assert [engine.wait(15) for engine in cluster.engines] == [69, 69]


def test_paused_engine_comes_back(new_cluster):
    """Declared dead while it could not answer, it joins again when it can."""
    cluster = new_cluster(1, "--ping=100")
    with cluster.connect() as client:
        engine = cluster.engines[0]
        os.killpg(engine.pid, signal.SIGSTOP)
        wait_until(lambda: not client.ids, "the engine to be missed")
        os.killpg(engine.pid, signal.SIGCONT)
        wait_until(lambda: client.ids, "the engine to come back")
        assert client[-1].apply_sync(os.getpid) == engine.pid
