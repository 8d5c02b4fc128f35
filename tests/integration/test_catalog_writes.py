"""The catalogue's writes: create, update by mask, delete, and what their guard, etag and limits refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest

from tests.support.catalog import World, catalog_world, row, vehicle
from tests.support.store import NOW
from typeplate.v1.vehicle_pb2 import Estimates, Masses, Provenance, Vehicle
from typeplate_server.errors import AlreadyExists, ClientRevoked, EtagMismatch, InvalidArgument, NotFound, ServiceError
from typeplate_server.vehicles.importing import ImportMode
from typeplate_server.vehicles.source import SourceRow

NAME = "vehicles/own-1"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with catalog_world(tmp_path) as world:
        yield world


async def refused(error: type[ServiceError], call: Awaitable[Any], *fields: str) -> ServiceError:
    with pytest.raises(error) as caught:
        await call
    assert tuple(violation.field for violation in caught.value.violations) == fields
    return caught.value


async def update(world: World, given: Vehicle, *paths: str) -> Vehicle:
    return Vehicle.FromString(await world.catalog.update(given, list(paths) or None))


async def test_create_ignores_what_is_the_servers(world: World) -> None:
    """Name, etag, revision and times come from the server; the rest is kept."""
    given = vehicle(name="vehicles/other-9", etag="mine", revision=77, trim="GS")
    given.delete_time.GetCurrentTime()
    made = Vehicle.FromString(await world.catalog.create(given, "own-1"))
    assert (made.name, made.revision, made.trim) == (NAME, 1, "GS")
    assert made.etag != "mine"
    assert not made.HasField("delete_time")
    assert made.create_time.ToMicroseconds() == int(NOW * 1e6)
    assert given.etag == "mine"  # the request itself is not touched


async def test_an_id_of_the_servers_choice(world: World) -> None:
    """Empty: `own-…`."""
    made = Vehicle.FromString(await world.catalog.create(vehicle(), ""))
    assert made.name == "vehicles/own-new1"
    assert await world.get("own-new1") == made


async def test_a_taken_id_is_refused_even_of_a_deleted_vehicle(world: World) -> None:
    """ALREADY_EXISTS, and nothing changes."""
    await world.put("own-1", trim="first")
    await refused(AlreadyExists, world.catalog.create(vehicle(trim="second"), "own-1"))
    await world.catalog.delete(NAME)
    await refused(AlreadyExists, world.catalog.create(vehicle(trim="second"), "own-1"))
    assert (await world.get("own-1")).trim == "first"


async def test_faults_of_a_new_vehicle(world: World) -> None:
    """Each field by its path in the request, all at once."""
    await refused(InvalidArgument, world.catalog.create(vehicle(), "OWN-1"), "vehicle_id")
    bad = vehicle(make="", power_kw=-1.0, masses=Masses(payload_kg=float("nan")))
    fields = ("vehicle.make", "vehicle.power_kw", "vehicle.masses.payload_kg")
    await refused(InvalidArgument, world.catalog.create(bad, "own-1"), *fields)
    await refused(NotFound, world.catalog.get(NAME))


async def test_update_by_mask(world: World) -> None:
    """What is named changes, or becomes unknown; all else stays, and revision and etag move."""
    await world.put("own-1", trim="GS", power_kw=96.0, masses=Masses(curb_mass_kg=1300, payload_kg=500))
    before = await world.get("own-1")
    world.now[0] += 60
    given = Vehicle(name=NAME, trim="Ultimate", doors=5)
    after = await update(world, given, "trim", "power_kw", "masses.payload_kg")
    assert (after.trim, after.HasField("power_kw"), after.HasField("doors")) == ("Ultimate", False, False)
    assert after.masses == Masses(curb_mass_kg=1300)
    assert after.etag != before.etag
    assert after.revision == before.revision + 1
    assert after.create_time == before.create_time
    assert after.update_time.seconds == before.update_time.seconds + 60


async def test_update_without_a_mask_changes_what_is_set(world: World) -> None:
    """AIP-134's implied mask; nothing becomes unknown by it."""
    await world.put("own-1", power_kw=96.0, masses=Masses(curb_mass_kg=1300))
    after = await update(world, Vehicle(name=NAME, trim="GS", masses=Masses(payload_kg=500)))
    assert (after.trim, after.power_kw) == ("GS", 96.0)
    assert after.masses == Masses(curb_mass_kg=1300, payload_kg=500)


async def test_update_of_all(world: World) -> None:
    """`*` replaces everything that is not the server's own."""
    await world.put("own-1", power_kw=96.0)
    after = await update(world, vehicle(name=NAME, model="Corsa"), "*")
    assert (after.model, after.HasField("power_kw"), after.revision) == ("Corsa", False, 2)
    await refused(InvalidArgument, world.catalog.update(Vehicle(name=NAME), ["*"]), *required())


def required() -> tuple[str, ...]:
    return ("vehicle.make", "vehicle.model", "vehicle.model_year")


@pytest.mark.parametrize("path", ["name", "revision", "create_time", "update_time", "delete_time", "etag"])
async def test_what_is_the_servers_is_ignored_in_a_mask(world: World, path: str) -> None:
    """AIP-203: no error, no change."""
    await world.put("own-1")
    before = await world.get("own-1")
    given = Vehicle(name=NAME, revision=99)
    given.delete_time.GetCurrentTime()
    assert await update(world, given, path) == before


async def test_an_update_that_changes_nothing(world: World) -> None:
    """Same etag, revision and time."""
    await world.put("own-1", trim="GS")
    before = await world.get("own-1")
    world.now[0] += 60
    assert await update(world, Vehicle(name=NAME, trim="GS")) == before


async def test_estimates_are_quiet(world: World) -> None:
    """They are written and seen at once, and neither etag nor revision moves."""
    await world.put("own-1")
    before = await world.get("own-1")
    after = await update(world, Vehicle(name=NAME, estimates=Estimates(fuel_cost_usd_per_year=900)))
    assert after.estimates.fuel_cost_usd_per_year == 900
    assert (after.etag, after.revision, after.update_time) == (before.etag, before.revision, before.update_time)
    assert await world.get("own-1") == after


async def test_a_vehicle_from_an_importer_stays_quiet_too(world: World) -> None:
    """Its content hash is the importer's; an edit of estimates alone must not look like a change of content."""
    loading = world.catalog.begin_import(ImportMode())
    given = vehicle(name=NAME, provenance=[Provenance(source="own", content_hash=b"hash of a row")])
    await loading.add([SourceRow(1, "own-1", given, b"hash of a row")])
    before = await world.get("own-1")
    after = await update(world, Vehicle(name=NAME, estimates=Estimates(fuel_cost_usd_per_year=900)))
    assert (after.etag, after.revision) == (before.etag, before.revision)
    edited = await update(world, Vehicle(name=NAME, trim="edited"))
    assert edited.revision == before.revision + 2  # the quiet write took a number of the sequence too
    again = world.catalog.begin_import(ImportMode())
    await again.add([SourceRow(1, "own-1", given, b"hash of a row")])
    assert (await again.finish()).updated == 1  # the source has its say again
    assert (await world.get("own-1")).trim == ""


@pytest.mark.parametrize("paths", [["colour"], ["engines.power_kw"], ["*", "make"]])
async def test_faults_of_a_mask(world: World, paths: list[str]) -> None:
    """INVALID_ARGUMENT naming `update_mask`, before anything is looked up."""
    await refused(InvalidArgument, world.catalog.update(vehicle(name=NAME), paths), "update_mask")


async def test_faults_of_an_update(world: World) -> None:
    """The merged vehicle must be valid, and what is not there cannot be updated."""
    await world.put("own-1", "own-2")
    await refused(InvalidArgument, world.catalog.update(Vehicle(), None), "vehicle.name")
    await refused(InvalidArgument, world.catalog.update(Vehicle(name=NAME), ["make"]), "vehicle.make")
    await refused(InvalidArgument, world.catalog.update(Vehicle(name=NAME, doors=99), None), "vehicle.doors")
    await refused(NotFound, world.catalog.update(Vehicle(name="vehicles/own-9", doors=3), None))
    await world.catalog.delete("vehicles/own-2")
    await refused(NotFound, world.catalog.update(Vehicle(name="vehicles/own-2", doors=3), None))


async def test_etags(world: World) -> None:
    """A stale one is refused and nothing changes; the current one, or none, passes (AIP-154)."""
    await world.put("own-1")
    first = await world.get("own-1")
    second = await update(world, Vehicle(name=NAME, trim="a", etag=first.etag))
    await refused(EtagMismatch, world.catalog.update(Vehicle(name=NAME, trim="b", etag=first.etag), ["trim"]))
    await refused(EtagMismatch, world.catalog.delete(NAME, first.etag))
    assert await world.get("own-1") == second
    await world.catalog.delete(NAME, second.etag)


async def test_only_one_of_two_with_the_same_etag_wins(world: World) -> None:
    """The comparison is made under the write lock, over processes."""
    await world.put("own-1", doors=0)
    etag = (await world.get("own-1")).etag
    won = 0
    for number, catalog in enumerate([world.catalog, world.elsewhere] * 3, 1):
        try:
            await catalog.update(Vehicle(name=NAME, doors=number, etag=etag), None)
            won += 1
        except EtagMismatch:
            pass
    assert won == 1


async def test_delete_leaves_a_tombstone(world: World) -> None:
    """It is answered, and read by name afterwards; a second deletion finds nothing."""
    await world.put("own-1", trim="GS")
    await world.get("own-1")
    gone = Vehicle.FromString(await world.catalog.delete(NAME))
    assert gone.delete_time.ToMicroseconds() == int(NOW * 1e6)
    assert (gone.trim, gone.revision) == ("GS", 2)
    assert await world.get("own-1") == gone
    await refused(NotFound, world.catalog.delete(NAME))
    await refused(NotFound, world.catalog.delete("vehicles/own-9"))
    await refused(InvalidArgument, world.catalog.delete("own-1"), "name")


def revoked(rows: Any) -> None:
    raise ClientRevoked


async def test_every_write_takes_the_guard_along(world: World) -> None:
    """A caller revoked meanwhile commits nothing, whichever way it writes (security: P3a)."""
    await world.put("own-1")
    before = await world.get("own-1")
    await refused(ClientRevoked, world.catalog.create(vehicle(), "own-2", revoked))
    await refused(ClientRevoked, world.catalog.update(Vehicle(name=NAME, trim="x"), None, revoked))
    await refused(ClientRevoked, world.catalog.delete(NAME, guard=revoked))
    loading = world.catalog.begin_import(ImportMode(), revoked)
    await refused(ClientRevoked, loading.add([row(1), row(2)]))
    assert await world.get("own-1") == before
    await refused(NotFound, world.catalog.get("vehicles/own-2"))
