"""Measures multiprocessing.Pool, Dask or Ray, each called the way its users call it.

    python worker_peers.py MODULE MEASURE JSON

Where a measure has no counterpart, there is none here. Dask and Ray have no map with chunks, so
that a map over many items is one task per item there as well.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
import time

from worker_cluster import (
    add_one,
    argument_rates,
    layered,
    make,
    nop,
    percentile,
    timed,
    total,
    trivial,
)


def length(array):
    return len(array)


_arrays = {}


def make_array(items):
    import numpy

    # Made once in each process: to be measured is the way back, not the making.
    if items not in _arrays:
        _arrays[items] = numpy.arange(items, dtype=numpy.int64)
    return _arrays[items]


class PoolPeer:
    """`chunks`: whether map takes many items per task."""

    chunks = True

    def __init__(self, workers):
        import multiprocessing

        self.pool = multiprocessing.Pool(workers)

    def one_by_one(self, tasks):
        pending = [self.pool.apply_async(nop) for _ in range(tasks)]
        return [job.get() for job in pending]

    def call(self):
        return self.pool.apply(nop)

    def map(self, items, chunksize=None):
        return self.pool.map(trivial, range(items), chunksize)

    def push(self, array):
        return self.pool.apply(length, (array,))

    def pull(self, items):
        return self.pool.apply(make_array, (items,))

    def close(self):
        self.pool.terminate()


class DaskPeer:
    chunks = False

    def __init__(self, workers):
        from distributed import Client, LocalCluster

        logging.getLogger("distributed").setLevel(logging.ERROR)
        self.cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, processes=True
        )
        self.client = Client(self.cluster)
        self.client.wait_for_workers(workers)

    # pure=False: or else the same call twice is one task.
    def one_by_one(self, tasks):
        pending = [self.client.submit(nop, pure=False) for _ in range(tasks)]
        return self.client.gather(pending)

    def call(self):
        return self.client.submit(nop, pure=False).result()

    def map(self, items, chunksize=None):
        return self.client.gather(self.client.map(trivial, range(items), pure=False))

    def submit(self, f, *args):
        return self.client.submit(f, *args, pure=False)

    def results(self, pending):
        return self.client.gather(pending)

    def push(self, array):
        worker = sorted(self.client.scheduler_info()["workers"])[0]
        self.client.scatter(array, workers=[worker], direct=True, hash=False)
        return len(array)

    def pull(self, items):
        future = self.client.submit(make_array, items, pure=False)
        return self.client.gather(future, direct=True)

    def close(self):
        self.client.close()
        self.cluster.close()


class RayPeer:
    chunks = False

    def __init__(self, workers):
        os.environ["RAY_DEDUP_LOGS"] = "0"
        import ray

        self.ray = ray
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
            _temp_dir=os.environ["IPYTHONDIR"],
        )
        self.nop, self.trivial = ray.remote(nop), ray.remote(trivial)
        self.length, self.make_array = ray.remote(length), ray.remote(make_array)

    def one_by_one(self, tasks):
        return self.ray.get([self.nop.remote() for _ in range(tasks)])

    def call(self):
        return self.ray.get(self.nop.remote())

    def map(self, items, chunksize=None):
        return self.ray.get([self.trivial.remote(item) for item in range(items)])

    def submit(self, f, *args):
        return self.remote_of(f).remote(*args)

    @functools.lru_cache  # noqa: B019 - there is one, and it lives as long as the process
    def remote_of(self, f):
        return self.ray.remote(f)

    def results(self, pending):
        return self.ray.get(pending)

    def push(self, array):
        return self.ray.get(self.length.remote(self.ray.put(array)))

    def pull(self, items):
        return self.ray.get(self.make_array.remote(items))

    def close(self):
        self.ray.shutdown()


PEERS = {"multiprocessing": PoolPeer, "distributed": DaskPeer, "ray": RayPeer}


def rate(call, tasks):
    took, results = timed(call)
    assert len(results) == tasks
    return tasks / took


def lb(peer, params):
    peer.one_by_one(params["warm_up"])
    return {"lb_rate": rate(lambda: peer.one_by_one(params["tasks"]), params["tasks"])}


def lbmap(peer, params):
    peer.map(params["warm_up"], 1)
    return {"lbmap_rate": rate(lambda: peer.map(params["tasks"], 1), params["tasks"])}


def map_items(peer, params):
    peer.map(200)
    result = {"map_default": rate(lambda: peer.map(params["items"]), params["items"])}
    if peer.chunks:
        count = params["items_100"]
        result["map_100"] = rate(lambda: peer.map(count, 100), count)
    return result


def sync(peer, params):
    for _ in range(params["warm_up"]):
        peer.call()
    times = [timed(peer.call)[0] for _ in range(params["calls"])]
    return {
        "sync_lb_p50": percentile(times, 0.5) * 1e6,
        "sync_lb_p99": percentile(times, 0.99) * 1e6,
    }


def graph(peer, params):
    tasks, width = params["tasks"], params["width"]
    took, last = timed(
        lambda: peer.results(
            layered(tasks, width, lambda pair: peer.submit(add_one, *(pair or ())))[-width:]
        )
    )
    assert last[-1] == -(-tasks // width)
    return {"graph_arguments": tasks / took}


def futures(peer, params):
    items = params["array_bytes"] // 8
    peer.results([peer.submit(add_one, peer.submit(add_one, 0)) for _ in range(200)])

    def numbers():
        made = [peer.submit(add_one, number) for number in range(params["tasks"])]
        return peer.results([peer.submit(add_one, number) for number in made])

    def arrays():
        made = [peer.submit(make, items) for _ in range(params["arrays"])]
        return peer.results([peer.submit(total, array) for array in made])

    return argument_rates(numbers, arrays, params)


def bulk(peer, params):
    import numpy

    items = params["bytes"] // 8
    # Not by make_array: what it keeps here, Ray would send along with the function.
    array = numpy.arange(items, dtype=numpy.int64)
    gib = array.nbytes / 2**30
    best = {"push": 0.0, "pull": 0.0}
    for turn in range(params["turns"]):
        array[0] = -turn
        best["push"] = max(best["push"], gib / timed(lambda: peer.push(array))[0])
        took, pulled = timed(lambda: peer.pull(items))
        assert pulled[-1] == items - 1
        best["pull"] = max(best["pull"], gib / took)
    return best


def main():
    module, measure, params = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    peer = PEERS[module](params["engines"])
    if measure == "start":
        peer.call()
        first_result = time.monotonic()
        peer.close()
        result = {
            "start": first_result - params["spawned"],
            "stop": time.monotonic() - first_result,
        }
    else:
        measures = {
            "lb": lb,
            "lbmap": lbmap,
            "map": map_items,
            "graph": graph,
            "futures": futures,
            "sync": sync,
            "bulk": bulk,
        }
        result = measures[measure](peer, params)
    print("RESULT " + json.dumps(result), flush=True)
    # What is left is the caller's to end, and not ours to wait for.
    os._exit(0)


if __name__ == "__main__":
    main()
