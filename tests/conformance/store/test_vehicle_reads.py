"""VehicleStore's reads by id and by sequence."""

from __future__ import annotations

from tests.support.store import NOW, draft
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.store import Change


async def test_what_never_was_is_none(vehicles: SqlVehicleStore) -> None:
    """And the sequence of an empty store is 0."""
    assert await vehicles.get("own-1") is None
    assert await vehicles.get_many(["own-1"]) == {}
    assert await vehicles.get_many([]) == {}
    assert (await vehicles.current_revision(), (await vehicles.changes_since(0, 5)).changes) == (0, ())


async def test_many_at_once(vehicles: SqlVehicleStore) -> None:
    """Those that exist, tombstones too, once each; a thousand ids are no trouble."""
    ids = [f"own-{number}" for number in range(200)]
    await vehicles.upsert([draft(each) for each in ids], now=NOW)
    await vehicles.delete(ids[:1], now=NOW)
    found = await vehicles.get_many([*ids, *ids, *(f"none-{number}" for number in range(800))])
    assert sorted(found) == sorted(ids)
    assert [each for each, stored in found.items() if stored.deleted] == ids[:1]


async def test_ids_are_compared_by_code_point(vehicles: SqlVehicleStore) -> None:
    """Case counts in an id, and `_` stands for itself."""
    await vehicles.upsert([draft("own-a_b"), draft("own-A_b")], now=NOW)
    assert await vehicles.get("own-axb") is None
    assert sorted(await vehicles.get_many(["own-a_b", "own-A_B"])) == ["own-a_b"]


async def test_changes_come_by_number_and_in_pieces(vehicles: SqlVehicleStore) -> None:
    """Each vehicle once, with its last write; a piece tells up to where it is complete."""
    await vehicles.upsert([draft("own-1"), draft("own-2"), draft("own-3")], now=NOW)
    await vehicles.upsert([draft("own-1", cost=1.0)], now=NOW)
    await vehicles.delete(["own-2"], now=NOW)
    first = await vehicles.changes_since(0, 2)
    assert (first.changes, first.seq) == ((Change("own-3", 3), Change("own-1", 4)), 4)
    second = await vehicles.changes_since(first.seq, 2)
    assert (second.changes, second.seq) == ((Change("own-2", 5),), 5)
    assert (await vehicles.changes_since(5, 2)).changes == ()


async def test_an_export_reads_by_id_and_leaves_out_the_dead(vehicles: SqlVehicleStore) -> None:
    """In pieces that go on after the last id, of one source or of all."""
    ids = ["epa-1", "epa-10", "epa-2", "own-1", "own-2"]
    await vehicles.upsert([draft(each) for each in reversed(ids)], now=NOW)
    await vehicles.delete(["epa-10"], now=NOW)
    exported: list[str] = []
    while piece := await vehicles.export(exported[-1] if exported else "", 2):
        exported += [each.vehicle_id for each in piece]
    assert exported == ["epa-1", "epa-2", "own-1", "own-2"]
    assert [each.vehicle_id for each in await vehicles.export("own-1", 9, "own")] == ["own-2"]
    assert await vehicles.live_ids("epa", "", 9) == ["epa-1", "epa-2"]
    assert await vehicles.live_ids("epa", "epa-1", 1) == ["epa-2"]
