"""What a task needs before it runs: other tasks (Dependency) or something on its engine.

@engineroom.require("numpy")
def norm(a):
    return numpy.linalg.norm(a, 2)

with view.temp_flags(after=Dependency([first, second], all=False)):
    view.apply(f)
"""

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from .error import UnmetDependency
from .util import interactive


class depend:
    """Decorator: run the function only where `f(*args, **kwargs)` does not say False.

    The check runs on the engine. If it returns False or raises UnmetDependency, the task goes to
    another engine.
    """

    def __init__(self, _wrapped_f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.f = _wrapped_f
        self.args = args
        self.kwargs = kwargs

    def __call__(self, f: Callable[..., Any]) -> "dependent":
        return dependent(f, self.f, *self.args, **self.kwargs)


class dependent:
    """A function `f` that is preceded by the check `df(*dargs, **dkwargs)` where it was sent to."""

    # Where the function was written, the check is not made.
    _was_sent = False

    def __init__(
        self,
        _wrapped_f: Callable[..., Any],
        _wrapped_df: Callable[..., Any],
        *dargs: Any,
        **dkwargs: Any,
    ) -> None:
        self.f = _wrapped_f
        self.__name__ = getattr(_wrapped_f, "__name__", "f")
        self.df = _wrapped_df
        self.dargs = dargs
        self.dkwargs = dkwargs

    def check_dependency(self) -> None:
        """Raises UnmetDependency if the check says False."""
        if self.df(*self.dargs, **self.dkwargs) is False:
            raise UnmetDependency()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._was_sent = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._was_sent:
            self.check_dependency()
        return self.f(*args, **kwargs)


@interactive
def _require(*modules, **mapping):
    # Runs on engines with the user's namespace as its globals.
    from engineroom.error import UnmetDependency

    namespace = globals()
    for name in modules:
        try:
            exec(f"import {name}", namespace)
        except ImportError:
            raise UnmetDependency(name) from None
    for name, value in mapping.items():
        namespace[name] = value
    return True


def require(*objects: Any, **mapping: Any) -> depend:
    """Decorator: import modules and define objects on the engine before the function runs.

    Modules are given by name or themselves; functions and classes positionally, defined under
    their `__name__`; anything else by keyword. Where a module cannot be imported, another engine
    is tried.
    TypeError for a positional object without a name.
    """
    modules = []
    for obj in objects:
        if isinstance(obj, ModuleType):
            obj = obj.__name__
        if isinstance(obj, str):
            modules.append(obj)
        elif hasattr(obj, "__name__"):
            mapping[obj.__name__] = obj
        else:
            raise TypeError(
                "Objects other than modules and functions "
                f"must be passed by kwarg, but got: {type(obj)}"
            )
    return depend(_require, *modules, **mapping)


class Dependency(set[str]):
    """A set of msg_ids that a task waits for (`after`) or goes to (`follow`).

    dependencies: msg_ids, AsyncResults, a list of either, or what as_dict() gave.
    all: met when all of them are finished, or when any is.
    success, failure: which way of finishing counts. With all=success=True and failure=False, the
    task fails with ImpossibleDependency as soon as the first of them fails.
    """

    all = True
    success = True
    failure = True

    def __init__(
        self,
        dependencies: Any = (),
        all: bool = True,
        success: bool = True,
        failure: bool = False,
    ) -> None:
        if isinstance(dependencies, Mapping):
            all = dependencies.get("all", True)
            success = dependencies.get("success", success)
            failure = dependencies.get("failure", failure)
            dependencies = dependencies.get("dependencies", [])
        super().__init__(_msg_ids(dependencies))
        if not (success or failure):
            raise ValueError("Must depend on at least one of successes or failures!")
        self.all = all
        self.success = success
        self.failure = failure

    def _counting(
        self, completed: set[str], failed: set[str] | None, success: bool, failure: bool
    ) -> set[str]:
        against = set(completed) if success else set()
        if failed is not None and failure:
            against |= failed
        return against

    def check(self, completed: set[str], failed: set[str] | None = None) -> bool:
        """Whether the dependency is met, given the msg_ids that succeeded and failed."""
        if not self:
            return True
        against = self._counting(completed, failed, self.success, self.failure)
        return self <= against if self.all else not self.isdisjoint(against)

    def unreachable(self, completed: set[str], failed: set[str] | None = None) -> bool:
        """Whether it can never be met any more."""
        if not self:
            return False
        against = self._counting(completed, failed, not self.success, not self.failure)
        return not self.isdisjoint(against) if self.all else self <= against

    def as_dict(self) -> dict[str, Any]:
        """In JSON's types, as on the wire."""
        return {
            "dependencies": list(self),
            "all": self.all,
            "success": self.success,
            "failure": self.failure,
        }


def _msg_ids(dependencies: Any) -> Iterable[str]:
    if isinstance(dependencies, str) or hasattr(dependencies, "msg_ids"):
        dependencies = [dependencies]
    for item in dependencies:
        if isinstance(item, str):
            yield item
        elif hasattr(item, "msg_ids"):
            yield from item.msg_ids
        else:
            raise TypeError(f"invalid dependency type: {type(item)!r}")


__all__ = ["Dependency", "depend", "dependent", "require"]
