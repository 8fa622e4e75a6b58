"""sys.stdout and sys.stderr of an engine: text goes to the clients.

write() appends to a native buffer, which the I/O thread sends every 50 ms and always before the
reply of the task that wrote it. So printing in a loop makes few messages, and never waits for the
network.
"""

import io
import os
from typing import Any


class EngineStream(io.TextIOBase):
    """A text stream of the engine. Safe to use from any thread."""

    def __init__(self, core: Any, name: str, original: Any):
        super().__init__()
        self.core = core
        self._name = name
        self._original = original
        self._pid = os.getpid()

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    @property
    def buffer(self) -> "_Binary":
        """For code that writes bytes."""
        return _Binary(self)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        """The stream that the process was started with: what subprocesses and C code write to."""
        if self._original is None:
            raise io.UnsupportedOperation("fileno")
        return self._original.fileno()

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if os.getpid() != self._pid:
            # A forked child has no I/O thread.
            if self._original is not None:
                self._original.write(text)
            return len(text)
        try:
            self.core.write(self._name, text)
        except UnicodeEncodeError:
            self.core.write(self._name, text.encode("utf-8", "replace").decode())
        return len(text)

    def flush(self) -> None:
        if os.getpid() == self._pid:
            self.core.flush()
        elif self._original is not None:
            self._original.flush()


class _Binary(io.RawIOBase):
    """Bytes written to a text stream."""

    def __init__(self, stream: EngineStream):
        super().__init__()
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        data = bytes(data)
        self._stream.write(data.decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        self._stream.flush()
