"""Engines, and a controller, as pods of Kubernetes, by `kubectl` as the user has set it up.

A set of engines is n pods with a label by which they are asked for and deleted, and a Secret that
holds the connection file; it goes to kubectl on its standard input. No Job and no Deployment: those
would start an engine anew that was told to end, or end all when one has failed.

A controller's pod is reached by engines at the address of the pod, and from here by ports that
`kubectl port-forward` keeps open.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

from traitlets import Dict, Integer, List, Unicode, default

from . import command, files
from .base import ControllerLauncher, EngineLauncher, LauncherError, ProcessStateError
from .command import Command, Completed
from .polled import ENDED, PENDING, RUNNING, PolledLauncher, Status
from .process import Process
from .ssh_link import free_ports, listens_here_only, ports_of, with_ports

LABEL = "engineroom/launcher"
# Where things are in a pod.
CONNECTION_FOLDER = "/etc/engineroom"
PROFILE_DIR = "/tmp/engineroom"

# Arguments: a command that is to run for ever.
_KEEP = 'while :; do "$@"; sleep 1; done'


class KubernetesLauncher(PolledLauncher):
    """Pods with one label."""

    kubectl_cmd = List(Unicode(), ["kubectl"], config=True, help="kubectl").tag(to_dict=True)
    kubectl_args = List(Unicode(), config=True, help="Options, such as --context=NAME.").tag(
        to_dict=True
    )
    namespace = Unicode(config=True, help="The namespace; default: that of the context.").tag(
        to_dict=True
    )
    image = Unicode(config=True, help="The image, which has engineroom; it must be given.")
    python = Unicode("python3", config=True, help="The Python in it.").tag(to_dict=True)
    container = Dict(config=True, help="Added to the container: resources, volumeMounts, …")
    pod = Dict(config=True, help="Added to the pod's spec: nodeSelector, volumes, …")
    grace_seconds = Integer(5, config=True, help="Seconds from SIGTERM to SIGKILL.").tag(
        to_dict=True
    )
    pod_name = Unicode(help="The name of the pods, without their number.").tag(to_dict=True)

    @default("pod_name")
    def _default_pod_name(self) -> str:
        # Letters, digits and hyphens, and room for a number.
        return re.sub(r"[^a-z0-9]+", "-", self.identifier.lower()).strip("-")[-50:].strip("-")

    @property
    def place(self) -> str:
        return f"pods {self.pod_name}"

    def pod_names(self) -> list[str]:
        return [self.pod_name]

    # ---- commands ----

    def kubectl(self, *words: str, stdin: str = "") -> Command:
        where = [f"--namespace={self.namespace}"] if self.namespace else []
        return Command([*self.kubectl_cmd, *self.kubectl_args, *where, *words], stdin)

    def status_command(self) -> Command:
        return self.kubectl("get", "pods", f"--selector={LABEL}={self.pod_name}", "--output=json")

    def read_status(self, answer: Completed) -> Status | None:
        return read_pods(answer)

    def stop_command(self) -> Command:
        selector = f"--selector={LABEL}={self.pod_name}"
        grace = f"--grace-period={self.grace_seconds}"
        return self.kubectl("delete", "pods,secrets", selector, grace, "--wait=false")

    async def signal(self, sig: int) -> None:
        # The process of a container is its first, which gets what it has a handler for.
        code = f"import os; os.kill(1, {int(sig)})"
        for name in self.pod_names():
            words = self.kubectl("exec", f"pod/{name}", "--", self.python, "-c", code)
            (await command.finish(words)).check()

    def get_output(self, remove: bool = False) -> str:
        if self.state == "running":
            selector = f"--selector={LABEL}={self.pod_name}"
            limits = ("--prefix", f"--tail={self.output_limit or -1}")
            limits += (f"--max-log-requests={max(5, len(self.pod_names()))}",)
            try:
                self._output = command.run(self.kubectl("logs", selector, *limits)).output
            except LauncherError as error:
                self.log.debug("no output of %s: %s", self.place, error)
        return self._output or ""

    # ---- pods ----

    def _metadata(self, name: str) -> dict[str, Any]:
        return {"name": name, "labels": {LABEL: self.pod_name}}

    def _pod(self, name: str, words: list[str], **container: Any) -> dict[str, Any]:
        environment = [{"name": k, "value": str(v)} for k, v in self.environment.items()]
        environment += container.pop("env", [])
        own = {"name": "engineroom", "image": self.image, "command": words, "env": environment}
        spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": self.grace_seconds}
        whole = _merged(spec, {**self.pod, "containers": [_merged(own, container, self.container)]})
        return {"apiVersion": "v1", "kind": "Pod", "metadata": self._metadata(name), "spec": whole}

    async def _create(self, objects: list[dict[str, Any]]) -> None:
        if self.state != "before":
            raise ProcessStateError(f"{self.identifier} was started before; it is {self.state}")
        if not self.image:
            raise LauncherError("which image? c.KubernetesLauncher.image = 'registry/name:tag'")
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        create = self.kubectl("create", "--filename=-", stdin=manifest)
        answer = await command.finish(create)
        if answer.exit_code:
            # Some of it may be there.
            await command.finish(self.stop_command())
            answer.check()
        self.notify_start(self.pod_name)
        self._watch()


def _merged(*parts: dict[str, Any]) -> dict[str, Any]:
    """Lists are joined, everything else is as the last one says."""
    result: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            both_lists = isinstance(value, list) and isinstance(result.get(name), list)
            result[name] = [*result[name], *value] if both_lists else value
    return result


def read_pods(answer: Completed) -> Status | None:
    """What `kubectl get pods --output=json` says."""
    if answer.exit_code:
        return None
    try:
        pods = json.loads(answer.output)["items"]
    except (ValueError, KeyError):
        return None
    phases = [pod.get("status", {}).get("phase", "Pending") for pod in pods]
    left = [phase for phase in phases if phase not in ("Succeeded", "Failed")]
    if not left:
        codes = [code for pod in pods for code in _exit_codes(pod)]
        failed = next((code for code in codes if code), None)
        return Status(ENDED, "", failed if failed else max(codes, default=None))
    waiting = sum(phase != "Running" for phase in left)
    if not waiting:
        gone = len(phases) - len(left)
        return Status(RUNNING, f"{gone} of {len(phases)} have ended" if gone else "")
    reason = next((why for pod in pods if (why := _why_pending(pod))), "")
    if waiting == len(left):
        return Status(PENDING, reason)
    return Status(RUNNING, f"{waiting} of {len(phases)} still wait{reason and ': '}{reason}")


def _exit_codes(pod: dict[str, Any]) -> list[int]:
    containers = pod.get("status", {}).get("containerStatuses", [])
    ends = [container.get("state", {}).get("terminated") for container in containers]
    return [int(end["exitCode"]) for end in ends if end]


def _why_pending(pod: dict[str, Any]) -> str:
    status = pod.get("status", {})
    for container in status.get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return str(waiting["reason"])
    for condition in status.get("conditions", []):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("message") or condition.get("reason", ""))
    return ""


# ---- engines ----


class KubernetesEngineSetLauncher(KubernetesLauncher, EngineLauncher):
    """A set of engines as pods."""

    @default("engine_cmd")
    def _default_engine_cmd(self) -> list[str]:
        return [self.python, "-m", "engineroom.engine"]

    def pod_names(self) -> list[str]:
        return [f"{self.pod_name}-{number}" for number in range(self.n)]

    async def start(self, n: int) -> str:
        self.n = n
        connection = self.take_connection()
        if listens_here_only(connection):
            raise LauncherError(
                "the controller listens on this host only, which pods cannot reach: start it as a"
                " pod, too (controller='kubernetes'), or, where pods reach this host, with"
                " controller_ip='*'"
            )
        await self._create([self._secret(connection), *map(self._engine, self.pod_names())])
        return self.pod_name

    def _secret(self, connection: dict[str, Any]) -> dict[str, Any]:
        metadata = self._metadata(self.pod_name)
        text = {"engine.json": json.dumps(connection)}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": text}

    def _engine(self, name: str) -> dict[str, Any]:
        words = [f"--file={CONNECTION_FOLDER}/engine.json", f"--cluster-id={self.cluster_id}"]
        mount = {"name": "connection", "mountPath": CONNECTION_FOLDER, "readOnly": True}
        pod = self._pod(name, [*self.engine_cmd, *words, *self.engine_args], volumeMounts=[mount])
        # Whoever the image's user is: nobody else is in there.
        secret = {"secretName": self.pod_name, "defaultMode": 0o444}
        volumes = [{"name": "connection", "secret": secret}, *pod["spec"].get("volumes", [])]
        pod["spec"]["volumes"] = volumes
        return pod


# ---- a controller ----


class KubernetesControllerLauncher(KubernetesLauncher, ControllerLauncher):
    """A controller as a pod, and its connection files here."""

    # The process that keeps the ports open.
    forwarder = List(Integer(), [-1, 0]).tag(to_dict=True)
    _process: Process | None = None

    @default("controller_cmd")
    def _default_controller_cmd(self) -> list[str]:
        return [self.python, "-m", "engineroom", "controller"]

    async def start(self) -> str:
        for path in self.connection_files.values():
            files.remove(path)
        # Encrypted, as it listens for others (CURVE). Kubernetes fills in the pod's address.
        address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        names = [f"--profile-dir={PROFILE_DIR}", f"--cluster-id={self.cluster_id}"]
        words = [*self.controller_cmd, "--ip=*", "--location=$(POD_IP)", *names]
        await self._create(
            [self._pod(self.pod_name, [*words, *self.controller_args], env=[address])]
        )
        try:
            await self._bring_connection_files()
        except BaseException:
            await self.stop()
            raise
        return self.pod_name

    async def _bring_connection_files(self) -> None:
        deadline = time.monotonic() + self.connection_info_timeout
        there = files.connection_files(PROFILE_DIR, self.cluster_id)
        read: dict[str, Any] = {}
        for kind, path in there.items():
            ask = self.kubectl("exec", f"pod/{self.pod_name}", "--", "cat", path)
            while True:
                answer = await command.finish(ask)
                if not answer.exit_code and answer.output.rstrip().endswith("}"):
                    read[kind] = json.loads(answer.output)
                    break
                await self._ask_soon()
                if self.state == "after":
                    raise RuntimeError(self._failure(self.poll()))
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"no connection files from {self.place}, which is {self.condition}"
                    )
        targets = ports_of(read["client"])
        ports = free_ports(len(targets))
        self._forward([f"{port}:{target}" for port, target in zip(ports, targets, strict=True)])
        read["client"] = with_ports(read["client"], ports)
        for kind, path in self.connection_files.items():
            files.write_json(path, read[kind])

    def _forward(self, pairs: list[str]) -> None:
        forward = self.kubectl("port-forward", f"pod/{self.pod_name}", *pairs)
        os.makedirs(os.path.dirname(self.output_file), exist_ok=True)
        self._process = Process.spawn(
            ["/bin/sh", "-c", _KEEP, "engineroom-forward", *forward.args],
            output_file=self.output_file,
            environment=os.environ,
            guarded=self.guarded,
        )
        self.forwarder = [self._process.pid, self._process.birth]

    def _ended(self, status: Status) -> None:
        super()._ended(status)
        if self._process is not None:
            self._process.end()
        for path in (*self.connection_files.values(), self.output_file):
            files.remove(path)

    def release(self) -> None:
        super().release()
        if self._process is not None:
            self._process.release()

    @classmethod
    def from_dict(cls, d: dict[str, Any], **kwargs: Any) -> Any:
        launcher = super().from_dict(d, **kwargs)
        try:
            launcher._process = Process.find(*launcher.forwarder)
        except ProcessLookupError:
            launcher.log.warning("the ports to %s are not forwarded any more", launcher.place)
        return launcher
