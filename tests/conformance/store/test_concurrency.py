"""Several processes on one database: no update is lost, and commit order is sequence order."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

from sqlalchemy import Connection

from tests.support.store import NOW, BackEnd, client, draft, parsed
from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.store import ClientsInTransaction
from typeplate_server.store import clients as sql_clients
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Lane
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.store import Draft, StoredVehicle

PROCESSES = 3
EACH = 40

INCREMENT = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from tests.support.store import NOW, draft, parsed
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.vehicles import SqlVehicleStore

async def main(url, data_dir, times):
    database = Database(url, Path(data_dir))
    clients, vehicles = SqlClientStore(database), SqlVehicleStore(database)
    for _ in range(int(times)):
        changed = await clients.update("counter", lambda c, _: replace(c, display_name=str(int(c.display_name) + 1)))
        put = await vehicles.put("own-1", lambda v: draft("own-1", doors=parsed(v).doors + 1), now=NOW)
        print(changed.changed_seq, changed.display_name, put.revision, parsed(put).doors)
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_no_update_is_lost_between_processes(
    back_end: BackEnd, clients: SqlClientStore, vehicles: SqlVehicleStore
) -> None:
    """Each increment saw the one before it: value and sequence number rise together, over all processes."""
    await clients.create(client("counter", display_name="0"))
    await vehicles.upsert([draft("own-1", doors=0)], now=NOW)
    children = [back_end.child(INCREMENT, str(EACH)) for _ in range(PROCESSES)]
    lines = [line for child in children for line in (await asyncio.to_thread(child.communicate))[0].splitlines()]
    assert [child.returncode for child in children] == [0] * PROCESSES
    count = PROCESSES * EACH
    steps = [tuple(map(int, line.split())) for line in lines]
    in_order = [(n + 1, n) for n in range(1, count + 1)]
    assert sorted(step[:2] for step in steps) == sorted(step[2:] for step in steps) == in_order
    assert (await clients.load_all())[0] == await vehicles.current_revision() == count + 1


async def test_tasks_and_connections_of_one_process_lose_nothing(back_end: BackEnd, clients: SqlClientStore) -> None:
    """Two databases open in one process stand for two replicas."""
    await clients.create(client("counter", display_name="0"))
    other = back_end.open()

    def increment(current: ClientState, _: ClientsInTransaction) -> ClientState:
        return replace(current, display_name=str(int(current.display_name) + 1))

    stores = [clients, SqlClientStore(other)]
    results = await asyncio.gather(*(stores[n % 2].update("counter", increment) for n in range(60)))
    assert sorted((r.changed_seq, int(r.display_name)) for r in results) == [(n + 1, n) for n in range(1, 61)]
    await other.close()


async def test_a_guard_is_asked_after_the_change_under_way(back_end: BackEnd, clients: SqlClientStore) -> None:
    """What it reads holds until the commit: a revocation that holds the lock is waited for, and seen."""
    await clients.create(client("admin"))
    other = back_end.open()
    locked, go_on, asked = threading.Event(), threading.Event(), threading.Event()

    def revoke(connection: Connection) -> None:
        before = sql_clients.begin(connection, None).get("admin")
        assert before is not None
        sql_clients._write(connection, before, replace(before, state="revoked"))
        locked.set()
        assert go_on.wait(5)

    revoking = asyncio.ensure_future(other.write(revoke, Lane.AUTH))
    assert await asyncio.to_thread(locked.wait, 5)
    creating = asyncio.ensure_future(clients.create(client("new"), lambda rows: asked.set()))
    early = await asyncio.to_thread(asked.wait, 0.2)
    go_on.set()
    await revoking
    await creating
    assert asked.is_set()
    assert not early
    await other.close()


async def test_of_two_creators_one_wins(back_end: BackEnd, vehicles: SqlVehicleStore) -> None:
    """`put` reads under the lock, so that a check for absence cannot be passed twice."""
    other = back_end.open()

    def create(current: StoredVehicle | None) -> Draft:
        if current is not None:
            raise LookupError
        return draft("own-1")

    stores = [vehicles, SqlVehicleStore(other)]
    results = await asyncio.gather(
        *(stores[n % 2].put("own-1", create, now=NOW) for n in range(20)), return_exceptions=True
    )
    assert sum(isinstance(result, StoredVehicle) for result in results) == 1
    assert sum(isinstance(result, LookupError) for result in results) == 19
    await other.close()


async def test_a_follower_by_sequence_misses_nothing(back_end: BackEnd, vehicles: SqlVehicleStore) -> None:
    """Who asks again and again what came after the last number sees every vehicle's last write."""
    other = back_end.open()
    follower = SqlVehicleStore(other)
    writing = asyncio.gather(
        *(vehicles.upsert([draft(f"own-{n % 17}", doors=n), draft(f"own-x{n}")], now=NOW) for n in range(60))
    )
    known: dict[str, int] = {}
    seq, done = 0, False
    while not done:
        done = writing.done()
        changes = await follower.changes_since(seq, 1000)
        assert all(change.write_seq > seq for change in changes.changes)
        known |= {change.vehicle_id: change.write_seq for change in changes.changes}
        seq = changes.seq
    await writing
    stored = await vehicles.get_many([*(f"own-{n}" for n in range(17)), *(f"own-x{n}" for n in range(60))])
    assert known == {vehicle_id: vehicle.write_seq for vehicle_id, vehicle in stored.items()}
    assert parsed(stored["own-0"]).doors == 51
    await other.close()


async def test_a_read_is_one_snapshot(back_end: BackEnd, vehicles: SqlVehicleStore) -> None:
    """A batch written while others read is seen whole or not at all."""
    other = back_end.open()
    writer = SqlVehicleStore(other)
    ids = [f"own-{n}" for n in range(50)]

    async def write() -> None:
        for turn in range(1, 30):
            await writer.upsert([draft(each, doors=turn % 20) for each in ids], now=NOW)

    writing = asyncio.ensure_future(write())
    while not writing.done():
        doors = {parsed(vehicle).doors for vehicle in (await vehicles.get_many(ids)).values()}
        assert len(doors) <= 1
    await writing
    await other.close()
