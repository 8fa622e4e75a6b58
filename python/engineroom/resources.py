"""Resources: what tasks demand and engines offer, as users write it, made into numbers.

    {"cpus": 2, "gpus": 0.5, "memory": "4GiB", "licence": 1}

`memory` is in bytes, and may be text with a unit. Any other name is an amount of whatever the user
means by it. The controller compares (src/scheduler/resources.h): names that nobody offers are no
error here.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

Resources = dict[str, float]

# As in src/controller/resources.cpp.
_MOST_NAMES = 64
_LONGEST_NAME = 100
_MOST_AMOUNT = 1e15

_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgt", 1):
    _UNITS[f"{_letter}b"] = 1000**_power
    _UNITS[f"{_letter}ib"] = 1024**_power
_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([a-zA-Z]*)\s*")


def parse_size(text: str) -> float:
    """Bytes: of "4GiB", "500 MB" or "1e9". ValueError for anything else."""
    match = _SIZE.fullmatch(text)
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f"{text!r} is no size; write a number and B, KB, KiB, MB, MiB, … TiB")
    return float(match[1]) * _UNITS[match[2].lower()]


def parse_resources(value: Any) -> Resources:
    """Amounts by name. TypeError or ValueError says what is wrong."""
    if not isinstance(value, Mapping):
        raise TypeError(f'resources must be a dict such as {{"cpus": 2}}, not {type(value)!r}')
    if len(value) > _MOST_NAMES:
        raise ValueError(f"too many resources: {len(value)}, where {_MOST_NAMES} are allowed")
    amounts = {_checked_name(name): _amount(name, amount) for name, amount in value.items()}
    return dict(sorted(amounts.items()))


def without_zeros(resources: Mapping[str, float]) -> Resources:
    return {name: amount for name, amount in resources.items() if amount}


def parse_resource_text(text: str) -> Resources:
    """The same of "cpus=2,memory=4GiB", as on a command line."""
    pairs: dict[str, Any] = {}
    for item in filter(None, (word.strip() for word in text.split(","))):
        name, equals, amount = item.partition("=")
        if not equals:
            raise ValueError(f"{item!r} should be NAME=AMOUNT, such as gpus=1")
        name, amount = name.strip(), amount.strip()
        try:
            pairs[name] = amount if name == "memory" else float(amount)
        except ValueError:
            raise ValueError(f"{name}: {amount!r} is not a number") from None
    return parse_resources(pairs)


def resource_text(resources: Mapping[str, float]) -> str:
    """What parse_resource_text() reads."""
    return ",".join(f"{name}={amount!r}" for name, amount in resources.items())


def _checked_name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"names of resources must be str, not {name!r}")
    if not name or len(name.encode()) > _LONGEST_NAME or re.search(r"[\s,=]", name):
        raise ValueError(f"{name!r} is no name for a resource: no spaces, commas, equals signs")
    return name


def _amount(name: str, amount: Any) -> float:
    if name == "memory" and isinstance(amount, str):
        amount = parse_size(amount)
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"{name} must be a number, not {amount!r}")
    if not math.isfinite(amount) or not 0 <= amount <= _MOST_AMOUNT:
        raise ValueError(f"{name} must be between 0 and 1e15, not {amount}")
    return int(amount) if amount == int(amount) else amount
