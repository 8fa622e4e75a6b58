"""Record messages as a stock peer puts them on the wire: golden_messages.txt.

    python src/wire/testdata/record_golden.py > src/wire/testdata/golden_messages.txt

Needs jupyter_client. Ids and dates differ in each run; the tests read what
they expect from the same file, so any run is as good as another. Record anew when a new version of
jupyter_client frames messages differently, and review the difference.
"""

import json

import jupyter_client
from jupyter_client.jsonutil import json_default
from jupyter_client.session import Session

KEY = b"golden-key-0123456789abcdef"
ENGINE = b"75a9f144-48263a91d4a892268ea256f9"


class Recorder:
    """Stands in for a socket and keeps the frames that it is given."""

    closed = False

    def send_multipart(self, frames, flags=0, copy=True, track=False):
        self.frames = [bytes(frame) for frame in frames]


def record(name, session, msg_type, **kwargs):
    recorder = Recorder()
    message = session.send(recorder, msg_type, **kwargs)
    # Sanity: the peer accepts its own message.
    receiver = Session(key=session.key, packer=session.packer, unpacker=session.unpacker)
    identities, rest = receiver.feed_identities(recorder.frames)
    receiver.deserialize(rest)

    header = message["header"]
    print(f"case {name}")
    print(f"key {session.key.hex()}")
    print(f"identities {len(identities)}")
    print(f"buffers {len(kwargs.get('buffers') or [])}")
    for field in ("msg_id", "msg_type", "session", "username", "version"):
        print(f"{field} {header[field].encode().hex()}")
    for frame in recorder.frames:
        print(f"frame {frame.hex()}")
    print()
    return message


def main():
    print(f"# Recorded by record_golden.py with jupyter_client {jupyter_client.__version__}.")
    print("# Everything that is text on the wire is in hexadecimal here.")
    print()
    client = Session(key=KEY, username="ada", packer="json", unpacker="json")
    record("no_content", client, "connection_request")
    request = record(
        "apply_request",
        client,
        "apply_request",
        content={},
        metadata={"after": [], "follow": [], "timeout": 0.0, "targets": [], "label": None},
        ident=ENGINE,
        buffers=[bytes(range(256)), b"", b"\x80\x04K\x03."],
    )
    engine = Session(key=KEY, username="username", packer="json", unpacker="json")
    record(
        "apply_reply",
        engine,
        "apply_reply",
        content={"status": "ok"},
        metadata={"engine": ENGINE.decode(), "dependencies_met": True, "status": "ok"},
        parent=request["header"],
        ident=[b"mux_out", b"\x00\x01\x02\x03\x04"],
        buffers=[b"\x80\x04K\x07."],
    )
    record("topic", engine, "status", content={"execution_state": "busy"}, ident=b"engine.0.status")
    record(
        "unicode",
        Session(key=KEY, username='Åsa "quoted" \\ \u2028', packer="json", unpacker="json"),
        "stream",
        content={"name": "stdout", "text": "π ≈ 3.14159\n\x00\x1b[0m 🚀 <IDS|MSG>"},
    )
    record("unsigned", Session(key=b"", packer="json", unpacker="json"), "execute_request")
    compact = Session(key=KEY, packer="json", unpacker="json")
    # As orjson and msgspec write it: no spaces.
    compact.pack = lambda value: json.dumps(
        value, default=json_default, separators=(",", ":")
    ).encode()
    record("compact", compact, "execute_request")


if __name__ == "__main__":
    main()
