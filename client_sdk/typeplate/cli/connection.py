"""Where the `typeplate` command finds server and credentials: options, then `--env-file`, then the environment.

An environment file has lines `TYPEPLATE_NAME=value`, with or without `export` and quotes, as a shell reads them;
`typeplate.cli.key_files` writes one.
"""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from typeplate.cli.exits import UsageError

if TYPE_CHECKING:
    from typeplate import Client

DEFAULT_TARGET: Final = "127.0.0.1:50051"
OPTIONS: Final = (
    "ca_file",
    "client_cert_file",
    "client_key_file",
    "server_name",
    "plaintext",
    "proxy",
    "timeout",
)
SECRETS: Final = ("TYPEPLATE_CLIENT_SECRET", "TYPEPLATE_CLIENT_SECRET_FILE")


def settings(options: Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """The TYPEPLATE_… settings in force. A secret given closer by displaces one given farther off, in either form."""
    merged = {"TYPEPLATE_TARGET": DEFAULT_TARGET}
    merged |= {name: value for name, value in environ.items() if name.startswith("TYPEPLATE_") and value}
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
    """A client of the server; use it as a context manager. Raises ConfigurationError for what is missing."""
    from typeplate import Client

    given: dict[str, Any] = {name: getattr(options, name) for name in OPTIONS if hasattr(options, name)}
    return Client.from_env(settings(options, os.environ), **given)


def client_secret(found: Mapping[str, str]) -> str:
    """The secret itself, for the one command that sends it by hand. Raises SecretUnavailable."""
    if path := found.get("TYPEPLATE_CLIENT_SECRET_FILE"):
        from typeplate._secret import FileSecret

        return FileSecret(Path(path)).read()
    return found.get("TYPEPLATE_CLIENT_SECRET", "")


def read_env_file(path: Path) -> dict[str, str]:
    """The assignments of an environment file; raises UsageError for a line that is none."""
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(path), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = ["?"]
        words = words[1:] if words[:1] == ["export"] else words
        if any("=" not in word for word in words):
            raise UsageError(f"{path}, line {number} is no NAME=value")  # never the line itself: it may hold a secret
        found.update(word.partition("=")[::2] for word in words)
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"--env-file {path}: {error.strerror}") from None
    except UnicodeDecodeError:  # which quotes what may be a secret
        raise UsageError(f"--env-file {path} is not UTF-8 text") from None
