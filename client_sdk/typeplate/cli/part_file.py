"""The file that `typeplate vehicles export --output` writes: it is never seen half-written under its own name.

Vehicles go to `FILE.part`, which takes the name FILE when the export is complete. One that broke off keeps its `.part`,
cut after its last whole vehicle; `--after` goes on with it, or, where there is none, appends to FILE.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from typeplate.cli.output import hint


class PartFile:
    """A context manager; `after` is the name of the vehicle to go on after, empty for a new export."""

    def __init__(self, path: Path, after: str) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._written_to = path if after and path.exists() and not self._part.exists() else self._part
        self._after = self._last = after
        self._fresh = not after

    def __enter__(self) -> Self:
        self._file = self._written_to.open("wb" if self._fresh else "ab")
        self._whole = self._file.seek(0, os.SEEK_END)
        return self

    def write(self, lines: str, last: str) -> None:
        """Lines that belong together, and the name of the vehicle in the last of them."""
        self._file.write(lines.encode())
        self._file.flush()
        self._whole, self._last = self._file.tell(), last

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if self._written_to == self._part:
                self._part.replace(self._path)
            return
        with suppress(OSError):  # what could not be written is dropped here
            self._file.close()
        self._keep()

    def _keep(self) -> None:
        if not self._whole:
            self._written_to.unlink()
            return
        os.truncate(self._written_to, self._whole)
        if self._last != self._after:
            hint(f"What came so far is in {self._written_to}; the same command with --after {self._last} continues it.")
