"""Tasks that wait for others, go where others went, or run only where something is there.

Written as for ipyparallel: only the import is ours.
"""

import engineroom as ipp


def have_data():
    return "data" in globals()


@ipp.depend(have_data)
def total():
    return sum(data)  # noqa: F821 - on the engine


@ipp.require("math")
def root(x):
    return math.sqrt(x)  # noqa: F821 - imported by the engine


def build(name, *needed):
    return f"{name}({', '.join(needed)})"


with ipp.Cluster(n=2) as rc:
    view = rc.load_balanced_view()

    # Only the engine that has the data takes this, wherever it was sent first.
    rc[1].push({"data": [1, 2, 3]}, block=True)
    result = view.apply_async(total)
    print("total:", result.get(), "on engine", result.engine_id)
    print("root:", view.apply_sync(root, 49))

    # A graph: each step starts once those that it needs have ended.
    graph = {"lib": [], "app": ["lib"], "docs": ["lib"], "release": ["app", "docs"]}
    steps = {}
    for name, needed in graph.items():
        with view.temp_flags(after=[steps[other] for other in needed]):
            steps[name] = view.apply_async(build, name, *needed)
    view.wait(steps.values())
    for name, needed in graph.items():
        assert all(steps[name].started >= steps[other].completed for other in needed)
    print("graph:", steps["release"].get())

    # follow: on the engine where another task ran.
    first = view.apply_async(build, "cache")
    with view.temp_flags(follow=first):
        second = view.apply_async(build, "user", "cache")
    second.get()
    print("same engine:", second.engine_id == first.engine_id)

    # What can never be met is an error, not a wait without end.
    failed = view.apply_async(lambda: 1 / 0)
    with view.temp_flags(after=ipp.Dependency([failed], failure=False)):
        never = view.apply_async(build, "never")
    try:
        never.get()
    except ipp.RemoteError as error:
        print("error:", error.ename)
