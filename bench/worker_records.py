"""Records per second per back end: bench/records_bench.cpp, with a PostgreSQL server of its own.

The server waits for the disk at each commit, as servers do by default.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from postgres_server import PostgresServer  # noqa: E402


def main() -> None:
    program = ROOT / "build" / "release" / "bench" / "records_bench"
    with PostgresServer(durable=True) as server:
        done = subprocess.run(
            [program, "--benchmark_format=json"],
            env={**os.environ, "RECORDS_POSTGRES": server.url},
            stdout=subprocess.PIPE,
            check=True,
        )
    found = {}
    for entry in json.loads(done.stdout)["benchmarks"]:
        if "error_message" in entry:
            raise SystemExit(f"{entry['name']}: {entry['error_message']}")
        # "in_sqlite/100000/iterations:1/real_time"
        found[entry["name"].partition("/")[0].replace("in_", "records_")] = entry[
            "items_per_second"
        ]
    print("RESULT " + json.dumps(found))


if __name__ == "__main__":
    main()
