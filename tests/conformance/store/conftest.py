"""Every test here runs on every back end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.store import BACK_ENDS, BackEnd, new_back_end
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.vehicles import SqlVehicleStore


@pytest.fixture(params=BACK_ENDS)
def back_end(request: pytest.FixtureRequest, tmp_path: Path) -> BackEnd:
    return new_back_end(request.param, tmp_path)


@pytest.fixture
async def database(back_end: BackEnd) -> AsyncIterator[Database]:
    database = back_end.open()
    yield database
    await database.close()


@pytest.fixture
def clients(database: Database) -> SqlClientStore:
    return SqlClientStore(database)


@pytest.fixture
def vehicles(database: Database) -> SqlVehicleStore:
    return SqlVehicleStore(database)
