"""Database on PostgreSQL: every outage is told apart, costs nobody else anything, and ends soon."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.support.postgres import Postgres, shared_postgres
from tests.support.postgres_questions import (
    TERMINATE_ALL,
    TERMINATE_WRITERS,
    ask,
    bump,
    seq,
)
from tests.support.store import NOW, BackEnd, client
from tests.support.tcp_proxy import TcpProxy
from typeplate_server.auth.store import CommitUnknown, Cursor, ReplicaIdentity
from typeplate_server.errors import DatabaseUnavailable
from typeplate_server.store import postgres
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database, Lane
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.postgres import PATIENCE_S, PostgresBackEnd
from typeplate_server.store.replicas import SqlReplicaStore

RECOVERED_S = 2.0
ME = ReplicaIdentity("one", "a1")


async def test_a_lost_connection_costs_nobody_anything(back_end: BackEnd, database: Database) -> None:
    """The server threw out everybody: reads and writes are done once more on new connections."""
    await asyncio.gather(database.run(seq), database.write(bump), database.write(bump, Lane.AUTH))
    for _ in range(3):
        gone = ask(back_end, TERMINATE_ALL)
        assert len(gone) >= 3
        before = await database.run(seq)
        assert await database.write(bump) == before + 1
        assert await database.write(bump, Lane.AUTH) == before + 2


async def test_a_connection_lost_before_commit_undoes(back_end: BackEnd, database: Database) -> None:
    """The function runs again on a new connection, and what the first run did is gone."""
    runs = []

    def cut_the_first_time(connection: Connection) -> int:
        runs.append(bump(connection))
        if len(runs) == 1:
            ask(back_end, TERMINATE_WRITERS)
        return bump(connection)

    assert await database.write(cut_the_first_time) == 2
    assert runs == [1, 1]


async def test_a_connection_lost_in_commit_is_told_apart(back_end: BackEnd, database: Database) -> None:
    """Its outcome is unknown, so it is not done again and not called undone."""
    runs = []

    def cut_before_commit(connection: Connection) -> None:
        runs.append(bump(connection))
        ask(back_end, TERMINATE_WRITERS)

    with pytest.raises(CommitUnknown):
        await database.write(cut_before_commit)
    assert runs == [1]
    assert await database.write(bump) == 1


async def test_who_stops_amid_a_transaction_is_thrown_out(back_end: BackEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a paused replica with the clock's row locked holds up the others for no longer than that."""
    monkeypatch.setattr(postgres, "IDLE_IN_TRANSACTION_S", 0.2)
    sleeper, other = back_end.open(), back_end.open()
    locked, woken = threading.Event(), threading.Event()

    def stop(connection: Connection) -> int:
        number = bump(connection)
        locked.set()
        woken.wait(10)
        return number

    stopped = asyncio.ensure_future(sleeper.write(stop))
    await asyncio.to_thread(locked.wait, 10)
    assert await asyncio.wait_for(other.write(bump), 4) == 1
    woken.set()
    with pytest.raises(DatabaseUnavailable):
        await stopped
    assert await other.run(seq) == 1
    for database in (sleeper, other):
        await database.close()


async def test_a_stuck_statement_ends(back_end: BackEnd, database: Database) -> None:
    """At half of max_staleness, as DatabaseUnavailable; meanwhile other lanes go on."""
    await SqlDeploymentStore(database).set_max_staleness(0.6)
    hasty, held, release = back_end.open(), threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        bump(connection)
        held.set()
        release.wait(10)

    holding = asyncio.ensure_future(database.write(hold, Lane.AUTH))
    await asyncio.to_thread(held.wait, 10)
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await hasty.write(bump, Lane.AUTH)
    assert 0.25 <= time.monotonic() - began < 3
    release.set()
    await holding
    await hasty.close()


async def test_heartbeats_wait_for_no_change_under_way(database: Database) -> None:
    """With the auth clock held by a stuck change, replicas poll and acknowledge all the same."""
    replicas, held, release = SqlReplicaStore(database, lambda: NOW), threading.Event(), threading.Event()
    await replicas.register(ME)

    def hold(connection: Connection) -> None:
        bump(connection)
        held.set()
        release.wait(10)

    holding = asyncio.ensure_future(database.write(hold, Lane.AUTH))
    await asyncio.to_thread(held.wait, 10)
    page = await asyncio.wait_for(replicas.poll(ME, Cursor()), 4)
    assert page.present
    assert await asyncio.wait_for(replicas.acknowledge(ME, 1, page.history), 4)
    assert len((await asyncio.wait_for(replicas.registered(), 4)).replicas) == 1
    assert not holding.done()
    release.set()
    await holding


async def test_a_wire_that_swallows_everything_is_given_up(back_end: BackEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread waits for it for ever, and once it carries again the next call is served."""
    monkeypatch.setattr(PostgresBackEnd, "patience_s", 0.4)
    with TcpProxy(shared_postgres().port) as proxy:
        database = Database(back_end.url.replace(str(shared_postgres().port), str(proxy.port)), back_end.data_dir)
        assert await database.write(bump) == 1
        assert await database.run(seq) == 1
        proxy.swallow = True
        began = time.monotonic()
        for door, fn in ((database.run, seq), (database.write, bump)):
            with pytest.raises(DatabaseUnavailable):
                await door(fn)
        assert time.monotonic() - began < 2
        proxy.swallow = False
        assert await database.write(bump) == 2
        assert await database.run(seq) == 2
        await database.close()


async def test_a_poll_given_up_leaves_the_lane_free(back_end: BackEnd) -> None:
    """The replica loop asks again at once, not after the patience for other work."""
    with TcpProxy(shared_postgres().port) as proxy:
        database = Database(back_end.url.replace(str(shared_postgres().port), str(proxy.port)), back_end.data_dir)
        replicas = SqlReplicaStore(database, lambda: NOW)
        await replicas.register(ME)
        proxy.swallow = True
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(replicas.poll(ME, Cursor()), 0.2)
        proxy.swallow = False
        assert (await asyncio.wait_for(replicas.poll(ME, Cursor()), PATIENCE_S * 0.8)).present
        await database.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast shutdown", "crash"])
async def test_a_restart_is_over_soon(server: Postgres, own: BackEnd, how: signal.Signals) -> None:
    """While the server is away every call is DatabaseUnavailable at once; after that, all work within two seconds."""
    database = own.open()
    clients, replicas = SqlClientStore(database), SqlReplicaStore(database, lambda: NOW)
    await clients.create(client("before"))
    await replicas.register(ME)
    woken = threading.Event()
    wakeup = replicas.wake_on_change(woken.set)
    assert await asyncio.to_thread(woken.wait, 5)
    server.stop(how)
    for _ in range(2):
        for call in (clients.load_all(), clients.create(client("during")), replicas.poll(ME, Cursor())):
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                await call
            assert time.monotonic() - began < 1
    woken.clear()
    server.start()
    began = time.monotonic()
    assert (await clients.create(client("after"))).changed_seq == 2
    assert [each.client_id for each in (await replicas.poll(ME, Cursor())).clients] == ["before", "after"]
    assert await asyncio.to_thread(woken.wait, 5)
    assert time.monotonic() - began < RECOVERED_S
    woken.clear()
    await clients.create(client("later"))
    assert await asyncio.to_thread(woken.wait, 1)
    await asyncio.to_thread(wakeup.close)
    await database.close()


def test_a_port_nobody_listens_on_is_an_outage(tmp_path: Path) -> None:
    """For callers; the operator's sentence is another matter."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        database = Database(f"postgresql+psycopg://u@127.0.0.1:{taken.getsockname()[1]}/d", tmp_path)

        async def use() -> None:
            with pytest.raises(DatabaseUnavailable):
                await database.run(seq)
            await database.close()

        asyncio.run(use())
