"""A farm of tasks of different lengths, with a progress bar, errors and retries.

Written as for ipyparallel: only the import is ours.
"""

import engineroom as ipp


def collatz_steps(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def fail_on_odd(n):
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n


with ipp.Cluster(n=2) as rc:
    view = rc.load_balanced_view()

    # As many tasks as there are numbers, each to an engine that is free.
    result = view.map_async(collatz_steps, range(1, 1001))
    result.wait_interactive()
    longest = max(range(1, 1001), key=lambda n: result[n - 1])
    print(f"longest: {longest} with {max(result)} steps")

    # Fewer messages: a hundred numbers per task. Results still come item by item.
    assert view.map_sync(collatz_steps, range(1, 1001), chunksize=100) == list(result)

    # As they are done, whatever their order.
    total = sum(view.imap(collatz_steps, range(1, 101), ordered=False))
    print("total of the first hundred:", total)

    # Errors come back one by one, or with the results.
    values = view.map_sync(fail_on_odd, range(4), return_exceptions=True)
    print([v.ename if isinstance(v, ipp.RemoteError) else v for v in values])
    try:
        view.map_sync(fail_on_odd, range(4))
    except ipp.CompositeError as error:
        print(len(error.elist), "tasks failed, first with:", error.elist[0][1])
