"""The catalogue's reads of one vehicle: ready bytes, and never older than promised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic

import pytest

from tests.support.catalog import World, catalog_world
from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.errors import InvalidArgument, NotFound
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
