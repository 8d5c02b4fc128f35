"""Database on PostgreSQL: what its connections are set to, and that none of them leaks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.support.postgres import shared_postgres
from tests.support.postgres_questions import (
    READERS,
    TERMINATE_LISTENERS,
    ask,
    bump,
    name_of,
    seq,
    until,
)
from tests.support.store import NOW, BackEnd, client, draft, parsed
from typeplate_server.auth.store import Cursor, ReplicaIdentity
from typeplate_server.errors import DatabaseUnavailable
from typeplate_server.store import postgres
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database, Lane
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.replicas import SqlReplicaStore
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.store import Order, VehicleQuery

ME = ReplicaIdentity("one", "a1")


def settings(connection: Connection) -> dict[str, str]:
    names = ("statement_timeout", "idle_in_transaction_session_timeout", "synchronous_commit", "application_name",
             "transaction_isolation", "transaction_read_only")  # fmt: skip
    return {name: str(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in names}


async def test_what_connections_are_set_to(database: Database) -> None:
    """Half of max_staleness for a statement, readers read-only and of one snapshot, writers durable."""
    common = {"statement_timeout": "5s", "idle_in_transaction_session_timeout": "2s", "synchronous_commit": "on"}
    assert await database.run(settings) == common | {
        "application_name": "typeplate-read",
        "transaction_isolation": "repeatable read",
        "transaction_read_only": "on",
    }
    assert await database.write(settings) == common | {
        "application_name": "typeplate-write",
        "transaction_isolation": "read committed",
        "transaction_read_only": "off",
    }
    (isolation, _), _ = await database.confirm(lambda c: (settings(c)["transaction_isolation"], 0), lambda *_: None)
    assert isolation == "repeatable read"
    assert (await database.write(settings, Lane.REPLICA))["transaction_isolation"] == "read committed"


async def test_a_silent_partition_is_seen(database: Database) -> None:
    """Keepalives, tcp_user_timeout and a limit for connecting are set on the wire; only a primary is spoken to."""

    def parameters(connection: Connection) -> dict[str, str]:
        driver: Any = connection.connection.dbapi_connection
        return driver.info.get_parameters()  # type: ignore[no-any-return]

    found = await database.write(parameters)
    assert found.items() >= postgres.CONNECTING.items()
    assert await database.run(parameters) == found | {"application_name": "typeplate-read"}


async def test_the_url_has_the_last_word(back_end: BackEnd) -> None:
    """An operator who sets a limit in the URL means it."""
    database = Database(f"{back_end.url}?connect_timeout=7", back_end.data_dir)
    driver = await database.run(lambda connection: connection.connection.dbapi_connection.info.get_parameters())  # type: ignore[union-attr]
    assert (driver["connect_timeout"], driver["tcp_user_timeout"]) == ("7", "3000")
    await database.close()


async def test_the_statement_timeout_follows_the_bound(back_end: BackEnd, database: Database) -> None:
    """For connections opened after the bound was changed."""
    await SqlDeploymentStore(database).set_max_staleness(3.0)
    again = back_end.open()
    assert (await again.write(settings))["statement_timeout"] == "1500ms"
    await again.close()


async def test_reading_connections_cannot_write(database: Database) -> None:
    """Whoever writes through the wrong door is stopped by the server."""
    with pytest.raises(DatabaseUnavailable) as refusal:
        await database.run(bump)
    assert "read-only transaction" in str(refusal.value.__cause__)


async def test_text_is_compared_by_code_point(back_end: BackEnd, database: Database) -> None:
    """Whatever the locale of the server: each text column of ours says so itself."""
    collations = ask(back_end, """
        SELECT DISTINCT c.relname, a.attname, l.collname FROM pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relname <> 'alembic_version'
          JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
          JOIN pg_collation l ON l.oid = a.attcollation WHERE a.attnum > 0""")  # fmt: skip
    assert len(collations) > 20
    assert {collation for *_, collation in collations} == {"C"}
    vehicles = SqlVehicleStore(database)
    makes = ["ö", "z", "a b", "a-b", "ab", "w", "v", "ä"]
    await vehicles.upsert([draft(f"own-{n}", make=make) for n, make in enumerate(makes)], now=NOW)
    page = await vehicles.list(VehicleQuery(limit=5, order_by=(Order("make"),)))
    rest = await vehicles.list(VehicleQuery(limit=5, order_by=(Order("make"),), after=page.next_after))
    assert [parsed(each).make for each in (*page.vehicles, *rest.vehicles)] == sorted(makes)


async def test_the_time_zone_of_the_server_does_not_show(back_end: BackEnd) -> None:
    """Times come back as they were given, to the last bit."""
    shared_postgres().execute(f"ALTER DATABASE {name_of(back_end)} SET timezone = 'Asia/Kathmandu'")
    database = back_end.open()
    clients = SqlClientStore(database)
    created = await clients.create(client(create_time=0.1 + 0.2, revoke_time=1e9 + 1 / 3))
    assert (await clients.load_all())[1] == [created]
    await database.close()


def connections(back_end: BackEnd) -> list[Any]:
    return ask(back_end, "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
                         " AND application_name LIKE 'typeplate-%'")  # fmt: skip


async def test_nothing_leaks(back_end: BackEnd, database: Database) -> None:
    """After successes, failures, cancellations and reconnects: as many connections as doors, and none at the end."""
    store, clients = SqlVehicleStore(database), SqlClientStore(database)
    replicas = SqlReplicaStore(database, lambda: NOW)
    await replicas.register(ME)
    wakeups = [replicas.wake_on_change(lambda: None) for _ in range(3)]

    async def use(turn: int) -> None:
        await asyncio.gather(*(store.get("own-1") for _ in range(20)), store.upsert([draft("own-1")], now=NOW))
        await asyncio.gather(clients.create(client(f"app-{turn}")), replicas.poll(ME, Cursor()))
        for failing in (database.run, database.write):
            with pytest.raises(ZeroDivisionError):
                await failing(lambda connection: seq(connection) / 0)
        cancelled = asyncio.ensure_future(replicas.poll(ME, Cursor()))
        await asyncio.sleep(0)
        cancelled.cancel()
        ask(back_end, TERMINATE_LISTENERS)

    for turn in range(15):
        await use(turn)
    assert 0 < len(connections(back_end)) <= READERS + len(Lane) + len(wakeups)
    for engine in (database._reading, database._writing):
        await until(lambda pool=engine.pool: pool.checkedout() == 0)  # type: ignore[misc]
    for wakeup in wakeups:
        await asyncio.to_thread(wakeup.close)
    await database.close()
    await until(lambda: connections(back_end) == [])
