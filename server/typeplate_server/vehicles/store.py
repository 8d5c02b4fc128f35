"""What the catalogue asks of the place where vehicles are kept: a Protocol, and the values it speaks in.

Rules every implementation keeps, and `tests/conformance/store` proves on each back end:
* One sequence counts all writes. A technical change gives a vehicle the number as `revision` and as `write_seq`;
  a quiet one (content hash as it was, other bytes) moves `write_seq` only. Commit order is sequence order.
* A number once given is never given to another write, and every row has its own.
* Deleted vehicles stay as tombstones. Their ids are taken, yet an upsert may revive them.
* Each write method is one transaction: all of it or nothing, durable when it returns. None lasts longer than
  100 ms with at most `WRITE_BATCH` vehicles.
* Times come in as arguments, seconds since the epoch. Text is compared and sorted by its case-folded form.

A store raises `errors.DatabaseUnavailable` when the database does not answer. What a vehicle is, and who may
write it, is not its business: drafts come in valid, and the guard is opaque to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from typeplate.v1 import vehicle_pb2

WRITE_BATCH = 250
"""The most vehicles one write may carry; measured at 25 ms, so that a slower or busy machine stays under 100."""

NUMBER_FIELDS: frozenset[str] = frozenset(
    {
        "model_year",
        "displacement_l",
        "cylinders",
        "power_kw",
        "torque_nm",
        "fuel_consumption_l_per_100km",
        "energy_consumption_kwh_per_100km",
        "co2_g_per_km",
        "range_km",
        "electric_range_km",
        "battery_capacity_kwh",
        "curb_mass_kg",
    }
)
"""Fields of Vehicle that can be filtered by range and sorted by."""

TEXT_SORT_FIELDS: frozenset[str] = frozenset({"name", "make", "model", "trim"})
"""Fields of Vehicle that are sorted as case-folded text."""

SORT_FIELDS: frozenset[str] = NUMBER_FIELDS | TEXT_SORT_FIELDS

SortValue = str | int | float | None
SortKey = tuple[SortValue, ...]
"""A row's values in the order of `VehicleQuery.order_by`, then its id: where a list goes on. JSON keeps it exactly."""

Guard = Callable[[Any], None]
"""Called inside the write transaction, right before its commit, with a reader of the caller's current state; raises to
undo everything. Nothing changes between it and the commit. It is auth's CommitGuard; vehicles know no more of it."""

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A vehicle to be written.

    `vehicle` has every field but those the store gives (`etag`, `revision` and the three times), which MUST be
    unset. `content_hash` decides whether a vehicle has changed; it may come from a source record or from the message.
    """

    vehicle_id: str
    source: str
    vehicle: vehicle_pb2.Vehicle
    content_hash: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class StoredVehicle:
    """A vehicle as it is kept: `message` is the serialised typeplate.v1.Vehicle, complete.

    `content_hash` is that of the draft last written, so that a writer who finds the content as it was can say so.
    """

    vehicle_id: str
    message: bytes
    etag: str
    content_hash: bytes
    revision: int
    write_seq: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """What an upsert did: one outcome for each draft, in their order; the ids really written; the sequence after it."""

    outcomes: tuple[Outcome, ...]
    written: tuple[str, ...]
    seq: int


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """The ids that were alive and are tombstones now, and the sequence after it."""

    deleted: tuple[str, ...]
    seq: int


@dataclass(frozen=True, slots=True)
class Order:
    """One field to sort by, a member of SORT_FIELDS. Unknown values come last either way."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds, both included; None: open. A vehicle that does not know the value is outside."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class VehicleQuery:
    """Which vehicles, in which order, from where: typeplate.v1.VehicleFilter after validation.

    Empty texts and sets are no condition. Enum sets hold enum numbers; 0 (unknown) meets nothing. `words` is the
    free text split at white space. `ranges` is keyed by NUMBER_FIELDS. Ties are sorted by id.
    """

    limit: int
    source: str = ""
    make: str = ""
    model: str = ""
    trim: str = ""
    words: tuple[str, ...] = ()
    fuels: frozenset[int] = frozenset()
    drives: frozenset[int] = frozenset()
    powertrains: frozenset[int] = frozenset()
    body_styles: frozenset[int] = frozenset()
    transmission_types: frozenset[int] = frozenset()
    ranges: Mapping[str, Range] = field(default_factory=lambda: MappingProxyType({}))
    order_by: tuple[Order, ...] = ()
    after: SortKey | None = None
    show_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Vehicles in the order asked for, and where the next page starts (`VehicleQuery.after`); None: there is none."""

    vehicles: tuple[StoredVehicle, ...]
    next_after: SortKey | None


@dataclass(frozen=True, slots=True)
class Change:
    """One vehicle that was written: its id and the number of its last write."""

    vehicle_id: str
    write_seq: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Vehicles written after some number, by rising number; everything up to `seq` is among them."""

    changes: tuple[Change, ...]
    seq: int


class VehicleStore(Protocol):
    """Where vehicles are kept."""

    async def get(self, vehicle_id: str) -> StoredVehicle | None:
        """The vehicle, tombstones included; None: there never was one."""

    async def get_many(self, vehicle_ids: Sequence[str]) -> dict[str, StoredVehicle]:
        """Those of the ids that exist, tombstones included, as of one moment."""

    async def upsert(self, drafts: Sequence[Draft], *, now: float, guard: Guard | None = None) -> UpsertResult:
        """Write at most WRITE_BATCH drafts, in their order (an id may stand twice; the later one meets the earlier).

        Content hash as it was: "unchanged", and when other bytes differ the message MUST be rewritten under its old
        etag, revision and times. A tombstone is revived and counts as "created", with a new `create_time`. MUST run
        the guard even when nothing changes.
        """

    async def put(
        self,
        vehicle_id: str,
        change: Callable[[StoredVehicle | None], Draft],
        *,
        now: float,
        guard: Guard | None = None,
    ) -> StoredVehicle:
        """Write what `change` makes of the current vehicle (tombstones included), read under the write lock.

        No other write comes between. `change` may raise to leave everything as it is, MUST NOT block, and runs
        on another thread. The comparison is that of `upsert`. Returns the vehicle as it is then.
        """

    async def delete(
        self,
        vehicle_ids: Sequence[str],
        *,
        now: float,
        guard: Guard | None = None,
        check: Callable[[str, StoredVehicle | None], None] | None = None,
    ) -> DeleteResult:
        """Make tombstones of those of at most WRITE_BATCH ids that are alive; each gets a revision and a `delete_time`.

        `check` sees each id with its current vehicle under the write lock and may raise to leave everything as it is.
        """

    async def changes_since(self, seq: int, limit: int) -> Changes:
        """At most `limit` vehicles written after `seq`, quiet writes and deletions included."""

    async def current_revision(self) -> int:
        """The sequence now: every revision is at most this, and every later one greater."""

    async def live_ids(self, source: str, after: str, limit: int) -> list[str]:
        """At most `limit` ids of the source that are not deleted and come after `after`, in order."""

    async def export(self, after: str, limit: int, source: str = "") -> list[StoredVehicle]:
        """At most `limit` vehicles that are not deleted and come after the id `after`, by id. Empty source: of all."""

    async def list(self, query: VehicleQuery) -> Page:
        """One page. A vehicle unchanged while pages are read MUST be on exactly one of them.

        Raises ValueError for a field outside SORT_FIELDS or NUMBER_FIELDS, or an `after` of the wrong length or type.
        """
