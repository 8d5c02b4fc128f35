"""Opens what a process works on, key file and database, and sees to it that they belong together.

The fingerprint of the key file is in the database from the first start on. A server with another file would refuse
every secret and could unseal no signing key, so it does not start.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from typeplate_server.app.clocks import CLOCK
from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.failure import StartupError
from typeplate_server.auth.audit import Chain
from typeplate_server.auth.keyfile import KeyFile, KeyFileError, load_key_file
from typeplate_server.auth.sealing import SealBroken, Sealer
from typeplate_server.auth.store import ReplicaIdentity
from typeplate_server.config import Settings
from typeplate_server.database_url import shown_url
from typeplate_server.errors import ServiceError
from typeplate_server.store.audit import AuditTrail
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import require_current
from typeplate_server.store.replicas import SqlReplicaStore

_SHOWN: Final = 12
"""So much of a fingerprint is enough to compare by eye."""


def read_keys(data_dir: DataDir) -> KeyFile:
    """The key file, or the sentence why not."""
    try:
        return load_key_file(data_dir.key_file)
    except KeyFileError as error:
        raise StartupError(str(error)) from None


def given_keys_may_begin(settings: Settings) -> bool:
    """Whether an empty database beside a key file is a new deployment, to be begun with that file.

    On a server of databases it is: somebody has just made it, and has given each replica the file that all need. A
    file of SQLite's that is not there beside a key file is one that was lost.
    """
    return not settings.database.startswith("sqlite:")


def open_database(settings: Settings) -> Database:
    """The database, if its schema is the one this program works with."""
    try:
        require_current(settings.database)
        return Database(settings.database, settings.data_dir)
    except DatabaseError as error:
        raise StartupError(str(error)) from None


def trail_of(keys: KeyFile) -> AuditTrail:
    """Where every change of auth state leaves its entry, chained under a key of this file."""
    return AuditTrail(Chain(keys.sealing_key), CLOCK)


async def claim(database: Database, keys: KeyFile, data_dir: DataDir) -> None:
    """Enter the key file as the deployment's, or compare it with the one that is. Raises StartupError."""
    found = await SqlDeploymentStore(database, trail_of(keys)).claim(keys.fingerprint, keys.issuer)
    if found.key_fingerprint != keys.fingerprint:
        raise StartupError(_other_key_file(data_dir, keys.fingerprint, found.key_fingerprint))


async def is_in_use(settings: Settings) -> bool:
    """Whether somebody's secrets or signing keys depend on the key file. Raises StartupError."""
    database = open_database(settings)
    try:
        found = await SqlDeploymentStore(database).read()
        return bool(found.key_fingerprint) or await has_clients(database)
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await database.close()


async def has_clients(database: Database) -> bool:
    """Whether there is any, the administrator counted."""
    return await SqlClientStore(database).count() > 0


async def key_problem(database: Database, keys: KeyFile, data_dir: DataDir) -> str:
    """Why a server with this key file cannot work on the database; empty: it can. Changes nothing."""
    store = SqlDeploymentStore(database)
    found = await store.read()
    if found.key_fingerprint not in ("", keys.fingerprint):
        return _other_key_file(data_dir, keys.fingerprint, found.key_fingerprint)
    sealer = Sealer(keys.sealing_key)
    try:
        for key in await store.signing_keys():
            if key.state != "removed":
                sealer.unseal(key.kid, key.sealed_private)
    except SealBroken as error:
        return str(error)
    return ""


async def forget_earlier_runs(settings: Settings) -> None:
    """Take away the rows of runs that were killed, so that no change waits for them. Under the directory's lock.

    Only where that lock proves that they are over: on the SQLite database inside the directory.
    """
    if settings.database_url:
        return
    async with _replicas(settings) as replicas:
        for row in (await replicas.registered()).replicas:
            await replicas.deregister(row.identity)
        await replicas.forget_silent(math.inf)


async def forget_run(settings: Settings, identity: ReplicaIdentity) -> None:
    """Take away the row of a process that has ended, so that no change waits for it. Raises StartupError."""
    async with _replicas(settings) as replicas:
        await replicas.deregister(identity)


@asynccontextmanager
async def _replicas(settings: Settings) -> AsyncIterator[SqlReplicaStore]:
    database = Database(settings.database, settings.data_dir)
    try:
        yield SqlReplicaStore(database, CLOCK)
    except (ServiceError, TimeoutError) as error:
        raise not_readable(error) from None
    finally:
        await database.close()


def lost_database(settings: Settings) -> str:
    """The sentence for an operator whose data directory has served a database, which is not there any more."""
    return (
        f"{settings.data_dir} belongs to a database, and {shown_url(settings.database)} is none: restore the database, "
        f"or move all that is in {settings.data_dir} away to begin anew"
    )


def lost_key_file(settings: Settings) -> str:
    """The sentence for an operator whose database is in use and whose key file is not there."""
    return (
        f"{DataDir(settings.data_dir).key_file} is missing, and without it no secret in "
        f"{shown_url(settings.database)} can be checked: copy it from another replica, or restore it from its backup"
    )


def _other_key_file(data_dir: DataDir, own: str, deployment: str) -> str:
    """The sentence for an operator whose key file and database do not belong together."""
    return (
        f"{data_dir.key_file} is not the key file of this database (its fingerprint is {own[:_SHOWN]}, and the "
        f"database's {deployment[:_SHOWN]}): all replicas need the same one, so put a copy of another replica's, or "
        "the backup's, in its place"
    )


def not_readable(error: ServiceError | TimeoutError) -> StartupError:
    """The sentence for a database that could be opened and then did not answer."""
    message = error.message if isinstance(error, ServiceError) else "it did not answer in time"
    return StartupError(f"the database cannot be read: {message} ({error.__cause__})")
