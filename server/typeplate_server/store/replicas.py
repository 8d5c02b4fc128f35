"""Implements `auth.store.ReplicaStore` on SQL: the table `replicas`, and the feed.

* A row belongs to one run of one replica; an earlier run's row stays until it is purged, for that run may only sleep.
* Heartbeats begin at random, so that what is meant for a row that is gone cannot meet the row that came after it.
* A row set silent stays, with SILENT in place of what was acknowledged, and to its owner it is as if it were gone.
* An acknowledgement and a new epoch wait for each other at the deployment's row: the epoch takes back what was said
  before it, and what comes after it names the wrong one.
* All of it goes through one lane, whose connection each heartbeat proves to be one to the primary.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, case, delete, exists, insert, select, tuple_, update

from typeplate_server.auth.store import Cursor, FeedPage, History, Registered, Registry, ReplicaIdentity, Wakeup
from typeplate_server.store.database import Database, Lane
from typeplate_server.store.feed import SILENT, follows, is_row_of, read_page, timeline
from typeplate_server.store.schema import deployment, replicas

_HEARTBEAT_BITS = 48
_BOUND = select(deployment.c.max_staleness_s).scalar_subquery()
_NOT_SILENT = replicas.c.acknowledged_seq != SILENT
_ALL = select(replicas).where(_NOT_SILENT).order_by(replicas.c.replica_id, replicas.c.incarnation)
_ANY_SILENT = exists().where(~_NOT_SILENT)
_AT_ONCE = 1000
"""How many rows one statement sets silent: some milliseconds."""


class SqlReplicaStore:
    """Replicas in the table `replicas`. `clock` (epoch seconds) only dates rows, for people to read."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def register(self, identity: ReplicaIdentity) -> None:
        """See ReplicaStore."""

        def write(connection: Connection) -> None:
            connection.execute(delete(replicas).where(is_row_of(identity)))
            now = self._clock()
            connection.execute(
                insert(replicas).values(
                    replica_id=identity.replica_id,
                    incarnation=identity.incarnation,
                    acknowledged_seq=0,
                    heartbeat=secrets.randbits(_HEARTBEAT_BITS),
                    heartbeat_time=now,
                    registered_time=now,
                    max_staleness_s=_BOUND,
                )
            )

        await self._database.write(write, Lane.REPLICA)

    async def poll(self, identity: ReplicaIdentity, after: Cursor, followed_s: float = 0.0) -> FeedPage:
        """See ReplicaStore."""

        def beat(connection: Connection, page: FeedPage) -> bool:
            known, now = max(followed_s, page.max_staleness_s), _BOUND  # the page's may be older than another poll's
            beaten = update(replicas).values(
                heartbeat=replicas.c.heartbeat + 1,
                heartbeat_time=self._clock(),
                max_staleness_s=case((now > known, now), else_=known),
            )
            return connection.execute(beaten.where(follows(identity))).rowcount == 1

        page, present = await self._database.confirm(lambda connection: read_page(connection, identity, after), beat)
        return replace(page, present=page.present and present)

    async def acknowledge(self, identity: ReplicaIdentity, seq: int, history: History) -> bool:
        """See ReplicaStore."""
        known = replicas.c.acknowledged_seq
        statement = update(replicas).values(acknowledged_seq=case((known < seq, seq), else_=known))

        def write(connection: Connection) -> bool:
            now = select(deployment.c.epoch, timeline(connection)).with_for_update(read=True)
            if tuple(connection.execute(now).one()) != (history.epoch, history.timeline):
                return False
            return connection.execute(statement.where(follows(identity))).rowcount == 1

        return await self._database.write(write, Lane.REPLICA)

    async def deregister(self, identity: ReplicaIdentity) -> None:
        """See ReplicaStore."""
        statement = delete(replicas).where(is_row_of(identity))
        await self._database.write(lambda connection: connection.execute(statement).rowcount, Lane.REPLICA)

    async def registered(self) -> Registry:
        """See ReplicaStore."""
        return await self._database.run(_read_registered, Lane.REPLICA)

    async def set_silent(self, rows: Sequence[Registered]) -> int:
        """See ReplicaStore."""
        key = tuple_(replicas.c.replica_id, replicas.c.incarnation, replicas.c.heartbeat)
        seen = [(row.identity.replica_id, row.identity.incarnation, row.heartbeat) for row in rows[:_AT_ONCE]]
        statement = update(replicas).where(key.in_(seen)).values(acknowledged_seq=SILENT)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount, Lane.REPLICA)

    async def forget_silent(self, heard_before: float) -> int:
        """See ReplicaStore."""
        statement = delete(replicas).where(~_NOT_SILENT, replicas.c.heartbeat_time < heard_before)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount, Lane.REPLICA)

    def wake_on_change(self, callback: Callable[[], object]) -> Wakeup:
        """See ReplicaStore."""
        return self._database.wakeup(callback)


def _read_registered(connection: Connection) -> Registry:
    now = connection.execute(
        select(deployment.c.epoch, timeline(connection), deployment.c.max_staleness_s, _ANY_SILENT)
    ).one()
    rows = (
        Registered(
            ReplicaIdentity(row.replica_id, row.incarnation),
            row.acknowledged_seq,
            row.heartbeat,
            row.heartbeat_time,
            row.max_staleness_s,
        )
        for row in connection.execute(_ALL)
    )
    return Registry(History(now[0], now[1]), now[2], tuple(rows), bool(now[3]))
