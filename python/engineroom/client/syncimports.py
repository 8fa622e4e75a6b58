"""view.sync_imports(): import statements that take effect here and on engines."""

import builtins
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..remote_helpers import _import

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .direct import DirectView


@contextlib.contextmanager
def sync_imports(view: "DirectView", local: bool, quiet: bool) -> Iterator[None]:
    """Replaces __import__ for the time of the block; errors of engines are raised at its end."""
    if not local:
        raise NotImplementedError("remote-only imports not yet implemented")
    original = builtins.__import__
    results: list[AsyncResult] = []
    seen: set[tuple[str, tuple[str, ...]]] = set()

    def import_everywhere(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        module = original(name, globals, locals, fromlist, level)
        names = tuple(fromlist or ())
        # What imported modules import in turn, engines import by themselves.
        if sys._getframe(1) is not importing or level > 0 or (name, names) in seen:
            return module
        seen.add((name, names))
        if not quiet:
            subject = f"{','.join(names)} from {name}" if names else name
            print(f"importing {subject} on engine(s)")
        results.append(view.apply_async(_import, name, names, level))
        return module

    # 0 is this generator, 1 contextlib's __enter__, 2 the function with the `with` statement.
    importing: Any = sys._getframe(2)
    builtins.__import__ = import_everywhere
    try:
        yield
    finally:
        builtins.__import__ = original
        importing = None
    for result in results:
        result.get()
