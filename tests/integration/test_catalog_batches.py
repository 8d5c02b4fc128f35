"""Batches of vehicles: in order, all or none, and never more than one reply holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.catalog import World, catalog_world
from typeplate.v1.vehicle_pb2 import EmissionRating, Vehicle
from typeplate_server.errors import InvalidArgument, NotFound


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with catalog_world(tmp_path) as world:
        yield world


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


async def test_a_batch_that_is_more_than_one_reply_is_refused(world: World) -> None:
    """One large vehicle named a thousand times would be a reply without bound; what is said to fit does, hot or not."""
    await world.put("own-1", emission_ratings=[EmissionRating(standard="x" * 200)] * 100)
    names = ["vehicles/own-1"] * 1000
    for _ in range(2):
        with pytest.raises(InvalidArgument, match=r"the first \d+ fit") as caught:
            await world.catalog.batch_get(names)
        assert [violation.field for violation in caught.value.violations] == ["names"]
        fitting = int(caught.value.message.split()[-2])
        batch = await world.catalog.batch_get(names[:fitting])
        assert 2.9 * 2**20 < sum(map(len, batch)) <= 3 * 2**20
        await world.catalog.get("vehicles/own-1")


@pytest.mark.parametrize(
    ("names", "field"),
    [([], "names"), (["vehicles/own-1"] * 1001, "names"), (["vehicles/own-1", "own-2"], "names[1]")],
)
async def test_faults_of_a_batch(world: World, names: list[str], field: str) -> None:
    """Each names what is at fault."""
    with pytest.raises(InvalidArgument) as caught:
        await world.catalog.batch_get(names)
    assert caught.value.violations[0].field == field
