"""Keeps the key ring as the database has it: stored signing keys in, unsealed live keys out, without a restart.

Rules kept here:
* Published, signing and retired keys verify; a removed one does not, from the moment this has heard of it.
* A key that stays keeps its very object, so that tokens known by it stay known.
* A key never goes back in `changed_seq`.
* A key whose removal is in doubt verifies nothing here, until a write that began later has read what stands: that one
  got the lock, so the doubtful one had ended.
* A key that cannot be unsealed leaves the ring as it is and is told: the key file is not the deployment's.
"""

from __future__ import annotations

from collections.abc import Iterable

from typeplate_server.auth.keyring import KeyRing, SigningKey
from typeplate_server.auth.sealing import Sealer
from typeplate_server.auth.store import StoredSigningKey


class StoredKeys:
    """The stored keys by kid, and the ring made of them."""

    __slots__ = ("_ring", "_sealer", "_stored", "_unsealed", "doubted")

    doubted: frozenset[str]
    """The kids of those whose removal is in doubt."""

    def __init__(self, ring: KeyRing, sealer: Sealer) -> None:
        self.doubted = frozenset()
        self._ring = ring
        self._sealer = sealer
        self._stored: dict[str, StoredSigningKey] = {}
        self._unsealed: dict[str, SigningKey] = {key.kid: key for key in ring.live}

    def apply(self, keys: Iterable[StoredSigningKey]) -> None:
        """Takes over committed changes, unless newer ones are known already. Raises `SealBroken`."""
        news = {key.kid: key for key in keys if not self.has(key)}
        if news:
            self._set(self._stored | news)

    def replace(self, keys: Iterable[StoredSigningKey]) -> None:
        """Takes over all there are. Raises `SealBroken`."""
        self._set({key.kid: key for key in keys})

    def doubt(self, kid: str) -> None:
        """The key may have been removed, and counts as if it were."""
        self.doubted |= {kid}
        self._set(self._stored)

    def settle(self, keys: Iterable[StoredSigningKey], doubts: frozenset[str]) -> None:
        """Takes over what a write has read that began when these doubts were there. Raises `SealBroken`."""
        self.doubted -= doubts
        self._set(self._stored | {key.kid: key for key in keys if not self.has(key)})

    def has(self, key: StoredSigningKey) -> bool:
        """Whether this, or a later state of the key, is known."""
        known = self._stored.get(key.kid)
        return known is not None and known.changed_seq >= key.changed_seq

    def _set(self, stored: dict[str, StoredSigningKey]) -> None:
        live = sorted((key for key in stored.values() if key.state != "removed"), key=_signing_first)
        unsealed = {key.kid: self._unseal(key) for key in live}
        if live and live[0].state == "signing":
            self._ring.replace(self._trusted(live, unsealed))
        self._stored, self._unsealed = stored, unsealed

    def _trusted(self, live: list[StoredSigningKey], unsealed: dict[str, SigningKey]) -> list[SigningKey]:
        """The one that signs, and the others. In doubt of it the published one signs, or else one known here only."""
        trusted = [key for key in live if key.kid not in self.doubted]
        signing = next((key for key in trusted if key.state in ("signing", "published")), None)
        first = SigningKey.generate() if signing is None else unsealed[signing.kid]
        return [first, *(unsealed[key.kid] for key in trusted if key is not signing)]

    def _unseal(self, key: StoredSigningKey) -> SigningKey:
        known = self._unsealed.get(key.kid)
        return known if known is not None else self._sealer.unseal(key.kid, key.sealed_private)


def _signing_first(key: StoredSigningKey) -> tuple[bool, float, str]:
    return key.state != "signing", key.publish_time, key.kid


def sealed(key: SigningKey, sealer: Sealer, now: float) -> StoredSigningKey:
    """A new key as it is stored, made `now` (epoch seconds)."""
    return StoredSigningKey(
        kid=key.kid,
        sealed_private=sealer.seal(key),
        public=key.public.public_bytes_raw(),
        state="published",
        publish_time=now,
    )
