"""Our backend in the place of joblib's loky, in every Python that has this folder in PYTHONPATH.

So tests that name "loky", or take the default, run on engines, also in the scripts that they start.
`scripts/joblib_tests.py` says which cluster is meant, and is told here which tests used it.
"""

import multiprocessing
import os

import engineroom.joblib
import joblib._parallel_backends
import joblib.parallel

CONNECTION_FILE = os.environ["JOBLIB_PLACE_CONNECTION_FILE"]
USED_FILE = os.environ["JOBLIB_PLACE_USED_FILE"]
# A client is not shared with forked children.
_views = {}


def _view():
    if os.getpid() not in _views:
        _views[os.getpid()] = engineroom.Client(CONNECTION_FILE).load_balanced_view()
    return _views[os.getpid()]


def _note_use():
    """Of the test that runs now: pytest tells scripts of tests, too."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    with open(USED_FILE, "a", encoding="utf-8") as file:
        file.write(test + "\n")


class LokyBackend(engineroom.joblib.ViewBackend):
    """By this name, because tests ask for the class, and for its name. And as loky does it, one job
    unless somebody asks for more: ours are as many as there are engines."""

    default_n_jobs = 1

    def __init__(self, **kwargs):
        super().__init__(view=_view(), **kwargs)

    def configure(self, *args, **kwargs):
        workers = super().configure(*args, **kwargs)
        # And not at all, where one job is enough.
        _note_use()
        return workers


# (joblib.parallel has its own reference, by which it looks into the real one's processes.)
joblib._parallel_backends.LokyBackend = LokyBackend
joblib.parallel.BACKENDS["loky"] = LokyBackend
multiprocessing.current_process().authkey = os.environ["JOBLIB_PLACE_AUTHKEY"].encode()
