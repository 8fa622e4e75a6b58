"""Basic operations across the border: every mixture of stock and our client, controller, engines.

`scripts/compat.py` runs it; alone it needs STOCK_PYTHON (a Python with ipyparallel) and STOCK_SITE
(its site-packages). For each mixture a controller and two engines are started in a profile of their
own, then `OPERATIONS` run in the client's interpreter. Exit status: the number of operations that
failed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
STOCK_PYTHON = os.environ["STOCK_PYTHON"]
STOCK_SITE = os.environ["STOCK_SITE"]

# (client, controller, engines)
MIXTURES = [
    ("ours", "ours", "ours"),
    ("ours", "ours", "stock"),
    ("ours", "stock", "ours"),
    ("ours", "stock", "stock"),
    ("stock", "ours", "ours"),
    ("stock", "ours", "stock"),
    ("stock", "stock", "ours"),
]

CONTROLLERS = {
    "ours": [str(BIN / "engineroom-controller")],
    "stock": [STOCK_PYTHON, "-m", "ipyparallel.controller"],
}
ENGINES = {
    "ours": [str(BIN / "engineroom-engine")],
    "stock": [STOCK_PYTHON, "-m", "ipyparallel.engine"],
}
CLIENTS = {
    "ours": [sys.executable, "-c", "import engineroom as ipp"],
    "stock": [STOCK_PYTHON, "-c", "import ipyparallel as ipp"],
}

# Run in the client's interpreter, with `ipp` imported. Each function must return True.
OPERATIONS = """
import sys

rc = ipp.Client(profile="cross", timeout=20)
rc.wait_for_engines(2, timeout=30)
view, balanced, broadcast = rc[:], rc.load_balanced_view(), rc.broadcast_view()
view.block = balanced.block = broadcast.block = True

def apply_direct():
    return view.apply_sync(lambda x, y=1: x + y, 3, y=4) == [7, 7]

def globals_are_the_engines():
    view.push({"a": 5})
    namespace = {"__name__": "__main__"}
    exec("def add(x): return a + x", namespace)
    return view.apply_sync(ipp.interactive(namespace["add"]), 1) == [6, 6]

def push_and_pull():
    view["b"] = {"one": [1, 2, 3]}
    return view["b"] == [{"one": [1, 2, 3]}] * 2

def scatter_and_gather():
    view.scatter("part", list(range(10)))
    return list(view.gather("part")) == list(range(10))

def balanced_map():
    return list(balanced.map_sync(lambda x: x * x, range(20))) == [x * x for x in range(20)]

def execute_prints():
    result = view.execute("print('hello')", silent=False, block=False)
    result.get(20)
    result.wait_for_output(20)
    return [text.strip() for text in result.stdout] == ["hello", "hello"]

def errors_are_remote():
    try:
        rc[rc.ids[0]].apply_sync(lambda: 1 / 0)
    except ipp.RemoteError as error:
        return error.ename == "ZeroDivisionError"

def broadcast_apply():
    return broadcast.apply_sync(lambda x: x + 1, 1) == [2, 2]

def queue_status():
    return set(rc.ids) <= set(rc.queue_status())

def large_arguments():
    data = bytes(range(256)) * 4096
    return rc[rc.ids[0]].apply_sync(len, data) == len(data)

def large_arrays():
    import numpy

    array = numpy.arange(1 << 17, dtype="f8").reshape(2, -1)
    view["array"] = array
    total = view.apply_sync(lambda a: float(a.sum()), ipp.Reference("array"))
    packed = balanced.apply_sync(lambda a: 2 * a, ipp.PrePickled(array))
    pulled = view["array"]
    return total == [array.sum()] * 2 and (packed == 2 * array).all() and (pulled[1] == array).all()

def references():
    view.push({"r": 3})
    return view.apply_sync(lambda x, y: x + y[0], ipp.Reference("r"), [ipp.Reference("r + 1")]) == [7, 7]

def direct_map():
    return list(view.map_sync(lambda x, y: x * y, range(7), range(7))) == [x * x for x in range(7)]

def parallel_functions():
    @view.parallel(block=True)
    def double(part):
        return [2 * x for x in part]

    @balanced.remote(block=True)
    def add(x, y):
        return x + y

    return list(double(range(6))) == list(range(0, 12, 2)) and add(1, 2) == 3

def dependencies():
    first = balanced.apply_async(lambda: 1)
    with balanced.temp_flags(after=[first], block=False):
        second = balanced.apply_async(lambda: 2)
    return second.get(20) == 2

def printed_output():
    result = view.apply_async(lambda: print("from a function"))
    result.get(20)
    result.wait_for_output(20)
    return [text.strip() for text in result.stdout] == ["from a function"] * 2

def aborted():
    import time

    engine = rc[rc.ids[0]]
    first = engine.apply_async(time.sleep, 0.5)
    second = engine.apply_async(time.sleep, 0)
    second.abort()
    first.get(20)
    try:
        second.get(20)
    except (ipp.TaskAborted, ipp.RemoteError) as error:
        return "Aborted" in type(error).__name__ + str(error)

def errors_of_all():
    try:
        view.execute("1/0", block=True)
    except ipp.CompositeError as error:
        return len(error.elist) == 2

def magics():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    rc.activate()
    shell.run_line_magic("px", "in_px = 4")
    return view["in_px"] == [4, 4]

def cleared():
    rc.clear(block=True)
    try:
        rc[rc.ids[0]]["b"]
    except ipp.RemoteError as error:
        return error.ename == "NameError"

OPERATIONS = (
    apply_direct, globals_are_the_engines, push_and_pull, scatter_and_gather, balanced_map,
    execute_prints, errors_are_remote, broadcast_apply, queue_status, large_arguments, large_arrays,
    references, direct_map, parallel_functions, dependencies, printed_output, aborted, errors_of_all,
    magics, cleared,
)
failed = 0
for operation in OPERATIONS:
    try:
        problem = None if operation() else "wrong result"
    except BaseException as error:
        problem = f"{type(error).__name__}: {str(error)[:200]}"
    if problem:
        failed += 1
        print(f"    {operation.__name__}: {problem}")
print(f"    {len(OPERATIONS) - failed} of {len(OPERATIONS)}")
rc.close()
sys.exit(failed)
"""

MIXTURE_LIMIT_S = 120


def start(command: list[str], home: Path, **environment: str) -> subprocess.Popen[bytes]:
    log = (home / f"log-{time.monotonic_ns()}.txt").open("wb")
    return subprocess.Popen(
        [*command, "--profile=cross"],
        env={**os.environ, "IPYTHONDIR": str(home), **environment},
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def wait_for_files(home: Path) -> None:
    security = home / "profile_cross" / "security"
    deadline = time.monotonic() + 30
    while not all((security / f"ipcontroller-{who}.json").exists() for who in ("client", "engine")):
        if time.monotonic() > deadline:
            raise TimeoutError("the controller wrote no connection files within 30 s")
        time.sleep(0.02)


def link_package(folder: Path) -> Path:
    """A folder in which a stock engine finds our package, and no other one of our environment."""
    import engineroom
    from engineroom import _core

    package = folder / "engineroom"
    package.mkdir(parents=True)
    native = Path(_core.__file__)
    for path in {*Path(engineroom.__file__).parent.iterdir(), native}:
        if path.name != "__pycache__":
            (package / path.name).symlink_to(path)
    return folder


def try_mixture(client: str, controller: str, engines: str) -> int:
    home = Path(tempfile.mkdtemp(prefix="cross-"))
    processes = []
    # A client's tasks name its own package's modules, which any engine has to import.
    paths = {"ours": STOCK_SITE, "stock": str(link_package(home / "package"))}
    try:
        # Both kinds of controller expect the profile directory to be there or make it.
        processes.append(start(CONTROLLERS[controller], home))
        wait_for_files(home)
        python_path = paths[engines] if engines != client else ""
        processes += [start(ENGINES[engines], home, PYTHONPATH=python_path) for _ in range(2)]
        command = CLIENTS[client][:2] + [CLIENTS[client][2] + OPERATIONS]
        return subprocess.run(
            command, env={**os.environ, "IPYTHONDIR": str(home)}, cwd=home, timeout=MIXTURE_LIMIT_S
        ).returncode
    except (subprocess.TimeoutExpired, TimeoutError) as error:
        print(f"    {error}")
        return 1
    finally:
        for process in processes:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    failures = 0
    for client, controller, engines in MIXTURES:
        print(f"  client {client:6} controller {controller:6} engines {engines:6}", flush=True)
        failures += try_mixture(client, controller, engines)
    return min(failures, 100)


if __name__ == "__main__":
    sys.exit(main())
