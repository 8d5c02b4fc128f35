"""Looks at what a server would start with, and brings a schema up, without starting one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import (
    is_in_use,
    key_problem,
    lost_key_file,
    not_readable,
    open_database,
    read_keys,
)
from typeplate_server.app.failure import StartupError
from typeplate_server.app.seen import require_database, require_nothing_missing
from typeplate_server.app.serving import read_tls
from typeplate_server.auth.keyfile import KeyFile, KeyFileError, carried_over, carry_over
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
    try:
        if problem := _mismatch(settings, DataDir(settings.data_dir)):
            yield problem
        asyncio.run(require_nothing_missing(settings))
    except (StartupError, DatabaseError) as error:
        yield str(error)


def _mismatch(settings: Settings, data_dir: DataDir) -> str:
    """Why key file and database do not go together; empty: they do, or `serve` makes what is not there."""
    is_empty, has_keys = _is_empty(settings, data_dir), data_dir.key_file.exists()
    if not has_keys:
        return "" if is_empty or not asyncio.run(is_in_use(settings)) else lost_key_file(settings)
    keys = read_keys(data_dir)
    return "" if is_empty else asyncio.run(_key_problem(settings, keys, data_dir))


def _is_empty(settings: Settings, data_dir: DataDir) -> bool:
    """Whether there is no schema yet. Raises DatabaseError, for a database that is not durable too."""
    if not settings.database_url and not data_dir.path.exists():
        return True
    return schema_state(settings.database, sound=True).kind == "empty"


async def _key_problem(settings: Settings, keys: KeyFile, data_dir: DataDir) -> str:
    database = open_database(settings)
    try:
        return await key_problem(database, keys, data_dir)
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await database.close()


def migrate_all(settings: Settings) -> str:
    """Bring schema and key file up; returns a sentence that says what was done. A bad key file leaves all as it was."""
    require_database(settings)
    key_file = DataDir(settings.data_dir).key_file
    try:
        keys = carried_over(key_file) if key_file.exists() else None
        before = migrate(settings.database, settings.data_dir)
        if keys is not None:
            carry_over(key_file, keys)
    except (DatabaseError, KeyFileError) as error:
        raise StartupError(str(error)) from None
    lifted = "" if keys is None else f"; {key_file} has been brought to the form this version needs: back it up"
    if before.kind == "current":
        unchanged = "" if lifted else "; nothing was changed"
        return f"the schema is current ({before.found}){lifted}{unchanged}"
    what = "the schema has been created" if before.kind == "empty" else f"the schema was {before.found} and is current"
    return what + lifted
