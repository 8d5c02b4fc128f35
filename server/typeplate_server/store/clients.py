"""Implements `auth.store.ClientStore` on SQL.

A write locks `auth_clock` first and reads afterwards; the next `seq` becomes the row's `changed_seq` in the same
transaction, and so does its entry in the audit trail: whoever reads by sequence misses nothing (security.md §4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from sqlalchemy import Connection

from typeplate_server.auth.audit import client_events
from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.store import Change, CommitGuard
from typeplate_server.errors import AlreadyExists, NotFound
from typeplate_server.store import client_rows as rows
from typeplate_server.store import guarding
from typeplate_server.store.audit import NO_TRAIL, Trail, tokens_of_deleted_secret
from typeplate_server.store.clocks import AUTH, current, lock, take
from typeplate_server.store.database import Database, Lane


class SqlClientStore:
    """Clients in the tables `clients` and `client_secrets`."""

    def __init__(self, database: Database, trail: Trail = NO_TRAIL) -> None:
        self._database = database
        self._trail = trail

    async def load_all(self) -> tuple[int, list[ClientState]]:
        """See ClientStore."""
        return await self._database.run(lambda connection: (current(connection, AUTH), rows.read_all(connection)))

    async def count(self) -> int:
        """How many clients there are, revoked ones too."""
        return await self._database.run(rows.count)

    async def create(self, new: ClientState, guard: CommitGuard | None = None) -> ClientState:
        """See ClientStore."""

        def insert(connection: Connection) -> ClientState:
            clients = begin(connection, guard)
            if clients.get(new.client_id) is not None:
                raise AlreadyExists(new.name)
            created = replace(new, changed_seq=take(connection, AUTH))
            rows.insert(connection, created)
            self._trail.append(connection, client_events(None, created), guard)
            return created

        return await self._database.write(insert, Lane.AUTH)

    async def update(self, client_id: str, change: Change, guard: CommitGuard | None = None) -> ClientState:
        """See ClientStore."""

        def apply(connection: Connection) -> ClientState:
            clients = begin(connection, guard)
            before = clients.get(client_id)
            if before is None:
                raise NotFound(f"clients/{client_id}")
            after = change(before, clients)
            if after is before:
                return before
            written = _write(connection, before, after)
            self._trail.append(connection, client_events(before, written), guard)
            return written

        return await self._database.write(apply, Lane.AUTH)


class ClientsInTransaction:
    """The clients as they stand in one open transaction: what changes may read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, client_id: str) -> ClientState | None:
        """The client as it stands in this transaction; it stays so until its end."""
        return rows.read(self._connection, client_id)

    def another_administrator(self, but: str, now: float) -> bool:
        """See `auth.store.ClientsInTransaction`."""
        return rows.any_administrator(self._connection, but, now)

    def tokens_of_deleted_secret(self, client_id: str, secret_id: str) -> Literal["dead", "live"] | None:
        """See `auth.store.ClientsInTransaction`. The audit trail knows."""
        return tokens_of_deleted_secret(self._connection, client_id, secret_id)


def begin(connection: Connection, guard: CommitGuard | None) -> ClientsInTransaction:
    """Begins a change of auth state. Locks first: what is read afterwards, by the guard too, holds until the commit."""
    lock(connection, AUTH)
    guarding.ask(connection, guard)
    return ClientsInTransaction(connection)


def _write(connection: Connection, before: ClientState, after: ClientState) -> ClientState:
    if (after.client_id, after.create_time) != (before.client_id, before.create_time):
        raise ValueError("a change may not touch client_id or create_time")
    written = replace(after, changed_seq=take(connection, AUTH))
    rows.update(connection, before, written)
    return written
