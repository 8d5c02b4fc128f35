"""Owns the import of vehicles, from a file or over a stream: what happens to each row, and the counts of it all.

Rules:
* Rows are written in batches whose size follows the time they take, so that no transaction lasts over 100 ms and
  other writers come in between: a revocation waits for one batch.
* When `add` has returned, its rows are durably written or rejected. A bad row loses only itself.
* An import killed half-way is run again: what is there already counts as unchanged.
* The caller's guard runs in every transaction (security: a revoked caller commits nothing further).
* Deletions come last, only with `replace`, and only when every row was good: a rejected row may be a vehicle that
  would count as vanished.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles import drafts, model
from typeplate_server.vehicles.pacing import BatchPace
from typeplate_server.vehicles.source import RowError, SourceRow
from typeplate_server.vehicles.store import WRITE_BATCH, Draft, Guard, Outcome, StoredVehicle, VehicleStore
from typeplate_server.vehicles.validation import validate
from typeplate_server.vehicles.vanishing import Vanishing

_BREATH_ROWS: Final = 25
"""Rows prepared before the event loop gets a turn; about 5 ms."""


@dataclass(slots=True)
class ImportSummary:
    """Counts of rows, and of vehicles of the source that no row was about."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    vanished: int = 0
    deleted: int = 0
    vanished_names: list[str] = field(default_factory=list)

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Add what became of a batch."""
        for outcome in outcomes:
            setattr(self, outcome, getattr(self, outcome) + 1)


@dataclass(frozen=True, slots=True)
class ImportMode:
    """`replace`: delete the source's vehicles that were not sent. `validate_only`: check and count, write nothing."""

    replace: bool = False
    validate_only: bool = False


class VehicleImport:
    """One import: `add` rows as often as needed, then `finish` once.

    The rows' vehicles are the import's to change. `source` is the one all rows must belong to; None: each row's own.
    `written` is told of ids that may have changed.
    """

    def __init__(
        self,
        store: VehicleStore,
        clock: Callable[[], float],
        mode: ImportMode,
        *,
        source: str | None = None,
        guard: Guard | None = None,
        written: Callable[[Sequence[str]], None] = lambda ids: None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._store = store
        self._clock = clock
        self._mode = mode
        self._source = source
        self._guard = guard
        self._written = written
        self._pace = BatchPace(timer)
        self._rows_of: dict[str, int] = {}
        self._summary = ImportSummary()
        self._vanishing = Vanishing(store, {source} if source else set())

    async def add(self, rows: Sequence[SourceRow]) -> list[RowError]:
        """Write these rows; returns those that were rejected, in their order."""
        await self._vanishing.begin()
        errors: list[RowError] = []
        start = 0
        while start < len(rows):
            batch = rows[start : start + self._pace.size]
            start += len(batch)
            accepted = [row async for row in self._accepted(batch, errors)]
            await self._write(accepted)
        self._summary.rejected += len(errors)
        return errors

    async def finish(self) -> ImportSummary:
        """Count what has vanished, delete it if that is asked for, and return all counts."""
        vanished = await self._vanishing.vanished(self._rows_of)
        self._summary.vanished = len(vanished)
        self._summary.vanished_names = [model.vehicle_name(one) for one in vanished]
        if self._mode.replace and not self._summary.rejected:
            await self._delete(vanished)
        return self._summary

    async def _accepted(self, rows: Sequence[SourceRow], errors: list[RowError]) -> AsyncIterator[SourceRow]:
        for count, row in enumerate(rows, 1):
            try:
                yield self._accept(row)
            except RowError as error:
                errors.append(error)
            if count % _BREATH_ROWS == 0:
                await asyncio.sleep(0)

    def _accept(self, row: SourceRow) -> SourceRow:
        """The row, its vehicle cleaned. Raises RowError."""
        if row.vehicle_id:
            self._claim(row)
        if row.error is not None or row.vehicle is None:
            raise row.error or RowError("", "has no vehicle", row.row_number)
        drafts.clean(row.vehicle, row.vehicle_id)
        if not row.content_hash:  # who makes a hash maps the source's values, and is trusted to keep the model's limits
            _validate(row.vehicle, row.row_number)
        return row

    def _claim(self, row: SourceRow) -> None:
        source = model.source_of(row.vehicle_id)
        if self._source is not None and source != self._source:
            raise RowError("name", f"belongs to the source {source}, not {self._source}", row.row_number)
        self._vanishing.sources.add(source)
        first = self._rows_of.setdefault(row.vehicle_id, row.row_number)
        if first != row.row_number:
            raise RowError("name", f"is that of row {first} too", row.row_number)

    async def _write(self, rows: Sequence[SourceRow]) -> None:
        """One transaction, or none when only validating."""
        ids = [row.vehicle_id for row in rows]
        current = await self._current(rows)
        batch = [_draft(row, current.get(row.vehicle_id)) for row in rows]
        if self._mode.validate_only:
            self._summary.count([_outcome(one, current.get(one.vehicle_id)) for one in batch])
            return
        if not batch:
            return
        try:
            with self._pace.timing(len(batch)):
                result = await self._store.upsert(batch, now=self._clock(), guard=self._guard)
        finally:
            self._written(ids)
        self._summary.count(result.outcomes)
        await asyncio.sleep(self._pace.pause_s)

    async def _current(self, rows: Sequence[SourceRow]) -> dict[str, StoredVehicle]:
        """What the store has of these rows, where it is needed to tell what they change."""
        needed = [row.vehicle_id for row in rows if self._mode.validate_only or not row.content_hash]
        return await self._store.get_many(needed) if needed else {}

    async def _delete(self, vehicle_ids: Sequence[str]) -> None:
        if self._mode.validate_only:
            self._summary.deleted = len(vehicle_ids)
            return
        for start in range(0, len(vehicle_ids), WRITE_BATCH):
            batch = vehicle_ids[start : start + WRITE_BATCH]
            try:
                deleted = await self._vanishing.delete(batch, self._clock(), self._guard)
            finally:
                self._written(batch)
            self._summary.deleted += deleted
            await asyncio.sleep(self._pace.pause_s)


def _validate(vehicle: Vehicle, row_number: int) -> None:
    try:
        validate(vehicle)
    except InvalidArgument as error:
        raise row_error(error, row_number) from None


def row_error(error: InvalidArgument, row_number: int) -> RowError:
    """The error of a request as one of a row: the first field at fault, relative to Vehicle."""
    first, more = error.violations[0], len(error.violations) - 1
    column = first.field.removeprefix("vehicle.").removeprefix("vehicle")
    return RowError(column, first.description + (f" (and {more} more)" if more else ""), row_number)


def _draft(row: SourceRow, current: StoredVehicle | None) -> Draft:
    assert row.vehicle is not None
    return drafts.draft(row.vehicle, current, row.content_hash)


def _outcome(draft: Draft, current: StoredVehicle | None) -> Outcome:
    if current is None or current.deleted:
        return "created"
    return "unchanged" if draft.content_hash == current.content_hash else "updated"
