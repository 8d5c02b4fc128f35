"""Owns what every importer yields: one row of a source, mapped or refused.

A bad row loses only itself: it comes as a `SourceRow` with an error, between its neighbours. What makes a whole
source unreadable is a `SourceError`.
"""

from __future__ import annotations

from dataclasses import dataclass

from typeplate.v1.vehicle_pb2 import Vehicle


class SourceError(Exception):
    """The source as a whole cannot be read. The message is for whoever started the import."""


class RowError(Exception):
    """One row cannot be mapped: which column (empty: the row as a whole), which row, and why.

    `row_number` counts as a spreadsheet does: the header is row 1. It is 0 until the reader has set it.
    """

    def __init__(self, column: str, reason: str, row_number: int = 0) -> None:
        self.column = column
        self.reason = reason
        self.row_number = row_number
        super().__init__(column, reason, row_number)

    def __str__(self) -> str:
        where = f"row {self.row_number}" + (f", column {self.column}" if self.column else "")
        return f"{where}: {self.reason}"

    def at(self, row_number: int) -> RowError:
        """The same error, naming its row."""
        return RowError(self.column, self.reason, row_number)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a source. Either `vehicle` or `error` is set.

    `vehicle_id` is the part of the name behind `vehicles/`, empty where the row's id itself is bad, so that an
    import knows that a refused row has not vanished. `content_hash` says whether the technical content changed.
    """

    row_number: int
    vehicle_id: str
    vehicle: Vehicle | None = None
    content_hash: bytes = b""
    error: RowError | None = None
