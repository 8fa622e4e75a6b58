"""What every launcher promises: another program finds the engines by the cluster's file, and signals them."""

from __future__ import annotations

import subprocess
import sys

import engineroom as ipp
import pytest
from waiting import wait_until

_FIND_AND_INTERRUPT = """
import sys
import engineroom as ipp

cluster = ipp.Cluster.from_file(sys.argv[1])
print(cluster)
cluster.signal_engines_sync(2)
"""


@ipp.interactive
def sleep_noted(folder):
    import os
    import pathlib
    import time

    pathlib.Path(folder, str(os.getpid())).touch()
    time.sleep(30)


def check_another_program_interrupts(client, cluster, folder):
    """`folder`: an empty one that the engines see, too."""
    n = len(client.ids)
    running = client[:].apply_async(sleep_noted, str(folder))
    wait_until(lambda: len(list(folder.iterdir())) == n, "the engines to sleep")
    command = [sys.executable, "-c", _FIND_AND_INTERRUPT, cluster.cluster_file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"engines=<{n} running>" in done.stdout
    with pytest.raises(ipp.error.CompositeError, match="KeyboardInterrupt"):
        running.get(timeout=10)
    assert len(client.ids) == n
