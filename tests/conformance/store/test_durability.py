"""What was answered for is there after the writer was killed, and what was not is there whole or not at all."""

from __future__ import annotations

import asyncio

from tests.support.store import NOW, BackEnd, draft
from typeplate_server.store.migration import require_current
from typeplate_server.store.vehicles import SqlVehicleStore

BATCH = 20

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


async def test_a_killed_writer_loses_nothing_it_answered_for(back_end: BackEnd) -> None:
    """Killed with SIGKILL amid its writes, several times over; each time a reader comes first, then a writer."""
    for run in range(3):
        child = back_end.child(WRITE_ON, str(run))
        assert child.stdout is not None
        for _ in range(10 + run):
            line = await asyncio.to_thread(child.stdout.readline)
        child.kill()
        rest, _ = await asyncio.to_thread(child.communicate)
        batch, seq = map(int, [line, *rest.splitlines(keepends=True)][-1].split())

        require_current(back_end.url)
        database = back_end.open()
        vehicles = SqlVehicleStore(database)
        reached = await vehicles.current_revision()
        assert reached >= seq
        written = await vehicles.live_ids("own", f"own-{run}.", 100_000)
        of_this_run = [each for each in written if each.startswith(f"own-{run}.")]
        assert len(of_this_run) % BATCH == 0
        assert set(of_this_run) >= {f"own-{run}.{b}.{n}" for b in range(1, batch + 1) for n in range(BATCH)}
        assert (await vehicles.upsert([draft(f"own-after{run}")], now=NOW)).seq == reached + 1
        await database.close()
