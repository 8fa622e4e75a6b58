"""Logs that controllers and engines send to a collector: --log-url."""

import threading

import pytest
from waiting import wait_until

zmq = pytest.importorskip("zmq")


class Collector(threading.Thread):
    """Listens all the time: ZeroMQ answers who connects only while somebody reads."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lines = []
        self.ended = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.subscribe(b"")
        self.url = f"tcp://127.0.0.1:{self._socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.start()

    def run(self):
        while not self.ended:
            if self._socket.poll(50):
                topic, text = self._socket.recv_multipart()
                self.lines.append((topic.decode(), text.decode()))
        self._context.destroy(linger=0)

    def has(self, topic, text):
        return any(line[0] == topic and text in line[1] for line in self.lines)


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.ended = True
    collector.join()


def test_a_collector_hears_of_controller_and_engines(new_cluster, collector):
    cluster = new_cluster(0, f"--log-url={collector.url}")
    profile = cluster.folder / "profile_default"
    (profile / "ipengine_config.py").write_text(
        f"c.IPEngine.log_url = {collector.url!r}\nc.IPEngine.log_level = 20\n"
    )
    wait_until(lambda: collector.has("controller.INFO", "ready: "), "the controller's line")
    cluster.add_engines(1)
    said = "Completed registration with id 0"
    wait_until(lambda: collector.has("engine.0.INFO", said), "the engine's line")


def test_an_address_that_is_none(new_cluster):
    cluster = new_cluster(0, "--log-url=nowhere")
    assert "--log-url=nowhere: " in cluster.log.read_text()
