"""A new file for a secret: readable by its owner alone, whole and on disk, or not there at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from typeplate.cli.exits import UsageError


class NewFile:
    """A context manager: makes the file (mode 0600) and removes it again unless it was filled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filled = False

    def __enter__(self) -> Self:
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UsageError(f"{self.path} exists already and is not overwritten") from None
        return self

    def fill(self, content: str) -> None:
        """Has the whole content and the file's name on disk before it returns. Raises OSError where it cannot."""
        left = content.encode()
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)
        sync_directory(self.path.parent)
        self._filled = True

    def discard(self) -> None:
        """Has the file removed at the end though it may have been filled."""
        self._filled = False

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what was filled is on disk; and whoever waits for the secret is to get it
            os.close(self._file)
            if not self._filled:
                self.path.unlink()


def sync_directory(path: Path) -> None:
    """Has the names in a directory on disk, where it may be opened: not on Windows, nor when it is not readable."""
    with suppress(PermissionError):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
