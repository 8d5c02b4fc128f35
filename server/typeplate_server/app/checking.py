"""Looks at what a server would start with, and brings a schema up, without starting one."""

from __future__ import annotations

from collections.abc import Iterator

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.failure import StartupError
from typeplate_server.app.parts import read_keys
from typeplate_server.app.serving import read_tls
from typeplate_server.config import Settings
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import migrate, require_current


def problems(settings: Settings) -> Iterator[str]:
    """Everything that would keep `serve` from starting, but for the address. A directory still to be made is none."""
    try:
        read_tls(settings)
    except StartupError as error:
        yield str(error)
    data_dir = DataDir(settings.data_dir)
    if not data_dir.key_file.exists() and not any(data_dir.path.glob("*.db")):
        return
    try:
        read_keys(data_dir)
    except StartupError as error:
        yield str(error)
    try:
        require_current(settings.database)
    except DatabaseError as error:
        yield str(error)


def migrate_schema(settings: Settings) -> str:
    """Bring the schema up; returns a sentence that says what was done."""
    try:
        before = migrate(settings.database, settings.data_dir)
    except DatabaseError as error:
        raise StartupError(str(error)) from None
    if before.kind == "current":
        return f"the schema is current ({before.found}); nothing was changed"
    return "the schema has been created" if before.kind == "empty" else f"the schema was {before.found} and is current"
