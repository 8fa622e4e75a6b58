"""Other hosts for tests: network namespaces with addresses of their own, and an sshd in each.

They hang on a namespace `home`, by a pair of virtual Ethernet devices each. Nothing is added to
this machine's own network: ssh runs here, and reaches a host by a program in `home` that passes
its bytes on (ProxyCommand). A link can be cut.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from waiting import wait_until

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
# Joins a connection with stdin and stdout.
RELAY = """
import os, socket, sys, threading
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        there.sendall(data)
    there.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := there.recv(65536):
    while data:
        data = data[os.write(1, data):]
"""


def missing() -> str:
    """Why there can be none here; "" if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    absent = [name for name in ("sshd", "ssh", "ip") if shutil.which(name, path=PATH) is None]
    if absent:
        return f"needs Debian's openssh-server and iproute2 (no {', '.join(absent)})"
    name = f"er{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return "network namespaces are not allowed here"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


class SshSite:
    """Hosts 10.213.0.2, 10.213.1.2, … (`hosts`)."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self._home = f"er{os.getpid()}home"
        self._names = [f"er{os.getpid()}host{number}" for number in range(count)]
        self.hosts = [f"10.213.{number}.2" for number in range(count)]
        self._daemons: list[subprocess.Popen[bytes]] = []
        relay = folder / "relay.py"
        relay.write_text(RELAY)
        self._key = folder / "key"
        proxy = f"ip netns exec {self._home} {sys.executable} {relay} %h %p"
        options = (
            *("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"),
            *("IdentitiesOnly=yes", f"ProxyCommand={proxy}"),
        )
        config = folder / "ssh_config"
        config.write_text("".join(f"{option.replace('=', ' ', 1)}\n" for option in options))
        # As a user would have it: in a file.
        self.ssh_args = ["-F", str(config), "-i", str(self._key)]
        for option in ("ServerAliveInterval=1", "ServerAliveCountMax=2", "ConnectTimeout=2"):
            self.ssh_args += ["-o", option]

    def __enter__(self) -> "SshSite":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        host_key = self.folder / "host_key"
        for key in (self._key, host_key):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        # What sshd does with its privileges away; the Debian service makes it.
        os.makedirs("/run/sshd", exist_ok=True)
        home = self.folder / "home"
        home.mkdir()
        (self.folder / "sshd_config").write_text(
            f"HostKey {host_key}\nAuthorizedKeysFile {self._key}.pub\nStrictModes no\n"
            "PidFile none\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n"
            "ClientAliveInterval 1\nClientAliveCountMax 2\n"
            # Their own home: what the login shell of whoever runs the tests does at its start
            # may wait for a lock that a session which was cut left behind.
            f"SetEnv HOME={home}\n"
        )
        _ip("netns", "add", self._home)
        _ip("-n", self._home, "link", "set", "lo", "up")
        for number, name in enumerate(self._names):
            _ip("netns", "add", name)
            _ip(
                "-n",
                self._home,
                "link",
                "add",
                f"to{number}",
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
            )
            _ip("-n", self._home, "link", "set", "eth0", "netns", name)
            for namespace, device, last in ((self._home, f"to{number}", 1), (name, "eth0", 2)):
                _ip("-n", namespace, "addr", "add", f"10.213.{number}.{last}/30", "dev", device)
                _ip("-n", namespace, "link", "set", device, "up")
            _ip("-n", name, "link", "set", "lo", "up")
            self._start_sshd(name)

    def _start_sshd(self, name: str) -> None:
        sshd = str(shutil.which("sshd", path=PATH))
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            self._daemons.append(
                subprocess.Popen(
                    [
                        "ip",
                        "netns",
                        "exec",
                        name,
                        sshd,
                        "-D",
                        "-e",
                        "-f",
                        self.folder / "sshd_config",
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )
        wait_until(lambda: "listening" in log.read_text(), f"sshd of {name}")

    def cut(self, number: int) -> None:
        _ip("-n", self._home, "link", "set", f"to{number}", "down")

    def mend(self, number: int) -> None:
        _ip("-n", self._home, "link", "set", f"to{number}", "up")

    def sent_bytes(self, number: int, way: str = "tx") -> int:
        """What has gone over its link to this host so far; "rx": from it."""
        shown = _run("ip", "-n", self._home, "-s", "-j", "link", "show", f"to{number}")
        return int(json.loads(shown)[0]["stats64"][way]["bytes"])

    def home_address(self, number: int) -> str:
        """What this host calls the namespace that the links hang on."""
        return f"10.213.{number}.1"

    def inside(self, command: list[str], number: int | None) -> list[str]:
        """The command that runs this one on a host; None: in the namespace that the links hang on."""
        name = self._home if number is None else self._names[number]
        return ["ip", "netns", "exec", name, *command]

    def listeners(self, number: int) -> list[str]:
        """The addresses that are listened on there."""
        shown = _run("ip", "netns", "exec", self._names[number], "ss", "-Htln")
        return [line.split()[3] for line in shown.splitlines()]

    def stop(self) -> None:
        for daemon in self._daemons:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
        for name in (self._home, *self._names):
            pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
            for pid in pids.stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
