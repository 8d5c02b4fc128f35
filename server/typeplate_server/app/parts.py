"""Joins the parts: what `auth` and `vehicles` need of a store is given to them here, and nowhere else."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from typeplate_server.app.clocks import CLOCK, boot_time
from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import claim, not_readable, open_database, read_keys
from typeplate_server.app.failure import StartupError
from typeplate_server.auth.admission import Admission
from typeplate_server.auth.audit import Chain
from typeplate_server.auth.audit_log import AuditLog, RefusalCounts
from typeplate_server.auth.auth_state import AuthState
from typeplate_server.auth.changes import Changes
from typeplate_server.auth.exchange import TokenExchange
from typeplate_server.auth.failures import FailureLimiter
from typeplate_server.auth.key_administration import KeyAdministration
from typeplate_server.auth.keyfile import KeyFile
from typeplate_server.auth.keyring import KeyRing, SigningKey
from typeplate_server.auth.propagation import Acknowledgements
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.replica import Replica
from typeplate_server.auth.revoked_tokens import RevokedTokens
from typeplate_server.auth.sealing import SealBroken, Sealer
from typeplate_server.auth.secret_uses import SecretUses
from typeplate_server.auth.secrets import SecretHasher
from typeplate_server.auth.service import ClientAdministration
from typeplate_server.auth.signing_keys import StoredKeys
from typeplate_server.auth.store import ReplicaIdentity
from typeplate_server.auth.timekeeping import KeptTime
from typeplate_server.auth.token_administration import TokenAdministration
from typeplate_server.auth.tokens import AccessTokenVerifier, TokenIssuer
from typeplate_server.auth.usage import Usage
from typeplate_server.config import Settings
from typeplate_server.errors import ServiceError
from typeplate_server.rpc.call import peer_address
from typeplate_server.store.audit import AuditTrail, SqlAuditStore
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.replicas import SqlReplicaStore
from typeplate_server.store.revoked_tokens import SqlRevokedTokenStore
from typeplate_server.store.secret_uses import SqlSecretUseStore
from typeplate_server.store.usage import SqlUsageStore
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Parts:
    """What a server is made of. Of the auth state it knows the signing keys; `replica` brings the rest."""

    database: Database
    replica: Replica
    waiting: Acknowledgements
    keys: KeyRing
    admission: Admission
    exchange: TokenExchange
    clients: ClientAdministration
    tokens: TokenAdministration
    rotation: KeyAdministration
    secret_uses: SecretUses
    audit: AuditLog
    refusals: RefusalCounts
    usage: Usage
    catalog: Catalog
    time: KeptTime


def _nobody_to_tell() -> None:
    """For a process that keeps no streams open."""


async def assemble(
    settings: Settings,
    changed: Callable[[], None] = _nobody_to_tell,
    incarnation: str | None = None,
    clock: Callable[[], float] = CLOCK,
) -> Parts:
    """Open the database, see that the key file is the deployment's, and read the signing keys.

    `changed` is called after each change of auth state that has been applied here. `incarnation` names this run, if
    somebody has to know it beforehand; `clock` is what it dates by. Raises StartupError. The caller closes `database`.
    """
    data_dir = DataDir(settings.data_dir)
    key_file = read_keys(data_dir)
    database = open_database(settings)
    try:
        await claim(database, key_file, data_dir)
        identity = identity_of(os.getpid(), incarnation or new_incarnation())
        parts = _join(settings, key_file, database, changed, identity, clock)
        await parts.rotation.ensure_first()
        return parts
    except (ServiceError, SealBroken, StartupError) as error:
        await database.close()
        raise _as_startup_error(error) from None


def _as_startup_error(error: ServiceError | SealBroken | StartupError) -> StartupError:
    if isinstance(error, ServiceError):
        return not_readable(error)
    return error if isinstance(error, StartupError) else StartupError(str(error))


def _join(
    settings: Settings,
    key_file: KeyFile,
    database: Database,
    changed: Callable[[], None],
    identity: ReplicaIdentity,
    clock: Callable[[], float],
) -> Parts:
    sealer = Sealer(key_file.sealing_key)
    ring = KeyRing((SigningKey.generate(),))  # known to nobody; the stored keys take its place before it is used
    registry, revoked, stored_keys = ClientRegistry(), RevokedTokens(), StoredKeys(ring, sealer)
    replicas = SqlReplicaStore(database, clock)
    replica = Replica(replicas, identity, AuthState(registry, revoked, stored_keys), boot_time, changed=changed)
    waiting = _acknowledgements(replicas, replica, clock)
    changes, uses = Changes(waiting, changed), SecretUses(SqlSecretUseStore(database))
    trail = AuditTrail(Chain(key_file.sealing_key), clock)
    audit, deployment = SqlAuditStore(database, trail), SqlDeploymentStore(database, trail)
    hasher, limiter = SecretHasher(key_file.pepper), FailureLimiter(time.monotonic)
    verifier = AccessTokenVerifier(ring, key_file.issuer, clock)
    issuer = TokenIssuer(ring, key_file.issuer, clock, max_lifetime_s=settings.max_token_lifetime)
    admission = Admission(ring, verifier, registry, clock, replica.fresh, revoked=revoked)
    refusals = RefusalCounts(audit, lambda client_id: registry.get(client_id) is not None)
    revoked_tokens, count_own = SqlRevokedTokenStore(database, trail), refusals.count_own_revocation
    return Parts(
        database=database,
        replica=replica,
        waiting=waiting,
        keys=ring,
        admission=admission,
        exchange=TokenExchange(registry, hasher, issuer, clock, replica.fresh, limiter, uses),
        clients=ClientAdministration(SqlClientStore(database, trail), registry, hasher, clock, changes, uses),
        tokens=TokenAdministration(revoked_tokens, revoked, verifier, admission, changes, clock, count_own),
        rotation=KeyAdministration(deployment, stored_keys, sealer, changes, clock),
        secret_uses=uses,
        audit=AuditLog(audit),
        refusals=refusals,
        usage=Usage(SqlUsageStore(database), uses, clock, time.perf_counter, peer_address),
        catalog=Catalog(SqlVehicleStore(database), clock),
        time=KeptTime(deployment, clock),
    )


def _acknowledgements(replicas: SqlReplicaStore, replica: Replica, clock: Callable[[], float]) -> Acknowledgements:
    """What a change waits for that is made here."""
    own_bound, history = lambda: replica.max_staleness_s, lambda: replica.history
    return Acknowledgements(replicas, replica.identity, own_bound, history, boot_time, clock)


def identity_of(pid: int, incarnation: str) -> ReplicaIdentity:
    """Machine and process for people to read; what tells one run from another is `incarnation`."""
    return ReplicaIdentity(f"{socket.gethostname()}:{pid}", incarnation)


def new_incarnation() -> str:
    """The name of one run, random."""
    return secrets.token_hex(16)
