"""Bookkeeping with bounds: a client that ran a hundred thousand tasks is not larger for it.

Results live in the AsyncResults that the user holds. What the client keeps of the rest is the last
LIMIT entries.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from .._core import Session

LIMIT = 20_000


class History(list[str]):
    """The msg_ids of what was submitted, in order. Of the older ones only the latest are kept, LIMIT
    at most and LIMIT / 2 at least, so indices from the end are the ones to use."""

    def extend(self, msg_ids: Iterable[str]) -> None:
        if len(self) > LIMIT:
            del self[: -LIMIT // 2]
        super().extend(msg_ids)

    def append(self, msg_id: str) -> None:
        self.extend([msg_id])


class Outstanding:
    """Which of a view's tasks have no reply yet. Forgets the others now and then."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._submitted: set[str] = set()
        self._prune_at = 1024

    def add(self, msg_ids: Iterable[str]) -> None:
        self._submitted.update(msg_ids)
        if len(self._submitted) > self._prune_at:
            self._prune()

    def ids(self) -> set[str]:
        self._prune()
        return set(self._submitted)

    def _prune(self) -> None:
        self._submitted.intersection_update(self._session.outstanding())
        self._prune_at = max(1024, 2 * len(self._submitted))


class Recent(OrderedDict[str, Any]):
    """A dict that forgets its oldest entries beyond LIMIT."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > LIMIT:
            self.popitem(last=False)
