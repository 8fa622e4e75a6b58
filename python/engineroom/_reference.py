"""Reference: an argument that is looked up on the engine instead of being sent.

In a module of its own, almost without imports, because the pickles of both clients and engines name
it.
"""

import sys


class Reference:
    """Stands for what the expression `name` is worth in the namespace of the engine that runs the
    call.

    Understood as an argument of apply, one level deep in a list, tuple or dict that is an argument,
    and in place of the function.
    """

    def __init__(self, name: str):
        if not isinstance(name, str):
            raise TypeError(f"illegal name: {name!r}")
        self.name = name

    def __repr__(self) -> str:
        return f"<Reference: {self.name!r}>"

    def __reduce__(self) -> tuple:
        return _restore, (self.name,)

    def get_object(self, namespace: dict | None = None) -> object:
        return eval(self.name, {} if namespace is None else namespace)


def _restore(name: str) -> object:
    """On an engine of ipyparallel one of its own references, which it looks up."""
    if "ipyparallel.engine.kernel" in sys.modules:
        return sys.modules["ipyparallel.serialize.canning"].Reference(name)
    return Reference(name)


# References inside longer containers are not looked for: a list of a million numbers is sent often,
# a long list of references never.
MAX_ITEMS = 64


def holds_reference(value: object) -> bool:
    """True if `value` is a Reference or a short list, tuple or dict with one in it."""
    kind = type(value)
    if kind is Reference:
        return True
    if kind is list or kind is tuple:
        return len(value) <= MAX_ITEMS and any(type(item) is Reference for item in value)
    if kind is dict:
        return len(value) <= MAX_ITEMS and any(type(item) is Reference for item in value.values())
    return False


def resolve(value: object, namespace: dict | None) -> object:
    """`value` with the references that holds_reference() sees replaced by their objects."""
    kind = type(value)
    if kind is Reference:
        return value.get_object(namespace)
    if (kind is list or kind is tuple) and len(value) <= MAX_ITEMS:
        return kind(resolve_one(item, namespace) for item in value)
    if kind is dict and len(value) <= MAX_ITEMS:
        return {key: resolve_one(item, namespace) for key, item in value.items()}
    return value


def resolve_one(item: object, namespace: dict | None) -> object:
    return item.get_object(namespace) if type(item) is Reference else item
