"""What `auth` needs of a store for the whole deployment: its one row, and its signing keys.

An implementation MUST keep the rules in the docstrings, and those of `store.ClientStore` for each write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from typeplate_server.auth.store import CommitGuard, StoredSigningKey


@dataclass(frozen=True, slots=True)
class Deployment:
    """What holds for the whole deployment. `key_fingerprint` and `issuer` are "" until a server has claimed it."""

    epoch: str
    max_staleness_s: float
    key_fingerprint: str
    issuer: str


ChangeKeys = Callable[[tuple[StoredSigningKey, ...]], tuple[StoredSigningKey, ...]]
"""From the signing keys to those that are to be written: new ones and changed ones. Rules as for `Change`."""


class DeploymentStore(Protocol):
    """The deployment's one row, and its signing keys; a write keeps the rules of `ClientStore`."""

    async def read(self) -> Deployment:
        """The row."""
        ...

    async def claim(self, key_fingerprint: str, issuer: str) -> Deployment:
        """Enters fingerprint and issuer if nobody has yet; returns what then stands, for the caller to compare."""
        ...

    async def set_max_staleness(self, seconds: float) -> Deployment:
        """Changes the bound. Replicas learn it with their next poll; until then their rows tell the old one."""
        ...

    async def begin_epoch(self) -> int:
        """After a restore: a new epoch, and a new generation for every client, so that no token issued so far works.

        Returns the number that a replica must acknowledge to have all of it. One transaction over all clients. Every
        row of a replica stays, for its owner may be fresh still, with nothing acknowledged.
        """
        ...

    async def signing_keys(self) -> tuple[StoredSigningKey, ...]:
        """All keys, removed ones too, by `publish_time`."""
        ...

    async def change_signing_keys(
        self, change: ChangeKeys, guard: CommitGuard | None = None
    ) -> tuple[StoredSigningKey, ...]:
        """Writes what `change` returns, each key with a `changed_seq`. Writing nothing takes no number.

        Returns all keys as they stand then, by `publish_time`, read under the same lock.
        """
        ...
