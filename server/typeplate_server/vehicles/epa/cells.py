"""Owns how EPA writes a value in a cell, and above all how it writes "unknown".

EPA has no empty number: unknown is 0, −1, an empty cell, `NA` or `TBD`, and which of them depends on column and
year. Where 0 is a value (CO2 of an electric car, five-year savings) the caller asks for `number_or_zero`.
Whatever is neither a value nor unknown raises RowError, naming the column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from typeplate_server.vehicles.source import RowError

_UNKNOWN = frozenset({"", "0", "0.0", "-1", "-1.0", "NA", "TBD"})
_UNKNOWN_BUT_ZERO = frozenset({"", "-1", "-1.0", "NA", "TBD"})
_UNKNOWN_TEXT = frozenset({"", "NA", "TBD"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_TEXT = 200
_MAX_NUMBER = 1_000_000.0


class Cells:
    """The cells of one row by column name. Columns that the file lacks read as unknown."""

    __slots__ = ("_cells",)

    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells

    def text(self, column: str) -> str | None:
        """Text with runs of white space collapsed, or None if unknown."""
        text = self._cells.get(column, "")
        if text in _UNKNOWN_TEXT:
            return None
        text = " ".join(text.split())
        if len(text) > _MAX_TEXT:
            raise RowError(column, f"has {len(text)} characters, at most {_MAX_TEXT} are expected")
        if not text.isprintable() and _CONTROL.search(text):
            raise RowError(column, "contains control characters")
        return None if text in _UNKNOWN_TEXT else text

    def required_text(self, column: str) -> str:
        """Text that a row cannot be without. Here even `NA` is a name."""
        text = self.text(column) or " ".join(self._cells.get(column, "").split())
        if not text:
            raise RowError(column, "is empty")
        return text

    def number(self, column: str) -> float | None:
        """A number greater than 0, or None if unknown; 0 is unknown."""
        cell = self._cells.get(column, "")
        return None if cell in _UNKNOWN else _number(column, cell) or None

    def number_or_zero(self, column: str) -> float | None:
        """A number of at least 0, or None if unknown; 0 is a value."""
        cell = self._cells.get(column, "")
        return None if cell in _UNKNOWN_BUT_ZERO else _number(column, cell)

    def signed(self, column: str) -> float | None:
        """A number of either sign, or None if the cell is empty; 0 and −1 are values."""
        cell = self._cells.get(column, "")
        return None if cell in _UNKNOWN_TEXT else _number(column, cell, lowest=-_MAX_NUMBER)

    def integer(self, column: str) -> int | None:
        """A whole number greater than 0, or None if unknown; 0 is unknown."""
        value = self.number(column)
        if value is not None and not value.is_integer():
            raise RowError(column, f"{self._cells[column][:40]!r} is not a whole number")
        return None if value is None else int(value)

    def flag(self, column: str, values: Mapping[str, bool]) -> bool | None:
        """Yes or no as `values` spells them, or None if unknown."""
        cell = self._cells.get(column, "").strip()
        if cell in _UNKNOWN_TEXT:
            return None
        if cell not in values:
            raise RowError(column, f"{cell[:40]!r} is none of {', '.join(values)}")
        return values[cell]


def _number(column: str, cell: str, lowest: float = 0.0) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise RowError(column, f"{cell[:40]!r} is not a number") from None
    if not math.isfinite(value) or not lowest <= value <= _MAX_NUMBER:
        raise RowError(column, f"{cell[:40]!r} is not between {lowest:,g} and {_MAX_NUMBER:,g}")
    return value
