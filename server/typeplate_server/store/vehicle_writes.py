"""Decides what a batch of drafts does to the vehicles there are, and writes the outcome in a few statements.

Per vehicle (see `vehicles.store`): new or a tombstone → created; content hash differs → updated; only other bytes
differ → rewritten quietly; else nothing. Numbers are taken in one block for all rows that are really written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from typeplate_server.store import clocks, vehicle_rows
from typeplate_server.store.schema import vehicle_filters, vehicles
from typeplate_server.vehicles.store import Draft, Outcome, UpsertResult

_COMPARED = select(
    vehicles.c.vehicle_id,
    vehicles.c.content_hash,
    vehicles.c.message_digest,
    vehicles.c.etag,
    vehicles.c.revision,
    vehicles.c.create_time,
    vehicles.c.update_time,
    vehicles.c.delete_time,
).where(vehicles.c.vehicle_id.in_(bindparam("ids", expanding=True)))
_UPDATE_VEHICLE = update(vehicles).where(vehicles.c.vehicle_id == bindparam("id_is"))
_UPDATE_FILTERS = update(vehicle_filters).where(vehicle_filters.c.vehicle_id == bindparam("id_is"))
_ENTOMB_FILTERS = _UPDATE_FILTERS.values(deleted=True)


@dataclass(slots=True)
class PreparedDraft:
    """A draft with what can be computed before the transaction begins."""

    draft: Draft
    content: bytes
    digest: bytes


@dataclass(slots=True)
class _Vehicle:
    """What is compared and carried over of one vehicle; `prepared` is what is to be written, None: nothing."""

    content_hash: bytes
    digest: bytes
    etag: str
    revision: int
    create_time: float
    update_time: float
    deleted: bool
    stored: bool
    technical: bool = False
    prepared: PreparedDraft | None = None


def prepare(drafts: Iterable[Draft]) -> list[PreparedDraft]:
    """The drafts, serialised. Raises ValueError for one that sets what the store gives."""
    prepared = []
    for draft in drafts:
        content = vehicle_rows.content_bytes(draft.vehicle)
        prepared.append(PreparedDraft(draft, content, vehicle_rows.digest(content)))
    return prepared


def upsert(connection: Connection, batch: Sequence[PreparedDraft], now: float) -> UpsertResult:
    """Compares and writes; the clock must be locked already."""
    known = _read_known(connection, [each.draft.vehicle_id for each in batch])
    outcomes = tuple(_meet(known, each, now) for each in batch)
    pending = {vehicle_id: vehicle for vehicle_id, vehicle in known.items() if vehicle.prepared is not None}
    if not pending:
        return UpsertResult(outcomes, (), clocks.current(connection, clocks.VEHICLES))
    seq = clocks.take(connection, clocks.VEHICLES, len(pending))
    _write(connection, pending, seq - len(pending))
    return UpsertResult(outcomes, tuple(pending), seq)


def entomb(connection: Connection, messages: dict[str, bytes], now: float) -> int:
    """Makes tombstones of these vehicles, given with their messages, and returns the sequence after it."""
    if not messages:
        return clocks.current(connection, clocks.VEHICLES)
    seq = clocks.take(connection, clocks.VEHICLES, len(messages))
    rows = []
    for number, (vehicle_id, message) in enumerate(messages.items(), seq - len(messages) + 1):
        buried = vehicle_rows.tombstone(message, number, now)
        rows.append(
            {"id_is": vehicle_id, "revision": number, "write_seq": number, "delete_time": now, "message": buried}
        )
    connection.execute(_UPDATE_VEHICLE, rows)
    connection.execute(_ENTOMB_FILTERS, [{"id_is": vehicle_id} for vehicle_id in messages])
    return seq


def _read_known(connection: Connection, ids: list[str]) -> dict[str, _Vehicle]:
    return {
        vehicle_id: _Vehicle(content_hash, digest, etag, revision, created, updated, deleted is not None, stored=True)
        for vehicle_id, content_hash, digest, etag, revision, created, updated, deleted in connection.execute(
            _COMPARED, {"ids": ids}
        )
    }


def _meet(known: dict[str, _Vehicle], new: PreparedDraft, now: float) -> Outcome:
    """Notes in `known` what the draft makes of its vehicle."""
    draft = new.draft
    vehicle = known.get(draft.vehicle_id)
    if vehicle is None or vehicle.deleted:
        known[draft.vehicle_id] = _Vehicle(
            draft.content_hash, new.digest, draft.etag, 0, now, now, False, vehicle is not None, True, new
        )
        return "created"
    if draft.content_hash == vehicle.content_hash:
        if new.digest != vehicle.digest:
            vehicle.digest, vehicle.prepared = new.digest, new
        return "unchanged"
    vehicle.content_hash, vehicle.digest, vehicle.etag = draft.content_hash, new.digest, draft.etag
    vehicle.update_time, vehicle.technical, vehicle.prepared = now, True, new
    return "updated"


def _write(connection: Connection, pending: dict[str, _Vehicle], before: int) -> None:
    inserted: list[tuple[dict[str, Any], dict[str, Any]]] = []
    updated: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for number, vehicle in enumerate(pending.values(), before + 1):
        assert vehicle.prepared is not None
        draft = vehicle.prepared.draft
        filters = vehicle_rows.filter_columns(draft.vehicle_id, draft.source, draft.vehicle)
        (updated if vehicle.stored else inserted).append((_row(vehicle, vehicle.prepared, number), filters))
    if inserted:
        connection.execute(insert(vehicles), [row for row, _ in inserted])
        connection.execute(insert(vehicle_filters), [row for _, row in inserted])
    if updated:
        connection.execute(_UPDATE_VEHICLE, [_keyed(row) for row, _ in updated])
        connection.execute(_UPDATE_FILTERS, [_keyed(row) for _, row in updated])


def _row(vehicle: _Vehicle, prepared: PreparedDraft, number: int) -> dict[str, Any]:
    revision = number if vehicle.technical else vehicle.revision
    given = vehicle_rows.given_bytes(vehicle.etag, revision, vehicle.create_time, vehicle.update_time)
    return {
        "vehicle_id": prepared.draft.vehicle_id,
        "source": prepared.draft.source,
        "content_hash": vehicle.content_hash,
        "message_digest": vehicle.digest,
        "etag": vehicle.etag,
        "revision": revision,
        "write_seq": number,
        "create_time": vehicle.create_time,
        "update_time": vehicle.update_time,
        "delete_time": None,
        "message": prepared.content + given,
    }


def _keyed(row: dict[str, Any]) -> dict[str, Any]:
    """The row as parameters of an UPDATE: its id in the condition, all else set."""
    changed = dict(row)
    changed["id_is"] = changed.pop("vehicle_id")
    return changed
