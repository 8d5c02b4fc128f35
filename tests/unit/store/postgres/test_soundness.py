"""Database on PostgreSQL: a server that may lose commits is refused, and a commit it may have lost is not believed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Postgres, shared_postgres
from tests.support.postgres_questions import (
    bump,
    name_of,
    seq,
    until,
)
from tests.support.store import NOW, BackEnd
from typeplate_server.auth.store import CommitUnknown, ReplicaIdentity
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import migrate, require_current
from typeplate_server.store.postgres import PostgresBackEnd
from typeplate_server.store.replicas import SqlReplicaStore

ME = ReplicaIdentity("one", "a1")


async def test_a_server_that_may_lose_commits_is_refused(back_end: BackEnd) -> None:
    """synchronous_commit off, for the database or the role: by what serve asks, and on each writing connection."""
    require_current(back_end.url)
    shared_postgres().execute(f"ALTER DATABASE {name_of(back_end)} SET synchronous_commit = off")
    sentence = rf"{name_of(back_end)} at 127.0.0.1:\d+ is not durable \(fsync=on, synchronous_commit=off\)"
    with pytest.raises(DatabaseError, match=sentence):
        require_current(back_end.url)
    database = back_end.open()
    with pytest.raises(DatabaseError, match=sentence):
        await database.write(bump)
    await database.close()


def test_a_server_without_fsync_is_refused(server: Postgres, own: BackEnd) -> None:
    """The same sentence; migrate refuses as well."""
    server.stop()
    server.settings["fsync"] = "off"
    server.start()
    try:
        with pytest.raises(DatabaseError, match="fsync=off"):
            require_current(own.url)
        fresh = server.url(server.create_database())
        with pytest.raises(DatabaseError, match="fsync=off"):
            migrate(fresh, own.data_dir)
    finally:
        server.stop()
        del server.settings["fsync"]
        server.start()


def test_text_that_could_not_be_kept_is_refused_at_once(tmp_path: Path) -> None:
    """A database in an encoding that lacks most scripts."""
    server, name = shared_postgres(), "latin_database"
    server.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(DatabaseError, match="encoding LATIN1; make one with ENCODING 'UTF8'"):
        migrate(server.url(name), tmp_path)
    server.drop_database(name)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://nobody:hunter2@127.0.0.1:1/t", "t at 127.0.0.1:1 cannot be used: .*refused"),
        ("postgresql+psycopg://nobody:hunter2@127.0.0.1:{port}/none", 'cannot be used: .*role "nobody" does not exist'),
        ("postgresql+psycopg://postgres:hunter2@127.0.0.1:{port}/none", 'database "none" does not exist'),
    ],
)
def test_a_server_that_cannot_be_used_is_named(url: str, sentence: str) -> None:
    """In one line, without the password."""
    with pytest.raises(DatabaseError, match=sentence) as refusal:
        require_current(url.format(port=shared_postgres().port))
    assert "hunter2" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.fixture
def standby_away(server: Postgres) -> Iterator[None]:
    """The standby that every commit waits for does not answer."""
    server.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    server.execute("SELECT pg_reload_conf()")
    yield
    server.execute("ALTER SYSTEM RESET synchronous_standby_names")
    server.execute("SELECT pg_reload_conf()")


async def test_a_commit_that_no_standby_has_is_unknown(server: Postgres, own: BackEnd, standby_away: None) -> None:
    """Somebody breaks off the wait: the server reports success with a warning, and nothing may rest on that."""
    database = own.open()
    writing = asyncio.ensure_future(database.write(bump))
    with server.connect(name_of(own)) as connection:
        broken_off = b"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        await until(lambda: connection.execute(broken_off).fetchall())
    with pytest.raises(CommitUnknown) as unknown:
        await writing
    assert "synchronous replication" in str(unknown.value.__cause__)
    assert await database.run(seq) == 1
    await database.close()


async def test_a_commit_waits_for_its_standby_no_longer_than_patience_lasts(
    own: BackEnd, standby_away: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats too: without its standby a primary proves nothing."""
    monkeypatch.setattr(PostgresBackEnd, "patience_s", 0.3)
    database = own.open()
    replicas = SqlReplicaStore(database, lambda: NOW)
    for call in (replicas.register(ME), database.write(bump)):
        with pytest.raises(CommitUnknown):
            await asyncio.wait_for(call, 5)
    await database.close()
