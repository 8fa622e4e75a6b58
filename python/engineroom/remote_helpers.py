"""What views run on engines. Functions of this module travel by name, so a task for them is small.

The names of push and pull are expressions (`a.b`, `d["x"]`), evaluated in the user's namespace.
"""

from collections.abc import Callable, Iterable
from typing import Any

from .dependency import dependent


def _namespace() -> dict[str, Any]:
    from IPython import get_ipython

    return get_ipython().user_global_ns


def _push(**ns: Any) -> None:
    user_ns = _namespace()
    for name, value in ns.items():
        if name.isidentifier():
            user_ns[name] = value
        else:
            _assign(name, value, user_ns)


def _assign(target: str, value: Any, user_ns: dict[str, Any]) -> None:
    name = "_engineroom_value"
    while name in user_ns:
        name += "_"
    user_ns[name] = value
    try:
        exec(f"{target} = {name}", user_ns)
    finally:
        user_ns.pop(name, None)


def _pull(keys: Any) -> Any:
    user_ns = _namespace()
    if isinstance(keys, (list, tuple, set)):
        return [eval(key, user_ns) for key in keys]
    return eval(keys, user_ns)


def _execute(code: str) -> None:
    exec(code, _namespace())


def _map(f: Callable[..., Any], *sequences: Iterable[Any]) -> list[Any]:
    return list(map(f, *sequences))


def _map_scattered(f: Callable[..., Any], *names: str) -> list[Any]:
    """Maps over sequences that a scatter left under these names, and takes the names away."""
    user_ns = _namespace()
    return list(map(f, *[user_ns.pop(name) for name in names]))


def _import(name: str, fromlist: tuple[str, ...] | None, level: int) -> None:
    import sys

    user_ns = _namespace()
    module = __import__(name, fromlist=fromlist or (), level=level)
    if not fromlist:
        user_ns[name] = sys.modules[name]
    for key in fromlist or ():
        user_ns[key] = getattr(module, key)


class EachItem:
    """A function over whole sequences, made of one over items. Engines keep it between tasks."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f

    def __call__(self, *sequences: Iterable[Any]) -> list[Any]:
        f = self.f
        if isinstance(f, dependent):
            # Once, not for each item.
            f.check_dependency()
            f = f.f
        return list(map(f, *sequences))
