"""publish_data: sending objects to the client while a task is still running.

    from engineroom.datapub import publish_data

    def simulate():
        for step in range(100):
            ...
            publish_data({"step": step})

The client finds them in the `data` of the task's metadata.
"""

import json
from typing import Any


class Publisher:
    """Publishes on behalf of an engine."""

    def __init__(self, core: Any):
        self._core = core
        # Whether the running task came from an ipyparallel client, who expects its own format.
        self.foreign = False

    def publish_data(self, data: dict[str, Any]) -> None:
        metadata: dict[str, Any] = {"engine": self._core.uuid}
        if self.foreign:
            from ipyparallel.serialize import serialize_object as pack
        else:
            from .serialize import pack_object as pack

            metadata["engineroom"] = 1
        self._core.publish(
            "datapub",
            "data_message",
            json.dumps({"keys": list(data)}),
            pack(data),
            verbatim=True,
            metadata=json.dumps(metadata),
        )


def publish_data(data: dict[str, Any]) -> None:
    """Sends a dict, whose keys are names, to the client of the running task."""
    from IPython import get_ipython

    publisher = getattr(get_ipython(), "data_pub", None)
    if publisher is None:
        raise RuntimeError("publish_data() works only on an engine")
    publisher.publish_data(data)
