"""What launchers of processes on other hosts have in common, however they reach them."""

from __future__ import annotations

from traitlets import Integer

from .base import BaseLauncher

# The most bytes of a log that are fetched.
OUTPUT_LIMIT = 1 << 20


class ElsewhereLauncher(BaseLauncher):
    """One process that this host knows by its answers only."""

    # Not called `pid`: cluster files of ours have those of this host.
    remote_pid = Integer(-1).tag(to_dict=True)
