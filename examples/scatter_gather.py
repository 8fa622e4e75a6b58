"""Arrays in parts: scatter, work where the part is, gather.

Written as for ipyparallel: only the import is ours.
"""

import engineroom as ipp
import numpy

with ipp.Cluster(n=2) as rc:
    view = rc[:]
    view.block = True
    with view.sync_imports(quiet=True):
        import numpy  # noqa: F811 - there too

    # Each engine has a part under the name x, and works on it.
    x = numpy.linspace(0, numpy.pi, 100_001)
    view.scatter("x", x)
    view.execute("y = numpy.sin(x)")
    print("parts:", [len(part) for part in view["x"]])
    print(f"integral of the sine: {view.gather('y').sum() * (x[1] - x[0]):.3f}")

    # A function that gets its part of each argument, and one that gets a name of the engine.
    @view.parallel(block=True)
    def multiply(a, b):
        return a * b

    print("products:", [int(p) for p in multiply(numpy.arange(6), numpy.arange(6))])
    print("lengths there:", view.apply_sync(len, ipp.Reference("x")))

    # The same to all in one message, however many engines there are.
    everywhere = rc.broadcast_view()
    everywhere.push({"scale": 10}, block=True)
    print("scaled:", everywhere.apply_sync(lambda: scale * 2))  # noqa: F821 - on the engines
