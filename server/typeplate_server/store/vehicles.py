"""Implements `vehicles.store.VehicleStore` on SQL.

What a write does to the vehicles there are is `vehicle_writes`' business, what a list selects `vehicle_query`'s.

* A write locks `vehicle_clock` first, so that everything read afterwards holds until the commit.
* Its guard is asked last, for that takes the lock which revocations need: they wait for a commit, never for an import.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from typeplate_server.store import clocks, guarding, vehicle_query, vehicle_writes
from typeplate_server.store.database import Database
from typeplate_server.store.schema import vehicle_filters, vehicles
from typeplate_server.vehicles.store import (
    WRITE_BATCH,
    Change,
    Changes,
    DeleteResult,
    Draft,
    Guard,
    Page,
    StoredVehicle,
    UpsertResult,
    VehicleQuery,
)

_id = vehicles.c.vehicle_id
_STORED = select(
    _id,
    vehicles.c.message,
    vehicles.c.etag,
    vehicles.c.content_hash,
    vehicles.c.revision,
    vehicles.c.write_seq,
    vehicles.c.delete_time.is_not(None).label("deleted"),
)
_GET = _STORED.where(_id == bindparam("id"))
_GET_MANY = _STORED.where(_id.in_(bindparam("ids", expanding=True)))
_LIVE_AFTER = _STORED.where(_id > bindparam("after"), vehicles.c.delete_time.is_(None)).order_by(_id)
_OF_SOURCE = vehicles.c.source == bindparam("source")
_LIVE_IDS = (
    select(vehicle_filters.c.vehicle_id)
    .where(
        vehicle_filters.c.vehicle_id > bindparam("after"),
        vehicle_filters.c.source == bindparam("source"),
        vehicle_filters.c.deleted.is_(False),
    )
    .order_by(vehicle_filters.c.vehicle_id)
    .limit(bindparam("limit"))
)
_EXPORT = _LIVE_AFTER.limit(bindparam("limit"))
_EXPORT_SOURCE = _LIVE_AFTER.where(_OF_SOURCE).limit(bindparam("limit"))
_CHANGES = (
    select(_id, vehicles.c.write_seq)
    .where(vehicles.c.write_seq > bindparam("seq"))
    .order_by(vehicles.c.write_seq)
    .limit(bindparam("limit"))
)


class SqlVehicleStore:
    """Vehicles in the tables `vehicles` and `vehicle_filters`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, vehicle_id: str) -> StoredVehicle | None:
        """See VehicleStore."""
        return await self._database.ask(lambda connection: _get(connection, vehicle_id))

    async def get_many(self, vehicle_ids: Sequence[str]) -> dict[str, StoredVehicle]:
        """See VehicleStore."""
        return await self._database.ask(lambda connection: _get_many(connection, vehicle_ids))

    async def upsert(self, drafts: Sequence[Draft], *, now: float, guard: Guard | None = None) -> UpsertResult:
        """See VehicleStore."""
        _check_size(drafts)

        prepared = await asyncio.to_thread(vehicle_writes.prepare, drafts)

        def write(connection: Connection) -> UpsertResult:
            clocks.lock(connection, clocks.VEHICLES)
            result = vehicle_writes.upsert(connection, prepared, now)
            guarding.ask(connection, guard)
            return result

        return await self._database.write(write)

    async def put(
        self,
        vehicle_id: str,
        change: Callable[[StoredVehicle | None], Draft],
        *,
        now: float,
        guard: Guard | None = None,
    ) -> StoredVehicle:
        """See VehicleStore."""

        def write(connection: Connection) -> StoredVehicle:
            clocks.lock(connection, clocks.VEHICLES)
            draft = change(_get(connection, vehicle_id))
            if draft.vehicle_id != vehicle_id:
                raise ValueError(f"a change of {vehicle_id} made {draft.vehicle_id}")
            vehicle_writes.upsert(connection, vehicle_writes.prepare([draft]), now)
            written = _stored(connection.execute(_GET, {"id": vehicle_id}).one())
            guarding.ask(connection, guard)
            return written

        return await self._database.write(write)

    async def delete(
        self,
        vehicle_ids: Sequence[str],
        *,
        now: float,
        guard: Guard | None = None,
        check: Callable[[str, StoredVehicle | None], None] | None = None,
    ) -> DeleteResult:
        """See VehicleStore."""
        _check_size(vehicle_ids)

        def write(connection: Connection) -> DeleteResult:
            clocks.lock(connection, clocks.VEHICLES)
            found = _get_many(connection, vehicle_ids)
            for vehicle_id in vehicle_ids:
                if check is not None:
                    check(vehicle_id, found.get(vehicle_id))
            alive = {vehicle.vehicle_id: vehicle.message for vehicle in found.values() if not vehicle.deleted}
            result = DeleteResult(tuple(alive), vehicle_writes.entomb(connection, alive, now))
            guarding.ask(connection, guard)
            return result

        return await self._database.write(write)

    async def changes_since(self, seq: int, limit: int) -> Changes:
        """See VehicleStore."""
        return await self._database.run(lambda connection: _changes_since(connection, seq, limit))

    async def current_revision(self) -> int:
        """See VehicleStore."""
        return await self._database.ask(lambda connection: clocks.current(connection, clocks.VEHICLES))

    async def live_ids(self, source: str, after: str, limit: int) -> list[str]:
        """See VehicleStore."""
        values = {"source": source, "after": after, "limit": limit}
        return await self._database.ask(lambda connection: list(connection.execute(_LIVE_IDS, values).scalars()))

    async def export(self, after: str, limit: int, source: str = "") -> list[StoredVehicle]:
        """See VehicleStore."""
        statement = _EXPORT_SOURCE if source else _EXPORT
        values = {"after": after, "limit": limit} | ({"source": source} if source else {})
        return await self._database.ask(
            lambda connection: [_stored(row) for row in connection.execute(statement, values)], slow=True
        )

    async def list(self, query: VehicleQuery) -> Page:
        """See VehicleStore."""
        statement = vehicle_query.statement(query, _STORED)

        def read(connection: Connection) -> Page:
            rows = connection.execute(statement).all()
            page = rows[: query.limit]
            more = len(rows) > query.limit
            return Page(tuple(map(_stored, page)), vehicle_query.sort_key(page[-1], query) if more else None)

        return await self._database.ask(read, slow=True)


def _get(connection: Connection, vehicle_id: str) -> StoredVehicle | None:
    row = connection.execute(_GET, {"id": vehicle_id}).one_or_none()
    return None if row is None else _stored(row)


def _get_many(connection: Connection, vehicle_ids: Sequence[str]) -> dict[str, StoredVehicle]:
    rows = connection.execute(_GET_MANY, {"ids": list(vehicle_ids)})
    return {row[0]: _stored(row) for row in rows}


def _changes_since(connection: Connection, seq: int, limit: int) -> Changes:
    """The clock and the rows come from one snapshot, else a write between them would be skipped."""
    reached = clocks.current(connection, clocks.VEHICLES)
    changes = [Change(*row) for row in connection.execute(_CHANGES, {"seq": seq, "limit": limit})]
    return Changes(changes=tuple(changes), seq=changes[-1].write_seq if len(changes) == limit else reached)


def _stored(row: Row[Any]) -> StoredVehicle:
    return StoredVehicle(*tuple(row)[:7])


def _check_size(batch: Sequence[object]) -> None:
    if len(batch) > WRITE_BATCH:
        raise ValueError(f"{len(batch)} vehicles in one write; at most {WRITE_BATCH} keep it short")
