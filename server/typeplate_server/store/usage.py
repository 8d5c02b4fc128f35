"""Implements `auth.usage.UsageStore` on SQL: sums of calls by method and by peer, which replicas add up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, TextClause, delete, func, select, text

from typeplate_server.auth.usage import MAX_PEERS, Calls
from typeplate_server.store.database import Database
from typeplate_server.store.schema import client_calls, client_peers

_BATCH = 500


class SqlUsageStore:
    """The tables `client_calls` and `client_peers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, methods: Sequence[Calls], peers: Sequence[Calls]) -> None:
        """See UsageStore. Of each client the latest MAX_PEERS peers are kept."""

        def write(connection: Connection) -> None:
            _add(connection, client_calls, "method", methods)
            _add(connection, client_peers, "peer", peers)
            _forget_early_peers(connection, sorted({calls.client_id for calls in peers}))

        await self._database.write(write)

    async def read(self, client_id: str) -> tuple[tuple[Calls, ...], tuple[Calls, ...]]:
        """See UsageStore."""
        return await self._database.run(
            lambda connection: (_read(connection, client_calls, client_id), _read(connection, client_peers, client_id))
        )

    async def last_times(self, client_ids: Collection[str]) -> Mapping[str, float]:
        """See UsageStore."""
        of, last = client_calls.c.client_id, func.max(client_calls.c.last_time)
        found = select(of, last).where(of.in_(client_ids)).group_by(of)
        return await self._database.ask(lambda connection: {row[0]: row[1] for row in connection.execute(found)})


def _add(connection: Connection, table: Table, by: str, sums: Sequence[Calls]) -> None:
    """In the order of the keys, so that two replicas do not wait for each other."""
    rows = sorted((each.client_id, each.by, each.calls, each.last_time) for each in sums)
    values = [dict(zip(("client_id", "by", "calls", "last_time"), row, strict=True)) for row in rows]
    if values:
        connection.execute(_addition(table.name, by), values)


def _addition(table: str, by: str) -> TextClause:
    """Both back ends understand this; only the names of our own tables get into it."""
    later = f"CASE WHEN excluded.last_time > {table}.last_time THEN excluded.last_time ELSE {table}.last_time END"
    return text(
        f"INSERT INTO {table} (client_id, {by}, calls, last_time) VALUES (:client_id, :by, :calls, :last_time) "  # noqa: S608
        f"ON CONFLICT (client_id, {by}) DO UPDATE "
        f"SET calls = {table}.calls + excluded.calls, last_time = {later}"
    )


def _forget_early_peers(connection: Connection, client_ids: Sequence[str]) -> None:
    of, peer = client_peers.c.client_id, client_peers.c.peer
    for start in range(0, len(client_ids), _BATCH):
        counted = select(of).where(of.in_(client_ids[start : start + _BATCH])).group_by(of)
        for client_id in connection.execute(counted.having(func.count() > MAX_PEERS)).scalars().all():
            latest = select(peer).where(of == client_id).order_by(client_peers.c.last_time.desc(), peer)
            connection.execute(delete(client_peers).where(of == client_id, peer.not_in(latest.limit(MAX_PEERS))))


def _read(connection: Connection, table: Table, client_id: str) -> tuple[Calls, ...]:
    found: Any = connection.execute(select(table).where(table.c.client_id == client_id))
    return tuple(Calls(*row) for row in found)
