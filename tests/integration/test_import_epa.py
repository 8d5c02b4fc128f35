"""The whole EPA files through the import engine into SQLite: the figures that data sheets and releases rest on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import pytest

from tests.support.catalog import World, catalog_world
from tests.support.shared import shared_path
from typeplate_server.vehicles.epa import open_epa
from typeplate_server.vehicles.importing import ImportMode, ImportSummary

OLDER = "data/epa-vehicles-2022-11.csv.zip"
NEWEST = "data/epa-vehicles-2025-10-28.csv.zip"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with catalog_world(tmp_path) as world:
        yield world


async def load(world: World, path: Path, *, replace: bool = False) -> ImportSummary:
    loading = world.catalog.begin_import(ImportMode(replace=replace), source="epa")
    rows = open_epa(path).rows()
    while chunk := list(islice(rows, 500)):
        assert await loading.add(chunk) == []
    return await loading.finish()


@pytest.mark.timeout(300)
async def test_the_newest_snapshot_on_top_of_an_older_one(world: World) -> None:
    """3,806 created, 365 updated by the technical hash, one vanished: told first, made a tombstone by `replace`."""
    older, newest = shared_path(OLDER), shared_path(NEWEST)
    assert await load(world, older) == ImportSummary(created=45_777)
    vanished = ["vehicles/epa-31894"]
    first = await load(world, newest)
    assert first == ImportSummary(3806, 365, 45_411, vanished=1, vanished_names=vanished)
    assert not (await world.get("epa-31894")).HasField("delete_time")
    again = await load(world, newest, replace=True)
    assert again == ImportSummary(unchanged=49_582, vanished=1, deleted=1, vanished_names=vanished)
    assert (await world.get("epa-31894")).HasField("delete_time")
