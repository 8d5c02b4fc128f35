"""Makes what a data directory needs: database, key file, and the first administrator with its credentials.

Rules: nothing that exists is overwritten. A setup that was broken off is completed by the next one, for as long as no
client exists nothing can be lost. Once there are clients, a missing key file or database is an error to be told, for
making a new one would silently kill every secret or lose every vehicle. Several replicas may begin at once, on an empty
PostgreSQL and with one key file: what one has made the others find.
"""

from __future__ import annotations

import logging
import secrets
import shlex
from pathlib import Path

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import (
    has_clients,
    is_in_use,
    lost_key_file,
    not_readable,
)
from typeplate_server.app.failure import StartupError
from typeplate_server.app.parts import Parts, assemble
from typeplate_server.app.seen import require_nothing_missing
from typeplate_server.auth.clients import KNOWN_SCOPES
from typeplate_server.auth.keyfile import KeyFileError, create_key_file
from typeplate_server.auth.secrets import new_secret
from typeplate_server.auth.service import ClientDraft
from typeplate_server.auth.store import CommitUnknown
from typeplate_server.config import Settings
from typeplate_server.errors import AlreadyExists, ServiceError
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import migrate, schema_state

logger = logging.getLogger(__name__)


async def initialise(settings: Settings) -> Path | None:
    """Complete the data directory; returns where the new administrator's credentials lie, None if there was one.

    The caller holds the data directory's lock.
    """
    data_dir = DataDir(settings.data_dir)
    await require_nothing_missing(settings)
    _make_database(settings)
    if not data_dir.key_file.exists():
        await _make_keys(settings, data_dir)
    parts = await assemble(settings)
    try:
        if await has_clients(parts.database):
            return None
        return await _make_admin(settings, data_dir, parts, "admin")
    except AlreadyExists:
        return None  # another replica, begun at the same time, was first
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await parts.database.close()


async def new_admin(settings: Settings) -> Path:
    """Make one more administrator, for when no other is left; returns where its credentials lie. Needs the lock."""
    await require_nothing_missing(settings)
    parts = await assemble(settings)
    try:
        return await _make_admin(settings, DataDir(settings.data_dir), parts, f"admin-{secrets.token_hex(4)}")
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await parts.database.close()


def _make_database(settings: Settings) -> None:
    try:
        if schema_state(settings.database).kind == "empty":
            migrate(settings.database, settings.data_dir)
    except DatabaseError as error:
        raise StartupError(str(error)) from None


async def _make_keys(settings: Settings, data_dir: DataDir) -> None:
    if await is_in_use(settings):
        raise StartupError(lost_key_file(settings))
    try:
        create_key_file(data_dir.key_file)
    except KeyFileError as error:
        raise StartupError(str(error)) from None


async def _make_admin(settings: Settings, data_dir: DataDir, parts: Parts, client_id: str) -> Path:
    """Replicas that serve already hear of it within moments; nobody is waited for."""
    draft = ClientDraft(client_id=client_id, display_name="Administrator", scopes=sorted(KNOWN_SCOPES))
    secret, path = new_secret(), data_dir.path / f"{client_id}.env"
    _set_aside(path)
    # The file first: were the process killed in between, a client whose secret nobody knows would be for ever.
    data_dir.write_private(path, credentials(settings.target, client_id, secret.value))
    try:
        await parts.clients.create(draft, secret=secret, within=0.0)
    except CommitUnknown:
        raise
    except ServiceError:
        path.unlink()
        raise
    return path


def _set_aside(path: Path) -> None:
    """Out of the way with a file that is there: of a setup that was broken off, or of a database that was lost."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.old")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StartupError(f"{path} is there and cannot be renamed: {error.strerror}") from None
    logger.warning("%s was there already; it is %s now", path, aside)


def credentials(target: str, client_id: str, secret: str) -> str:
    """What a shell sources to call as this client."""
    values = {"TYPEPLATE_TARGET": target, "TYPEPLATE_CLIENT_ID": client_id, "TYPEPLATE_CLIENT_SECRET": secret}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join(["# An administrator of this Typeplate. Whoever has this file is it.", *lines, ""])
