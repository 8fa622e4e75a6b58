"""Messages as raw peers see them: the frames of a Jupyter message, taken apart without the package."""

import json

DELIMITER = b"<IDS|MSG>"


class Message:
    """One message that was received; its signature is for the receiver to judge."""

    def __init__(self, frames):
        at = frames.index(DELIMITER)
        self.identities = frames[:at]
        self.signature = frames[at + 1]
        self.raw = frames[at + 2 : at + 6]
        self.header, self.parent, self.metadata, self.content = map(json.loads, self.raw)
        self.buffers = frames[at + 6 :]

    @property
    def type(self):
        return self.header["msg_type"]

    def __repr__(self):
        return f"<{self.type} {self.content} {self.metadata}>"
