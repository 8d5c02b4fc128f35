"""The keys that sign access tokens, and those whose signatures are accepted (RFC 7517, RFC 8037).

Rules kept here:
* One key signs; every live key verifies. A key is live or dead, nothing in between.
* Each key has exactly one header segment, to the byte. A token that begins with anything else is not ours, so no
  header is ever parsed: this alone removes `alg`, `kid`, `jwk`, `jku`, `x5u`, `crit` and `typ` attacks (RFC 8725).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM: Final = "EdDSA"
TYPE: Final = "at+jwt"  # RFC 9068 §2.1


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """An Ed25519 key pair. Compared by identity: the same kid from another file is another key."""

    kid: str
    private: Ed25519PrivateKey = field(repr=False)
    public: Ed25519PublicKey = field(repr=False)

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> SigningKey:
        """The pair, named by its JWK thumbprint (RFC 7638)."""
        public = private.public_key()
        return cls(thumbprint(public), private, public)

    @classmethod
    def generate(cls) -> SigningKey:
        """A fresh key."""
        return cls.of(Ed25519PrivateKey.generate())

    @property
    def jose_header(self) -> dict[str, str]:
        """The whole JOSE header of every token it signs."""
        return {"alg": ALGORITHM, "kid": self.kid, "typ": TYPE}

    @property
    def header_segment(self) -> str:
        """The header as it stands in the token."""
        return base64url(json.dumps(self.jose_header, separators=(",", ":")).encode("ascii"))

    def jwk(self) -> dict[str, str]:
        """The public key as a JWK (RFC 8037 §2); never the private one."""
        x = base64url(self.public.public_bytes_raw())
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "use": "sig", "alg": ALGORITHM}


class KeyRing:
    """The live keys; the first one signs. Changes while the server runs, always as a whole."""

    __slots__ = ("by_header", "kids", "live", "signing")

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self.replace(keys)

    def replace(self, keys: Iterable[SigningKey]) -> None:
        """Takes these keys in place of those that were. A token known by another key is known no more."""
        keys = tuple(keys)
        if not keys or len({key.kid for key in keys}) != len(keys):
            raise ValueError("a key ring needs at least one key, and each kid once")
        self.signing = keys[0]
        self.live = frozenset(keys)
        self.kids = frozenset(key.kid for key in keys)
        self.by_header = {key.header_segment: key for key in keys}

    def jwks(self) -> list[dict[str, str]]:
        """The public keys, as RFC 7517 §5 has them under `keys`; the signing one first."""
        others = sorted((key for key in self.live if key is not self.signing), key=lambda key: key.kid)
        return [key.jwk() for key in (self.signing, *others)]


def thumbprint(public: Ed25519PublicKey) -> str:
    """JWK thumbprint, SHA-256 (RFC 7638 §3, RFC 8037 §2)."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": base64url(public.public_bytes_raw())}
    return base64url(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode("ascii")).digest())


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
