"""Implements `auth.secret_uses.SecretUseStore` on SQL: the last use of each secret, on whichever replica it was."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

from sqlalchemy import Connection, select, text

from typeplate_server.auth.secret_uses import SecretUse
from typeplate_server.store.database import Database
from typeplate_server.store.schema import client_secrets, secret_uses

_RECORD = text(
    "INSERT INTO secret_uses (secret_id, client_id, last_use_time, peer) "
    "VALUES (:secret_id, :client_id, :last_use_time, :peer) "
    "ON CONFLICT (secret_id) DO UPDATE SET last_use_time = excluded.last_use_time, peer = excluded.peer "
    "WHERE excluded.last_use_time > secret_uses.last_use_time"
)
_FORGET = secret_uses.delete().where(secret_uses.c.secret_id.not_in(select(client_secrets.c.secret_id)))


class SqlSecretUseStore:
    """The table `secret_uses`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, uses: Collection[SecretUse]) -> None:
        """See SecretUseStore. In the order of ids, so that two replicas do not wait for each other."""
        rows = [asdict(use) for use in sorted(uses, key=lambda use: use.secret_id)]

        def write(connection: Connection) -> None:
            if rows:
                connection.execute(_RECORD, rows)
                connection.execute(_FORGET)

        await self._database.write(write)

    async def last_uses(self, secret_ids: Collection[str]) -> tuple[SecretUse, ...]:
        """See SecretUseStore."""
        found = select(secret_uses).where(secret_uses.c.secret_id.in_(secret_ids))
        return await self._database.ask(
            lambda connection: tuple(
                SecretUse(row.secret_id, row.client_id, row.last_use_time, row.peer)
                for row in connection.execute(found)
            )
        )
