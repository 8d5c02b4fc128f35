"""Looks at what a server would start with, and brings a schema up, without starting one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import (
    is_claimed_by_another,
    not_readable,
    open_database,
    other_key_file,
    read_keys,
)
from typeplate_server.app.failure import StartupError
from typeplate_server.app.serving import read_tls
from typeplate_server.auth.keyfile import KeyFile
from typeplate_server.config import Settings
from typeplate_server.errors import ServiceError
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import migrate, schema_state


def problems(settings: Settings) -> Iterator[str]:
    """Everything that would keep `serve` from starting, but for the address. A directory still to be made is none."""
    try:
        read_tls(settings)
    except StartupError as error:
        yield str(error)
    data_dir = DataDir(settings.data_dir)
    try:
        if _is_new(settings, data_dir):
            return
        keys = read_keys(data_dir)
        if asyncio.run(_belongs_to_another(settings, keys)):
            yield other_key_file(data_dir)
    except (StartupError, DatabaseError) as error:
        yield str(error)


def _is_new(settings: Settings, data_dir: DataDir) -> bool:
    """Whether `serve` would make everything. Raises DatabaseError, for a database that is not durable too."""
    if not settings.database_url and not data_dir.path.exists():
        return True
    return schema_state(settings.database, sound=True).kind == "empty" and not data_dir.key_file.exists()


async def _belongs_to_another(settings: Settings, keys: KeyFile) -> bool:
    database = open_database(settings)
    try:
        return await is_claimed_by_another(database, keys)
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await database.close()


def migrate_schema(settings: Settings) -> str:
    """Bring the schema up; returns a sentence that says what was done."""
    try:
        before = migrate(settings.database, settings.data_dir)
    except DatabaseError as error:
        raise StartupError(str(error)) from None
    if before.kind == "current":
        return f"the schema is current ({before.found}); nothing was changed"
    return "the schema has been created" if before.kind == "empty" else f"the schema was {before.found} and is current"
