"""The key file `keys.json`: what must not be in the database. Pepper, sealing key, and the deployment's issuer URN.

All replicas have the same file. Its fingerprint is in the database, so that a server with another one refuses to start.

Rules kept here:
* Mode 0600 and nothing looser, from the first byte on; a file others may read is refused, not repaired, because
  nobody knows who has read it.
* It appears whole or not at all (written aside, fsync'd, linked into place) and is never overwritten, but for one of
  version 1, which `typeplate-server migrate` carries over.
* Errors are sentences for the operator and quote nothing of the file.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from typeplate_server.auth.keyring import base64url
from typeplate_server.auth.sealing import SEALING_KEY_BYTES

_VERSION: Final = 2
_PEPPER_BYTES: Final = 32
_URN_PREFIX: Final = "urn:typeplate:"


class KeyFileError(Exception):
    """The key file cannot be used; the message is a sentence for the operator and quotes no key."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What the file holds. `issuer` is the `iss` of every token, `pepper` goes into the hash of every secret.

    The signing keys in the database are sealed under `sealing_key`.
    """

    issuer: str
    pepper: bytes = field(repr=False)
    sealing_key: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Names the file without giving anything of it away: both keys have 256 random bits."""
        content = b"\0".join((b"typeplate key file", self.issuer.encode("ascii"), self.pepper + self.sealing_key))
        return hashlib.sha256(content).hexdigest()


def create_key_file(path: Path) -> KeyFile:
    """Makes the file with fresh keys, mode 0600, whole or not at all. Raises `KeyFileError`, also when it exists."""
    keys = KeyFile(
        issuer=f"{_URN_PREFIX}{secrets.token_hex(16)}",
        pepper=secrets.token_bytes(_PEPPER_BYTES),
        sealing_key=secrets.token_bytes(SEALING_KEY_BYTES),
    )
    try:
        _write(path, keys, os.link)  # fails when the name is taken, which a rename would not
    except FileExistsError:
        raise KeyFileError(f"{path}: there is a key file already, and it is never overwritten") from None
    except OSError as error:
        raise KeyFileError(f"{path}: the key file cannot be made: {error.strerror}") from None
    return keys


def load_key_file(path: Path) -> KeyFile:
    """Reads the file. Raises `KeyFileError` when it is missing, readable by others, or not whole."""
    version, keys = _load(path)
    if version != _VERSION:
        raise KeyFileError(f"{path}: this is a key file of version {version}: run `typeplate-server migrate`")
    return keys


def carried_over(path: Path) -> KeyFile | None:
    """What a file of version 1 becomes; None: it is current. Raises `KeyFileError` as `load_key_file` does.

    Issuer and pepper stay, so that every secret does. The first of that version held signing keys and no sealing key:
    they are left behind, another key signs, and applications get themselves new tokens.
    """
    version, keys = _load(path)
    return keys if version != _VERSION else None


def carry_over(path: Path, keys: KeyFile) -> None:
    """Writes what `carried_over` gave in the place of the file it gave it for. Raises `KeyFileError`."""
    try:
        _write(path, keys, os.replace)
    except OSError as error:
        raise KeyFileError(f"{path}: the key file cannot be written: {error.strerror}") from None


def _load(path: Path) -> tuple[int, KeyFile]:
    """The file's version, and what it holds."""
    try:
        text = _read_private(path)
    except FileNotFoundError:
        raise KeyFileError(
            f"{path}: there is no key file: copy it from another replica, or restore it from its backup; for a new "
            "deployment `typeplate-server init` makes one"
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path}: the key file cannot be read: {error.strerror}") from None
    try:
        return _from_json(json.loads(text))
    except (ValueError, KeyError, TypeError):
        raise KeyFileError(f"{path}: this is not a whole key file; restore it from its backup") from None


def _write(path: Path, keys: KeyFile, put: Callable[[Path, Path], object]) -> None:
    content = json.dumps(_to_json(keys), indent=2).encode("ascii") + b"\n"
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # a umask can only take bits away, but this also says what is meant
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        put(aside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()
    _fsync_directory(path.parent)


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_private(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise KeyFileError(
                f"{path}: others than its owner may read or write the key file (mode {mode:04o}). If nobody can have"
                f" read it, run `chmod 600 {path}`; otherwise its keys are no longer secret and must be replaced"
            )
        return file.read()


def _to_json(keys: KeyFile) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "issuer": keys.issuer,
        "pepper": base64url(keys.pepper),
        "sealing_key": base64url(keys.sealing_key),
    }


def _from_json(content: dict[str, Any]) -> tuple[int, KeyFile]:
    issuer, pepper, version = content["issuer"], _bytes(content["pepper"]), content["version"]
    if version == 1 and "signing_keys" in content:
        sealing_key = secrets.token_bytes(SEALING_KEY_BYTES)
    else:
        sealing_key = _bytes(content["sealing_key"])
    if version not in (1, _VERSION) or not str(issuer).startswith(_URN_PREFIX):
        raise ValueError("not a key file of this version")
    if len(pepper) != _PEPPER_BYTES or len(sealing_key) != SEALING_KEY_BYTES:
        raise ValueError("pepper or sealing key missing")
    return version, KeyFile(issuer, pepper, sealing_key)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
