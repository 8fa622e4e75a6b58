"""Functions that run elsewhere when they are called: @view.remote() and @view.parallel()."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .map import dists, with_length

if TYPE_CHECKING:
    from .base import View


def getname(f: Any) -> str:
    """What to call a callable: its __name__, its name, or what str() makes of it."""
    name = getattr(f, "__name__", None) or getattr(f, "name", None)
    return name if isinstance(name, str) else str(f)


def remote(
    view: "View", block: bool | None = None, **flags: Any
) -> Callable[[Callable[..., Any]], "RemoteFunction"]:
    """Decorator: calling the function applies it through the view. flags: as in temp_flags()."""
    return lambda f: RemoteFunction(view, f, block=block, **flags)


def parallel(
    view: "View",
    dist: str = "b",
    block: bool | None = None,
    ordered: bool = True,
    **flags: Any,
) -> Callable[[Callable[..., Any]], "ParallelFunction"]:
    """Decorator: calling the function applies it to a part of its arguments per engine."""
    return lambda f: ParallelFunction(view, f, dist=dist, block=block, ordered=ordered, **flags)


class RemoteFunction:
    """A function that runs through a view: f(x) is view.apply(f, x).

    block: wait for the result (default: as the view does); flags: as in view.temp_flags().
    """

    def __init__(
        self, view: "View", f: Callable[..., Any], block: bool | None = None, **flags: Any
    ) -> None:
        self.view = view
        self.func = f
        self.block = block
        self.flags = flags
        self.__name__ = getname(f)
        if doc := getattr(f, "__doc__", None):
            self.__doc__ = f"{type(self).__name__} wrapping:\n{doc}"
        try:
            self.__signature__ = inspect.signature(f)
        except (TypeError, ValueError):
            pass  # none to be had, as for some builtins

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__name__} on {self.view!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.flags:
            # Flags belong to the view: without any, several threads may call.
            return self.view._really_apply(self.func, args, kwargs, block=self.block)
        with self.view.temp_flags(**self.flags):
            return self.view._really_apply(self.func, args, kwargs, block=self.block)


class ParallelFunction(RemoteFunction):
    """A function that runs on parts of sequences: calling it applies it once per part, with whole
    parts as arguments; map() applies it to each item.

    There is a part per engine, or for a load-balanced view one per `chunksize` items (default 1).
    dist: "b" contiguous parts, "r" every n-th item. ordered: as in AsyncMapResult.
    """

    def __init__(
        self,
        view: "View",
        f: Callable[..., Any],
        dist: str = "b",
        block: bool | None = None,
        chunksize: int | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
        **flags: Any,
    ) -> None:
        super().__init__(view, f, block=block, **flags)
        self.chunksize = chunksize
        self.ordered = ordered
        self.return_exceptions = return_exceptions
        self.mapObject = dists[dist]()

    def __call__(self, *sequences: Sequence[Any]) -> Any:
        """Applies the function to parts of sequences of equal length (else ValueError)."""
        return self._submit(sequences, each_item=False)

    def map(self, *sequences: Any) -> Any:
        """Applies the function to each item, like map(): the shortest sequence says how many."""
        return self._submit(sequences, each_item=True)

    def _submit(self, sequences: Sequence[Any], each_item: bool) -> Any:
        from .mapping import submit_map

        sequences = [with_length(sequence) for sequence in sequences]
        lengths = [len(sequence) for sequence in sequences]
        if max(lengths, default=0) == 0:
            return []
        if not each_item and min(lengths) != max(lengths):
            raise ValueError(f"all sequences must have equal length, but have {lengths}")
        if self.chunksize and not self.view._balances:
            warnings.warn("`chunksize` is ignored unless load balancing", UserWarning, stacklevel=3)
        with self.view.temp_flags(**self.flags):
            ar = submit_map(
                self.view,
                self.func,
                sequences,
                self.view._request_metadata(),
                each_item=each_item,
                distribution=self.mapObject,
                chunksize=self.chunksize or 1,
                ordered=self.ordered,
                return_exceptions=self.return_exceptions,
            )
        block = self.view.block if self.block is None else self.block
        return ar.get() if block else ar


__all__ = ["ParallelFunction", "RemoteFunction", "parallel", "remote"]
