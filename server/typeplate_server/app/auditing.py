"""Checks the audit trail of a database with the key file, beside a running server or without one."""

from __future__ import annotations

from typing import Final

from typeplate_server.app.clocks import CLOCK
from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import key_problem, not_readable, open_database, read_keys
from typeplate_server.app.failure import StartupError
from typeplate_server.auth.audit import Chain, Head, TrailBroken, Verification
from typeplate_server.config import Settings
from typeplate_server.errors import ServiceError
from typeplate_server.store.audit import AuditTrail, SqlAuditStore
from typeplate_server.store.deployment import SqlDeploymentStore

__all__ = ["Head", "TrailBroken", "verify"]

BATCH: Final = 1000


async def verify(settings: Settings, expected: Head | None = None) -> Head:
    """Read the whole trail and return its head. `expected` must be in it, at the end or before.

    Raises TrailBroken, saying where; StartupError when key file or database cannot be used.
    """
    data_dir = DataDir(settings.data_dir)
    keys = read_keys(data_dir)
    chain = Chain(keys.sealing_key)
    database = open_database(settings)
    try:
        if problem := await key_problem(database, keys, data_dir):
            raise StartupError(problem)
        # Read before the trail: the entry that the deployment has begun was committed with it.
        begun = bool((await SqlDeploymentStore(database).read()).key_fingerprint)
        return await _verify(
            SqlAuditStore(database, AuditTrail(chain, CLOCK)), Verification(chain, expected, begun=begun)
        )
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await database.close()


async def _verify(audit: SqlAuditStore, verification: Verification) -> Head:
    while entries := await audit.after(verification.head.seq or None, BATCH):
        for entry in entries:
            verification.add(entry)
    return verification.finish()
