"""Owns the way to a current schema: tells an operator where a database stands, and brings it up.

* `require_current` is what a server asks before it opens a `Database`; `migrate` is the only thing that changes a
  schema, and the only one that creates SQLite's file (mode 0600).
* Every step to the newest version is one transaction under a lock (SQLite: the write lock; PostgreSQL: an advisory
  one): a migration that dies leaves the old schema, and of several who migrate at once one does it. To migrate what
  is current does nothing.
* Versions are four digits that rise. A version this program does not know is newer, and is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, exc, inspect, text

from typeplate_server.store.back_ends import BackEnd, back_end_of
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.schema import SCHEMA_VERSION

_VERSION_TABLE = "alembic_version"
_LOCK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where a database stands. `found` is its schema version, "" when it has none yet."""

    kind: Literal["empty", "old", "current", "newer"]
    found: str


def schema_state(url: str, *, sound: bool = False) -> SchemaState:
    """Where the database stands; "empty" also when there is no file yet. Changes nothing.

    Raises DatabaseError when it cannot be opened, or is no database of ours, and with `sound` also when a commit
    there would not outlive a loss of power.
    """
    return _look(back_end_of(url), sound=sound)


def require_current(url: str) -> None:
    """Raises DatabaseError, saying what to do, unless a server can work with the database.

    That is: it has the schema of this program, and is set up so that a commit outlives a loss of power.
    """
    back_end = back_end_of(url)
    _refuse_unless_current(_look(back_end, sound=True), back_end.place)


def migrate(url: str, data_dir: Path) -> SchemaState:
    """Creates the schema, or brings it up; returns where the database stood before.

    Raises DatabaseError when that is not possible, a newer schema among other reasons.
    """
    back_end = back_end_of(url)
    before = _look(back_end, sound=False)
    _refuse_newer(before, back_end.place)
    if before.kind == "current":
        return before
    try:
        with back_end.alone(data_dir, _LOCK_TIMEOUT_S):
            back_end.create()
            _upgrade(back_end)
    except (OSError, exc.DatabaseError) as error:
        raise back_end.unreadable(error) from error
    return before


def _look(back_end: BackEnd, *, sound: bool) -> SchemaState:
    if back_end.missing():
        return SchemaState("empty", "")
    engine = back_end.looking()
    try:
        with engine.connect() as connection:
            if sound:
                back_end.refuse_unsound(connection)
            return _state(connection, back_end.place)
    except exc.DatabaseError as error:
        raise back_end.unreadable(error) from error
    finally:
        engine.dispose()


def _upgrade(back_end: BackEnd) -> None:
    engine = back_end.migrating()
    try:
        with engine.begin() as connection:
            back_end.lock_schema(connection)
            back_end.refuse_unsound(connection)
            _refuse_newer(_state(connection, back_end.place), back_end.place)
            config = Config()
            config.set_main_option("script_location", f"{__package__}:migrations")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _state(connection: Connection, place: str) -> SchemaState:
    tables = inspect(connection).get_table_names()
    if not tables:
        return SchemaState("empty", "")
    if _VERSION_TABLE not in tables:
        raise DatabaseError(f"the database {place} has tables but not Typeplate's; name another one")
    found = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar() or ""  # noqa: S608
    if found > SCHEMA_VERSION:
        return SchemaState("newer", found)
    return SchemaState("current" if found == SCHEMA_VERSION else "old", found)


def _refuse_newer(state: SchemaState, place: str) -> None:
    if state.kind == "newer":
        raise DatabaseError(
            f"the database {place} has schema {state.found}, newer than this program knows ({SCHEMA_VERSION}): "
            "upgrade typeplate-server"
        )


def _refuse_unless_current(state: SchemaState, place: str) -> None:
    _refuse_newer(state, place)
    if state.kind == "empty":
        raise DatabaseError(f"there is no Typeplate database at {place}: run `typeplate-server init`")
    if state.kind == "old":
        raise DatabaseError(
            f"the database {place} has schema {state.found}, older than this program needs ({SCHEMA_VERSION}): "
            "run `typeplate-server migrate`"
        )
