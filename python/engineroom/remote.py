"""What clients that are not written in Python call on engines: functions by name, values as JSON.

The native client sends a reference to one of these helpers and text; it gets text back. So it needs
no pickler, and what an engine sends can construct nothing in it. Imported on engines only when such
a client calls; imports nothing of the package itself.
"""

import json
from functools import reduce
from importlib import import_module

__all__ = ["call_json", "map_json"]


def _find(module, attribute):
    return reduce(getattr, attribute.split("."), import_module(module))


def _to_json(value):
    # NaN and infinities are not JSON: an error here says so, instead of one at the receiver.
    return json.dumps(value, allow_nan=False, default=_plain, separators=(",", ":"))


def _plain(value):
    """What has a plain value inside: numpy's scalars and arrays."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be returned to a client of another language")


def call_json(module, attribute, args, kwargs):
    """module.attribute(*args, **kwargs)"""
    return _to_json(_find(module, attribute)(*json.loads(args), **json.loads(kwargs)))


def map_json(module, attribute, values):
    """[module.attribute(value) for value in values]"""
    function = _find(module, attribute)
    return _to_json([function(value) for value in json.loads(values)])
