"""The key file `keys.json`: what must not be in the database. Pepper, signing keys, and the deployment's issuer URN."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from typeplate_server.auth.keyring import SigningKey


class KeyFileError(Exception):
    """The key file cannot be used; the message is a sentence for the operator and quotes no key."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What the file holds. The first signing key signs, all verify. `issuer` is the `iss` of every token."""

    issuer: str
    pepper: bytes = field(repr=False)
    signing_keys: tuple[SigningKey, ...]


def create_key_file(path: Path) -> KeyFile:
    """Makes the file with fresh keys, mode 0600, whole or not at all. Raises `KeyFileError`, also when it exists."""
    raise NotImplementedError


def load_key_file(path: Path) -> KeyFile:
    """Reads the file. Raises `KeyFileError` when it is missing, readable by others, or not whole."""
    raise NotImplementedError
