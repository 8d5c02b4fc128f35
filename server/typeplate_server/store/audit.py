"""Owns the table `audit`: entries are appended by the transaction they tell of, and never changed.

* An entry is appended under the lock on `auth_clock`, so that the chain has one order, that of the commits.
* Who writes auth state hands over its connection: the entry stands exactly when the change does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Final, Literal, Protocol

from sqlalchemy import Connection, Row, Select, insert, select

from typeplate_server.auth.audit import (
    AttributedGuard,
    AuditEntry,
    AuditEvent,
    Chain,
    Head,
    TrailBroken,
    detail_text,
)
from typeplate_server.auth.audit_log import AuditQuery
from typeplate_server.auth.store import CommitGuard
from typeplate_server.store.clocks import AUTH, lock
from typeplate_server.store.database import Database, Lane
from typeplate_server.store.schema import audit

_LAST = select(audit.c.seq, audit.c.chain).order_by(audit.c.seq.desc()).limit(1)


class Trail(Protocol):
    """Where a transaction leaves word of what it does."""

    def append(self, connection: Connection, events: Iterable[AuditEvent], guard: CommitGuard | None = None) -> None:
        """Adds the events in the open transaction, which holds the lock on `auth_clock`."""
        ...


class NoTrail:
    """Leaves no word: for tools and tests that write no auth state anybody relies on."""

    def append(self, connection: Connection, events: Iterable[AuditEvent], guard: CommitGuard | None = None) -> None:
        """See Trail."""


NO_TRAIL: Final = NoTrail()


class AuditTrail:
    """The chained trail; `clock` gives the time of entries (epoch s)."""

    def __init__(self, chain: Chain, clock: Callable[[], float]) -> None:
        self._chain = chain
        self._clock = clock

    def append(self, connection: Connection, events: Iterable[AuditEvent], guard: CommitGuard | None = None) -> None:
        """See Trail. The guard says on whose behalf; without one it is the server itself."""
        actor, peer = (guard.actor, guard.peer) if isinstance(guard, AttributedGuard) else ("", "")
        head, now = _head(connection), self._clock()
        entries = []
        for event in events:
            seq, detail = head.seq + 1, detail_text(event.detail)
            entry = AuditEntry(seq, now, event.event, event.client_id, actor, peer, detail)
            head = Head(seq, self._chain.next(head, entry))
            entries.append(asdict(replace(entry, chain=head.chain)))
        if entries:
            connection.execute(insert(audit), entries)


class SqlAuditStore:
    """Reads the trail, and adds what no change of auth state tells of."""

    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    async def record(self, events: Sequence[AuditEvent]) -> None:
        """See AuditStore."""

        def write(connection: Connection) -> None:
            lock(connection, AUTH)
            self._trail.append(connection, events)

        await self._database.write(write, Lane.AUTH)

    async def after(self, seq: int | None, limit: int) -> tuple[AuditEntry, ...]:
        """See `entries_after`."""
        return await self._database.ask(lambda connection: entries_after(connection, seq, limit))

    async def latest(self, query: AuditQuery, before: int | None, limit: int) -> tuple[AuditEntry, ...]:
        """See AuditStore."""
        found = select(audit).order_by(audit.c.seq.desc()).limit(limit)
        if before is not None:
            found = found.where(audit.c.seq < before)
        if query.client_id:
            found = found.where(audit.c.client_id == query.client_id)
        if query.events:
            found = found.where(audit.c.event.in_(query.events))
        if query.start_time is not None:
            found = found.where(audit.c.time >= query.start_time)
        if query.end_time is not None:
            found = found.where(audit.c.time < query.end_time)
        return await self._read(found)

    async def _read(self, found: Select[tuple[object, ...]]) -> tuple[AuditEntry, ...]:
        return await self._database.ask(lambda connection: tuple(map(_entry, connection.execute(found))))


def entries_after(connection: Connection, seq: int | None, limit: int) -> tuple[AuditEntry, ...]:
    """The next entries by `seq`, for who reads the whole trail; None: from the very first row, whatever its number.

    Raises `TrailBroken` when one is of a type that the table does not have: SQLite lets anybody put that in.
    """
    found = select(audit).order_by(audit.c.seq).limit(limit)
    if seq is not None:
        found = found.where(audit.c.seq > seq)
    try:
        return tuple(map(_entry, connection.execute(found)))
    except (TypeError, ValueError):
        raise TrailBroken(f"one of the {limit} entries after {seq or 0} is not of the form a server writes") from None


def tokens_of_deleted_secret(connection: Connection, client_id: str, secret_id: str) -> Literal["dead", "live"] | None:
    """What the entry of the secret's deletion says of the client's tokens; None: there is no such entry."""
    deleted = select(audit.c.detail).where(audit.c.client_id == client_id, audit.c.event == "secret_deleted")
    for text in connection.execute(deleted.order_by(audit.c.seq.desc())).scalars():
        detail = json.loads(text)
        if detail["secret_id"] == secret_id:
            return "dead" if detail["tokens"] == "dead" else "live"
    return None


def _head(connection: Connection) -> Head:
    row = connection.execute(_LAST).one_or_none()
    return Head() if row is None else Head(row.seq, bytes(row.chain))


def _entry(row: Row[tuple[object, ...]]) -> AuditEntry:
    values = row._asdict()
    return AuditEntry(**{**values, "chain": bytes(values["chain"])})
