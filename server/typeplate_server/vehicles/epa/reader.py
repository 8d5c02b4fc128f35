"""Owns reading EPA's file: plain or zipped CSV in UTF-8, of any year, its columns found by the header.

A file that is no such file is a SourceError; a row that cannot be mapped is a SourceRow with its error. Rows come
in the order of the file, which EPA sorts by id as text. Nothing but the ids seen is held in memory.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from typeplate_server.vehicles.epa.cells import Cells
from typeplate_server.vehicles.epa.columns import LATE_COLUMNS, REQUIRED_COLUMNS
from typeplate_server.vehicles.epa.mapping import vehicle_from, vehicle_id
from typeplate_server.vehicles.epa.technical_hash import TechnicalHash
from typeplate_server.vehicles.file_kind import file_kind
from typeplate_server.vehicles.source import RowError, SourceError, SourceRow

_DATE = re.compile(r"(?:19|20)\d\d-\d\d(?:-\d\d)?")
_FIRST_ROW = 2


@dataclass(frozen=True, slots=True)
class EpaFile:
    """An EPA file that has been looked at: its header is good.

    `total_rows` is for a progress bar (line breaks inside quotes would make it too great by one each).
    `dataset_version` is the date of the snapshot, if known.
    """

    path: Path
    total_rows: int
    dataset_version: str | None

    def rows(self) -> Iterator[SourceRow]:
        """All rows, mapped. Raises SourceError if the file breaks off or is not readable as CSV."""
        with _readable(self.path), _open(self.path) as binary, _text(binary) as text:
            reader = csv.reader(text)
            header = _header(next(reader, []))
            yield from _map(reader, header, self.dataset_version)


def open_epa(path: Path, dataset_version: str | None = None) -> EpaFile:
    """Look at a file: is it there, is it CSV, has it all columns? Raises SourceError with a sentence that says.

    Without `dataset_version`, a date in the file's name is taken, else the date of the member of a zip.
    """
    with _readable(path):
        _refuse_by_kind(path)
        with _open(path) as binary, _text(binary) as text:
            _header(next(csv.reader(text), []))
        return EpaFile(path, _count_rows(path), dataset_version or _version(path))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path) from error
    except (csv.Error, EOFError, OSError, RuntimeError) as error:  # RuntimeError: encrypted, or packed in an odd way
        why = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        raise SourceError(f"{path.name}: cannot be read as CSV ({why})") from error


def _refuse_by_kind(path: Path) -> None:
    kind = file_kind(path)
    if kind == "empty":
        raise SourceError(f"{path.name}: is empty")
    if kind == "gzip":
        raise SourceError(f"{path.name}: is gzipped, and gzip is not read here: unpack it first")
    if kind == "zip" and not zipfile.is_zipfile(path):
        raise _damaged(path)


def _damaged(path: Path) -> SourceError:
    return SourceError(f"{path.name}: damaged zip; if it was downloaded, download it again")


def _map(reader: Iterator[list[str]], header: Sequence[str], dataset_version: str | None) -> Iterator[SourceRow]:
    technical_hash = TechnicalHash(header)
    seen: dict[str, int] = {}
    for row_number, row in enumerate(reader, _FIRST_ROW):
        if not row:
            continue
        identifier = ""
        try:
            _check_shape(row, header)
            cells = Cells(dict(zip(header, row, strict=True)))
            identifier = vehicle_id(cells)
            first = seen.setdefault(identifier, row_number)
            if first != row_number:
                raise RowError("id", f"is that of row {first} too")
            content_hash = technical_hash.of(row)
            vehicle = vehicle_from(cells, dataset_version, content_hash)
        except RowError as error:
            yield SourceRow(row_number, identifier, error=error.at(row_number))
        else:
            yield SourceRow(row_number, identifier, vehicle, content_hash)


def _check_shape(row: Sequence[str], header: Sequence[str]) -> None:
    if len(row) != len(header):
        raise RowError("", f"has {len(row)} cells, the header {len(header)}")
    if "".join(row).isascii():
        return
    for name, cell in zip(header, row, strict=True):
        if any("\ud800" <= letter <= "\udfff" for letter in cell):
            raise RowError(name, "is not UTF-8")


def _header(row: Sequence[str]) -> list[str]:
    header = [name.strip() for name in row]
    missing = sorted(REQUIRED_COLUMNS - set(header))
    if missing:
        names = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        raise SourceError(f"not EPA's vehicles.csv: the header lacks {len(missing)} columns ({names})")
    for name in REQUIRED_COLUMNS | LATE_COLUMNS:
        if header.count(name) > 1:
            raise SourceError(f"the header names the column {name} twice")
    return header


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    if not zipfile.is_zipfile(path):
        with path.open("rb") as plain:
            yield plain
        return
    with zipfile.ZipFile(path) as archive, archive.open(_member(archive)) as member:
        yield member


def _member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
    if len(members) != 1:
        raise SourceError(f"the zip holds {len(members)} CSV files, one is expected")
    if not members[0].file_size:
        raise SourceError(f"{members[0].filename}, in the zip, is empty")
    return members[0]


def _text(binary: IO[bytes]) -> io.TextIOWrapper:
    """Bytes that are not UTF-8 come as lone surrogates, so that they cost their own row only."""
    return io.TextIOWrapper(binary, "utf-8-sig", errors="surrogateescape", newline="")


def _count_rows(path: Path) -> int:
    with _open(path) as binary:
        last, lines = b"\n", 0
        while chunk := binary.read(1 << 20):
            lines += chunk.count(b"\n")
            last = chunk
        return max(0, lines - 1 + (not last.endswith(b"\n")))


def _version(path: Path) -> str | None:
    if date := _DATE.search(path.name):
        return date[0]
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        return "{:04}-{:02}-{:02}".format(*_member(archive).date_time[:3])
