"""A database on the shared PostgreSQL, and a server of its own for tests that stop it or set it up anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Postgres, programs, running_postgres, shared_postgres
from tests.support.postgres_questions import READERS
from tests.support.store import BackEnd, new_back_end
from typeplate_server.store.database import Database
from typeplate_server.store.migration import migrate


@pytest.fixture
def back_end(tmp_path: Path) -> Iterator[BackEnd]:
    back_end = new_back_end("postgres", tmp_path)
    yield back_end
    back_end.drop()


@pytest.fixture
async def database(back_end: BackEnd) -> AsyncIterator[Database]:
    database = back_end.open(readers=READERS)
    yield database
    await database.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One that may be stopped and set up as a test likes."""
    shared_postgres()
    binaries = programs()
    assert binaries is not None
    with running_postgres(binaries) as server:
        yield server


@pytest.fixture
def own(server: Postgres, tmp_path: Path) -> BackEnd:
    back_end = BackEnd("postgres", server.url(server.create_database()), tmp_path)
    migrate(back_end.url, tmp_path)
    return back_end
