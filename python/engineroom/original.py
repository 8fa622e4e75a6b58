"""Exceptions of engines as themselves, for clients that ask for them (raise_original=True).

An error reply says what happened in words, which anybody can read; beside them it carries the
exception, pickled, or why that is not possible. Only a client that asks for it unpickles it: its
class need not be known there.
"""

import base64
import pickle
from collections.abc import Mapping
from typing import Any

from .serialize import pack_object

# Replies with errors are kept by the controller as JSON, and should stay small.
MAX_BYTES = 64 * 1024


def pack_original(error: BaseException) -> dict[str, str]:
    """What an error reply adds to its content."""
    try:
        buffers = pack_object(error)
    except Exception as failure:
        return {"no_exception": f"it cannot be pickled: {type(failure).__name__}: {failure}"}
    size = sum(len(buffer) for buffer in buffers)
    if len(buffers) > 1 or size > MAX_BYTES:
        return {"no_exception": f"it is too large: {size} bytes, of at most {MAX_BYTES}"}
    return {"exception": base64.b64encode(buffers[0]).decode("ascii")}


def unpack_original(content: Mapping[str, Any]) -> tuple[Exception | None, str]:
    """(the exception, "") of an error reply's content, or (None, why there is none)."""
    if "exception" not in content:
        return None, content.get("no_exception") or "the engine did not send it"
    try:
        original = pickle.loads(base64.b64decode(content["exception"]))
    except Exception as failure:
        return None, f"it cannot be unpickled here: {type(failure).__name__}: {failure}"
    if not isinstance(original, Exception):
        # KeyboardInterrupt and SystemExit would end the client.
        return None, f"a {type(original).__name__} is not raised in another process"
    return original, ""
