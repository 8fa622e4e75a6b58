"""What some files of ipyparallel's suite expect to find: a Slurm, and a folder all its nodes share.

The Slurm is the one that our own tests start (tests/slurm_site.py). The suite keeps profiles under
/data then, which is made for the time of the test where it does not exist.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
SHARED = Path("/data")


@contextlib.contextmanager
def site_for(name: str) -> Iterator[dict[str, str]]:
    """Starts what a file of tests needs; gives its environment variables."""
    if name != "test_slurm":
        yield {}
        return
    with contextlib.ExitStack() as stack:
        yield _slurm(stack)


def _slurm(stack: contextlib.ExitStack) -> dict[str, str]:
    sys.path.insert(0, str(TESTS))
    import slurm_site

    if reason := slurm_site.missing():
        # Without sbatch the suite skips these tests by itself.
        print(f"no Slurm: {reason}", flush=True)
        return {}
    if not SHARED.exists():
        SHARED.mkdir()
        stack.callback(SHARED.rmdir)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-"))
    site = slurm_site.SlurmSite(Path(folder), cpus=8)
    stack.callback(site.stop)
    site.start()
    return site.environment
