"""The change feed: whoever polls misses nothing, whatever becomes of the wake-up; who listens is woken, not stormed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Set
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import Connection

from tests.support.following import Follower
from tests.support.postgres import shared_postgres
from tests.support.postgres_questions import TERMINATE_LISTENERS, until
from tests.support.scale import scaled
from tests.support.store import NOW, BackEnd, client, draft
from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.store import ClientsInTransaction, Cursor, ReplicaIdentity
from typeplate_server.store import clients as sql_clients
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database, Lane
from typeplate_server.store.replicas import SqlReplicaStore
from typeplate_server.store.vehicles import SqlVehicleStore

REVOCATIONS = scaled(150, 1000)
KILLS = scaled(30, 200)
FOLLOWERS = 2
IN_FLIGHT = 8
WOKEN_S = 5.0


def revoked(current: ClientState, _: ClientsInTransaction) -> ClientState:
    return replace(current, state="revoked")


async def revoke_held_open(database: Database, client_id: str) -> ClientState:
    """Takes its number, and keeps its transaction open for a while before it commits."""

    def write(connection: Connection) -> ClientState:
        before = sql_clients.begin(connection, None).get(client_id)
        assert before is not None
        after = sql_clients._write(connection, before, replace(before, state="revoked"))
        time.sleep(0.02)
        return after

    return await database.write(write, Lane.AUTH)


@pytest.mark.timeout(scaled(120, 600))
async def test_no_revocation_is_missed(back_end: BackEnd, clients: SqlClientStore) -> None:
    """Side by side, some held open, while listeners are killed: each is in the first poll after its answer."""
    ids = [f"app-{n}" for n in range(REVOCATIONS)]
    for client_id in ids:
        await clients.create(client(client_id, secrets=()))
    answered: set[str] = set()
    databases = [back_end.open() for _ in range(FOLLOWERS)]
    followers = [
        Follower(SqlReplicaStore(db, lambda: NOW), f"f{n}", lambda: answered) for n, db in enumerate(databases)
    ]
    running = [asyncio.ensure_future(each.run()) for each in followers]
    revokers = [clients, SqlClientStore(databases[0])]
    gate = asyncio.Semaphore(IN_FLIGHT)
    killing = Killing(back_end, answered)
    numbers: list[tuple[int, str]] = []

    async def revoke(number: int) -> None:
        async with gate:
            await until(lambda: not killing.behind)
            if number % 25:
                done = await revokers[number % 2].update(ids[number], revoked)
            else:
                done = await revoke_held_open(databases[1], ids[number])
            answered.add(ids[number])
            numbers.append((done.changed_seq, ids[number]))

    await asyncio.gather(*(revoke(number) for number in range(REVOCATIONS)), killing.run())
    for each in followers:
        await each.turn()
        each.stop()
    await asyncio.gather(*running)
    for each in followers:
        assert (each.missed, each.knows_revoked) == (set(), set(ids))
        assert each.wakes > 0
    assert sorted(seq for seq, _ in numbers) == list(range(REVOCATIONS + 1, 2 * REVOCATIONS + 1))
    for database in databases:
        await database.close()


class Killing:
    """Kills listeners on PostgreSQL, in step with the answers; a listener on a file has no connection to be cut."""

    def __init__(self, back_end: BackEnd, answered: Set[str]) -> None:
        self._back_end = back_end
        self._answered = answered
        self.killed = 0 if back_end.kind == "postgres" else KILLS

    @property
    def behind(self) -> bool:
        return self.killed < KILLS * len(self._answered) // REVOCATIONS

    async def run(self) -> None:
        if self.killed == KILLS:
            return
        with shared_postgres().connect(self._back_end.url.rpartition("/")[2]) as connection:
            while self.killed < KILLS:
                self.killed += len(await asyncio.to_thread(execute, connection, TERMINATE_LISTENERS))
                await asyncio.sleep(0.01)


def execute(connection: psycopg.Connection, statement: str) -> list[tuple[object, ...]]:
    return connection.execute(statement.encode()).fetchall()


async def test_commit_order_is_sequence_order(back_end: BackEnd, clients: SqlClientStore) -> None:
    """Who has seen a number sees nothing with a smaller one appear later, over several writers at once."""
    other = back_end.open()
    writers = [clients, SqlClientStore(other)]
    reader, me = SqlReplicaStore(other, lambda: NOW), ReplicaIdentity("one", "a1")
    await reader.register(me)
    creating = asyncio.gather(*(writers[n % 2].create(client(f"app-{n}", secrets=())) for n in range(80)))
    seen: list[int] = []
    cursor, done = Cursor(), False
    while not done:
        done = creating.done()
        page = await reader.poll(me, cursor)
        seen += [each.changed_seq for each in page.clients]
        cursor = page.cursor
    await creating
    assert seen == list(range(1, 81))
    await other.close()


async def test_a_change_wakes_the_listeners_of_every_process(back_end: BackEnd, clients: SqlClientStore) -> None:
    """Once when listening has begun, then at each change; neither heartbeats nor imports wake anybody."""
    other = back_end.open()
    store, me = SqlReplicaStore(other, lambda: NOW), ReplicaIdentity("one", "a1")
    await store.register(me)
    woken = threading.Event()
    wakeup = store.wake_on_change(woken.set)
    for number in range(5):
        assert await asyncio.to_thread(woken.wait, WOKEN_S), number
        await asyncio.sleep(0.05)
        woken.clear()
        await clients.create(client(f"app-{number}"))
    assert await asyncio.to_thread(woken.wait, WOKEN_S)
    await asyncio.sleep(0.1)
    woken.clear()
    for _ in range(5):
        page = await store.poll(me, Cursor())
        await store.acknowledge(me, 1, page.history)
        await SqlVehicleStore(other).upsert([draft()], now=NOW)
    assert not await asyncio.to_thread(woken.wait, 0.2)
    wakeup.close()
    wakeup.close()
    await clients.create(client("late"))
    assert not await asyncio.to_thread(woken.wait, 0.1)
    await other.close()


async def test_an_undone_change_wakes_nobody(back_end: BackEnd, clients: SqlClientStore) -> None:
    """There is nothing to read."""
    woken = threading.Event()
    store = SqlReplicaStore(back_end.open(), lambda: NOW)
    await clients.create(client())
    wakeup = store.wake_on_change(woken.set)
    assert await asyncio.to_thread(woken.wait, WOKEN_S)
    await asyncio.sleep(0.1)
    woken.clear()

    def refuse(read: object) -> None:
        raise LookupError

    for _ in range(3):
        try:
            await clients.update("sales-app", revoked, refuse)
        except LookupError:
            continue
    assert not await asyncio.to_thread(woken.wait, 0.2)
    wakeup.close()
    await store._database.close()
