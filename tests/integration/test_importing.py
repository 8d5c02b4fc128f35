"""The import engine on real SQLite: what happens to each row, what vanishes, and who gets a turn in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.support.catalog import World, catalog_world, row
from typeplate.v1.vehicle_pb2 import Provenance, Vehicle
from typeplate_server.errors import ClientRevoked, InvalidArgument
from typeplate_server.vehicles import jsonl
from typeplate_server.vehicles.importing import ImportMode, ImportSummary
from typeplate_server.vehicles.source import RowError, SourceRow

Counts = tuple[int, int, int, int, int, int]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with catalog_world(tmp_path) as world:
        yield world


def counts(summary: ImportSummary) -> Counts:
    return (
        summary.created,
        summary.updated,
        summary.unchanged,
        summary.rejected,
        summary.vanished,
        summary.deleted,
    )


async def imported(
    world: World, rows: Sequence[SourceRow], *, source: str | None = "own", **mode: bool
) -> tuple[Counts, list[RowError]]:
    loading = world.catalog.begin_import(ImportMode(**mode), source=source)
    errors = await loading.add(rows)
    return counts(await loading.finish()), errors


async def live(world: World) -> list[str]:
    return [Vehicle.FromString(one).name async for chunk in world.catalog.export() for one in chunk.vehicles]


async def test_created_updated_unchanged(world: World) -> None:
    """By content; nothing is written for a row whose content is there."""
    assert (await imported(world, [row(1), row(2)]))[0] == (2, 0, 0, 0, 0, 0)
    before = await world.get("own-1")
    assert (await imported(world, [row(1), row(2, doors=5), row(3)]))[0] == (1, 1, 1, 0, 0, 0)
    assert await world.get("own-1") == before
    assert (await world.get("own-2")).doors == 5


async def test_the_importers_hash_decides(world: World) -> None:
    """With the hash as it was, other bytes are written quietly: etag and revision stay (data: the technical hash)."""

    def hashed(trim: str, value: bytes) -> SourceRow:
        given = row(1, trim=trim)
        return SourceRow(1, given.vehicle_id, given.vehicle, value)

    await imported(world, [hashed("a", b"1")])
    before = await world.get("own-1")
    assert (await imported(world, [hashed("b", b"1")]))[0] == (0, 0, 1, 0, 0, 0)
    after = await world.get("own-1")
    assert (after.trim, after.etag, after.revision) == ("b", before.etag, before.revision)
    assert (await imported(world, [hashed("b", b"2")]))[0] == (0, 1, 0, 0, 0, 0)


async def test_a_bad_row_loses_only_itself(world: World) -> None:
    """It is told by number, field and reason; the rows around it are written."""
    rows = [
        row(1),
        row(2, power_kw=-5.0),
        SourceRow(3, "", error=RowError("id", "is empty", 3)),
        row(4, "other-4"),
        row(5, "own-1"),
        row(6, make="", doors=99),
        row(7),
    ]
    result, errors = await imported(world, rows)
    assert result == (2, 0, 0, 5, 0, 0)
    assert [(error.row_number, error.column) for error in errors] == [
        (2, "power_kw"),
        (3, "id"),
        (4, "name"),
        (5, "name"),
        (6, "make"),
    ]
    assert errors[3].reason == "is that of row 1 too"
    assert errors[4].reason == "is required (and 1 more)"
    assert await live(world) == ["vehicles/own-1", "vehicles/own-7"]


async def test_what_a_row_says_of_the_servers_fields_is_ignored(world: World) -> None:
    """So that an export can be imported again."""
    assert (await imported(world, [row(1, etag="x", revision=99)]))[0] == (1, 0, 0, 0, 0, 0)
    assert (await world.get("own-1")).revision == 1


async def test_vanished_vehicles_are_told_and_stay(world: World) -> None:
    """Of the import's source alone, and not those that a bad row was about."""
    await imported(world, [row(1), row(2), row(3)])
    await imported(world, [row(1, "other-1")], source="other")
    loading = world.catalog.begin_import(ImportMode(), source="own")
    await loading.add([row(1), row(2, power_kw=-5.0)])
    summary = await loading.finish()
    assert (summary.vanished, summary.vanished_names, summary.deleted) == (1, ["vehicles/own-3"], 0)
    assert len(await live(world)) == 4


async def test_replace_makes_tombstones(world: World) -> None:
    """And a row that comes back revives one: it counts as created."""
    await imported(world, [row(1), row(2), row(3)])
    await imported(world, [row(1, "other-1")], source="other")
    assert (await imported(world, [row(1)], replace=True))[0] == (0, 0, 1, 0, 2, 2)
    assert await live(world) == ["vehicles/other-1", "vehicles/own-1"]
    assert (await world.get("own-3")).HasField("delete_time")
    assert (await imported(world, [row(1)], replace=True))[0] == (0, 0, 1, 0, 0, 0)
    assert (await imported(world, [row(1), row(2)]))[0] == (1, 0, 1, 0, 0, 0)
    assert not (await world.get("own-2")).HasField("delete_time")


async def test_replace_deletes_nothing_when_a_row_was_bad(world: World) -> None:
    """The bad row may be a vehicle that seems to have vanished."""
    await imported(world, [row(1), row(2)])
    bad = SourceRow(2, "", error=RowError("id", "is empty", 2))
    assert (await imported(world, [row(1), bad], replace=True))[0] == (0, 0, 1, 1, 1, 0)
    assert len(await live(world)) == 2


async def test_a_source_is_not_replaced_by_nothing(world: World) -> None:
    """No rows at all, whether `add` was called or not, also when only validating: a refusal, and nothing is deleted."""
    await imported(world, [row(1)])
    for validate_only in (False, True):
        mode = ImportMode(replace=True, validate_only=validate_only)
        loading = world.catalog.begin_import(mode, source="own")
        for _ in range(2):
            with pytest.raises(InvalidArgument, match="rows: none were sent"):
                await loading.finish()
            await loading.add([])
    assert await live(world) == ["vehicles/own-1"]
    assert (await imported(world, []))[0] == (0, 0, 0, 0, 1, 0)


async def test_replace_spares_what_others_write_meanwhile(world: World) -> None:
    """Neither a vehicle created during the import nor one changed during it has vanished."""
    await imported(world, [row(1), row(2), row(3)])
    loading = world.catalog.begin_import(ImportMode(replace=True), source="own")
    await loading.add([row(1)])
    await world.elsewhere.create(vehicle_of("own-9"), "own-9")
    await world.elsewhere.update(Vehicle(name="vehicles/own-2", trim="alive"), None)
    assert counts(await loading.finish()) == (0, 0, 1, 0, 1, 1)
    assert await live(world) == ["vehicles/own-1", "vehicles/own-2", "vehicles/own-9"]


async def test_the_last_moment_counts(world: World) -> None:
    """A vehicle changed between the count and the deletion is spared under the lock."""
    await imported(world, [row(1), row(2), row(3)])
    loading = world.catalog.begin_import(ImportMode(replace=True), source="own")
    await loading.add([row(1)])
    vanished = await loading._vanishing.vanished({"own-1": 1})
    await world.elsewhere.update(Vehicle(name="vehicles/own-2", trim="alive"), None)
    assert await loading._vanishing.delete(vanished, 0.0, None) == 1
    assert await live(world) == ["vehicles/own-1", "vehicles/own-2"]


def vehicle_of(vehicle_id: str) -> Vehicle:
    given = row(1, vehicle_id).vehicle
    assert given is not None
    return given


async def test_validate_only_counts_and_writes_nothing(world: World) -> None:
    """The same counts as the real import has afterwards."""
    await imported(world, [row(1), row(2), row(3)])
    rows = [row(1), row(2, doors=5), row(4), row(5, power_kw=-1.0)]
    revision = await world.store.current_revision()
    dry, dry_errors = await imported(world, rows, validate_only=True)
    assert await world.store.current_revision() == revision
    real, errors = await imported(world, rows)
    assert dry == real == (1, 1, 1, 1, 1, 0)
    assert list(map(str, dry_errors)) == list(map(str, errors))
    assert (await imported(world, rows[:3], validate_only=True, replace=True))[0] == (0, 0, 3, 0, 1, 1)
    assert len(await live(world)) == 4


async def test_rows_of_several_sources(world: World) -> None:
    """Without a source of its own an import takes each row's; what has vanished is told of each."""
    await imported(world, [row(1, "own-1"), row(2, "own-2"), row(3, "other-1"), row(4, "third-1")], source=None)
    result, _ = await imported(world, [row(1, "own-1"), row(2, "other-2")], source=None, replace=True)
    assert result == (1, 0, 1, 0, 2, 2)
    assert await live(world) == ["vehicles/other-2", "vehicles/own-1", "vehicles/third-1"]


async def test_an_import_broken_off_is_sent_again(world: World) -> None:
    """What was written stays and counts as unchanged."""
    rows = [row(number) for number in range(1, 301)]
    first = world.catalog.begin_import(ImportMode(), source="own")
    await first.add(rows[:150])
    assert (await imported(world, rows))[0] == (150, 0, 150, 0, 0, 0)


async def test_an_export_imported_again_changes_nothing(world: World, tmp_path: Path) -> None:
    """Written as JSON lines, whoever made the content hash that the store keeps."""
    given = row(2, provenance=[Provenance(source="own", content_hash=b"\x01\x02")])
    await imported(world, [row(1, trim="Élan"), SourceRow(2, "own-2", given.vehicle, b"\x01\x02")])
    path = tmp_path / "export.jsonl"
    lines = [jsonl.json_line(await world.get(vehicle_id)) for vehicle_id in ("own-1", "own-2")]
    path.write_text("\n".join(lines), encoding="utf-8")
    revision = await world.store.current_revision()
    result, _ = await imported(world, list(jsonl.open_jsonl(path).rows()), source=None)
    assert result == (0, 0, 2, 0, 0, 0)
    assert await world.store.current_revision() == revision


async def test_readers_see_each_batch_at_once(world: World) -> None:
    """A hot vehicle is not read from memory once its new row has been answered for."""
    await imported(world, [row(1)])
    assert (await world.get("own-1")).trim == ""
    await imported(world, [row(1, trim="new")])
    assert (await world.get("own-1")).trim == "new"
    await imported(world, [row(2)], replace=True)
    assert (await world.get("own-1")).HasField("delete_time")


async def test_the_guard_is_asked_in_every_batch(world: World) -> None:
    """A caller revoked half-way keeps what was answered for and writes nothing further (security: P3a)."""
    asked = 0

    def guard(rows: Any) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise ClientRevoked

    loading = world.catalog.begin_import(ImportMode(), guard, source="own")
    await loading.add([row(1)])
    with pytest.raises(ClientRevoked):
        await loading.add([row(2)])
    assert await live(world) == ["vehicles/own-1"]


async def test_the_guard_is_asked_when_nothing_changes_and_before_deletions(world: World) -> None:
    """An import of nothing new is a write all the same."""
    await imported(world, [row(1), row(2)])
    revoked = True

    def guard(rows: Any) -> None:
        if revoked:
            raise ClientRevoked

    unchanged = world.catalog.begin_import(ImportMode(), guard, source="own")
    with pytest.raises(ClientRevoked):
        await unchanged.add([row(1)])
    deleting = world.catalog.begin_import(ImportMode(replace=True), guard, source="own")
    revoked = False
    await deleting.add([row(1)])
    revoked = True
    with pytest.raises(ClientRevoked):
        await deleting.finish()
    assert len(await live(world)) == 2


async def test_other_writers_get_their_turn(world: World) -> None:
    """While 5,000 rows are imported, each write of another process returns within a second (median far below)."""
    await world.put("third-1")
    rows = [row(number) for number in range(1, 5001)]
    task = asyncio.create_task(imported(world, rows))
    waits: list[float] = []
    while not task.done():
        started = monotonic()
        await world.elsewhere.update(Vehicle(name="vehicles/third-1", doors=len(waits) % 20), None)
        waits.append(monotonic() - started)
    assert (await task)[0] == (5000, 0, 0, 0, 0, 0)
    assert len(waits) >= 10
    assert max(waits) < 1.0
    assert sorted(waits)[len(waits) // 2] < 0.25


async def test_readers_get_their_turn_in_the_same_process(world: World) -> None:
    """The event loop is not held while rows are checked, not even by a file that has nothing to write."""
    bad = [replace(row(number), error=RowError("make", "is required", number)) for number in range(1, 1001)]
    loading = world.catalog.begin_import(ImportMode(), source="own")
    await loading.add(bad[:1])
    task = asyncio.create_task(loading.add(bad[1:]))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(await task) == 999
    assert turns >= 30
