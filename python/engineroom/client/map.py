"""Cutting sequences into parts, one per engine or task, and joining results again."""

import sys
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any


def is_array(obj: Any) -> bool:
    """Whether obj is a numpy array; numpy is not imported to find out."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(obj, numpy.ndarray)


class Map:
    """Contiguous parts: of 10 items for 4 engines, [0-2], [3-5], [6-7], [8-9]."""

    def bounds(self, p: int, q: int, n: int) -> tuple[int, int]:
        """First and last + 1 of the items of part p of q."""
        if not 0 <= p < q:
            raise ValueError(f"must have 0 <= p <= q, but have p={p},q={q}")
        size, longer = divmod(n, q)
        low = p * size + min(p, longer)
        return low, low + size + (p < longer)

    def getPartition(self, seq: Any, p: int, q: int, n: int | None = None) -> Any:
        """Part p of q of `seq`, whose length is n if that is given."""
        low, high = self.bounds(p, q, len(seq) if n is None else n)
        try:
            return seq[low:high]
        except TypeError:  # not to be sliced
            return list(islice(seq, low, high))

    def joinPartitions(self, parts: Sequence[Any]) -> Any:
        """One array or list of the parts; the parts themselves if they are neither."""
        first = parts[0]
        if is_array(first):
            return sys.modules["numpy"].concatenate(parts)
        if isinstance(first, (list, tuple, range)):
            return list(chain.from_iterable(parts))
        return parts


class RoundRobinMap(Map):
    """Part p of q is every q-th item from p on."""

    def getPartition(self, seq: Any, p: int, q: int, n: int | None = None) -> Any:
        if not 0 <= p < q:
            raise ValueError(f"must have 0 <= p <= q, but have p={p},q={q}")
        return seq[p : len(seq) if n is None else n : q]

    def joinPartitions(self, parts: Sequence[Any]) -> Any:
        first = parts[0]
        if is_array(first):
            return self._join_arrays(parts)
        if not isinstance(first, (list, tuple, range)):
            return parts
        joined: list[Any] = [None] * sum(map(len, parts))
        for p, part in enumerate(parts):
            joined[p :: len(parts)] = part
        return joined

    def _join_arrays(self, parts: Sequence[Any]) -> Any:
        numpy = sys.modules["numpy"]
        length = sum(len(part) for part in parts)
        joined = numpy.empty((length, *parts[0].shape[1:]), dtype=numpy.result_type(*parts))
        for p, part in enumerate(parts):
            joined[p :: len(parts)] = part
        return joined


dists: dict[str, type[Map]] = {"b": Map, "r": RoundRobinMap}


def has_length(sequence: Any) -> bool:
    try:
        len(sequence)
    except TypeError:
        return False
    return True


def with_length(sequence: Any) -> Any:
    """The sequence itself, or a list of it if it has no length (a generator)."""
    return sequence if has_length(sequence) else list(sequence)
