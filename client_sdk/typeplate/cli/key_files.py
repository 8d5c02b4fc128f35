"""Where a new secret goes: into the files of `--write-env-file` and `--write-secret-file`, or onto standard output.

The files are made before the secret is, so that none is lost to a path that cannot be written. A secret that then
cannot be written whole is printed after all, and the command fails.
"""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from typeplate.cli.connection import settings
from typeplate.cli.effect import show_made
from typeplate.cli.exits import CommandError
from typeplate.cli.new_file import NewFile
from typeplate.cli.output import hint
from typeplate.v1 import client_pb2

IN_FILES: Final = "{} in {}; the secret is nowhere else."
SHOWN_ONCE: Final = "Keep the secret now: it is shown this once and kept nowhere."
FAILED: Final = "could not write {} ({}): removed, and the secret is printed instead"


class KeyFiles:
    """The files asked for: none, one or both. A context manager around the call that makes the secret."""

    def __init__(self, options: Namespace) -> None:
        self._options = options
        self._target = settings(options, os.environ)["TYPEPLATE_TARGET"]
        self._secret_file = _new_file(options.write_secret_file)
        self._env_file = _new_file(options.write_env_file)
        self._files = [file for file in (self._secret_file, self._env_file) if file]
        self._names = " and ".join(str(file.path) for file in self._files)
        self._failure = ""

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            for file in self._files:
                opened.enter_context(file)
            self._opened = opened.pop_all()
        return self

    def keep(self, client_id: str, secret: client_pb2.ClientSecret) -> None:
        """Writes the secret into the files and takes it out of the message; leaves it there where that fails."""
        try:
            self._fill(client_id, secret.value)
        except OSError as error:
            for file in self._files:
                file.discard()
            self._failure = FAILED.format(self._names, error.strerror or type(error).__name__)
            return
        if self._files:
            secret.ClearField("value")

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def show(self, made: client_pb2.Client | client_pb2.ClientSecret) -> None:
        """Shows what was made and says where its secret is. Raises CommandError where that is not in the files."""
        show_made(made, self._options)
        if self._failure or not self._files:
            hint(SHOWN_ONCE)
        else:
            hint(IN_FILES.format("Target, id and secret are" if self._env_file else "The secret is", self._names))
        if self._failure:
            raise CommandError(self._failure)

    def _fill(self, client_id: str, secret: str) -> None:
        if self._secret_file:
            self._secret_file.fill(f"{secret}\n")
        if self._env_file:
            values = {"TYPEPLATE_TARGET": self._target, "TYPEPLATE_CLIENT_ID": client_id, **self._secret(secret)}
            self._env_file.fill("".join(f"{name}={value and shlex.quote(value)}\n" for name, value in values.items()))

    def _secret(self, secret: str) -> dict[str, str]:
        """The secret or its file; the other one empty, lest a shell that has read two such files has both."""
        path = str(self._secret_file.path.absolute()) if self._secret_file else ""
        return {"TYPEPLATE_CLIENT_SECRET": "" if path else secret, "TYPEPLATE_CLIENT_SECRET_FILE": path}


def _new_file(path: str | None) -> NewFile | None:
    return NewFile(Path(path)) if path else None
