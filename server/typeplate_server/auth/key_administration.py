"""The rotation of signing keys: publish, sign, verify until the last token has expired, drop. Or drop at once.

Rules kept here:
* A key signs only after every replica has acknowledged it, or refuses by itself. When the caller's deadline comes
  first, the key stays published, and a repeated call goes on from there.
* Removing a key at once kills every token it signed, on every replica, when the change is in force everywhere. In doubt
  whether it was removed it is dead here.
* What is decided inside the transaction is in `key_changes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from typeplate_server.auth import key_changes
from typeplate_server.auth.changes import Changed, Changes
from typeplate_server.auth.deployment import ChangeKeys, DeploymentStore
from typeplate_server.auth.keyring import SigningKey
from typeplate_server.auth.propagation import Effective
from typeplate_server.auth.sealing import Sealer
from typeplate_server.auth.signing_keys import StoredKeys, sealed
from typeplate_server.auth.store import CommitGuard, StoredSigningKey
from typeplate_server.errors import FailedPrecondition, NotFound


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The signing key that a call was about, as it stands now, and where that is in force."""

    key: StoredSigningKey
    effective: Effective


class KeyAdministration:
    """The use cases behind RotateSigningKey."""

    def __init__(
        self, store: DeploymentStore, keys: StoredKeys, sealer: Sealer, changes: Changes, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._keys = keys
        self._sealer = sealer
        self._changes = changes
        self._clock = clock

    async def ensure_first(self) -> None:
        """Makes a key that signs when there is none yet, and reads all there are. Before the server serves."""
        self._keys.apply(await self._store.change_signing_keys(key_changes.first(self._fresh())))

    async def rotate(self, *, guard: CommitGuard | None = None, within: float | None = None) -> KeyChange:
        """Publishes a key and, once it is known everywhere, signs with it. A key published before goes on.

        When what comes back is still "published", it was not known everywhere in time: call again. Raises
        `DatabaseUnavailable`, and `FailedPrecondition` when the key was removed meanwhile.
        """
        started = self._changes.boot_time()
        published = await self._run(key_changes.publication(self._fresh()), guard, within)
        key = key_changes.published_key(published.value)
        if key is None:
            raise FailedPrecondition("the published key was taken away or has been put to use meanwhile; call again")
        if published.effective.scope != "EVERYWHERE":
            return KeyChange(key, published.effective)
        left = None if within is None else max(0.0, within - (self._changes.boot_time() - started))
        return await self._about(key.kid, key_changes.promotion(key.kid, self._clock()), guard, left)

    async def remove(self, kid: str, *, guard: CommitGuard | None = None, within: float | None = None) -> KeyChange:
        """Kills a key at once and with it every token that it signed. Idempotent. Raises `NotFound`."""
        change = key_changes.removal(kid, self._fresh(), self._clock())
        return await self._about(kid, change, guard, within, doubt=lambda: self._keys.doubt(kid))

    async def drop_expired(self, max_staleness_s: float) -> None:
        """Removes retired keys that nobody can need any more; each minute or so. Raises `DatabaseUnavailable`."""
        await self._run(key_changes.expiry(self._clock(), max_staleness_s), None, 0.0)

    def _fresh(self) -> StoredSigningKey:
        return sealed(SigningKey.generate(), self._sealer, self._clock())

    async def _about(
        self,
        kid: str,
        change: ChangeKeys,
        guard: CommitGuard | None,
        within: float | None,
        doubt: Callable[[], None] = lambda: None,
    ) -> KeyChange:
        changed = await self._run(change, guard, within, doubt)
        key = next((key for key in changed.value if key.kid == kid), None)
        if key is None:
            raise NotFound(f"signing key {kid}")
        return KeyChange(key, changed.effective)

    async def _run(
        self,
        change: ChangeKeys,
        guard: CommitGuard | None,
        within: float | None,
        doubt: Callable[[], None] = lambda: None,
    ) -> Changed[tuple[StoredSigningKey, ...]]:
        """All keys as they stand after the change: what it did not write it may have found done already."""
        doubts = self._keys.doubted

        async def write() -> tuple[StoredSigningKey, ...]:
            return await self._store.change_signing_keys(change, guard)

        def settle(keys: tuple[StoredSigningKey, ...]) -> None:
            self._keys.settle(keys, doubts)

        return await self._changes.run(write(), settle, _last_seq, doubt=doubt, within=within)


def _last_seq(keys: tuple[StoredSigningKey, ...]) -> int:
    return max((key.changed_seq for key in keys), default=0)
