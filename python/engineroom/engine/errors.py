"""Exceptions and other objects as the JSON that clients get."""

import base64
import json
from datetime import datetime
from typing import Any


def clean_text(text: object) -> str:
    """`text` as UTF-8 can carry it: without lone surrogates."""
    return str(text).encode("utf-8", "replace").decode()


def describe(error: BaseException) -> str:
    """str(error), which may itself fail."""
    try:
        return clean_text(error)
    except Exception as failure:
        return f"(the message of this {type(error).__name__} cannot be shown: {failure!r})"


def error_content(
    error: BaseException, traceback: list[str], info: dict[str, Any], original: dict[str, str]
) -> str:
    """Content of an error reply. original: see pack_original."""
    return json.dumps(
        {
            "status": "error",
            "ename": type(error).__name__,
            "evalue": describe(error),
            "traceback": [clean_text(line) for line in traceback],
            "engine_info": info,
            **original,
        }
    )


def to_json(obj: Any) -> str:
    """JSON of what users display, which may hold anything."""
    try:
        return json.dumps(obj, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_without_nan(obj), default=_plain)


def _plain(value: Any) -> Any:
    """For objects that json does not know."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    return clean_text(repr(value))


def _without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinities."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value
