"""A server killed amid its writes loses none that it answered for, leaves none half done, and soon serves again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.fleet import running_fleet
from tests.support.fleet_client import FleetClient
from tests.support.ledger import Ledger
from tests.support.scale import LONG, scaled
from tests.support.server import Credentials, ServerProcess, running_server

KILLS = scaled(3, 200)
SERVING_AGAIN_S = 2.0
FIRST_REVOCATION_S = 20.0
WRITING_S = (0.05, 0.3)
HALVES = "SELECT count(*) FROM vehicles WHERE vehicle_id NOT IN (SELECT vehicle_id FROM vehicle_filters)"
SOUND = {"PRAGMA integrity_check": [("ok",)], "PRAGMA foreign_key_check": [], HALVES: [(0,)]}


@dataclass(frozen=True)
class Target:
    """A server to kill. `crash_database` ends its database as a crash would, and starts it; `broken` finds faults."""

    server: ServerProcess
    admin: Credentials
    crash_database: Callable[[], None]
    broken: Callable[[], list[object]]


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Target]:
    with running_server(tmp_path / "data") as server:

        def broken() -> list[object]:
            with closing(sqlite3.connect(tmp_path / "data" / "typeplate.db")) as database:
                found = {query: database.execute(query).fetchall() for query in SOUND}
            return [each for each in found.items() if each[1] != SOUND[each[0]]]

        yield Target(server, Credentials(server.client_id, server.client_secret), lambda: None, broken)


@pytest.fixture
def on_postgres(tmp_path: Path) -> Iterator[Target]:
    """Its own, because it is crashed too."""
    with running_fleet(tmp_path, replicas=1, wires=False) as fleet:

        def crash() -> None:
            fleet.postgres.stop(signal.SIGQUIT)
            fleet.postgres.start()

        def broken() -> list[object]:
            with fleet.postgres.connect(fleet.database) as connection:
                halves = connection.execute(HALVES.encode()).fetchall()
            return [each for each in halves if each != (0,)]

        yield Target(fleet.replicas[0], fleet.admin, crash, broken)


@pytest.mark.timeout(scaled(120, 3600))
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_killed_server_loses_no_write_that_it_answered_for(kind: str, request: pytest.FixtureRequest) -> None:
    """Killed over and over; on PostgreSQL, at times the database with it."""
    target: Target = request.getfixturevalue(f"on_{kind}")
    ledger, draw, waits = Ledger(), random.Random(11), []
    for number in range(KILLS):
        answered = ledger.answered
        asyncio.run(_write_and_kill(target, ledger, draw.uniform(*WRITING_S)))
        if number % 3 == 2:
            target.crash_database()
        began = time.monotonic()
        target.server.start()
        asyncio.run(_serves(target))
        waits.append((_cpu_s(target.server.pid), time.monotonic() - began))
        assert asyncio.run(_faults(target, ledger, 20)) == []
        assert target.broken() == []
        print(f"{kind}: {ledger.answered - answered} writes answered, serving after {waits[-1]} s of CPU, of the clock")
    assert asyncio.run(_faults(target, ledger, ledger.answered)) == []
    assert ledger.answered > 5 * KILLS
    assert ledger.revoked
    assert max(cpu_s for cpu_s, _ in waits) <= SERVING_AGAIN_S
    assert not LONG or max(elapsed_s for _, elapsed_s in waits) <= SERVING_AGAIN_S, "a full run has the machine alone"


def _cpu_s(pid: int) -> float:
    """What a process has worked so far, which does not depend on what else runs beside it."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def _write_and_kill(target: Target, ledger: Ledger, after_s: float) -> None:
    async with FleetClient([target.server.address], target.admin) as client:
        await client.as_admin()
        writing = asyncio.create_task(ledger.write(client))
        await asyncio.sleep(after_s)
        async with asyncio.timeout(FIRST_REVOCATION_S):
            await ledger.has_revoked.wait()  # else a busy machine's first round would be too short
        assert not writing.done(), writing
        await asyncio.to_thread(target.server.kill)
        await writing


async def _serves(target: Target) -> None:
    async with FleetClient([target.server.address], target.admin) as client:
        await client.whole()


async def _faults(target: Target, ledger: Ledger, clients: int) -> list[str]:
    async with FleetClient([target.server.address], target.admin) as client:
        return await ledger.faults(client, clients)
