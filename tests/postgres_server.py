"""A PostgreSQL server for tests: in a temporary folder, on a Unix socket, gone when nobody needs it any more.

    with PostgresServer() as server:        # in Python
        server.url                          # postgresql:///records?host=…

    python tests/postgres_server.py         # from another language: prints the URL, then obeys lines of its
                                            # input, "stop", "start" and "restart", answering "ok"

As root, who may not run PostgreSQL, it runs as user postgres.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DATABASE = "records"


def _programs() -> Path:
    """Where initdb and pg_ctl are: Debian keeps them out of PATH, by version."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[4])
    )
    if not versions:
        raise FileNotFoundError(
            "no PostgreSQL here: apt-get install postgresql (scripts/setup.sh does)"
        )
    return versions[-1].parent


class PostgresServer:
    """`durable`: a commit waits for the disk, as servers do by default; else it is quicker, which tests want."""

    def __init__(self, *, durable: bool = False) -> None:
        self._programs = _programs()
        self._user = "postgres" if os.geteuid() == 0 else None
        # Not below pytest's own folders, which are closed to other users; and short, as names of sockets must be.
        self.folder = Path(tempfile.mkdtemp(prefix="engineroom-pg-"))
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._data = self.folder / "data"
        self._settings = (
            f"-c listen_addresses= -c unix_socket_directories={self.folder} -c max_connections=40"
        )
        if not durable:
            self._settings += " -c fsync=off"
        self.url = f"postgresql://engineroom@/{DATABASE}?host={self.folder}"
        try:
            self._run(
                "initdb",
                "--auth=trust",
                "--username=engineroom",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            )
            self.start()
            self.sql(f"CREATE DATABASE {DATABASE}", database="postgres")
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", self._settings, "start")

    def stop(self) -> None:
        """As if the machine failed: sessions are not ended, they break."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def sql(self, text: str, database: str = DATABASE) -> str:
        """What psql prints for it, without decoration."""
        command = [
            str(self._programs / "psql"),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "engineroom",
        ]
        command += ["-h", str(self.folder), "-d", database, "-c", text]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def close(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "PostgresServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), "-D", str(self._data), *arguments],
            user=self._user,
            extra_groups=[] if self._user else None,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            log = self.folder / "log"
            raise RuntimeError(
                f"{program}: {done.stdout or ''}{log.read_text() if log.exists() else ''}"
            )


def main() -> None:
    with PostgresServer(durable="--durable" in sys.argv) as server:
        print(server.url, flush=True)
        for line in sys.stdin:
            match line.strip():
                case "stop":
                    server.stop()
                case "start":
                    server.start()
                case "restart":
                    server.stop()
                    server.start()
            print("ok", flush=True)


if __name__ == "__main__":
    main()
