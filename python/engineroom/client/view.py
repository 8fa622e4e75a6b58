"""The views by their usual place."""

from .balanced import LoadBalancedView
from .base import View
from .broadcast import BroadcastView
from .direct import DirectView
from .executor import ViewExecutor
from .lazymap import LazyMapIterator

__all__ = [
    "BroadcastView",
    "DirectView",
    "LazyMapIterator",
    "LoadBalancedView",
    "View",
    "ViewExecutor",
]
