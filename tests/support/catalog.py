"""A catalogue on real SQLite whose reads a test can hold open, and vehicles to put into it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.store import NOW, BackEnd, new_back_end
from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.errors import DatabaseUnavailable
from typeplate_server.store.database import Database
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.catalog import Catalog
from typeplate_server.vehicles.hot_cache import HotCache
from typeplate_server.vehicles.source import SourceRow
from typeplate_server.vehicles.store import Changes, StoredVehicle


class HeldStore(SqlVehicleStore):
    """The real store, whose answers can be held back after they were read: of `get` by `gate`, of `changes_since` by
    `changes_gate`. `reads` counts; `down` makes `changes_since` fail."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.gate = asyncio.Event()
        self.gate.set()
        self.changes_gate = asyncio.Event()
        self.changes_gate.set()
        self.read = asyncio.Event()
        self.reads = 0
        self.down = False

    async def get(self, vehicle_id: str) -> StoredVehicle | None:
        found = await super().get(vehicle_id)
        self.reads += 1
        self.read.set()
        await self.gate.wait()
        return found

    async def get_many(self, vehicle_ids: Sequence[str]) -> dict[str, StoredVehicle]:
        self.reads += 1
        return await super().get_many(vehicle_ids)

    async def changes_since(self, seq: int, limit: int) -> Changes:
        if self.down:
            raise DatabaseUnavailable
        found = await super().changes_since(seq, limit)
        await self.changes_gate.wait()
        return found


@dataclass
class World:
    """One catalogue, what it stands on, and a second one on the same data as another process would have it."""

    back_end: BackEnd
    store: HeldStore
    cache: HotCache
    catalog: Catalog
    elsewhere: Catalog
    now: list[float] = field(default_factory=lambda: [NOW])

    async def put(self, *vehicle_ids: str, **fields: Any) -> None:
        """Create vehicles."""
        for vehicle_id in vehicle_ids:
            await self.catalog.create(vehicle(**fields), vehicle_id)

    async def get(self, vehicle_id: str) -> Vehicle:
        """Read a vehicle as GetVehicle does."""
        return Vehicle.FromString(await self.catalog.get(f"vehicles/{vehicle_id}"))


@asynccontextmanager
async def catalog_world(directory: Path) -> AsyncIterator[World]:
    """A world on an empty database."""
    back_end = new_back_end("sqlite", directory)
    database, other = back_end.open(), back_end.open()
    store, cache, now = HeldStore(database), HotCache(), [NOW]
    ids = iter(range(1, 1000))
    catalog = Catalog(store, lambda: now[0], cache=cache, new_id=lambda: f"new{next(ids)}")
    try:
        yield World(back_end, store, cache, catalog, Catalog(SqlVehicleStore(other), lambda: now[0]), now)
    finally:
        store.gate.set()
        store.changes_gate.set()
        await database.close()
        await other.close()


def vehicle(**fields: Any) -> Vehicle:
    """A vehicle with what is required, and these fields."""
    return Vehicle(**{"make": "Opel", "model": "Astra", "model_year": 2020, **fields})


def row(row_number: int, vehicle_id: str = "", **fields: Any) -> SourceRow:
    """A good row of an import, without a hash of its importer."""
    vehicle_id = vehicle_id or f"own-{row_number}"
    return SourceRow(row_number, vehicle_id, vehicle(name=f"vehicles/{vehicle_id}", **fields))
