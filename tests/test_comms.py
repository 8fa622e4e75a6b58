"""Comms, the channels of widgets: opened on an engine, used from the frontend of the client's kernel."""

import time

import pytest

manager = pytest.importorskip("jupyter_client.manager")
pytest.importorskip("ipykernel")

ON_THE_CLIENT = """
import engineroom
client = engineroom.Client({path!r})
engine = client[client.ids[0]]

def open_comm():
    import comm
    echo = comm.create_comm(target_name="echo", data={{"engine": True}}, buffers=[b"ab"])
    got = []
    def on_msg(message):
        got.append(message["content"]["data"])
        echo.send({{"echo": got}}, buffers=message["buffers"])
    echo.on_msg(on_msg)
    echo.on_close(lambda message: got.append("closed"))
    globals().update(echo=echo, got=got)
    return echo.comm_id

opened = engine.apply_sync(open_comm)
"""


@pytest.fixture(scope="module")
def frontend():
    """Of a notebook's kernel."""
    kernels, client = manager.start_new_kernel(startup_timeout=60)
    yield client
    client.stop_channels()
    kernels.shutdown_kernel(now=True)


def await_message(frontend, msg_type):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message = frontend.get_iopub_msg(timeout=20)
        if message["msg_type"] == msg_type:
            return message
    raise AssertionError(f"no {msg_type}")


def send(frontend, msg_type, **content):
    frontend.shell_channel.send(frontend.session.msg(msg_type, content))


def test_a_widget_of_an_engine_talks_with_the_frontend(cluster, frontend):
    cluster.ensure(1)
    frontend.execute(ON_THE_CLIENT.format(path=str(cluster.connection_file)))
    opened = await_message(frontend, "comm_open")
    comm_id = opened["content"]["comm_id"]
    assert opened["content"]["target_name"] == "echo"
    assert opened["content"]["data"] == {"engine": True}
    assert [bytes(buffer) for buffer in opened["buffers"]] == [b"ab"]

    send(frontend, "comm_msg", comm_id=comm_id, data={"value": 1})
    assert await_message(frontend, "comm_msg")["content"]["data"] == {"echo": [{"value": 1}]}
    send(frontend, "comm_msg", comm_id=comm_id, data={"value": 2})
    echoed = await_message(frontend, "comm_msg")
    assert echoed["content"] == {"comm_id": comm_id, "data": {"echo": [{"value": 1}, {"value": 2}]}}

    send(frontend, "comm_close", comm_id=comm_id, data={})
    frontend.execute("engine.execute('import time').get(); print(engine['got'][-1])")
    assert await_message(frontend, "stream")["content"]["text"].strip() == "closed"


def test_an_engine_closes_its_comm(cluster, frontend):
    code = ON_THE_CLIENT.format(path=str(cluster.connection_file))
    frontend.execute(code + "\nengine.execute('echo.close()').get()")
    comm_id = await_message(frontend, "comm_open")["content"]["comm_id"]
    assert await_message(frontend, "comm_close")["content"]["comm_id"] == comm_id
