"""Measures a cluster from its client. Runs in the environment of ipyparallel or of engineroom.

    python worker_cluster.py MODULE MEASURE JSON

The last line it prints is "RESULT " and a JSON object. Both packages get the very same calls.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time

import processes


def nop():
    return None


def trivial(item):
    return item


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def connect(package, params):
    client = package.Client(connection_info=params["connection_file"], timeout=30)
    client.wait_for_engines(params["engines"], timeout=60)
    return client


class CpuMeter:
    """CPU time per part of the cluster, from here to `per_task`."""

    def __init__(self, params):
        self.parts = {
            "controller": processes.tree(params["controller"]),
            "engines": processes.trees(params["engine_roots"]),
            "client": processes.tree(os.getpid()),
        }
        self.before = self._now()

    def _now(self):
        return {part: processes.cpu_seconds(pids) for part, pids in self.parts.items()}

    def per_task(self, tasks):
        """µs per task."""
        now = self._now()
        return {f"cpu_{part}": (now[part] - self.before[part]) / tasks * 1e6 for part in now}


def one_by_one(client, view, tasks):
    """Seconds to hand `tasks` over, and until every result is in our hands."""
    begin = time.perf_counter()
    pending = [view.apply_async(nop) for _ in range(tasks)]
    submitted = time.perf_counter()
    client.wait(pending)
    results = [job.get() for job in pending]
    end = time.perf_counter()
    assert results == [None] * tasks
    return submitted - begin, end - begin


def lb(package, params):
    """Load-balanced no-op tasks, each submitted by its own call; and who pays for them."""
    client = connect(package, params)
    view = client.load_balanced_view()
    one_by_one(client, view, params["warm_up"])
    meter = CpuMeter(params)
    submit, total = one_by_one(client, view, params["tasks"])
    # What the hub still has to do for these tasks belongs to them.
    time.sleep(0.5)
    rates = {"lb_rate": params["tasks"] / total, "lb_submit_rate": params["tasks"] / submit}
    return {**rates, **meter.per_task(params["tasks"])}


def lbmap(package, params):
    """The same through map, one task per item."""
    client = connect(package, params)
    view = client.load_balanced_view()
    view.map_sync(trivial, range(params["warm_up"]), chunksize=1)
    return {"lbmap_rate": map_rate(view, params["tasks"], chunksize=1)}


def map_rate(view, items, **options):
    """Items per second. `list` because stock's result is one already, and ours may be lazy."""
    begin = time.perf_counter()
    results = list(view.map_sync(trivial, range(items), **options))
    seconds = time.perf_counter() - begin
    assert results == list(range(items))
    return items / seconds


def map_items(package, params):
    """A map over many trivial items: as it comes, and with 100 items per task."""
    client = connect(package, params)
    view = client.load_balanced_view()
    view.map_sync(trivial, range(200))
    return {
        "map_default": map_rate(view, params["items"]),
        "map_100": map_rate(view, params["items_100"], chunksize=100),
    }


def layered(tasks, width, submit):
    """Submits a graph of layers: submit(the two that it waits for), None for the first layer."""
    previous, every = None, []
    for start in range(0, tasks, width):
        layer = []
        for i in range(min(width, tasks - start)):
            pair = previous and (previous[i], previous[(i + 1) % width])
            layer.append(submit(pair))
        previous = layer
        every += layer
    return every


def add_one(a=0, b=0):
    return max(a, b) + 1


def make(items):
    import numpy

    return numpy.ones(items)


def total(array):
    return float(array.sum())


def graph(package, params):
    """A layered graph: order only (`after`), and results as arguments."""
    client = connect(package, params)
    view = client.load_balanced_view()
    tasks, width = params["tasks"], params["width"]

    def ordered(pair):
        if pair is None:
            return view.apply_async(nop)
        with view.temp_flags(after=list(pair)):
            return view.apply_async(nop)

    begin = time.perf_counter()
    pending = layered(tasks, width, ordered)
    client.wait(pending)
    result = {"graph_after": tasks / (time.perf_counter() - begin)}
    assert all(job.successful() for job in pending[-width:])
    if package.__name__ != "engineroom":
        return result
    begin = time.perf_counter()
    pending = layered(tasks, width, lambda pair: view.apply_async(add_one, *(pair or ())))
    client.wait(pending)
    result["graph_arguments"] = tasks / (time.perf_counter() - begin)
    assert pending[-1].get() == -(-tasks // width)
    return result


def futures(package, params):
    """Maps over what other tasks are still making: small numbers, and arrays."""
    client = connect(package, params)
    view = client.load_balanced_view()
    view.map_sync(add_one, view.map_async(add_one, range(200), chunksize=1), chunksize=1)
    tasks, items, count = params["tasks"], params["array_bytes"] // 8, params["arrays"]

    def numbers():
        made = view.map_async(add_one, range(tasks), chunksize=1)
        return view.map_sync(add_one, made, chunksize=1)

    def arrays():
        return view.map_sync(total, [view.apply_async(make, items) for _ in range(count)])

    return argument_rates(numbers, arrays, params)


def argument_rates(numbers, arrays, params):
    tasks, items, count = params["tasks"], params["array_bytes"] // 8, params["arrays"]
    took, results = timed(numbers)
    assert list(results) == [number + 2 for number in range(tasks)]
    seconds, sums = timed(arrays)
    assert list(sums) == [items] * count
    return {
        "map_arguments" + params["suffix"]: tasks / took,
        "map_arrays" + params["suffix"]: count * params["array_bytes"] / 2**30 / seconds,
    }


def sync(package, params):
    """Round trips, one at a time."""
    client = connect(package, params)
    views = {"direct": client[client.ids[0]], "lb": client.load_balanced_view()}
    result = {}
    for name, view in views.items():
        times = []
        for _ in range(params["calls"] + params["warm_up"]):
            begin = time.perf_counter()
            view.apply_sync(nop)
            times.append(time.perf_counter() - begin)
        times = times[params["warm_up"] :]
        result[f"sync_{name}_p50"] = percentile(times, 0.5) * 1e6
        result[f"sync_{name}_p99"] = percentile(times, 0.99) * 1e6
    return result


def ends_of_bulk():
    return int(bulk[0]), int(bulk[-1])  # noqa: F821  (pushed before)


def bulk(package, params):
    """GiB/s of one large array to one engine, back, and to all engines (per engine it reaches)."""
    import numpy

    client = connect(package, params)
    one, every = client[client.ids[0]], client[:]
    array = numpy.arange(params["bytes"] // 8, dtype=numpy.int64)
    gib = array.nbytes / 2**30
    best = {"push": 0.0, "pull": 0.0, "push_all": 0.0, "memcpy": 0.0}
    for turn in range(1, params["turns"] + 1):
        # Never the same bytes twice: nothing may be answered from memory of the last turn.
        array[0] = -turn
        took, _ = timed(lambda: one.push({"bulk": array}, block=True))
        best["push"] = max(best["push"], gib / took)
        assert tuple(one.apply_sync(ends_of_bulk)) == (-turn, len(array) - 1)
        took, pulled = timed(lambda: one.pull("bulk", block=True))
        best["pull"] = max(best["pull"], gib / took)
        assert numpy.array_equal(pulled, array)
        took, _ = timed(lambda: every.push({"bulk": array}, block=True))
        best["push_all"] = max(best["push_all"], gib * len(every) / took)
        took, _ = timed(array.copy)
        best["memcpy"] = max(best["memcpy"], gib / took)
    best["push_all_share"] = best["push_all"] / best["memcpy"]
    return best


def timed(call):
    """Seconds, and what the call returned."""
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def settled_memory(pids):
    """Once they have nothing left to do: the hub may lag behind the client."""
    before = processes.cpu_seconds(pids)
    for _ in range(60):
        time.sleep(1)
        now = processes.cpu_seconds(pids)
        if now - before < 0.1:
            break
        before = now
    return processes.memory(pids)


def memory(package, params):
    """Of a fresh controller: idle, and after each quarter of the tasks."""
    client = connect(package, params)
    view = client.load_balanced_view()
    controller = processes.tree(params["controller"])
    engine = processes.tree(params["engine_roots"][0])
    idle, of_engine = settled_memory(controller), processes.memory(engine)
    quarters = []
    for _ in range(4):
        left = params["tasks"] // 4
        while left:
            # In batches: what the client holds must not slow this down.
            batch = min(params["batch"], left)
            one_by_one(client, view, batch)
            left -= batch
        quarters.append(settled_memory(controller)["pss"])
    result = {
        "controller_processes": len(controller),
        "controller_idle_rss": idle["rss"],
        "controller_idle_pss": idle["pss"],
        "engine_rss": of_engine["rss"],
        "engine_pss": of_engine["pss"],
        "controller_quarter_pss": quarters[0],
        "controller_half_pss": quarters[1],
        "controller_full_pss": quarters[3],
    }
    # A quick run does not fill what a controller remembers, and says nothing about the rest.
    if not params["quick"]:
        result["controller_growth"] = quarters[3] - quarters[2]
    return result


def start(package, params):
    """A cluster from nothing to the first result, counted from before the interpreter started."""
    imported = time.monotonic()
    cluster = package.Cluster(n=params["engines"], log_level=40)
    client = cluster.start_and_connect_sync()
    connected = time.monotonic()
    assert len(client[:].apply_sync(nop)) == params["engines"]
    first_result = time.monotonic()
    client.close()
    cluster.stop_cluster_sync()
    begin = params["spawned"]
    return {
        "start": first_result - begin,
        "start_import": imported - begin,
        "start_connected": connected - imported,
        "stop": time.monotonic() - first_result,
    }


def restore(package, params):
    """The price of a journal, and a controller that is killed and goes on with it.

    As many tasks wait as `waiting` says, with their engines busy. Seconds from the kill to the next
    result, and until a new task is through; the start of the new process is part of it.
    """
    client = connect(package, params)
    view = client.load_balanced_view()
    one_by_one(client, view, params["warm_up"])
    _, took = one_by_one(client, view, params["tasks"])
    waiting = [view.apply_async(time.sleep, 0.001) for _ in range(params["waiting"])]
    client.wait(waiting[:10])
    profile = os.path.dirname(os.path.dirname(params["connection_file"]))
    done = sum(job.ready() for job in waiting)
    begin = time.perf_counter()
    os.kill(params["controller"], signal.SIGKILL)
    command = [sys.executable, "-m", package.__name__, "controller"]
    options = [f"--profile-dir={profile}", "--log-level=40", "--restore"]
    controller = processes.start([*command, *options], env=dict(os.environ), log=os.devnull)
    try:
        while sum(job.ready() for job in waiting) == done:
            time.sleep(0.001)
        next_result = time.perf_counter()
        direct = client[client.ids[0]].apply_async(nop)
        client.wait([*waiting, direct])
        assert [job.get() for job in waiting] == [None] * len(waiting)
    finally:
        processes.stop(controller)
    return {
        "restore_seconds": next_result - begin,
        "journal_rate": params["tasks"] / took,
    }


MEASURES = {
    "restore": restore,
    "lb": lb,
    "lbmap": lbmap,
    "map": map_items,
    "graph": graph,
    "futures": futures,
    "recorded": futures,
    "sync": sync,
    "bulk": bulk,
    "memory": memory,
    "start": start,
}


def main():
    module, measure, params = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    package = importlib.import_module(module)
    result = MEASURES[measure](package, params)
    print("RESULT " + json.dumps(result), flush=True)
    # Not through the exit hooks: a client that hangs on its way out spoils no measurement.
    os._exit(0)


if __name__ == "__main__":
    main()
