"""The audit trail in the database: an entry stands exactly when its change does, and no edit of a row goes unseen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import asdict, replace

import pytest
from sqlalchemy import Connection, text

from tests.support.scale import scaled
from tests.support.store import NOW, BackEnd, client
from typeplate_server.auth.audit import (
    AttributedGuard,
    AuditEntry,
    AuditEvent,
    Chain,
    Head,
    TrailBroken,
    Verification,
)
from typeplate_server.auth.audit_log import AuditQuery
from typeplate_server.auth.clients import ClientState, SecretState
from typeplate_server.auth.store import CommitGuard, CommitUnknown, RevokedToken, StoredSigningKey
from typeplate_server.errors import AlreadyExists, ClientRevoked
from typeplate_server.store.audit import AuditTrail, SqlAuditStore, entries_after
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.revoked_tokens import SqlRevokedTokenStore
from typeplate_server.store.schema import audit as table

CHAIN = Chain(b"s" * 32)
ROOT = AttributedGuard(lambda read: None, "root", "192.0.2.1")


EDITS = (
    "UPDATE audit SET event = event || 'x' WHERE seq = :at",
    "UPDATE audit SET client_id = 'another' WHERE seq = :at",
    "UPDATE audit SET actor = '' WHERE seq = :at AND actor <> '' OR seq = 1",
    "UPDATE audit SET peer = peer || '0' WHERE seq = :at",
    "UPDATE audit SET detail = '{}' WHERE seq = :at",
    "UPDATE audit SET time = time - 0.5 WHERE seq = :at",
    "UPDATE audit SET chain = :byte WHERE seq = :at",
    "UPDATE audit SET seq = :to WHERE seq = :at",
    "DELETE FROM audit WHERE seq = :at",
    "DELETE FROM audit WHERE seq <= :at",
    "DELETE FROM audit",
    "INSERT INTO audit SELECT :to + 0, time, event, client_id, actor, peer, detail, chain FROM audit WHERE seq = :at",
)
"""Of rows before the last; `actor` of the first entry is always edited, for some rows have none to take away."""


class FailingTrail:
    """A trail that cannot be written."""

    def append(self, connection: Connection, events: Iterable[AuditEvent], guard: CommitGuard | None = None) -> None:
        raise RuntimeError("no room for an entry")


@pytest.fixture
def trail() -> AuditTrail:
    return AuditTrail(CHAIN, lambda: NOW + 0.1)


@pytest.fixture
def audit(database: Database, trail: AuditTrail) -> SqlAuditStore:
    return SqlAuditStore(database, trail)


@pytest.fixture
def clients(database: Database, trail: AuditTrail) -> SqlClientStore:
    return SqlClientStore(database, trail)


def next_generation(current: ClientState, _: object) -> ClientState:
    return replace(current, display_name=current.display_name + "x")


async def verified(audit: SqlAuditStore, expected: Head | None = None) -> Head:
    verification = Verification(CHAIN, expected)
    for entry in await audit.after(None, 1000):
        verification.add(entry)
    return verification.finish()


async def brief(audit: SqlAuditStore) -> list[tuple[str, str, str]]:
    return [(entry.event, entry.client_id, entry.actor) for entry in await audit.after(0, 1000)]


async def test_each_kind_of_change_leaves_its_entry(
    database: Database, clients: SqlClientStore, trail: AuditTrail, audit: SqlAuditStore
) -> None:
    """Clients, secrets, tokens, keys, deployment and epoch; by whom, and in the order of the commits."""
    tokens, deployment = SqlRevokedTokenStore(database, trail), SqlDeploymentStore(database, trail)
    await clients.create(client("app"))
    second = SecretState("second", b"2", NOW)
    await clients.update("app", lambda current, _: replace(current, secrets=(*current.secrets, second)), ROOT)
    await clients.update("app", lambda current, _: replace(current, secrets=(second,)), ROOT)
    await clients.update("app", lambda current, _: replace(current, state="suspended"), ROOT)
    await clients.update("app", lambda current, _: replace(current, state="active"), ROOT)
    await clients.update("app", lambda current, _: replace(current, state="revoked"), ROOT)
    await tokens.revoke(RevokedToken("jti-1", "app", NOW), ROOT)
    key = StoredSigningKey("kid-1", b"sealed", b"public", "published", NOW)
    await deployment.change_signing_keys(lambda _: (key,), ROOT)
    await deployment.claim("fingerprint", "urn:typeplate:x")
    await deployment.set_max_staleness(5.0)
    await deployment.begin_epoch()
    assert await brief(audit) == [
        ("client_created", "app", ""),
        ("secret_created", "app", ""),
        ("secret_created", "app", "root"),
        ("secret_deleted", "app", "root"),
        ("client_suspended", "app", "root"),
        ("client_resumed", "app", "root"),
        ("client_revoked", "app", "root"),
        ("token_revoked", "app", "root"),
        ("key_changed", "", "root"),
        ("deployment_claimed", "", ""),
        ("deployment_changed", "", ""),
        ("epoch_begun", "", ""),
    ]
    assert (await verified(audit)).seq == 12


async def test_an_entry_comes_back_as_it_went_in(clients: SqlClientStore, audit: SqlAuditStore) -> None:
    """Time, peer and detail to the last digit."""
    await clients.create(client("app", secrets=()), ROOT)
    (entry,) = await audit.after(0, 10)
    detail = '{"change":"1","generation":"1","scopes":"vehicles:read"}'
    expected = AuditEntry(1, NOW + 0.1, "client_created", "app", "root", "192.0.2.1", detail)
    assert replace(entry, chain=b"") == expected


async def test_what_a_client_revokes_of_its_own_leaves_no_entry_each_time(
    database: Database, trail: AuditTrail, audit: SqlAuditStore
) -> None:
    """Any application may do so without end; whoever revokes another's token is named."""
    tokens = SqlRevokedTokenStore(database, trail)
    await tokens.revoke(RevokedToken("jti-1", "root", NOW), ROOT)
    await tokens.revoke(RevokedToken("jti-2", "app", NOW), ROOT)
    assert await brief(audit) == [("token_revoked", "app", "root")]


async def test_what_changes_nothing_leaves_nothing(
    database: Database, clients: SqlClientStore, trail: AuditTrail, audit: SqlAuditStore
) -> None:
    """Neither an idempotent repetition nor a refused change."""
    await clients.create(client("app", secrets=()))
    tokens = SqlRevokedTokenStore(database, trail)
    await tokens.revoke(RevokedToken("jti-1", "app", NOW))
    await tokens.revoke(RevokedToken("jti-1", "app", NOW))
    await clients.update("app", lambda current, _: current)

    def refuse(read: object) -> None:
        raise ClientRevoked

    with pytest.raises(ClientRevoked):
        await clients.update("app", next_generation, refuse)
    with pytest.raises(AlreadyExists):
        await clients.create(client("app"))
    assert [event for event, *_ in await brief(audit)] == ["client_created", "token_revoked"]


async def test_a_change_without_its_entry_does_not_stand(database: Database) -> None:
    """They are one transaction: when the entry cannot be written, the change is undone."""
    clients = SqlClientStore(database, FailingTrail())
    with pytest.raises(RuntimeError):
        await clients.create(client("app"))
    assert await clients.load_all() == (0, [])
    tokens = SqlRevokedTokenStore(database, FailingTrail())
    with pytest.raises(RuntimeError):
        await tokens.revoke(RevokedToken("jti-1", "app", NOW))
    assert await tokens.forget(NOW + 1) == 0


async def test_an_entry_without_its_change_does_not_stand(
    database: Database, clients: SqlClientStore, audit: SqlAuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails takes the entry with it."""

    def fail(connection: Connection) -> None:
        connection.rollback()
        raise CommitUnknown

    with monkeypatch.context() as patch:
        patch.setattr(database._back_end, "commit", fail)
        with pytest.raises(CommitUnknown):
            await clients.create(client("app"))
    assert await brief(audit) == []


async def test_writers_at_once_make_one_chain(
    back_end: BackEnd, clients: SqlClientStore, trail: AuditTrail, audit: SqlAuditStore
) -> None:
    """Two processes' stores, refusals in between: no number twice, no gap, and the order is that of the changes."""
    await clients.create(client("app", secrets=()))
    other = back_end.open()
    try:
        writers = [clients, SqlClientStore(other, trail)]
        refusals = SqlAuditStore(other, trail)
        changes = [writer.update("app", next_generation) for writer in writers * 15]
        counts = [refusals.record([AuditEvent("token_refused", "app", {"count": "3"})]) for _ in range(10)]
        await asyncio.gather(*changes, *counts)
    finally:
        await other.close()
    assert (await verified(audit)).seq == 41
    updates = [entry.detail for entry in await audit.after(0, 100) if entry.event == "client_updated"]
    assert updates == [detail for _, detail in sorted((len(detail), detail) for detail in updates)]


async def test_edits_removals_and_exchanges_of_rows_are_found(
    database: Database, clients: SqlClientStore, audit: SqlAuditStore
) -> None:
    """Made behind the server's back, by who may write the table; each is undone before the next."""
    for number in range(6):
        await clients.create(client(f"app-{number}", secrets=()), ROOT)
    head, dice = await verified(audit), random.Random(3)
    before = await audit.after(0, 100)
    edits = [f"UPDATE audit SET {column} = {column} || 'x'" for column in ("event", "client_id", "actor", "peer")]
    edits += ["UPDATE audit SET detail = detail || ' '", "UPDATE audit SET time = time + 0.001"]
    edits += ["UPDATE audit SET seq = seq + 100", "DELETE FROM audit"]
    for edit in edits:
        at = dice.randrange(1, 6)  # not the last one: to cut that off takes no edit of the rest

        def tamper(connection: Connection, edit: str = edit, at: int = at) -> None:
            connection.execute(text(f"{edit} WHERE seq = {at}"))

        await database.write(tamper)
        with pytest.raises(TrailBroken):
            await verified(audit)
        await _restore(database, before)
    await database.write(lambda connection: connection.execute(table.delete().where(table.c.seq == 6)).rowcount)
    assert (await verified(audit)).seq == 5
    with pytest.raises(TrailBroken, match="cut off"):
        await verified(audit, head)


async def test_every_one_of_many_random_edits_of_rows_is_found(
    back_end: BackEnd, database: Database, clients: SqlClientStore, trail: AuditTrail
) -> None:
    """In a trail of two writers at once and across two epochs; put in before the first entry, or all removed, too."""
    other = back_end.open()
    try:
        writers = [clients, SqlClientStore(other, trail)]
        await clients.create(client("app", secrets=()), ROOT)
        for _ in range(2):
            await SqlDeploymentStore(other, trail).begin_epoch()
            await asyncio.gather(*(writer.update("app", next_generation, ROOT) for writer in writers * 4))
    finally:
        await other.close()
    dice, missed = random.Random(11), []

    def tamper(connection: Connection) -> Head:
        for _ in range(scaled(120, 1000)):
            edit = dice.choice(EDITS)
            values = {"at": dice.randrange(1, 19), "to": dice.choice((-9, -1, 0, 20, 21, 400)), "byte": b"\x07"}
            with connection.begin_nested() as savepoint:
                connection.execute(text(edit), {name: values[name] for name in values if f":{name}" in edit})
                if not _is_broken(entries_after(connection, None, 1000)):
                    missed.append((edit, values))
                savepoint.rollback()
        return _head_of(entries_after(connection, None, 1000))

    assert (await database.write(tamper)).seq == 19
    assert missed == []


async def test_an_edit_amid_writers_stays_found(
    back_end: BackEnd, database: Database, clients: SqlClientStore, trail: AuditTrail, audit: SqlAuditStore
) -> None:
    """Whoever appends goes on from the last entry and repairs nothing, nor does a new epoch."""
    for number in range(4):
        await clients.create(client(f"app-{number}", secrets=()), ROOT)
    other = back_end.open()
    try:
        edit = other.write(lambda connection: connection.execute(text("UPDATE audit SET actor = 'x' WHERE seq = 2")))
        updates = [writer.update("app-1", next_generation) for writer in [clients, SqlClientStore(other, trail)] * 5]
        await asyncio.gather(*updates[:5], edit, *updates[5:])
        await SqlDeploymentStore(other, trail).begin_epoch()
    finally:
        await other.close()
    assert len(await audit.after(None, 100)) == 15
    with pytest.raises(TrailBroken, match="entry 2 was changed"):
        await verified(audit)


async def test_the_latest_entries_come_first_and_by_condition(clients: SqlClientStore, audit: SqlAuditStore) -> None:
    """By client, kind and time; a page goes on before the last entry seen."""
    await clients.create(client("one", secrets=()))
    await clients.create(client("two", secrets=()))
    await clients.update("one", next_generation)

    async def seqs(query: AuditQuery, before: int | None = None, limit: int = 10) -> list[int]:
        return [entry.seq for entry in await audit.latest(query, before, limit)]

    assert await seqs(AuditQuery()) == [3, 2, 1]
    assert await seqs(AuditQuery(), limit=2) == [3, 2]
    assert await seqs(AuditQuery(), before=2) == [1]
    assert await seqs(AuditQuery(client_id="one")) == [3, 1]
    assert await seqs(AuditQuery(events=("client_updated",))) == [3]
    assert await seqs(AuditQuery(start_time=NOW + 0.1)) == [3, 2, 1]
    assert await seqs(AuditQuery(end_time=NOW + 0.1)) == []


def _head_of(entries: Iterable[AuditEntry]) -> Head:
    verification = Verification(CHAIN, begun=True)
    for entry in entries:
        verification.add(entry)
    return verification.finish()


def _is_broken(entries: Iterable[AuditEntry]) -> bool:
    try:
        _head_of(entries)
    except TrailBroken:
        return True
    return False


async def _restore(database: Database, entries: tuple[AuditEntry, ...]) -> None:
    def write(connection: Connection) -> None:
        connection.execute(table.delete())
        connection.execute(table.insert(), [asdict(entry) for entry in entries])

    await database.write(write)
