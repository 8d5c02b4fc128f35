"""Owns the way to a current schema: tells an operator where a database stands, and brings it up.

* `require_current` is what a server asks before it opens a `Database`; `migrate` is the only thing that changes a
  schema, and the only one that creates the file (mode 0600).
* Every step to the newest version is one transaction under the write lock: a migration that dies leaves the old
  schema. To migrate what is current does nothing.
* Versions are four digits that rise. A version this program does not know is newer, and is never touched.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, exc, inspect, text

from typeplate_server.store import sqlite
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.locks import WriteLock
from typeplate_server.store.schema import SCHEMA_VERSION

_VERSION_TABLE = "alembic_version"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where a database stands. `found` is its schema version, "" when it has none yet."""

    kind: Literal["empty", "old", "current", "newer"]
    found: str


def schema_state(url: str) -> SchemaState:
    """Where the database stands; "empty" also when there is no file yet. Changes nothing.

    Raises DatabaseError when it cannot be opened, or is no database of ours.
    """
    file = sqlite.database_file(url)
    _check_place(file)
    if not file.exists():
        return SchemaState("empty", "")
    engine = sqlite.reader_engine(file, 1)
    try:
        with engine.connect() as connection:
            return _state(connection, file)
    except exc.DatabaseError as error:
        raise _unreadable(file, error) from error
    finally:
        engine.dispose()


def require_current(url: str) -> None:
    """Raises DatabaseError, saying what to do, unless the database has the schema that this program works with."""
    _refuse_unless_current(schema_state(url), sqlite.database_file(url))


def migrate(url: str, data_dir: Path) -> SchemaState:
    """Creates the database, or brings its schema up; returns where it stood before.

    Raises DatabaseError when that is not possible, a newer schema among other reasons.
    """
    file = sqlite.database_file(url)
    before = schema_state(url)
    _refuse_newer(before, file)
    if before.kind == "current":
        return before
    try:
        with WriteLock(data_dir, timeout_s=30.0).hold():
            _create_file(file)
            _upgrade(file)
    except (OSError, exc.DatabaseError) as error:
        raise _unreadable(file, error) from error
    return before


def _upgrade(file: Path) -> None:
    engine = sqlite.writer_engine(file)
    try:
        with engine.begin() as connection:
            _refuse_newer(_state(connection, file), file)
            config = Config()
            config.set_main_option("script_location", f"{__package__}:migrations")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _state(connection: Connection, file: Path) -> SchemaState:
    tables = inspect(connection).get_table_names()
    if not tables:
        return SchemaState("empty", "")
    if _VERSION_TABLE not in tables:
        raise DatabaseError(f"the database {file} has tables but not Typeplate's; name another file")
    found = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar() or ""  # noqa: S608
    if found > SCHEMA_VERSION:
        return SchemaState("newer", found)
    return SchemaState("current" if found == SCHEMA_VERSION else "old", found)


def _refuse_newer(state: SchemaState, file: Path) -> None:
    if state.kind == "newer":
        raise DatabaseError(
            f"the database {file} has schema {state.found}, newer than this program knows ({SCHEMA_VERSION}): "
            "upgrade typeplate-server"
        )


def _refuse_unless_current(state: SchemaState, file: Path) -> None:
    _refuse_newer(state, file)
    if state.kind == "empty":
        raise DatabaseError(f"there is no Typeplate database at {file}: run `typeplate-server init`")
    if state.kind == "old":
        raise DatabaseError(
            f"the database {file} has schema {state.found}, older than this program needs ({SCHEMA_VERSION}): "
            "run `typeplate-server migrate`"
        )


def _check_place(file: Path) -> None:
    if not file.parent.is_dir():
        raise DatabaseError(f"the directory {file.parent} for the database {file.name} does not exist")
    if file.is_dir():
        raise DatabaseError(f"the database {file} is a directory; name a file in it")
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        raise DatabaseError(f"the database {file} may not be read and written by this user")


def _create_file(file: Path) -> None:
    """The empty file, readable by its owner only; SQLite gives its companions the same mode."""
    if not file.exists():
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _unreadable(file: Path, error: Exception) -> DatabaseError:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, sqlite3.DatabaseError) and getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB:
        return DatabaseError(f"{file} is not an SQLite database")
    return DatabaseError(f"the database {file} cannot be opened: {cause}")
