"""What runs on another host for the SSH launchers: started, asked, signalled and ended from here.

This file is never imported there: its text goes down the connection to `python -`, with a request
behind it, and the answer comes back as a line of JSON. So nothing of it has to be installed, and
only the standard library is used, that of an old Python too.

Processes get a parent that outlives the connection (`_supervise`), which notes how each of them
ended. A process is known by its id and its birth, as here (process.py).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time

# In front of the answer: a login shell may greet on the same stream.
MARK = "engineroom-answer "


def prepare(request):
    """Where we are, and ports that are free."""
    profile_dir = os.path.abspath(os.path.expanduser(request["profile_dir"]))
    for name, mode in (("security", 0o700), ("log", 0o755)):
        os.makedirs(os.path.join(profile_dir, name), mode, exist_ok=True)
    sockets = [socket.socket() for _ in range(request["ports"])]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return {"python": sys.executable, "profile_dir": profile_dir, "ports": ports}


def write_files(request):
    """For us alone, and never half of one to be seen."""
    for path, text in request["files"]:
        path = os.path.abspath(os.path.expanduser(path))
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path), 0o700)
        temporary = f"{path}.{os.getpid()}"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    return {}


def start(request):
    """Starts `commands`, each with its own log."""
    write_files(request)
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.close(ours)
        try:
            _supervise(request, theirs)
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        text = answer.read()
    return json.loads(text) if text else {"error": "the processes could not be started"}


def _supervise(request, answer):
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.chdir(os.path.expanduser("~"))
    environment = _environment(request)
    numbers, processes = {}, []
    for number, command in enumerate(request["commands"]):
        try:
            with open(request["logs"][number], "ab") as log:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={
                        **environment,
                        "ENGINEROOM_ENGINES_HERE": str(len(request["commands"])),
                        "ENGINEROOM_ENGINE_HERE": str(number),
                    },
                    start_new_session=True,
                )
        except OSError as error:
            for pid in numbers:
                os.killpg(pid, signal.SIGKILL)
            os.write(answer, json.dumps({"error": f"{command[0]}: {error}"}).encode())
            return
        numbers[child.pid] = number
        processes.append([child.pid, birth_of(child.pid)])
    os.write(answer, json.dumps({"processes": processes}).encode())
    os.close(answer)
    with open(request["exits"], "a") as exits:
        while numbers:
            pid, status = os.wait()
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            exits.write(f"{pid} {code}\n")
            exits.flush()
            numbers.pop(pid, None)


def _environment(request):
    """The login's, ours, and a share of the processors for OpenMP's threads in each process."""
    environment = dict(request["environment"])
    if "OMP_NUM_THREADS" not in os.environ:
        share = len(os.sched_getaffinity(0)) // max(1, len(request["commands"]))
        environment.setdefault("OMP_NUM_THREADS", str(max(1, share)))
    environment.update({k: v for k, v in os.environ.items() if k not in request["environment"]})
    return environment


def watch(request):
    """Answers as soon as one of the processes has ended, or when the time is up."""
    deadline = time.monotonic() + request["seconds"]
    while True:
        ended = [pid for pid, birth in request["processes"] if not is_alive(pid, birth)]
        if ended or time.monotonic() > deadline:
            return {"ended": [[pid, _exit_code(request["exits"], pid)] for pid in ended]}
        time.sleep(0.1)


def _exit_code(path, wanted):
    # Noted a moment after the end, unless the supervisor is gone, too.
    for _ in range(10):
        try:
            with open(path) as exits:
                for line in exits:
                    pid, code = line.split()
                    if int(pid) == wanted:
                        return int(code)
        except (OSError, ValueError):
            pass
        time.sleep(0.05)
    return None


def send_signal(request):
    for pid, birth in request["processes"]:
        if is_alive(pid, birth):
            os.kill(pid, request["signal"])
    return {}


def stop(request):
    """SIGTERM, and SIGKILL for all that is left of their groups when the time is up."""
    send_signal({"processes": request["processes"], "signal": signal.SIGTERM})
    deadline = time.monotonic() + request["grace"]
    while time.monotonic() < deadline:
        if not any(is_alive(pid, birth) for pid, birth in request["processes"]):
            break
        time.sleep(0.02)
    for pid, birth in request["processes"]:
        if is_alive(pid, birth):
            os.killpg(pid, signal.SIGKILL)
    return watch({"processes": request["processes"], "exits": request["exits"], "seconds": 2})


def read(request):
    """The ends of files; null for one that is not there, although it was waited for."""
    deadline = time.monotonic() + request.get("wait", 0)
    while not all(os.path.exists(os.path.expanduser(path)) for path in request["paths"]):
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    texts = []
    for path in request["paths"]:
        try:
            with open(os.path.expanduser(path), "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - request["limit"]))
                texts.append(file.read().decode("utf-8", "replace"))
        except OSError:
            texts.append(None)
    return {"texts": texts}


def remove(request):
    for path in request["paths"]:
        try:
            os.remove(os.path.expanduser(path))
        except OSError:
            pass
    return {}


def birth_of(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return 0


def is_alive(pid, birth):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[0] not in (b"Z", b"X") and birth in (0, int(fields[19]))
    except (OSError, IndexError):
        return False


REQUESTS = {
    "prepare": prepare,
    "write": write_files,
    "start": start,
    "watch": watch,
    "signal": send_signal,
    "stop": stop,
    "read": read,
    "remove": remove,
}


def main(text):
    request = json.loads(text)
    try:
        answer = REQUESTS[request["request"]](request)
    except OSError as error:
        answer = {"error": str(error)}
    print(MARK + json.dumps(answer), flush=True)
