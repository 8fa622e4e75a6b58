"""Pods by a kubectl that only notes what it is asked, and answers as the real one does."""

import json
import os
import sys
from pathlib import Path

import engineroom as ipp
import pytest
from engineroom.cluster.base import LauncherError
from engineroom.cluster.command import Command, Completed
from engineroom.cluster.kubernetes import LABEL, read_pods
from engineroom.cluster.launcher import abbreviate_launcher_class, find_launcher_class
from engineroom.cluster.polled import Status
from traitlets.config import Config
from waiting import wait_until

# Keeps objects in a file: created ones are pending, then what the test makes of them.
KUBECTL = """#!{python}
import json, os, pathlib, subprocess, sys, time

folder = pathlib.Path({folder!r})
words = [word for word in sys.argv[1:] if not word.startswith(("--context", "--namespace"))]
with open(folder / "calls", "a") as calls:
    print(json.dumps(sys.argv[1:]), file=calls)
pods = folder / "pods.json"
match words:
    case ["create", "--filename=-"]:
        items = json.load(sys.stdin)["items"]
        (folder / "created.json").write_text(json.dumps(items))
        made = [item for item in items if item["kind"] == "Pod"]
        pods.write_text(json.dumps({{"items": made}}))
    case ["get", "pods", *_]:
        print(pods.read_text())
    case ["delete", *_]:
        pods.write_text('{{"items": []}}')
    case ["exec", pod, "--", "cat", path]:
        sys.exit(subprocess.call(["cat", folder / os.path.basename(path)]))
    case ["logs", *_]:
        print("[pod/x/engineroom] a last word")
    case ["port-forward", *_]:
        time.sleep(60)
"""


class Kubernetes:
    def __init__(self, folder):
        self.folder = folder
        self.program = folder / "kubectl"
        self.program.write_text(KUBECTL.format(python=sys.executable, folder=str(folder)))
        self.program.chmod(0o700)

    @property
    def calls(self):
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    @property
    def created(self):
        return json.loads((self.folder / "created.json").read_text())

    def pods_are(self, **status):
        items = [{"status": status} for item in self.created if item["kind"] == "Pod"]
        new = self.folder / "new"
        new.write_text(json.dumps({"items": items}))
        new.rename(self.folder / "pods.json")


@pytest.fixture
def kubernetes(tmp_path):
    folder = tmp_path / "kubernetes"
    folder.mkdir()
    return Kubernetes(folder)


@pytest.fixture
def new_cluster(kubernetes, tmp_path, request):
    def make(**kwargs):
        settings = {
            "kubectl_cmd": [str(kubernetes.program)],
            "kubectl_args": ["--context=test"],
            "namespace": "mine",
            "image": "example.org/engineroom:1",
            "container": {"resources": {"limits": {"cpu": 2}}},
            "pod": {"nodeSelector": {"disk": "fast"}},
            "poll_seconds": 0.02,
        }
        config = Config({"KubernetesLauncher": settings})
        chosen = {"engines": "kubernetes", "profile_dir": str(tmp_path / "p"), "config": config}
        cluster = ipp.Cluster(**{**chosen, **kwargs})
        request.addfinalizer(cluster.stop_cluster_sync)
        return cluster

    return make


def test_names():
    for kind in ("engine", "controller"):
        cls = find_launcher_class("kubernetes", kind)
        assert abbreviate_launcher_class(cls) == "kubernetes"


def test_life_of_a_set(new_cluster, kubernetes):
    cluster = new_cluster(n=2, controller_ip="*")
    cluster.start_cluster_sync()
    engine_set = cluster.engine_set
    name = engine_set.pod_name
    secret, first, second = kubernetes.created
    assert [first["metadata"]["name"], second["metadata"]["name"]] == [f"{name}-0", f"{name}-1"]
    assert {item["metadata"]["labels"][LABEL] for item in kubernetes.created} == {name}
    # The key is in the secret, and nowhere else.
    assert json.loads(secret["stringData"]["engine.json"])["curve_serverkey"]
    assert "curve_serverkey" not in json.dumps([first, second, kubernetes.calls])
    spec = first["spec"]
    assert spec["restartPolicy"] == "Never"
    assert spec["nodeSelector"] == {"disk": "fast"}
    (container,) = spec["containers"]
    assert container["image"] == "example.org/engineroom:1"
    assert container["resources"] == {"limits": {"cpu": 2}}
    assert container["command"][:4] == [
        *("python3", "-m", "engineroom.engine"),
        "--file=/etc/engineroom/engine.json",
    ]
    assert spec["volumes"][0]["secret"]["secretName"] == name
    assert kubernetes.calls[0][:2] == ["--context=test", "--namespace=mine"]

    message = "0/3 nodes are available"
    unschedulable = {"type": "PodScheduled", "status": "False", "message": message}
    kubernetes.pods_are(phase="Pending", conditions=[unschedulable])
    wait_until(lambda: f"0 running, 2 pending ({message})" in repr(cluster))
    kubernetes.pods_are(phase="Running")
    wait_until(lambda: "engines=<2 running>" in repr(cluster))

    found = ipp.Cluster.from_file(cluster.cluster_file)
    assert found.engine_set.pod_names() == [f"{name}-0", f"{name}-1"]
    found.signal_engines_sync(2)
    signals = [call for call in kubernetes.calls if "exec" in call]
    assert [call[3] for call in signals] == [f"pod/{name}-0", f"pod/{name}-1"]
    assert signals[0][4:] == ["--", "python3", "-c", "import os; os.kill(1, 2)"]
    assert "a last word" in found.engine_set.get_output()

    cluster.stop_cluster_sync()
    (deleted,) = [call for call in kubernetes.calls if "delete" in call]
    assert deleted[3:5] == ["pods,secrets", f"--selector={LABEL}={name}"]
    assert engine_set.state == "after"


def test_a_controller_as_a_pod(new_cluster, kubernetes, tmp_path):
    cluster = new_cluster(controller="kubernetes", n=0)
    file = {
        **{"interface": "tcp://*", "location": "10.1.2.3", "ssh": "", "key": "k"},
        **{"registration": 7001, "control": 7002, "broadcast": [7003]},
    }
    for kind in ("client", "engine"):
        path = kubernetes.folder / f"ipcontroller-{cluster.cluster_id}-{kind}.json"
        path.write_text(json.dumps(file))
    cluster.start_controller_sync()
    controller = cluster.controller
    (pod,) = kubernetes.created
    (container,) = pod["spec"]["containers"]
    assert container["command"][:6] == [
        *("python3", "-m", "engineroom", "controller"),
        *("--ip=*", "--location=$(POD_IP)"),
    ]
    client, engine = (json.loads(Path(p).read_text()) for p in controller.connection_files.values())
    # Engines come to the pod; clients by forwarded ports.
    assert engine == file
    assert client["interface"] == "tcp://127.0.0.1"
    wait_until(lambda: [call for call in kubernetes.calls if "port-forward" in call])
    (forward,) = [call for call in kubernetes.calls if "port-forward" in call]
    ports = [client["registration"], client["control"], *client["broadcast"]]
    pairs = [f"{port}:{target}" for port, target in zip(ports, (7001, 7002, 7003), strict=True)]
    assert forward[3:] == [f"pod/{controller.pod_name}", *pairs]
    found = ipp.Cluster.from_file(cluster.cluster_file)
    assert found.controller.place == controller.place
    forwarder = controller._process
    cluster.stop_cluster_sync()
    wait_until(lambda: not forwarder.is_running())
    assert not os.path.exists(controller.connection_files["client"])


def test_what_goes_wrong_is_told(new_cluster, kubernetes):
    with pytest.raises(LauncherError, match="listens on this host only.*controller='kubernetes'"):
        new_cluster(n=1).start_cluster_sync()
    cluster = new_cluster(n=1, controller_ip="*")
    cluster.config.KubernetesLauncher.image = ""
    with pytest.raises(LauncherError, match="which image"):
        cluster.start_cluster_sync()
    kubernetes.program.write_text("#!/bin/sh\necho forbidden >&2; exit 1\n")
    with pytest.raises(LauncherError, match="forbidden"):
        new_cluster(n=1, controller_ip="*").start_cluster_sync()


def pod(phase, code=None, waiting=None):
    state = {"terminated": {"exitCode": code}} if code is not None else {}
    state = {"waiting": {"reason": waiting}} if waiting else state
    return {"status": {"phase": phase, "containerStatuses": [{"state": state}]}}


@pytest.mark.parametrize(
    ("pods", "status"),
    [
        ([], Status("ended")),
        ([pod("Pending"), pod("Pending", waiting="ContainerCreating")], Status("pending")),
        ([pod("Pending", waiting="ImagePullBackOff")], Status("pending", "ImagePullBackOff")),
        (
            [pod("Running"), pod("Pending", waiting="ErrImagePull")],
            Status("running", "1 of 2 still wait: ErrImagePull"),
        ),
        ([pod("Running"), pod("Running")], Status("running")),
        ([pod("Running"), pod("Failed", 64)], Status("running", "1 of 2 have ended")),
        ([pod("Succeeded", 0), pod("Failed", 64)], Status("ended", "", 64)),
        ([pod("Succeeded", 0)], Status("ended", "", 0)),
    ],
)
def test_pods(pods, status):
    answer = Completed(Command(["kubectl"]), 0, json.dumps({"items": pods}), "")
    assert read_pods(answer) == status


def test_silence_is_no_end():
    assert read_pods(Completed(Command(["kubectl"]), 1, "", "connection refused")) is None
