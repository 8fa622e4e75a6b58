"""Write seeds for the wire fuzz targets from what a stock peer was recorded to send.

python fuzz/make_corpus.py
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTDATA = ROOT / "src/wire/testdata"
CORPUS = ROOT / "fuzz/corpus"


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


def write_seed(target: str, name: str, seed: bytes) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(seed)


def main() -> None:
    for name, frames in golden_messages().items():
        seed = b"".join(len(frame).to_bytes(2, "big") + frame for frame in frames)
        write_seed("wire_decode_fuzz", name, seed)
    for name in ("stock_client.json", "stock_engine.json"):
        write_seed("wire_connection_file_fuzz", name, (TESTDATA / name).read_bytes())


if __name__ == "__main__":
    main()
