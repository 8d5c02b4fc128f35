"""Owns JSON lines as a source: one Vehicle in proto3 JSON a line (what `typeplate vehicles export` writes).

Strict: a field that Vehicle does not have, a value of the wrong type, a line that is too long or no UTF-8 is an error
of its row and of no other. Rows are numbered as lines, from 1; blank lines are passed over. A file may be gzipped.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from google.protobuf import json_format

from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles.file_kind import file_kind
from typeplate_server.vehicles.model import vehicle_id
from typeplate_server.vehicles.source import RowError, SourceError, SourceRow

MAX_LINE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JsonLinesFile:
    """A file of JSON lines; `total_rows` counts lines, for a progress bar."""

    path: Path
    total_rows: int

    def rows(self) -> Iterator[SourceRow]:
        """All rows. Raises SourceError if the file breaks off."""
        with _readable(self.path), _open(self.path) as file:
            for row_number, line in enumerate(_lines(file), 1):
                if line.strip():
                    yield _row(line, row_number)


def open_jsonl(path: Path) -> JsonLinesFile:
    """Look at a file: is it there, can it be read to its end? Raises SourceError with a sentence that says."""
    with _readable(path):
        if file_kind(path) == "zip":
            raise SourceError(f"{path.name}: is a zip, which is not read here: unpack it first")
        with _open(path) as file:
            return JsonLinesFile(path, sum(1 for _ in _lines(file)))


def json_line(vehicle: Vehicle) -> str:
    """The vehicle as one line, without its line end; reading it again gives the same vehicle."""
    fields = json_format.MessageToDict(vehicle, preserving_proto_field_name=True)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path.name}: cannot be read ({type(error).__name__})") from error


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    if file_kind(path) != "gzip":
        with path.open("rb") as plain:
            yield plain
        return
    with gzip.open(path) as unzipped:
        yield cast(BinaryIO, unzipped)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines; of one that is too long only the beginning, one byte too much."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        yield line
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES + 1)


def _row(line: bytes, row_number: int) -> SourceRow:
    identifier = ""
    try:
        vehicle = _parse(line)
        identifier = _identifier(vehicle)
    except RowError as error:
        return SourceRow(row_number, identifier, error=error.at(row_number))
    return SourceRow(row_number, identifier, vehicle)


def _parse(line: bytes) -> Vehicle:
    if len(line) > MAX_LINE_BYTES:
        raise RowError("", f"is longer than {MAX_LINE_BYTES:,} bytes")
    if not line.lstrip(b"\xef\xbb\xbf \t").startswith(b"{"):  # json_format takes an empty list for an empty message
        raise RowError("", "is not a Vehicle in JSON: it must be an object")
    try:
        return json_format.Parse(line.decode("utf-8-sig"), Vehicle())
    except UnicodeDecodeError:
        raise RowError("", "is not UTF-8") from None
    except json_format.ParseError as error:
        reason = str(error).partition("\n")[0]  # what follows are the names of all fields there are
        raise RowError("", f"is not a Vehicle in JSON: {reason[:300]}") from None
    except RecursionError:
        raise RowError("", "is nested too deeply") from None


def _identifier(vehicle: Vehicle) -> str:
    try:
        return vehicle_id(vehicle.name)
    except InvalidArgument as error:
        raise RowError("name", error.violations[0].description) from None
