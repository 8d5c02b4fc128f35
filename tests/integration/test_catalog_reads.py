"""The catalogue's reads: ready bytes, never older than promised, pages that neither lose nor repeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tests.support.catalog import World, catalog_world, vehicle
from typeplate.v1.data_service_pb2 import ListVehiclesRequest, VehicleFilter
from typeplate.v1.vehicle_pb2 import Masses, Vehicle
from typeplate_server.errors import InvalidArgument, NotFound
from typeplate_server.vehicles import catalog as catalog_module
from typeplate_server.vehicles import following


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with catalog_world(tmp_path) as world:
        yield world


async def test_a_hot_vehicle_needs_no_database(world: World) -> None:
    """The second read gives the same bytes object, and asks nobody."""
    await world.put("own-1")
    first = await world.catalog.get("vehicles/own-1")
    assert world.store.reads == 1
    assert await world.catalog.get("vehicles/own-1") is first
    assert world.store.reads == 1


async def test_what_is_not_there_is_not_remembered(world: World) -> None:
    """It may be created the next moment."""
    with pytest.raises(NotFound):
        await world.catalog.get("vehicles/own-1")
    await world.put("own-1")
    assert (await world.get("own-1")).make == "Opel"


@pytest.mark.parametrize("name", ["", "own-1", "vehicles/", "vehicles/own", "vehicles/own-1/x", "vehicles/OWN-1"])
async def test_a_bad_name_is_no_missing_vehicle(world: World, name: str) -> None:
    """INVALID_ARGUMENT naming `name`."""
    with pytest.raises(InvalidArgument) as caught:
        await world.catalog.get(name)
    assert caught.value.violations[0].field == "name"


async def test_a_read_begun_after_a_write_has_returned_sees_it(world: World) -> None:
    """Even when an older read of the same vehicle is still under way, and ends last."""
    await world.put("own-1", trim="old")
    world.store.gate.clear()
    slow = asyncio.create_task(world.get("own-1"))
    await world.store.read.wait()
    await world.catalog.update(Vehicle(name="vehicles/own-1", trim="new"), None)
    fresh = asyncio.create_task(world.get("own-1"))
    world.store.gate.set()
    assert (await slow).trim == "old"  # it began before the write: both answers are right
    assert (await fresh).trim == "new"
    assert (await world.get("own-1")).trim == "new"


async def test_a_slow_read_alone_puts_nothing_old_back(world: World) -> None:
    """It ends after the write, and no other read comes between."""
    await world.put("own-1", trim="old")
    world.store.gate.clear()
    slow = asyncio.create_task(world.get("own-1"))
    await world.store.read.wait()
    await world.catalog.update(Vehicle(name="vehicles/own-1", trim="new"), None)
    world.store.gate.set()
    assert (await slow).trim == "old"
    assert (await world.get("own-1")).trim == "new"


async def test_racing_writers_and_readers_never_read_backwards(world: World) -> None:
    """Each reader sees at least what was written when it began, with many of both at once."""
    await world.put("own-1", doors=0)
    written = 0

    async def write() -> None:
        nonlocal written
        for number in range(1, 21):
            await world.catalog.update(Vehicle(name="vehicles/own-1", doors=number), None)
            written = number

    async def read() -> None:
        while written < 20:
            least = written
            assert (await world.get("own-1")).doors >= least
            await asyncio.sleep(0)

    await asyncio.gather(write(), *(read() for _ in range(5)))


async def test_another_process_is_heard_of(world: World) -> None:
    """`refresh` takes in what another process has written: updates, deletions and quiet changes."""
    await world.put("own-1", "own-2", "own-3")
    await world.catalog.refresh()
    for vehicle_id in ("own-1", "own-2", "own-3"):
        await world.get(vehicle_id)
    await world.elsewhere.update(Vehicle(name="vehicles/own-1", trim="new"), None)
    await world.elsewhere.delete("vehicles/own-2")
    cost = Vehicle(name="vehicles/own-3")
    cost.estimates.fuel_cost_usd_per_year = 900
    await world.elsewhere.update(cost, None)
    assert (await world.get("own-1")).trim == ""
    await world.catalog.refresh()
    assert (await world.get("own-1")).trim == "new"
    assert (await world.get("own-2")).HasField("delete_time")
    assert (await world.get("own-3")).estimates.fuel_cost_usd_per_year == 900


async def test_unchanged_vehicles_stay_hot(world: World) -> None:
    """A refresh forgets what has changed and no more."""
    await world.put("own-1", "own-2")
    await world.catalog.refresh()
    await world.get("own-1")
    await world.get("own-2")
    await world.elsewhere.update(Vehicle(name="vehicles/own-1", trim="new"), None)
    await world.catalog.refresh()
    reads = world.store.reads
    await world.get("own-2")
    assert world.store.reads == reads
    await world.get("own-1")
    assert world.store.reads == reads + 1


async def test_a_read_overtaken_by_another_process_is_not_kept(world: World) -> None:
    """The slow read ends after the refresh that told of the change."""
    await world.put("own-1", trim="old")
    await world.catalog.refresh()
    world.store.gate.clear()
    slow = asyncio.create_task(world.get("own-1"))
    await world.store.read.wait()
    await world.elsewhere.update(Vehicle(name="vehicles/own-1", trim="new"), None)
    await world.catalog.refresh()
    world.store.gate.set()
    assert (await slow).trim == "old"
    assert (await world.get("own-1")).trim == "new"


async def test_more_changes_than_are_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then everything is forgotten, and following goes on from there."""
    monkeypatch.setattr(following, "MOST_CHANGES", 2)
    await world.put("own-1", "own-2", "own-3")
    await world.catalog.refresh()
    await world.get("own-1")
    for vehicle_id in ("own-1", "own-2", "own-3"):
        await world.elsewhere.update(Vehicle(name=f"vehicles/{vehicle_id}", trim="new"), None)
    await world.catalog.refresh()
    assert len(world.cache) == 0
    assert (await world.get("own-1")).trim == "new"
    await world.elsewhere.update(Vehicle(name="vehicles/own-1", trim="newer"), None)
    await world.catalog.refresh()
    assert (await world.get("own-1")).trim == "newer"


async def test_following_shows_another_process_within_a_second(world: World) -> None:
    """Measured from the return of the other's write, ten times."""
    await world.put("own-1", doors=0)
    task = asyncio.create_task(world.catalog.follow())
    try:
        for number in range(1, 11):
            await world.get("own-1")
            await world.elsewhere.update(Vehicle(name="vehicles/own-1", doors=number), None)
            written = monotonic()
            while (await world.get("own-1")).doors != number:
                assert monotonic() - written < 1.0
                await asyncio.sleep(0.005)
    finally:
        task.cancel()


@pytest.mark.parametrize("trouble", ["down", "hangs"])
async def test_nothing_is_hot_while_the_store_does_not_tell(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """An outage empties the cache within the bound, and following survives it."""
    monkeypatch.setattr(following, "INTERVAL_S", 0.02)
    monkeypatch.setattr(following, "PATIENCE_S", 0.05)
    await world.put("own-1")
    task = asyncio.create_task(world.catalog.follow())
    try:
        await until(lambda: len(world.cache) == 1, world)
        world.store.down = trouble == "down"
        if trouble == "hangs":
            world.store.changes_gate.clear()
        await until(lambda: len(world.cache) == 0)
        world.store.down = False
        world.store.changes_gate.set()
        await world.get("own-1")
        await world.elsewhere.update(Vehicle(name="vehicles/own-1", trim="new"), None)
        await until(lambda: b"new" in (world.cache.get("vehicles/own-1") or b""), world)
    finally:
        task.cancel()


async def until(condition: Callable[[], bool], reading: World | None = None) -> None:
    """Wait for it, reading own-1 all the time if asked to."""
    async with asyncio.timeout(5):
        while not condition():
            if reading is not None:
                await reading.get("own-1")
            await asyncio.sleep(0.001)


async def test_a_batch_is_in_order_and_may_repeat(world: World) -> None:
    """Hot or not."""
    await world.put("own-1", "own-2")
    names = ["vehicles/own-2", "vehicles/own-1", "vehicles/own-2"]
    for _ in range(2):
        batch = await world.catalog.batch_get(names)
        assert [Vehicle.FromString(message).name for message in batch] == names
        for name in names:
            await world.catalog.get(name)


async def test_a_batch_is_all_or_none(world: World) -> None:
    """NOT_FOUND names each that is missing, once."""
    await world.put("own-1")
    with pytest.raises(NotFound) as caught:
        await world.catalog.batch_get([f"vehicles/own-{number}" for number in (3, 1, 2, 3)])
    assert caught.value.message == "not found: vehicles/own-3, vehicles/own-2"


@pytest.mark.parametrize(
    ("names", "field"),
    [([], "names"), (["vehicles/own-1"] * 1001, "names"), (["vehicles/own-1", "own-2"], "names[1]")],
)
async def test_faults_of_a_batch(world: World, names: list[str], field: str) -> None:
    """Each names what is at fault."""
    with pytest.raises(InvalidArgument) as caught:
        await world.catalog.batch_get(names)
    assert caught.value.violations[0].field == field


async def pages(world: World, request: ListVehiclesRequest) -> list[list[Vehicle]]:
    """All pages of a list."""
    found = []
    while True:
        page = await world.catalog.list(request)
        found.append([Vehicle.FromString(message) for message in page.vehicles])
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_pages_under_writes(world: World) -> None:
    """Vehicles that stay as they are appear exactly once while others come and go around them."""
    stable = [f"own-s{number:02}" for number in range(20)]
    for number, vehicle_id in enumerate(stable):
        await world.put(vehicle_id, power_kw=float(number % 3), model_year=2020)
    await world.put("own-a", "own-z", power_kw=1.0)
    request = ListVehiclesRequest(page_size=3, order_by="power_kw desc")
    seen: list[str] = []
    for turn in range(100):
        page = await world.catalog.list(request)
        seen += [Vehicle.FromString(message).name for message in page.vehicles]
        await world.catalog.update(Vehicle(name="vehicles/own-a", power_kw=float(turn % 4)), None)
        await world.put(f"own-t{turn}", power_kw=1.0)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    counts = [seen.count(f"vehicles/{vehicle_id}") for vehicle_id in stable]
    assert counts == [1] * len(stable)


async def test_unknown_values_come_last_and_ties_go_by_name(world: World) -> None:
    """In either direction."""
    await world.put("own-b", "own-a", power_kw=80.0)
    await world.put("own-d", power_kw=0.0)
    await world.put("own-c")
    for order, expected in (("power_kw", "dabc"), ("power_kw desc", "abdc")):
        (page,) = await pages(world, ListVehiclesRequest(order_by=order))
        assert "".join(one.name[-1] for one in page) == expected


async def test_a_page_token_with_another_filter_is_refused(world: World) -> None:
    """INVALID_ARGUMENT naming `page_token`."""
    await world.put("own-1", "own-2")
    token = (await world.catalog.list(ListVehiclesRequest(page_size=1))).next_page_token
    with pytest.raises(InvalidArgument) as caught:
        await world.catalog.list(ListVehiclesRequest(filter=VehicleFilter(make="Opel"), page_token=token))
    assert caught.value.violations[0].field == "page_token"


async def test_a_read_mask(world: World) -> None:
    """Only what it names, and the name."""
    await world.put("own-1", masses=Masses(curb_mass_kg=1300, payload_kg=500))
    request = ListVehiclesRequest(read_mask=FieldMask(paths=["masses.payload_kg", "revision"]))
    ((found,),) = await pages(world, request)
    assert found == Vehicle(name="vehicles/own-1", masses=Masses(payload_kg=500), revision=1)


async def test_deleted_vehicles_are_listed_on_demand(world: World) -> None:
    """AIP-164."""
    await world.put("own-1", "own-2")
    await world.catalog.delete("vehicles/own-1")
    assert [[one.name for one in page] for page in await pages(world, ListVehiclesRequest())] == [["vehicles/own-2"]]
    ((first, _),) = await pages(world, ListVehiclesRequest(show_deleted=True))
    assert first.HasField("delete_time")


async def test_a_page_fits_into_a_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of large vehicles are cut short, and nothing is lost between them; so are an export's chunks."""
    monkeypatch.setattr(catalog_module, "MAX_REPLY_BYTES", 5000)
    names = [f"vehicles/own-{number:02}" for number in range(10)]
    for name in names:
        large = vehicle(electric_drive_text="x" * 200, markets=["DE"] * 250)
        await world.catalog.create(large, name.removeprefix("vehicles/"))
    found = await pages(world, ListVehiclesRequest(page_size=100))
    assert [one.name for page in found for one in page] == names
    assert all(sum(one.ByteSize() for one in page) <= 5000 for page in found)
    chunks = [chunk async for chunk in world.catalog.export()]
    assert sum(len(chunk.vehicles) for chunk in chunks) == 10
    assert all(sum(map(len, chunk.vehicles)) <= 5000 for chunk in chunks)


async def test_an_export_while_others_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every vehicle there at revision R comes exactly once, as it was then or later; deleted ones may be missing."""
    monkeypatch.setattr(catalog_module, "EXPORT_CHUNK", 3)
    ids = [f"own-{number:02}" for number in range(20)]
    await world.put(*ids)
    exporting = world.catalog.export()
    first = await anext(exporting)
    assert (first.revision, first.vehicles) == (20, ())
    seen: list[Vehicle] = []
    turn = 0
    async for chunk in exporting:
        assert chunk.revision == 20
        seen += map(Vehicle.FromString, chunk.vehicles)
        await world.catalog.update(Vehicle(name=f"vehicles/{ids[turn * 2]}", doors=turn), None)
        await world.catalog.update(Vehicle(name="vehicles/own-19", doors=turn), None)
        turn += 1
    await world.catalog.delete("vehicles/own-00")
    assert [one.name for one in seen] == [f"vehicles/{vehicle_id}" for vehicle_id in ids]
    assert seen[-1].revision > 20
    assert all(one.revision >= number for number, one in enumerate(seen, 1))


async def test_an_export_goes_on_after_a_name(world: World) -> None:
    """The last one received; and of one source alone."""
    await world.put("own-1", "own-2", "other-3")
    chunks = [chunk async for chunk in world.catalog.export("own", "vehicles/own-1")]
    assert [Vehicle.FromString(one).name for chunk in chunks for one in chunk.vehicles] == ["vehicles/own-2"]
    for arguments, field in ((("", "own-1"), "after"), (("OWN", ""), "source")):
        with pytest.raises(InvalidArgument) as caught:
            await anext(world.catalog.export(*arguments))
        assert caught.value.violations[0].field == field
