"""Small helpers: functions that live in the user's namespace, times, progress bars."""

import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FunctionType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

utc = UTC
ISO8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?")


def interactive(f: Function) -> Function:
    """Decorator: the function's globals are the user's namespace, here and on engines."""
    if isinstance(f, FunctionType):
        main = sys.modules["__main__"]
        bound = FunctionType(f.__code__, main.__dict__, f.__name__, f.__defaults__, f.__closure__)
        bound.__kwdefaults__ = f.__kwdefaults__
        bound.__doc__ = f.__doc__
        f = bound  # type: ignore[assignment]
    f.__module__ = "__main__"
    return f


def get_ipython() -> Any:
    """The running IPython shell, or None. Never imports IPython: without it there is no shell."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def in_kernel() -> bool:
    """Whether the shell is a Jupyter kernel: its frontend shows rich output."""
    return getattr(get_ipython(), "kernel", None) is not None


def noninteractive() -> bool:
    """IPP_NONINTERACTIVE is set: no progress bars, no streaming."""
    return os.environ.get("IPP_NONINTERACTIVE", "") not in {"", "0"}


def utcnow() -> datetime:
    return datetime.now(utc)


def from_timestamp(seconds: float) -> datetime | None:
    """Seconds since the epoch as an aware datetime; None for 0, which means "not yet"."""
    return datetime.fromtimestamp(seconds, utc) if seconds else None


def _parse_date(text: Any) -> Any:
    """An ISO 8601 time stamp as an aware datetime; anything else unchanged."""
    if not isinstance(text, str) or not ISO8601.fullmatch(text):
        return text
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.astimezone()


def extract_dates(obj: Any) -> Any:
    """A copy of unpacked JSON with its time stamps as datetimes."""
    if isinstance(obj, dict):
        return {key: extract_dates(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        return [extract_dates(value) for value in obj]
    return _parse_date(obj)


def compare_datetimes(a: datetime, b: datetime) -> timedelta:
    """a - b, where a naive datetime means local time."""
    return (a if a.tzinfo else a.astimezone()) - (b if b.tzinfo else b.astimezone())


def int_keys(mapping: dict[Any, Any]) -> dict[Any, Any]:
    """In place: JSON's text keys that are integers become integers again."""
    for key in list(mapping):
        if isinstance(key, str) and key.lstrip("-").isdigit():
            if int(key) in mapping:
                raise KeyError(f"already have key {int(key)!r}")
            mapping[int(key)] = mapping.pop(key)
    return mapping


def is_url(text: str) -> bool:
    """Whether the text is an address of ZeroMQ."""
    protocol, separator, _ = text.partition("://")
    return bool(separator) and protocol.lower() in {"tcp", "pgm", "epgm", "ipc", "inproc"}


def progress(*args: Any, widget: bool | None = None, **kwargs: Any) -> Any:
    """A tqdm progress bar: a widget in a kernel that has ipywidgets (or if `widget`), else text."""
    if widget is None:
        widget = in_kernel() and _has_widgets()
    if widget:
        from tqdm.notebook import tqdm_notebook

        return tqdm_notebook(*args, **kwargs)
    from tqdm import tqdm

    kwargs.setdefault("file", sys.stdout)
    return tqdm(*args, **kwargs)


def _has_widgets() -> bool:
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return True
