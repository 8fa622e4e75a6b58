"""Write seeds: for the wire fuzz targets from what a stock peer was recorded to send, for peer_json_fuzz
what only ours send, for session_fuzz programs of our tests, and noise from which it makes programs of its own.

python fuzz/make_corpus.py
"""

import ast
import random
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTDATA = ROOT / "src/wire/testdata"
CORPUS = ROOT / "fuzz/corpus"


HEADER = (
    '{"msg_id":"m_1","msg_type":"%s","session":"s","username":"u",'
    '"date":"2026-11-21T05:57:34.884217Z","version":"5.3"}'
)
# Header's type, metadata, content.
PEER_MESSAGES = {
    "inputs": (
        "apply_request",
        '{"inputs":[{"id":"a","engine":"e"},{"id":"b"}],"holders":{"at":[0,-1],"engines":'
        '[{"uuid":"uuid","peer":{"url":"ipc://@x","host":"h"}}]},"time_limit":2,"label":["l"]}',
        "{}",
    ),
    "host_buffers": (
        "apply_request",
        '{"host_buffers":[{"at":1,"id":"buffer-a"},{"at":2,"id":"buffer-b","engine":"e","peer":'
        '{"url":"ipc://@x","host":"h"},"bytes":1048576,"patience":12.5}]}',
        "{}",
    ),
    "registered": (
        "registration_reply",
        "{}",
        '{"status":"ok","id":3,"hb_period":3000,"returned":true,'
        '"journal":{"id":"j","start":2,"patience":30.0},"connection_info":{}}',
    ),
    "connected": (
        "connection_reply",
        "{}",
        '{"status":"ok","engines":{"0":"e"},"instance":"i",'
        '"journal":{"id":"j","start":2,"patience":30.0}}',
    ),
    "resumed": ("resume_reply", "{}", '{"status":"ok","unknown":["a"],"ended":["b"]}'),
    "replied": (
        "apply_reply",
        '{"engine":"e","status":"error","idle":false,"kept":true,"quiet_engines":2,'
        '"original_msg_id":"m","started":"2026-11-21T05:57:34.884217Z"}',
        '{"status":"error","ename":"DependencyError","evalue":"","traceback":[],'
        '"cause":{"ename":"ValueError","evalue":"x","traceback":["t"]}}',
    ),
}


def golden_messages() -> dict[str, list[bytes]]:
    messages: dict[str, list[bytes]] = {}
    name = ""
    for line in (TESTDATA / "golden_messages.txt").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "case":
            name = rest
            messages[name] = []
        elif word == "frame":
            messages[name].append(bytes.fromhex(rest))
    return messages


def test_programs(name: str) -> list[str]:
    """The longer programs of a file of tests."""
    tree = ast.parse((ROOT / "tests" / name).read_text())
    texts = {
        textwrap.dedent(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return sorted(text for text in texts if "def " in text and len(text) > 250)


def write_seed(target: str, name: str, seed: bytes) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(seed)


def main() -> None:
    for name, frames in golden_messages().items():
        seed = b"".join(len(frame).to_bytes(2, "big") + frame for frame in frames)
        write_seed("wire_decode_fuzz", name, seed)
    for name, (kind, metadata, content) in PEER_MESSAGES.items():
        texts = [text.encode() for text in (HEADER % kind, metadata, content)]
        seed = b"".join(len(text).to_bytes(2, "big") + text for text in texts)
        write_seed("peer_json_fuzz", name, seed)
    for number, program in enumerate(test_programs("test_compile.py")):
        write_seed("session_fuzz", f"program{number}", b"1" + program.encode())
    for number, program in enumerate(test_programs("test_compile_prange.py")):
        write_seed("session_fuzz", f"threads{number}", b"1" + program.encode())
    for number in range(8):
        noise = random.Random(number).randbytes(800)
        write_seed("session_fuzz", f"noise{number}", bytes([128 + number]) + noise)
    for name in ("stock_client.json", "stock_engine.json"):
        write_seed("wire_connection_file_fuzz", name, (TESTDATA / name).read_bytes())


if __name__ == "__main__":
    main()
