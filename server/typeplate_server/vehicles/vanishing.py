"""Owns which vehicles have vanished from their source: alive, there before the import began, and in none of its rows.

Vehicles that somebody wrote while the import ran have not vanished; the deletion checks that again under the lock.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final

from typeplate_server.vehicles.store import Guard, StoredVehicle, VehicleStore

_PAGE: Final = 5000
_READ: Final = 500


class _NewerError(Exception):
    def __init__(self, vehicle_id: str) -> None:
        super().__init__(vehicle_id)
        self.vehicle_id = vehicle_id


class Vanishing:
    """The vanished vehicles of `sources`, to which an import adds those it meets."""

    def __init__(self, store: VehicleStore, sources: set[str]) -> None:
        self._store = store
        self.sources = sources
        self._began: int | None = None

    async def begin(self) -> None:
        """Note where the catalogue stands. Only the first call does."""
        if self._began is None:
            self._began = await self._store.current_revision()

    async def vanished(self, sent: Container[str]) -> list[str]:
        """Ids of the vanished vehicles, in order; `sent` are the ids that rows were about."""
        await self.begin()
        found: list[str] = []
        for source in sorted(self.sources):
            after = ""
            while ids := await self._store.live_ids(source, after, _PAGE):
                found += [one for one in ids if one not in sent]
                after = ids[-1]
        return await self._old_ones(found)

    async def delete(self, vehicle_ids: Sequence[str], now: float, guard: Guard | None) -> int:
        """Make tombstones of those that are still as old; returns how many, at most WRITE_BATCH at once."""
        remaining = list(vehicle_ids)
        while True:
            try:
                result = await self._store.delete(remaining, now=now, guard=guard, check=self._check)
            except _NewerError as newer:
                remaining.remove(newer.vehicle_id)
            else:
                return len(result.deleted)

    async def _old_ones(self, vehicle_ids: Sequence[str]) -> list[str]:
        old: list[str] = []
        for start in range(0, len(vehicle_ids), _READ):
            current = await self._store.get_many(vehicle_ids[start : start + _READ])
            old += [one for one in vehicle_ids[start : start + _READ] if self._is_old(current.get(one))]
        return old

    def _check(self, vehicle_id: str, current: StoredVehicle | None) -> None:
        if current is not None and not current.deleted and not self._is_old(current):
            raise _NewerError(vehicle_id)

    def _is_old(self, current: StoredVehicle | None) -> bool:
        return current is not None and not current.deleted and current.revision <= (self._began or 0)
