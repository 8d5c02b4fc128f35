"""Every test here runs on every back end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.store import BACK_ENDS, NOW, BackEnd, new_back_end
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.replicas import SqlReplicaStore
from typeplate_server.store.revoked_tokens import SqlRevokedTokenStore
from typeplate_server.store.vehicles import SqlVehicleStore


@pytest.fixture(params=BACK_ENDS)
def back_end(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BackEnd]:
    back_end = new_back_end(request.param, tmp_path)
    yield back_end
    back_end.drop()


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


@pytest.fixture
def replicas(database: Database) -> SqlReplicaStore:
    return SqlReplicaStore(database, lambda: NOW)


@pytest.fixture
def tokens(database: Database) -> SqlRevokedTokenStore:
    return SqlRevokedTokenStore(database)


@pytest.fixture
def deployment(database: Database) -> SqlDeploymentStore:
    return SqlDeploymentStore(database)
