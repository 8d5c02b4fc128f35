"""Implements `auth.deployment.DeploymentStore` and `auth.timekeeping.TimeStore` on SQL: the deployment's one row, its
signing keys, and the latest time told in it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from typeplate_server.auth.audit import AuditEvent
from typeplate_server.auth.deployment import ChangeKeys, Deployment
from typeplate_server.auth.store import CommitGuard, StoredSigningKey
from typeplate_server.store import client_rows
from typeplate_server.store.audit import NO_TRAIL, Trail
from typeplate_server.store.clients import begin
from typeplate_server.store.clocks import AUTH, take
from typeplate_server.store.database import Database, Lane
from typeplate_server.store.feed import SILENT, signing_key
from typeplate_server.store.schema import deployment, latest_time, replicas, signing_keys

_ROW = select(deployment.c.epoch, deployment.c.max_staleness_s, deployment.c.key_fingerprint, deployment.c.issuer)
_TAKE_BACK = update(replicas).where(replicas.c.acknowledged_seq != SILENT).values(acknowledged_seq=0)
_KEYS = select(signing_keys).order_by(signing_keys.c.publish_time, signing_keys.c.kid)
_KEEP_TIME = text(
    "INSERT INTO latest_time (id, time) VALUES (1, :now) ON CONFLICT (id) DO UPDATE SET time = excluded.time "
    "WHERE latest_time.time < excluded.time OR latest_time.time > :too_late"
)
_EPOCH_PATIENCE = 60.0
"""Beginning an epoch writes every client: it may take minutes where other writes take seconds."""


class SqlDeploymentStore:
    """The tables `deployment` and `signing_keys`."""

    def __init__(self, database: Database, trail: Trail = NO_TRAIL) -> None:
        self._database = database
        self._trail = trail

    async def read(self) -> Deployment:
        """See DeploymentStore."""
        return await self._database.run(_read)

    async def claim(self, key_fingerprint: str, issuer: str) -> Deployment:
        """See DeploymentStore."""

        def write(connection: Connection) -> Deployment:
            begin(connection, None)
            found = _read(connection)
            if found.key_fingerprint:
                return found
            self._trail.append(connection, [AuditEvent("deployment_claimed", detail={"issuer": issuer})])
            return _set(connection, key_fingerprint=key_fingerprint, issuer=issuer)

        return await self._database.write(write, Lane.AUTH)

    async def set_max_staleness(self, seconds: float) -> Deployment:
        """See DeploymentStore."""

        def write(connection: Connection) -> Deployment:
            begin(connection, None)
            detail = {"max_staleness_s": f"{seconds:g}"}
            self._trail.append(connection, [AuditEvent("deployment_changed", detail=detail)])
            return _set(connection, max_staleness_s=seconds)

        return await self._database.write(write, Lane.AUTH)

    async def keep_time(self, now: float, believed_s: float) -> float | None:
        """See TimeStore."""

        def write(connection: Connection) -> float | None:
            before: float | None = connection.scalar(select(latest_time.c.time))
            connection.execute(_KEEP_TIME, {"now": now, "too_late": now + believed_s})
            return before

        return await self._database.write(write)

    async def begin_epoch(self) -> int:
        """See DeploymentStore."""

        def write(connection: Connection) -> int:
            begin(connection, None)
            count = client_rows.count(connection)
            last = take(connection, AUTH, count + 1)
            client_rows.begin_generations(connection, last - count)
            begun = _set(connection, epoch=secrets.token_hex(8))  # first: acknowledgements under way come before it
            connection.execute(_TAKE_BACK)
            detail = {"epoch": begun.epoch, "clients": str(count)}
            self._trail.append(connection, [AuditEvent("epoch_begun", detail=detail)])
            return last

        return await self._database.write(write, Lane.AUTH, patience=_EPOCH_PATIENCE)

    async def signing_keys(self) -> tuple[StoredSigningKey, ...]:
        """See DeploymentStore."""
        return await self._database.run(_read_keys)

    async def change_signing_keys(
        self, change: ChangeKeys, guard: CommitGuard | None = None
    ) -> tuple[StoredSigningKey, ...]:
        """See DeploymentStore."""

        def write(connection: Connection) -> tuple[StoredSigningKey, ...]:
            begin(connection, guard)
            before = _read_keys(connection)
            written = _write_keys(connection, {key.kid for key in before}, change(before))
            self._trail.append(connection, map(_key_event, written), guard)
            return _read_keys(connection)

        return await self._database.write(write, Lane.AUTH)


def _read(connection: Connection) -> Deployment:
    return Deployment(**connection.execute(_ROW).one()._mapping)


def _set(connection: Connection, **values: Any) -> Deployment:
    connection.execute(update(deployment).values(values))
    return _read(connection)


def _read_keys(connection: Connection) -> tuple[StoredSigningKey, ...]:
    return tuple(map(signing_key, connection.execute(_KEYS)))


def _key_event(key: StoredSigningKey) -> AuditEvent:
    return AuditEvent("key_changed", detail={"kid": key.kid, "state": key.state, "change": str(key.changed_seq)})


def _write_keys(
    connection: Connection, known: set[str], keys: Sequence[StoredSigningKey]
) -> tuple[StoredSigningKey, ...]:
    if not keys:
        return ()
    last = take(connection, AUTH, len(keys))
    written = tuple(replace(key, changed_seq=number) for number, key in enumerate(keys, last - len(keys) + 1))
    for key in written:
        if key.kid in known:
            connection.execute(update(signing_keys).where(signing_keys.c.kid == key.kid).values(asdict(key)))
        else:
            connection.execute(insert(signing_keys).values(asdict(key)))
    return written
