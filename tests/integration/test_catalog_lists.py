"""Lists and exports of vehicles: pages that neither lose nor repeat, while others write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tests.support.catalog import World, catalog_world, vehicle
from typeplate.v1.data_service_pb2 import ListVehiclesRequest, VehicleFilter
from typeplate.v1.vehicle_pb2 import Masses, Vehicle
from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles import catalog as catalog_module


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with catalog_world(tmp_path) as world:
        yield world


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
