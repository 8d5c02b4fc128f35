"""Where the `typeplate` command finds server and credentials: options, then `--env-file`, then the environment.

An environment file has lines `TYPEPLATE_NAME=value`, with or without `export` and quotes, as a shell reads them.
`EnvFile` writes one; it is made before the secret is, so that no secret is lost to a path that cannot be written.
"""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from typeplate.cli.exits import UsageError

if TYPE_CHECKING:
    from typeplate import Client

DEFAULT_TARGET: Final = "127.0.0.1:50051"
SECRETS: Final = ("TYPEPLATE_CLIENT_SECRET", "TYPEPLATE_CLIENT_SECRET_FILE")


@dataclass(frozen=True, slots=True)
class Connection:
    """The server and who calls it."""

    target: str
    client_id: str
    client_secret: str = field(repr=False)


def connection(options: Namespace) -> Connection:
    """Reads where to connect and as whom; raises UsageError when something is missing."""
    given = settings(options, os.environ)
    client_id = given.get("TYPEPLATE_CLIENT_ID", "")
    secret = given.get("TYPEPLATE_CLIENT_SECRET", "")
    if not secret and given.get("TYPEPLATE_CLIENT_SECRET_FILE"):
        secret = Path(given["TYPEPLATE_CLIENT_SECRET_FILE"]).read_text(encoding="utf-8").strip()
    if not client_id or not secret:
        missing = "client id" if not client_id else "secret"
        raise UsageError(f"no {missing}: set TYPEPLATE_CLIENT_ID and TYPEPLATE_CLIENT_SECRET, or give --env-file PATH")
    return Connection(given.get("TYPEPLATE_TARGET") or DEFAULT_TARGET, client_id, secret)


def settings(options: Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """The TYPEPLATE_… settings in force. A secret given closer by displaces one given farther off, in either form."""
    merged = {name: value for name, value in environ.items() if name.startswith("TYPEPLATE_")}
    path = getattr(options, "env_file", None)
    closer = [read_env_file(Path(path))] if path else []
    named = {"TYPEPLATE_TARGET": "target", "TYPEPLATE_CLIENT_ID": "client_id", SECRETS[1]: "secret_file"}
    closer.append({name: value for name, option in named.items() if (value := getattr(options, option, None))})
    for layer in closer:
        if not layer.keys().isdisjoint(SECRETS):
            merged = {name: value for name, value in merged.items() if name not in SECRETS}
        merged |= layer
    return merged


def connect(options: Namespace) -> Client:
    """A client of the server; use it as a context manager."""
    from typeplate import Client

    where = connection(options)
    return Client(
        where.target,
        client_id=where.client_id,
        client_secret=where.client_secret,
        ca_file=getattr(options, "ca_file", None),
        plaintext=getattr(options, "plaintext", False),
        timeout=getattr(options, "timeout", 30.0),
    )


def read_env_file(path: Path) -> dict[str, str]:
    """The assignments of an environment file; raises UsageError for a line that is none."""
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = ["?"]
        words = words[1:] if words[:1] == ["export"] else words
        if any("=" not in word for word in words):
            raise UsageError(f"{path}, line {number} is no NAME=value")  # never the line itself: it may hold a secret
        found.update(word.partition("=")[::2] for word in words)
    return found


class EnvFile:
    """A new environment file, readable by its owner alone (mode 0600), removed again when it was not filled."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._filled = False

    def __enter__(self) -> EnvFile:
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UsageError(f"{self._path} exists already and is not overwritten") from None
        return self

    def fill(self, values: Mapping[str, str]) -> None:
        """Writes the assignments and has them on disk before it returns."""
        content = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        os.write(self._file, content.encode())
        os.fsync(self._file)
        self._filled = True

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        if not self._filled:
            self._path.unlink()
