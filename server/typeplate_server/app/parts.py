"""Joins the parts: what `auth` and `vehicles` need of a store is given to them here, and nowhere else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.failure import StartupError
from typeplate_server.auth.admission import Admission
from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.exchange import TokenExchange
from typeplate_server.auth.failures import FailureLimiter
from typeplate_server.auth.keyfile import KeyFile, KeyFileError, load_key_file
from typeplate_server.auth.keyring import KeyRing
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.secrets import SecretHasher
from typeplate_server.auth.service import ClientAdministration
from typeplate_server.auth.timekeeping import NeverBackwards
from typeplate_server.auth.tokens import AccessTokenVerifier, TokenIssuer
from typeplate_server.config import Settings
from typeplate_server.errors import ServiceError
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import require_current
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.catalog import Catalog

CLOCK: Final = NeverBackwards(time.time, time.monotonic)
"""The one wall clock; everything else is handed it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a server is made of, once its database has been read."""

    database: Database
    keys: KeyRing
    admission: Admission
    exchange: TokenExchange
    clients: ClientAdministration
    registry: ClientRegistry
    catalog: Catalog


async def assemble(settings: Settings) -> Parts:
    """Open the database and read the auth state. Raises StartupError. The caller closes `database`."""
    key_file = read_keys(DataDir(settings.data_dir))
    database = open_database(settings)
    store = SqlClientStore(database)
    registry = ClientRegistry(await _load_clients(database, store))
    keys = KeyRing(key_file.signing_keys)
    hasher = SecretHasher(key_file.pepper)
    verifier = AccessTokenVerifier(keys, key_file.issuer, CLOCK)
    issuer = TokenIssuer(keys, key_file.issuer, CLOCK, max_lifetime_s=settings.max_token_lifetime)
    return Parts(
        database=database,
        keys=keys,
        admission=Admission(keys, verifier, registry, CLOCK, always_fresh),
        exchange=TokenExchange(registry, hasher, issuer, CLOCK, always_fresh, FailureLimiter(time.monotonic)),
        clients=ClientAdministration(store, registry, hasher, CLOCK),
        registry=registry,
        catalog=Catalog(SqlVehicleStore(database), CLOCK),
    )


async def _load_clients(database: Database, store: SqlClientStore) -> list[ClientState]:
    try:
        _, clients = await store.load_all()
        return clients
    except ServiceError as error:
        await database.close()
        raise StartupError(f"the clients cannot be read: {error.message} ({error.__cause__})") from None


def open_database(settings: Settings) -> Database:
    """The database, if its schema is the one this program works with."""
    try:
        require_current(settings.database)
        return Database(settings.database, settings.data_dir)
    except DatabaseError as error:
        raise StartupError(str(error)) from None


def read_keys(data_dir: DataDir) -> KeyFile:
    """The key file, or the sentence why not."""
    try:
        return load_key_file(data_dir.key_file)
    except KeyFileError as error:
        raise StartupError(str(error)) from None


def always_fresh() -> bool:
    """One process owns the database and applies every change itself: what it knows is what there is."""
    return True
