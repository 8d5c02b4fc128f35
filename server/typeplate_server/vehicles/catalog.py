"""Owns the use cases behind DataService: what reading and changing the catalogue means, whoever asks and however.

Rules:
* A change made through this object is seen by every read begun after it has returned; a change made by another process
  by every read begun a second after it has, as long as `follow` runs.
* A hot vehicle is answered from memory: no database, no lock, no await.
* Every write takes the caller's guard along into its transaction.
* Requests are checked here, and a fault is an InvalidArgument that names the field as the proto has it.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from typeplate.v1.data_service_pb2 import ListVehiclesRequest
from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.errors import AlreadyExists, EtagMismatch, InvalidArgument, NotFound
from typeplate_server.vehicles import drafts, listing, masks, model, page_token
from typeplate_server.vehicles.following import ChangeFollower
from typeplate_server.vehicles.hot_cache import HotCache
from typeplate_server.vehicles.importing import ImportMode, VehicleImport
from typeplate_server.vehicles.store import Draft, Guard, Page, StoredVehicle, VehicleStore

MAX_BATCH_NAMES: Final = 1000
MAX_REPLY_BYTES: Final = 3 * 1024 * 1024
"""Of vehicles in one reply; gRPC clients take 4 MiB unless told otherwise."""
EXPORT_CHUNK: Final = 300
OWN_SOURCE: Final = "own"


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page: serialised vehicles, and the token of the next one (empty: there is none)."""

    vehicles: tuple[bytes, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class ExportChunk:
    """The next vehicles of an export, serialised, by name, and the revision at which the export started."""

    revision: int
    vehicles: tuple[bytes, ...]


class Catalog:
    """The vehicles of one store. `clock` is seconds since the epoch. Belongs to one event loop."""

    def __init__(
        self,
        store: VehicleStore,
        clock: Callable[[], float],
        *,
        cache: HotCache | None = None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._store = store
        self._clock = clock
        self._cache = HotCache() if cache is None else cache
        self._new_id = new_id
        self._hot = self._cache.get
        self._follower = ChangeFollower(store, self._cache)

    async def follow(self) -> None:
        """Keep the cache right when other processes write. Runs until cancelled; the server runs it as a task."""
        await self._follower.run()

    async def refresh(self) -> None:
        """Take in at once what other processes have written so far."""
        await self._follower.poll()

    async def get(self, name: str) -> bytes:
        """The serialised vehicle, a tombstone too. Raises InvalidArgument, NotFound."""
        message = self._hot(name)
        return message if message is not None else await self._read(name)

    async def _read(self, name: str) -> bytes:
        vehicle_id = model.vehicle_id(name)
        reading = self._cache.begin(name)
        message = None
        try:
            stored = await self._store.get(vehicle_id)
            message = stored.message if stored is not None else None
        finally:
            self._cache.finish(reading, message)
        if message is None:
            raise NotFound(name)
        return message

    async def batch_get(self, names: Sequence[str]) -> list[bytes]:
        """The serialised vehicles in the order of the names, or NotFound with all names that do not exist."""
        if not 1 <= len(names) <= MAX_BATCH_NAMES:
            raise InvalidArgument.of("names", f"has {len(names)} elements, 1 to {MAX_BATCH_NAMES} are allowed")
        hot = [self._hot(name) for name in names]
        if all(message is not None for message in hot):
            return [message for message in hot if message is not None]
        ids = [model.vehicle_id(name, f"names[{index}]") for index, name in enumerate(names)]
        found = await self._store.get_many(list(dict.fromkeys(ids)))
        missing = dict.fromkeys(model.vehicle_name(one) for one in ids if one not in found)
        if missing:
            raise NotFound(*missing)
        return [found[one].message for one in ids]

    async def list(self, request: ListVehiclesRequest) -> ListedPage:
        """One page of the vehicles asked for. Raises InvalidArgument naming the field."""
        asked = listing.parse(request)
        page, vehicles = await self._page(request, asked)
        if (fitting := _fitting(vehicles)) < len(vehicles):
            asked = replace(asked, query=replace(asked.query, limit=fitting))
            page, vehicles = await self._page(request, asked)
        return ListedPage(vehicles, page_token.encode(page.next_after, asked.question))

    async def _page(self, request: ListVehiclesRequest, asked: listing.Listing) -> tuple[Page, tuple[bytes, ...]]:
        try:
            page = await self._store.list(asked.query)
        except ValueError:
            if not request.page_token:
                raise
            raise InvalidArgument.of("page_token", "is not a page token of this server") from None
        return page, tuple(_shown(one, asked.read_mask) for one in page.vehicles)

    async def create(self, vehicle: Vehicle, vehicle_id: str, guard: Guard | None = None) -> bytes:
        """Write a new vehicle (empty id: one of the server's choice). Raises InvalidArgument, AlreadyExists."""
        if vehicle_id and not model.is_vehicle_id(vehicle_id):
            raise InvalidArgument.of("vehicle_id", "must be {source}-{id}, for example own-4711")
        vehicle_id = vehicle_id or f"{OWN_SOURCE}-{self._new_id()}"
        made = drafts.checked(vehicle, vehicle_id)

        def change(current: StoredVehicle | None) -> Draft:
            if current is not None:
                raise AlreadyExists(made.name)
            return drafts.draft(made)

        return await self._put(vehicle_id, change, guard)

    async def update(self, vehicle: Vehicle, paths: Sequence[str] | None, guard: Guard | None = None) -> bytes:
        """Change the fields that the update mask names (None: those that are set in `vehicle`; AIP-134).

        Raises InvalidArgument, NotFound (for a deleted one too), EtagMismatch.
        """
        vehicle_id = model.vehicle_id(vehicle.name, "vehicle.name")
        mask = masks.parse(paths, "update_mask") if paths else masks.of_set_fields(vehicle)

        def change(current: StoredVehicle | None) -> Draft:
            _require_live(vehicle.name, current, vehicle.etag)
            assert current is not None
            return drafts.draft(_merged(current, vehicle, mask), current)

        return await self._put(vehicle_id, change, guard)

    async def delete(self, name: str, etag: str = "", guard: Guard | None = None) -> bytes:
        """Make a tombstone of a vehicle and return it. Raises InvalidArgument, NotFound, EtagMismatch."""
        vehicle_id = model.vehicle_id(name)

        def check(_: str, current: StoredVehicle | None) -> None:
            _require_live(name, current, etag)

        try:
            await self._store.delete([vehicle_id], now=self._clock(), guard=guard, check=check)
        finally:
            self._cache.forget([name])
        return await self._read(name)

    def begin_import(self, mode: ImportMode, guard: Guard | None = None, *, source: str | None = None) -> VehicleImport:
        """An import whose writes this catalogue's readers see; see VehicleImport."""
        return VehicleImport(self._store, self._clock, mode, source=source, guard=guard, written=self._forget_ids)

    async def export(self, source: str = "", after: str = "") -> AsyncIterator[ExportChunk]:
        """All vehicles that are not deleted, by name, in short reads; the first chunk only tells the revision.

        Raises InvalidArgument. No transaction is open while the caller handles a chunk.
        """
        if source and not model.SOURCE_PATTERN.fullmatch(source):
            raise InvalidArgument.of("source", "must be 2–20 characters of a-z 0-9, beginning with a letter")
        last = model.vehicle_id(after, "after") if after else ""
        revision = await self._store.current_revision()
        yield ExportChunk(revision, ())
        while stored := await self._store.export(last, EXPORT_CHUNK, source):
            sent = stored[: _fitting([one.message for one in stored])]
            yield ExportChunk(revision, tuple(one.message for one in sent))
            last = sent[-1].vehicle_id

    def _forget_ids(self, vehicle_ids: Sequence[str]) -> None:
        self._cache.forget(map(model.vehicle_name, vehicle_ids))

    async def _put(
        self, vehicle_id: str, change: Callable[[StoredVehicle | None], Draft], guard: Guard | None
    ) -> bytes:
        try:
            stored = await self._store.put(vehicle_id, change, now=self._clock(), guard=guard)
        finally:
            self._forget_ids([vehicle_id])
        return stored.message


def _fitting(messages: Sequence[bytes]) -> int:
    """How many of the messages go into one reply; the first always does."""
    size = 0
    for count, message in enumerate(messages):
        size += len(message)
        if size > MAX_REPLY_BYTES and count:
            return count
    return len(messages)


def _shown(stored: StoredVehicle, mask: masks.Mask | None) -> bytes:
    if mask is None:
        return stored.message
    return masks.picked(Vehicle.FromString(stored.message), mask).SerializeToString()


def _require_live(name: str, current: StoredVehicle | None, etag: str) -> None:
    if current is None or current.deleted:
        raise NotFound(name)
    if etag and etag != current.etag:
        raise EtagMismatch(name)


def _merged(current: StoredVehicle, vehicle: Vehicle, mask: masks.Mask | None) -> Vehicle:
    """The current vehicle with the masked fields of the given one, valid."""
    given = drafts.cleaned(vehicle, current.vehicle_id)
    if mask is None:
        merged = given
    else:
        merged = drafts.cleaned(Vehicle.FromString(current.message), current.vehicle_id)
        masks.merge(merged, given, mask)
    return drafts.checked(merged, current.vehicle_id)
