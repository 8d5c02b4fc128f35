"""The data directory: what lies where in it, and the lock that says that a server is running on it.

It is made with mode 0700. What is secret in it has mode 0600 from its first byte on. One process serves a data
directory at a time: whoever serves or creates administrators holds `serve.lock`, which the kernel frees when it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typeplate_server.app.failure import BusyError, StartupError

_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class DataDir:
    """The directory at `path`; it need not exist yet."""

    path: Path

    @property
    def key_file(self) -> Path:
        """Pepper, sealing key and issuer."""
        return self.path / "keys.json"

    @property
    def admin_env(self) -> Path:
        """The first administrator's credentials."""
        return self.path / "admin.env"

    def create(self) -> None:
        """Make the directory if there is none. Raises StartupError for one that others than its owner can write to."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.path.stat().st_mode
        except OSError as error:
            raise StartupError(f"the data directory {self.path} cannot be made: {error.strerror}") from None
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StartupError(
                f"the data directory {self.path} can be written to by group or others, who could put their own keys "
                f"there: take that away with `chmod go-w {self.path}`"
            )

    def write_private(self, path: Path, content: str) -> None:
        """Write a file that only its owner can read; one that is there already is replaced whole."""
        aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(aside, _NEW_FILE, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            _fsync(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise StartupError(f"{path} cannot be written: {error.strerror}") from None

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold `serve.lock`, as does who inherits the descriptor. Raises BusyError when another process holds it."""
        lock = self.path / "serve.lock"
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise StartupError(f"there is no data directory {self.path}; `typeplate-server init` makes one") from None
        except OSError as error:
            raise StartupError(f"{lock} cannot be opened: {error.strerror}") from None
        try:
            self._take(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            raise BusyError(
                f"a typeplate-server (process {holder or 'unknown'}) is running on {self.path}: stop it first, "
                "or name another directory with TYPEPLATE_DATA_DIR"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)


def _fsync(directory: Path) -> None:
    """Makes names in the directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
