"""Runs the import of a file into the database of a data directory, beside a running server or without one.

A running server needs no word of it: both write under the data directory's lock, and the server asks its database what
has changed. Rows are read and written by turns: reading ahead on a second thread was no faster, and kept transactions
open longer, for both want Python's one lock.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, Literal, Protocol

from typeplate_server.app.clocks import CLOCK
from typeplate_server.app.deployment import open_database
from typeplate_server.app.failure import StartupError
from typeplate_server.app.seen import require_nothing_missing
from typeplate_server.config import Settings
from typeplate_server.errors import InvalidArgument, Unavailable
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles import epa, jsonl, sample
from typeplate_server.vehicles.catalog import Catalog
from typeplate_server.vehicles.importing import ImportMode, ImportSummary, VehicleImport
from typeplate_server.vehicles.source import RowError, SourceError, SourceRow

Kind = Literal["epa", "jsonl", "sample"]
CHUNK_ROWS: Final = 500
MOST_ERRORS: Final = 10_000
"""Row errors that are kept for the report; all are counted."""


class SourceFile(Protocol):
    """A file that an importer has looked at."""

    @property
    def total_rows(self) -> int:
        """About how many rows it has."""

    def rows(self) -> Iterator[SourceRow]:
        """All of them. Raises SourceError."""


class ImportFailed(Exception):
    """The file could not be read, or not to its end; what was imported until then stays."""


@dataclass(slots=True)
class ImportReport:
    """What an import did, and the first rejected rows."""

    summary: ImportSummary
    errors: list[RowError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FileImport:
    """A file to import, looked at already: `kind` is its importer, `path` where it lies (the sample needs none)."""

    kind: Kind
    file: SourceFile

    @classmethod
    def open(cls, kind: Kind, path: Path | None, dataset_version: str | None = None) -> FileImport:
        """Look at the file. Raises ImportFailed with a sentence that says what is wrong with it."""
        if path is not None and (problem := _no_file(path)):
            raise ImportFailed(f"{path}: {problem}")
        try:
            return cls(kind, _open(kind, path, dataset_version))
        except SourceError as error:
            raise ImportFailed(str(error)) from None

    async def run(
        self, settings: Settings, progress: Callable[[int], object], *, replace: bool = False, dry_run: bool = False
    ) -> ImportReport:
        """Import all rows; `progress` is told how many more have been dealt with.

        Raises StartupError when the database cannot be used, ImportFailed when the file breaks off.
        """
        mode = ImportMode(replace, dry_run)
        await require_nothing_missing(settings)
        database = open_database(settings)
        try:
            catalog = Catalog(SqlVehicleStore(database), CLOCK)
            loading = catalog.begin_import(mode, source=self.kind if self.kind == "epa" else None)
            return await _import(loading, self.file.rows(), progress)
        except Unavailable:
            raise StartupError("the database does not answer; run the import again, it goes on where it was") from None
        except SourceError as error:
            raise ImportFailed(f"{error}; the rows before that are imported") from None
        finally:
            await database.close()


def _no_file(path: Path) -> str:
    """Why this is no file to import; empty: it is one."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
    if stat.S_ISDIR(mode):
        return "is a directory"
    return "" if stat.S_ISREG(mode) else "is no regular file; it is read twice, so save what it gives to a file first"


def _open(kind: Kind, path: Path | None, dataset_version: str | None) -> SourceFile:
    if kind == "sample" or path is None:
        return sample.open_sample()
    return epa.open_epa(path, dataset_version) if kind == "epa" else jsonl.open_jsonl(path)


async def _import(loading: VehicleImport, rows: Iterator[SourceRow], progress: Callable[[int], object]) -> ImportReport:
    report = ImportReport(ImportSummary())
    while chunk := list(islice(rows, CHUNK_ROWS)):
        errors = await loading.add(chunk)
        report.errors += errors[: MOST_ERRORS - len(report.errors)]
        progress(len(chunk))
    try:
        report.summary = await loading.finish()
    except InvalidArgument:
        raise ImportFailed("the file has no rows, so nothing was deleted") from None
    return report
