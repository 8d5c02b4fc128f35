"""Database on SQLite: durable settings, short outages told apart, nothing leaked, nobody blocked."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, exc, text

from tests.support.store import NOW, BackEnd, client, draft, new_back_end
from typeplate_server.auth.store import CommitUnknown
from typeplate_server.errors import DatabaseUnavailable
from typeplate_server.store import sqlite
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.locks import WriteLock
from typeplate_server.store.migration import require_current
from typeplate_server.store.schema import auth_clock
from typeplate_server.store.sqlite import database_file, reader_engine, writer_engine
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.store import VehicleQuery

READERS = 4
FILES_A_CONNECTION = 3  # the database, its WAL, its index of the WAL


@pytest.fixture
def back_end(tmp_path: Path) -> BackEnd:
    return new_back_end("sqlite", tmp_path)


@pytest.fixture
async def database(back_end: BackEnd) -> AsyncIterator[Database]:
    database = back_end.open(lock_timeout_s=0.05, readers=READERS)
    yield database
    await database.close()


def bump(connection: Connection) -> int:
    return int(connection.execute(text("UPDATE auth_clock SET seq = seq + 1 RETURNING seq")).scalar_one())


def seq(connection: Connection) -> int:
    return int(connection.execute(auth_clock.select()).one().seq)


def pragma(connection: Connection, name: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


async def test_the_writing_connection_is_durable(database: Database) -> None:
    """WAL and synchronous=FULL, or a commit would not outlive the power; and no mmap."""
    names = ("journal_mode", "synchronous", "mmap_size", "foreign_keys", "busy_timeout")
    settings = await database.write(lambda connection: [pragma(connection, name) for name in names])
    assert settings == ["wal", 2, 0, 1, 5000]


@pytest.mark.parametrize("weaker", ["synchronous = NORMAL", "synchronous = OFF", "journal_mode = DELETE"])
def test_no_transaction_begins_on_a_connection_that_is_not_durable(back_end: BackEnd, weaker: str) -> None:
    """Somebody weakened the connection after it was opened."""
    engine = writer_engine(database_file(back_end.url))
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.execute(f"PRAGMA {weaker}").close()
        with pytest.raises(DatabaseError, match="not durable"):
            connection.begin()
    engine.dispose()


async def test_reading_connections_cannot_write(database: Database) -> None:
    """Whoever writes through the wrong door is stopped by SQLite."""
    with pytest.raises(DatabaseUnavailable) as refusal:
        await database.run(bump)
    assert "readonly" in str(refusal.value.__cause__)


async def test_a_write_takes_the_lock_at_its_beginning(database: Database) -> None:
    """BEGIN IMMEDIATE: in a transaction that has only read so far nobody else can begin to write."""

    def someone_else_writes(connection: Connection) -> None:
        seq(connection)
        other = writer_engine(Path(str(pragma_file(connection))))
        with other.connect() as second:
            second.connection.dbapi_connection.execute("PRAGMA busy_timeout = 0").close()  # type: ignore[union-attr]
            with pytest.raises(exc.OperationalError, match="locked"):
                second.begin()
        other.dispose()

    await database.write(someone_else_writes)


def pragma_file(connection: Connection) -> str:
    return str(connection.exec_driver_sql("PRAGMA database_list").one()[2])


async def test_any_exception_undoes_the_transaction(database: Database) -> None:
    """Even one that is no error."""

    def fail(connection: Connection) -> None:
        bump(connection)
        raise KeyError("mine")

    with pytest.raises(KeyError):
        await database.write(fail)
    assert await database.run(seq) == 0


async def test_an_outage_says_nothing_of_what_is_inside(database: Database) -> None:
    """A full disk: the caller learns that it may come again, and no path, statement or value."""
    await database.write(lambda connection: pragma(connection, "max_page_count = 1"))
    secret = client(display_name="Geheimrat" * 100_000)
    with pytest.raises(DatabaseUnavailable) as outage:
        await SqlClientStore(database).create(secret)
    assert (outage.value.message, outage.value.retry_after) == ("the database does not answer", 1.0)
    assert "full" in str(outage.value.__cause__)
    assert "Geheimrat" not in str(outage.value.__cause__)
    assert not isinstance(outage.value, CommitUnknown)


async def test_a_failed_commit_is_told_apart(database: Database) -> None:
    """Its outcome is unknown, so the caller must not take it for undone."""

    def break_commit(connection: Connection) -> None:
        bump(connection)
        driver: Any = connection.connection.dbapi_connection
        driver.set_authorizer(lambda _, operation, *__: sqlite3.SQLITE_DENY if operation == "COMMIT" else 0)

    with pytest.raises(CommitUnknown) as unknown:
        await database.write(break_commit)
    assert isinstance(unknown.value, DatabaseUnavailable)
    assert await database.write(bump) == 1


async def test_faults_of_our_own_are_no_outage(database: Database) -> None:
    """A broken constraint or bad SQL is a bug and says so."""
    store = SqlClientStore(database)
    await store.create(client("one"))
    with pytest.raises(exc.IntegrityError):
        await store.create(client("two", secrets=client("one").secrets))
    with pytest.raises(exc.IntegrityError):
        await store.create(client("three", state="paused"))


async def test_a_lock_held_elsewhere_is_an_outage(database: Database, back_end: BackEnd) -> None:
    """After a while; reads go on, and the next write is served."""
    with WriteLock(back_end.data_dir).hold():
        with pytest.raises(DatabaseUnavailable):
            await database.write(bump)
        assert await database.run(seq) == 0
    assert await database.write(bump) == 1


async def test_waiting_for_the_lock_blocks_nobody(back_end: BackEnd) -> None:
    """While a write waits, the loop turns and reads are answered."""
    database = back_end.open()
    with WriteLock(back_end.data_dir).hold():
        waiting = asyncio.ensure_future(database.write(bump))
        for _ in range(5):
            assert await asyncio.wait_for(database.run(seq), 1) == 0
        assert not waiting.done()
    assert await waiting == 1
    await database.close()


async def test_short_reads_are_never_behind_slow_ones(database: Database) -> None:
    """However many lists and exports wait, a vehicle is read, changes are followed, and clients are loaded."""
    store, go = SqlVehicleStore(database), threading.Event()
    await store.upsert([draft("own-1")], now=NOW)
    slow = [asyncio.ensure_future(database.ask(lambda _: go.wait(30), slow=True)) for _ in range(READERS * 5)]
    lists = [asyncio.ensure_future(store.list(VehicleQuery(limit=1))), asyncio.ensure_future(store.export("", 1))]
    try:
        for _ in range(20):
            assert await asyncio.wait_for(store.get("own-1"), 10) is not None
            assert await asyncio.wait_for(store.get_many(["own-1"]), 10)
            assert (await asyncio.wait_for(store.changes_since(0, 10), 10)).changes
            await asyncio.wait_for(SqlClientStore(database).load_all(), 10)
        assert not any(waiting.done() for waiting in (*slow, *lists))
    finally:
        go.set()
        await asyncio.gather(*slow, *lists)


async def test_a_cancelled_write_runs_to_its_end(back_end: BackEnd) -> None:
    """Also one that had not begun yet: closing waits for both."""
    database, go, begun = back_end.open(), threading.Event(), threading.Event()

    def slow(connection: Connection) -> int:
        begun.set()
        go.wait(10)
        return bump(connection)

    writes = [asyncio.ensure_future(database.write(slow)) for _ in range(2)]
    await asyncio.to_thread(begun.wait, 10)
    for write in writes:
        write.cancel()
    await asyncio.wait(writes)
    assert all(write.cancelled() for write in writes)
    go.set()
    await database.close()
    again = back_end.open()
    assert await again.run(seq) == 2
    await again.close()


async def test_a_failure_whose_caller_has_gone_is_not_reported_as_forgotten(back_end: BackEnd) -> None:
    """A flood of callers that hang up would fill the log with tracebacks."""
    database, go, reported = back_end.open(), threading.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["message"]))

    def fail(connection: Connection) -> None:
        go.wait(10)
        raise KeyError("refused")

    write = asyncio.ensure_future(database.write(fail))
    await asyncio.sleep(0)
    write.cancel()
    await asyncio.wait([write])
    go.set()
    await database.close()
    assert write.cancelled()
    del write  # with it goes the last that remembers the failure, and asyncio reports what nobody has looked at
    gc.collect()
    assert reported == []


async def test_writes_are_done_in_the_order_of_the_calls(database: Database) -> None:
    """So that a later change of one caller cannot overtake its earlier one."""
    done: list[int] = []
    await asyncio.gather(*(database.write(lambda _, n=n: done.append(n)) for n in range(50)))  # type: ignore[misc]
    assert done == list(range(50))


async def test_nothing_leaks(database: Database, back_end: BackEnd) -> None:
    """After many successes and failures no connection is out, and closing leaves none of the files open."""
    store = SqlVehicleStore(database)

    async def use() -> None:
        await asyncio.gather(*(store.get("own-1") for _ in range(20)))
        await store.upsert([draft("own-1")], now=NOW)
        for failing in (database.run, database.write):
            with pytest.raises(ZeroDivisionError):
                await failing(lambda connection: seq(connection) / 0)

    for _ in range(20):
        await use()
    assert 0 < len(open_files(back_end.data_dir)) <= FILES_A_CONNECTION * (READERS + 1)
    for engine in (database._reading, database._writing):
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    await database.close()
    assert open_files(back_end.data_dir) == []


def open_files(directory: Path) -> list[str]:
    """Files of the directory that this process has open, once for each descriptor."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(os.readlink(descriptor))
    return [link for link in links if link.startswith(f"{directory}/")]


async def test_closed_is_unavailable(back_end: BackEnd) -> None:
    """Closing twice is no fault, and leaves no companion files: the WAL is checkpointed."""
    database = back_end.open()
    await database.write(bump)
    await database.close()
    await database.close()
    for door in (database.run, database.write):
        with pytest.raises(DatabaseUnavailable):
            await door(seq)
    left = {file.name for file in back_end.data_dir.iterdir()}
    assert left == {"typeplate.db", "write.lock", "write.turn"}


DIE_AFTER_A_WRITE = """
import asyncio, os, sys
from pathlib import Path
from sqlalchemy import text
from typeplate_server.store import sqlite
from typeplate_server.store.database import Database

async def main(url, data_dir):
    await Database(url, Path(data_dir)).write(lambda c: c.execute(text("UPDATE auth_clock SET seq = 7")))
    os._exit(0)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_reader_that_closes_last_does_not_checkpoint(back_end: BackEnd) -> None:
    """It would write without the lock: the WAL that a dead writer left stays for the next writer."""
    back_end.child(DIE_AFTER_A_WRITE).communicate()
    wal = back_end.data_dir / "typeplate.db-wal"
    before = wal.read_bytes()
    require_current(back_end.url)
    reading = reader_engine(database_file(back_end.url), 1)
    with reading.connect() as connection:
        assert seq(connection) == 7
    reading.dispose()
    assert wal.read_bytes() == before != b""


async def test_a_tool_that_holds_sqlites_own_lock_is_an_outage(
    back_end: BackEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody with the sqlite3 shell, who knows nothing of the write lock."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    database = back_end.open()
    shell = sqlite3.connect(database_file(back_end.url), isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable):
        await database.write(bump)
    assert await database.run(seq) == 0
    shell.execute("COMMIT")
    shell.close()
    assert await database.write(bump) == 1
    await database.close()


async def test_the_file_stays_sound(database: Database) -> None:
    """integrity_check and foreign_key_check after all kinds of writes."""
    store = SqlVehicleStore(database)
    for turn in range(4):
        await store.upsert([draft(f"own-{n}", doors=turn) for n in range(0, 250, turn + 1)], now=NOW)
        await store.delete([f"own-{n}" for n in range(turn, 250, 3)], now=NOW)
    assert await database.run(lambda connection: pragma(connection, "integrity_check")) == "ok"
    assert await database.run(lambda connection: pragma(connection, "foreign_key_check")) is None


def test_the_database_is_for_its_owner_only(back_end: BackEnd) -> None:
    """Mode 0600, whatever the umask."""
    for name in ("typeplate.db", "write.lock"):
        assert (back_end.data_dir / name).stat().st_mode & 0o777 == 0o600
