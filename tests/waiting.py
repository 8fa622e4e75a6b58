"""Waiting in tests: for a condition, never for a time. Imports nothing of the package."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

DEADLINE = 60.0  # seconds for anything that should take less than one on an idle machine
Value = TypeVar("Value")


def wait_until(
    condition: Callable[[], Value], what: str = "it", timeout: float = DEADLINE
) -> Value:
    """Polls until the condition gives something true, and returns that; else the test fails."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {timeout} seconds")
        time.sleep(0.005)
    return value
