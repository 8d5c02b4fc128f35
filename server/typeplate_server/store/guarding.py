"""Asks commit guards: implements `auth.store.CallerRows`, the caller's rows as one open transaction sees them.

A guard is asked under the lock on `auth_clock`, also when what is written is a vehicle: every change of auth state
takes that lock first, so that a revocation either is seen here or commits after this transaction has ended.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, exists, select

from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.store import CallerRows
from typeplate_server.store import client_rows
from typeplate_server.store.clocks import AUTH, lock
from typeplate_server.store.schema import revoked_tokens, signing_keys


class GuardedRows:
    """Clients, revoked tokens and signing keys in one open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, client_id: str) -> ClientState | None:
        """See CallerRows."""
        return client_rows.read(self._connection, client_id)

    def is_token_revoked(self, jti: str) -> bool:
        """See CallerRows."""
        return bool(self._connection.scalar(select(exists().where(revoked_tokens.c.jti == jti))))

    def is_key_removed(self, kid: str) -> bool:
        """See CallerRows."""
        removed = (signing_keys.c.kid == kid) & (signing_keys.c.state == "removed")
        return bool(self._connection.scalar(select(exists().where(removed))))


def ask(connection: Connection, guard: Callable[[CallerRows], None] | None) -> None:
    """Asks the guard, if there is one, taking the lock first. What it has read holds until the transaction's end."""
    if guard is not None:
        lock(connection, AUTH)
        guard(GuardedRows(connection))
