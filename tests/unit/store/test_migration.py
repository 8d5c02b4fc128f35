"""Migrations: they make the schema the program works with, and every other state is told to the operator."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import SchemaState, migrate, require_current, schema_state
from typeplate_server.store.schema import SCHEMA_VERSION, metadata
from typeplate_server.store.sqlite import reader_engine


def url(file: Path) -> str:
    return f"sqlite:///{file}"


def execute(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement).close()


def test_the_migrated_schema_is_the_one_the_program_works_with(tmp_path: Path) -> None:
    """Alembic finds no difference to the tables in `schema`, and the tables' texts agree to the constraint."""
    migrate(url(tmp_path / "t.db"), tmp_path)
    migrated = reader_engine(tmp_path / "t.db", 1)
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        made = texts(connection)
    migrated.dispose()
    assert normal(made) == normal(declared(tmp_path / "declared.db"))


def texts(connection: Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {str(name): str(sql) for name, sql in rows}


def declared(file: Path) -> dict[str, str]:
    engine = create_engine(url(file))
    metadata.create_all(engine)
    with engine.connect() as connection:
        made = texts(connection)
    engine.dispose()
    return made


def normal(made: dict[str, str]) -> dict[str, list[str]]:
    """Each object's clauses, sorted: their order in CREATE TABLE means nothing to us."""
    return {
        name: sorted(part.strip(" \t,") for part in sql.splitlines())
        for name, sql in made.items()
        if name != "alembic_version"
    }


def test_the_version_in_the_program_is_the_newest_migration() -> None:
    """One without the other would make every database look old, or newer."""
    config = Config()
    config.set_main_option("script_location", "typeplate_server.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


def test_a_new_database_goes_from_empty_to_current(tmp_path: Path) -> None:
    """Migrating again does nothing, not even to the file."""
    file = tmp_path / "typeplate.db"
    assert schema_state(url(file)) == SchemaState("empty", "")
    assert not file.exists()
    with pytest.raises(DatabaseError, match=r"no Typeplate database at .*run `typeplate-server init`"):
        require_current(url(file))
    assert migrate(url(file), tmp_path) == SchemaState("empty", "")
    require_current(url(file))
    before = file.read_bytes()
    assert migrate(url(file), tmp_path) == SchemaState("current", SCHEMA_VERSION)
    assert file.read_bytes() == before


def test_two_who_migrate_at_once(tmp_path: Path) -> None:
    """The second finds it done when the lock is free."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            migrate(url(tmp_path / "t.db"), tmp_path)
        except BaseException as fault:  # noqa: BLE001
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    require_current(url(tmp_path / "t.db"))


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    """The sentence names both versions and what to do."""
    file = tmp_path / "t.db"
    migrate(url(file), tmp_path)
    execute(file, "UPDATE alembic_version SET version_num = '0907'")
    assert schema_state(url(file)) == SchemaState("newer", "0907")
    sentence = rf"schema 0907, newer than this program knows \({SCHEMA_VERSION}\): upgrade typeplate-server"
    with pytest.raises(DatabaseError, match=sentence):
        require_current(url(file))
    with pytest.raises(DatabaseError, match=sentence):
        migrate(url(file), tmp_path)


def test_an_old_schema_says_what_to_run(tmp_path: Path) -> None:
    """`serve` does not migrate by itself."""
    file = tmp_path / "t.db"
    migrate(url(file), tmp_path)
    execute(file, "UPDATE alembic_version SET version_num = '0000'")
    assert schema_state(url(file)).kind == "old"
    with pytest.raises(DatabaseError, match=r"older .* run `typeplate-server migrate`"):
        require_current(url(file))


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """All steps are one transaction; here an index stands in the way half-way through."""
    file = tmp_path / "t.db"
    execute(file, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)", "CREATE TABLE vehicles (x)")
    with pytest.raises(DatabaseError, match="vehicles already exists"):
        migrate(url(file), tmp_path)
    with closing(sqlite3.connect(file)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert tables == {"alembic_version", "vehicles"}


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    """A text file, a directory, somebody else's database: one clear sentence each, and nothing is written."""
    (tmp_path / "notes.txt").write_text("not a database, " * 100)
    execute(tmp_path / "other.db", "CREATE TABLE songs (title)")
    cases = {
        "notes.txt": "is not an SQLite database",
        "other.db": "has tables but not Typeplate's",
        ".": "is a directory",
        "none/t.db": "the directory .*none for the database t.db does not exist",
    }
    for name, sentence in cases.items():
        before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir() if file.suffix != ".lock"}
        for ask in (lambda at: require_current(at), lambda at: migrate(at, tmp_path)):
            with pytest.raises(DatabaseError, match=sentence):
                ask(url(tmp_path / name))
        assert {file: file.stat().st_mtime_ns for file in before} == before


def test_a_place_that_cannot_be_written_is_named() -> None:
    """/proc takes no new files, not even from root."""
    with pytest.raises(DatabaseError, match=r"/proc/typeplate\.db cannot be opened"):
        migrate("sqlite:////proc/typeplate.db", Path("/proc"))


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("mysql://user:hunter2@host/db", "mysql are not supported"),
        ("postgresql+asyncpg://user:hunter2@host/db", "asyncpg are not supported"),
        ("typeplate.db", "cannot be read"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///file:x?mode=memory&uri=true", "must name a file"),
    ],
)
def test_a_url_of_another_kind_is_refused(bad: str, sentence: str) -> None:
    """And a password in it is not repeated."""
    with pytest.raises(DatabaseError, match=sentence) as refusal:
        schema_state(bad)
    assert "hunter2" not in str(refusal.value)
