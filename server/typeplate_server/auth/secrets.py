"""Client secrets: how one is made, recognised, and compared.

Form: `tps_<key id, 12 base62>_<256 random bits, 43 base62>_<CRC-32 of all before, 6 base62>`. Leak scanners know it
by its prefix and checksum; a mistyped one is refused before any work; the key id makes exactly one comparison suffice.

Stored is HMAC-SHA-256 under a pepper that is outside the database. 256 random bits need no slow hash (RFC 6819
§5.1.4.1.3 is about passwords): it would only make the token endpoint a lever for denial of service.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from typing import Final

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY_ID_LENGTH: Final = 12
_RANDOM_BITS: Final = 256
_RANDOM_LENGTH: Final = 43
_CHECKSUM_LENGTH: Final = 6
_LENGTH: Final = len("tps___") + _KEY_ID_LENGTH + _RANDOM_LENGTH + _CHECKSUM_LENGTH
_FORM: Final = re.compile(r"tps_([0-9A-Za-z]{12})_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A well-formed secret. `value` is the whole text; it shows in no `repr`, `str` or format."""

    secret_id: str
    value: str = field(repr=False)


def new_secret() -> ClientSecret:
    """A fresh secret with a fresh key id."""
    secret_id = _base62(secrets.randbelow(62**_KEY_ID_LENGTH), _KEY_ID_LENGTH)
    body = f"tps_{secret_id}_{_base62(secrets.randbits(_RANDOM_BITS), _RANDOM_LENGTH)}"
    return ClientSecret(secret_id, f"{body}_{_checksum(body)}")


def parse_secret(text: str) -> ClientSecret:
    """Recognises a secret by form and checksum. Raises `ValueError`, which never quotes the text."""
    form = _FORM.fullmatch(text) if len(text) == _LENGTH else None
    if form is None:
        raise ValueError("not of the form of a client secret")
    body, _, checksum = text.rpartition("_")
    if _checksum(body) != checksum:
        raise ValueError("the checksum of the client secret is wrong")
    return ClientSecret(form[1], text)


class SecretHasher:
    """Hashes and compares secrets under one pepper (32 bytes from the key file)."""

    __slots__ = ("_dummy", "_pepper")

    def __init__(self, pepper: bytes) -> None:
        if len(pepper) < 32:
            raise ValueError("the pepper must have at least 32 bytes")
        self._pepper = pepper
        self._dummy = secrets.token_bytes(hashlib.sha256().digest_size)

    def __repr__(self) -> str:
        return "SecretHasher(...)"

    def hash(self, secret: ClientSecret) -> bytes:
        """What is stored of a secret: HMAC-SHA-256 (RFC 2104)."""
        return hmac.digest(self._pepper, secret.value.encode("ascii"), "sha256")

    def matches(self, secret: ClientSecret, hash_: bytes) -> bool:
        """Whether `hash_` is this secret's, in time that does not depend on where they differ."""
        return hmac.compare_digest(self.hash(secret), hash_)

    def dummy(self) -> bytes:
        """A hash that no secret has: what to compare with when there is nothing to compare with."""
        return self._dummy


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECKSUM_LENGTH)
