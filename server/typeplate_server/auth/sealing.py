"""Seals private signing keys for the database: AES-256-GCM (NIST SP 800-38D) under a key that is in the key file only.

Whoever has the database has nothing usable. The kid is authenticated along with the key, so that no sealed key can be
passed off as another.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from typeplate_server.auth.keyring import SigningKey

SEALING_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_CONTEXT: Final = b"typeplate signing key 1\0"


class SealBroken(Exception):
    """A sealed key was not sealed under this sealing key, for this kid, or was changed. Quotes nothing of either."""


class Sealer:
    """Seals and unseals under one key (32 bytes)."""

    __slots__ = ("_aead",)

    def __init__(self, sealing_key: bytes) -> None:
        if len(sealing_key) != SEALING_KEY_BYTES:
            raise ValueError(f"the sealing key must have {SEALING_KEY_BYTES} bytes")
        self._aead = AESGCM(sealing_key)

    def __repr__(self) -> str:
        return "Sealer(...)"

    def seal(self, key: SigningKey) -> bytes:
        """The private key, encrypted: nonce, then ciphertext and tag. Another each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, key.private.private_bytes_raw(), _context(key.kid))

    def unseal(self, kid: str, sealed: bytes) -> SigningKey:
        """The key pair. Raises `SealBroken`."""
        try:
            raw = self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _context(kid))
            key = SigningKey.of(Ed25519PrivateKey.from_private_bytes(raw))
        except (InvalidTag, ValueError):
            raise SealBroken(f"the signing key {kid} cannot be unsealed with this key file") from None
        if key.kid != kid:
            raise SealBroken(f"the signing key {kid} is another one inside")
        return key


def _context(kid: str) -> bytes:
    return _CONTEXT + kid.encode("ascii")
