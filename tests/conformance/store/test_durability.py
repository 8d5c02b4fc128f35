"""What was answered for is there after the writer was killed, and what was not is there whole or not at all."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import Connection, text

from tests.support.scale import scaled
from tests.support.store import NOW, BackEnd, draft
from typeplate_server.store.migration import require_current
from typeplate_server.store.vehicles import SqlVehicleStore

BATCH = 20
KILLS = scaled(3, 200)
SERVING_AGAIN_S = 2.0

WRITE_ON = f"""
import asyncio, sys
from pathlib import Path
from tests.support.store import NOW, draft
from typeplate_server.store.database import Database
from typeplate_server.store.vehicles import SqlVehicleStore

async def main(url, data_dir, run):
    vehicles = SqlVehicleStore(Database(url, Path(data_dir)))
    batch = 0
    while True:
        batch += 1
        drafts = [draft(f"own-{{run}}.{{batch}}.{{n}}") for n in range({BATCH})]
        print(batch, (await vehicles.upsert(drafts, now=NOW)).seq, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.timeout(scaled(120, 1800))
async def test_a_killed_writer_loses_nothing_it_answered_for(back_end: BackEnd) -> None:
    """Killed with SIGKILL amid its writes, over and over; each time a reader comes first, then a writer, soon."""
    for run in range(KILLS):
        child = back_end.child(WRITE_ON, str(run))
        assert child.stdout is not None
        for _ in range(3 + run % 9):
            line = await asyncio.to_thread(child.stdout.readline)
        child.kill()
        rest, _ = await asyncio.to_thread(child.communicate)
        batch, seq = map(int, [line, *rest.splitlines(keepends=True)][-1].split())

        began = time.monotonic()
        require_current(back_end.url)
        database = back_end.open()
        vehicles = SqlVehicleStore(database)
        reached = await vehicles.current_revision()
        assert reached >= seq
        assert (await vehicles.upsert([draft(f"own-after{run}")], now=NOW)).seq == reached + 1
        assert time.monotonic() - began < SERVING_AGAIN_S
        written = await vehicles.live_ids("own", f"own-{run}.", 100_000)
        of_this_run = [each for each in written if each.startswith(f"own-{run}.")]
        assert len(of_this_run) % BATCH == 0
        assert set(of_this_run) >= {f"own-{run}.{b}.{n}" for b in range(1, batch + 1) for n in range(BATCH)}
        assert await database.run(halves) == 0
        await database.close()
    if back_end.kind == "sqlite":
        database = back_end.open()
        assert await database.run(lambda c: c.execute(text("PRAGMA integrity_check")).scalar_one()) == "ok"
        await database.close()


def halves(connection: Connection) -> int:
    """How many vehicles lack the row that lists are made from; the other way round a foreign key forbids it."""
    lacking = "SELECT count(*) FROM vehicles WHERE vehicle_id NOT IN (SELECT vehicle_id FROM vehicle_filters)"
    return int(connection.execute(text(lacking)).scalar_one())
