"""Errors of engineroom, and the forms in which errors of engines reach the client.

    IPythonError
    └─ KernelError
       ├─ EngineError, NoEnginesRegistered, TaskAborted, TaskTimeout, TaskRejectError, InputLost
       ├─ UnmetDependency
       │  └─ ImpossibleDependency
       │     └─ DependencyTimeout, InvalidDependency, DependencyError, ImpossibleResources
       └─ RemoteError                an exception raised elsewhere, with its traceback as text
          └─ CompositeError          one or more of them
             AlreadyDisplayedError   what is left to say after output was streamed

An exception of an engine is not raised as its own class unless one asks for it (raise_original),
because that class need not exist here: compare `e.ename`. Where the name is one of this module (an
engine died, a dependency cannot be met), the RemoteError is an instance of that class too, so that
`except EngineError` works.
"""

import builtins
import re
import sys
import traceback as _traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import CancelledError
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from .original import unpack_original

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
Results = TypeVar("Results", bound=Iterable[Any])
# One entry of CompositeError.elist: name, value, traceback and {engine_id, engine_uuid, method}.
ErrorTuple = tuple[str, str, str, dict[str, Any]]


class IPythonError(Exception):
    """Base of all errors here."""


class KernelError(IPythonError):
    """Something went wrong at or on the way to an engine."""


class EngineError(KernelError):
    """An engine died or could not be reached."""


class NoEnginesRegistered(KernelError):
    """An operation needs engines and there are none."""

    def __str__(self) -> str:
        return (
            "This operation requires engines."
            " Try client.wait_for_engines(n) to wait for engines to register."
        )


class TaskAborted(KernelError, CancelledError):
    """The task was aborted before it started. A concurrent.futures.CancelledError, too."""


class TaskTimeout(KernelError):
    """The task could not be assigned within its timeout."""


TimeoutError = builtins.TimeoutError


class UnmetDependency(KernelError):
    """What `@depend` or `@require` asks for is not on this engine; another is tried."""


class ImpossibleDependency(UnmetDependency):
    """A dependency can never be met."""


class DependencyTimeout(ImpossibleDependency):
    """A dependency was not met in time."""


class InvalidDependency(ImpossibleDependency):
    """A dependency names a task that nobody knows."""


class DependencyError(ImpossibleDependency):
    """An input of the task failed; the input's own error is the cause (`e.__cause__`)."""


class ImpossibleResources(ImpossibleDependency):
    """No engine offers the resources that the task demands."""


class InputLost(KernelError):
    """A result that the task was to be given is nowhere any more."""


class TaskRejectError(KernelError):
    """For tasks to raise: "not on this engine". With `retries` > 0 another engine is tried."""


class RemoteError(KernelError):
    """An exception raised elsewhere.

    ename, evalue: class name and text of the exception; traceback: text, with colours as the engine
    made them; engine_info: {engine_id, engine_uuid, method}, empty if no engine was involved.
    """

    ename: str | None = None
    evalue: Any = None
    traceback: str | None = None
    engine_info: dict[str, Any] | None = None
    # Content of the error reply, which may hold the exception itself.
    _reply: Mapping[str, Any] = MappingProxyType({})

    def __new__(cls, ename: Any = None, *args: Any, **kwargs: Any) -> "RemoteError":
        if cls is RemoteError and ename in _ALSO_KNOWN_AS:
            cls = _remote_class(ename)
        return super().__new__(cls, ename, *args, **kwargs)

    def __init__(
        self,
        ename: str,
        evalue: Any,
        traceback: str | None,
        engine_info: dict[str, Any] | None = None,
    ) -> None:
        self.ename = ename
        self.evalue = evalue
        self.traceback = traceback
        self.engine_info = engine_info or {}
        self.args = (ename, evalue)
        if traceback:
            self._note_traceback()

    def _note_traceback(self) -> None:
        """Python shows notes below the local traceback, where IPython shows render_traceback()."""
        self.add_note(_COLOURS.sub("", "\n".join(self.render_traceback())))

    def original(self) -> Exception | None:
        """The exception itself, as the engine raised it; None if it cannot be had here."""
        return unpack_original(self._first_reply())[0]

    def _first_reply(self) -> Mapping[str, Any]:
        """Content of the reply with the error that began it: an input's, if that is what failed."""
        return self._reply.get("cause") or self._reply

    def _original_or_self(self, context: "RemoteError | None" = None) -> Exception:
        """What raise_original raises: the exception from this error, which tells where it happened.

        context: the error to name instead, if this is one of many. Itself, with a note that says
        why, if there is no original.
        """
        original, reason = unpack_original(self._first_reply())
        if original is None:
            failure = context or self
            note = f"The original {self.ename} cannot be raised: {reason}."
            if note not in failure.__notes__:
                failure.add_note(note)
            return failure
        original.__cause__ = context or self
        return original

    def __repr__(self) -> str:
        engine = (self.engine_info or {}).get("engine_id", " ")
        return f"<{type(self).__name__}[{engine}]:{self.ename}({self.evalue})>"

    def __str__(self) -> str:
        return f"{self._get_engine_str(self.engine_info)} {self.ename}: {self.evalue}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (RemoteError, (self.ename, self.evalue, self.traceback, self.engine_info))

    @staticmethod
    def _get_engine_str(engine_info: Mapping[str, Any] | None) -> str:
        if not engine_info:
            return "[Engine Exception]"
        return f"[{engine_info.get('engine_id', '?')}:{engine_info.get('method', '?')}]"

    def render_traceback(self) -> list[str]:
        """Where it happened, then the remote traceback: a list of lines."""
        lines = (self.traceback or "No traceback available").splitlines()
        return [self._get_engine_str(self.engine_info), *lines]

    def _render_traceback_(self) -> list[str]:
        # IPython shows these lines in place of the local traceback.
        return self.render_traceback()

    def print_traceback(self, excid: int | None = None) -> None:
        print("\n".join(self.render_traceback()))


class CompositeError(RemoteError):
    """One or more remote exceptions.

    msg: what was being done; elist: (ename, evalue, traceback, engine_info) of each;
    tb_limit: how many tracebacks are shown.
    """

    tb_limit = 4

    def __init__(self, message: str, elist: list[ErrorTuple]) -> None:
        Exception.__init__(self, message, elist)
        self.ename = "CompositeError"
        self.evalue = message
        self.engine_info = {}
        self.msg = message
        self.elist = elist
        self.args = tuple(entry[0] for entry in elist)
        self._note_traceback()

    def __reduce__(self) -> tuple[Any, ...]:
        return (CompositeError, (self.msg, self.elist))

    def __str__(self) -> str:
        lines = [str(self.msg)]
        for ename, evalue, _, info in self.elist[: self.tb_limit]:
            lines.append(f"{self._get_engine_str(info)}{ename}: {evalue}")
        if hidden := self._hidden():
            lines.append(f".... {hidden} more exceptions ...")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"CompositeError({len(self.elist)})"

    def _hidden(self) -> int:
        return max(0, len(self.elist) - self.tb_limit)

    def _entry(self, excid: int) -> ErrorTuple:
        try:
            return self.elist[excid]
        except (IndexError, TypeError):
            raise IndexError(f"an exception with index {excid} does not exist") from None

    def render_traceback(self, excid: int | None = None) -> list[str]:
        """The tracebacks, at most tb_limit of them, or the one with index `excid`."""
        entries = self.elist[: self.tb_limit] if excid is None else [self._entry(excid)]
        lines: list[str] = []
        for _, _, text, info in entries:
            lines.append(self._get_engine_str(info) + ":")
            lines.extend((text or "No traceback available").splitlines())
            if excid is None:
                lines.append("")
        if excid is None and (hidden := self._hidden()):
            lines.append(f"... {hidden} more exceptions ...")
        return lines

    def print_traceback(self, excid: int | None = None) -> None:
        print("\n".join(self.render_traceback(excid)))

    def raise_exception(self, excid: int = 0) -> NoReturn:
        """Raises the exception with index `excid`; IndexError if there is none."""
        raise RemoteError(*self._entry(excid))


class AlreadyDisplayedError(RemoteError):
    """Raised by %px when streaming showed every error already: says only how many there were."""

    def __init__(self, original_error: CompositeError) -> None:
        self.original_error = original_error
        self.n = len(original_error.elist)

    def __reduce__(self) -> tuple[Any, ...]:
        return (AlreadyDisplayedError, (self.original_error,))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.n} errors)>"

    def __str__(self) -> str:
        return f"{self.n} errors"

    def render_traceback(self) -> list[str]:
        return [str(self)]


_ALSO_KNOWN_AS: dict[str, type[KernelError]] = {
    cls.__name__: cls
    for cls in (
        EngineError,
        TaskTimeout,
        UnmetDependency,
        ImpossibleDependency,
        DependencyTimeout,
        InvalidDependency,
        DependencyError,
        ImpossibleResources,
        InputLost,
    )
}


@lru_cache
def _remote_class(ename: str) -> type[RemoteError]:
    return type("RemoteError", (RemoteError, _ALSO_KNOWN_AS[ename]), {"__module__": __name__})


def _error_tuples(error: Any) -> list[ErrorTuple]:
    """What one result adds to CompositeError.elist: nothing unless it is an error."""
    if isinstance(error, CompositeError):
        return list(error.elist)
    if isinstance(error, RemoteError):
        return [(error.ename, error.evalue, error.traceback, error.engine_info)]  # type: ignore[list-item]
    if isinstance(error, TaskAborted):
        return [("TaskAborted", str(error), "", {})]
    return []


def collect_exceptions(rdict_or_list: Results, method: str = "unspecified") -> Results:
    """Passes results (a list, or a dict of them) through; CompositeError if some are errors.

    CompositeErrors among them are flattened.
    """
    values = rdict_or_list.values() if isinstance(rdict_or_list, dict) else rdict_or_list
    elist = [entry for value in values for entry in _error_tuples(value)]
    if elist:
        raise CompositeError(f"one or more exceptions raised in: {method}", elist)
    return rdict_or_list


def wrap_exception(engine_info: dict[str, Any] | None = None) -> dict[str, Any]:
    """The exception being handled, as content of an error reply."""
    kind, value, tb = sys.exc_info()
    assert kind is not None, "wrap_exception() is for except blocks"
    return {
        "status": "error",
        "traceback": _traceback.format_exception(kind, value, tb),
        "ename": kind.__name__,
        "evalue": str(value),
        "engine_info": engine_info or {},
    }


def unwrap_exception(content: Mapping[str, Any]) -> RemoteError:
    """A RemoteError from the content of an error reply."""
    failure = RemoteError(
        content["ename"],
        content["evalue"],
        "\n".join(content.get("traceback") or ()),
        content.get("engine_info") or {},
    )
    failure._reply = content
    if cause := content.get("cause"):
        failure.__cause__ = unwrap_exception(cause)
    return failure
