"""Migrations on every back end: the same schema, made once by however many start at once, and refused when not ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from tests.support.store import BACK_ENDS, BackEnd, unmigrated_back_end
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import SchemaState, migrate, require_current, schema_state
from typeplate_server.store.schema import SCHEMA_VERSION, metadata

STARTERS = 4

MIGRATE = """
import sys
from pathlib import Path
from typeplate_server.store.migration import migrate, require_current
print("ready", flush=True)
sys.stdin.readline()
migrate(sys.argv[1], Path(sys.argv[2]))
require_current(sys.argv[1])
"""


@pytest.fixture(params=BACK_ENDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BackEnd]:
    back_end = unmigrated_back_end(request.param, tmp_path)
    yield back_end
    back_end.drop()


@pytest.fixture
def engine(empty: BackEnd) -> Iterator[Engine]:
    engine = create_engine(empty.url)
    yield engine
    engine.dispose()


def execute(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_it_goes_from_empty_to_current(empty: BackEnd, engine: Engine) -> None:
    """And Alembic then finds no difference to the tables that the program works with."""
    assert schema_state(empty.url) == SchemaState("empty", "")
    with pytest.raises(DatabaseError, match="run `typeplate-server init`"):
        require_current(empty.url)
    assert migrate(empty.url, empty.data_dir) == SchemaState("empty", "")
    require_current(empty.url)
    assert migrate(empty.url, empty.data_dir) == SchemaState("current", SCHEMA_VERSION)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


async def test_several_processes_start_at_once(empty: BackEnd, engine: Engine) -> None:
    """One of them migrates, and all find the schema current."""
    children = [empty.child(MIGRATE) for _ in range(STARTERS)]
    for child in children:
        assert child.stdout is not None
        assert await asyncio.to_thread(child.stdout.readline) == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        await asyncio.to_thread(child.communicate)
    assert [child.returncode for child in children] == [0] * STARTERS
    with engine.connect() as connection:
        versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        assert versions == [SCHEMA_VERSION]
        assert connection.execute(text("SELECT count(*) FROM deployment")).scalar_one() == 1


@pytest.mark.parametrize(
    ("found", "kind", "sentence"),
    [
        ("0000", "old", "older than this program needs .* run `typeplate-server migrate`"),
        ("0907", "newer", "newer than this program knows .*: upgrade typeplate-server"),
    ],
)
def test_another_schema_says_what_to_do(empty: BackEnd, engine: Engine, found: str, kind: str, sentence: str) -> None:
    """A server does not start on it."""
    migrate(empty.url, empty.data_dir)
    execute(engine, f"UPDATE alembic_version SET version_num = '{found}'")
    assert schema_state(empty.url).kind == kind
    with pytest.raises(DatabaseError, match=sentence):
        require_current(empty.url)


def test_a_migration_that_fails_leaves_nothing(empty: BackEnd, engine: Engine) -> None:
    """All steps are one transaction; here a table stands in the way half-way through."""
    execute(engine, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    execute(engine, "CREATE TABLE vehicles (x INTEGER)")
    with pytest.raises(DatabaseError, match=r'vehicles"? already exists'):
        migrate(empty.url, empty.data_dir)
    assert set(inspect(engine).get_table_names()) == {"alembic_version", "vehicles"}


def test_somebody_elses_database_is_left_alone(empty: BackEnd, engine: Engine) -> None:
    """It has tables, and no version of ours."""
    execute(engine, "CREATE TABLE songs (title TEXT)")
    for ask in (require_current, lambda url: migrate(url, empty.data_dir)):
        with pytest.raises(DatabaseError, match="has tables but not Typeplate's"):
            ask(empty.url)
    assert inspect(engine).get_table_names() == ["songs"]


def test_later_migrations_keep_what_the_first_schema_held(empty: BackEnd, engine: Engine) -> None:
    """From a deployment of one replica: what it held stays, and the deployment's row is there."""
    config = Config()
    config.set_main_option("script_location", "typeplate_server.store:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("UPDATE auth_clock SET seq = 41"))
    assert migrate(empty.url, empty.data_dir) == SchemaState("old", "0001")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT seq, max_staleness_s FROM auth_clock, deployment")).one() == (41, 10.0)
