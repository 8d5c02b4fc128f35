"""Owns the technical content hash of an EPA row: what decides whether a record has changed.

EPA recomputes costs and scores of nearly all records with each fuel price and leaves `modifiedOn` as it was, so
neither whole rows nor dates tell. Hashed are the technical columns, in the order of their names whatever the order
of the file, with runs of white space collapsed and numbers compared as numbers (`2`, `2.0` and `2.00` are one).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from typeplate_server.vehicles.epa.columns import TECHNICAL_COLUMNS, TECHNICAL_NUMBER_COLUMNS

MAPPING_VERSION = b"epa/1"
"""Part of each hash. Raised when the mapping reads a row differently, so that the next import renews all records."""

_CACHED_TEXTS = 100_000


class TechnicalHash:
    """Hashes rows of one file, whose header it is made for. A row has exactly as many cells as the header."""

    def __init__(self, header: Sequence[str]) -> None:
        columns = sorted(column for column in header if column in TECHNICAL_COLUMNS)
        self._columns = [(header.index(name), name in TECHNICAL_NUMBER_COLUMNS) for name in columns]
        self._numbers: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def of(self, row: Sequence[str]) -> bytes:
        """SHA-256 of the row's technical content, 32 bytes."""
        texts, numbers = self._texts, self._numbers
        if len(texts) + len(numbers) > _CACHED_TEXTS:
            texts.clear()
            numbers.clear()
        parts = []
        for index, is_number in self._columns:
            cell = row[index]
            known = numbers if is_number else texts
            part = known.get(cell)
            if part is None:
                part = known[cell] = (_number if is_number else _text)(cell)
            parts.append(part)
        return hashlib.sha256(MAPPING_VERSION + "\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()


def _text(cell: str) -> str:
    return " ".join(cell.split())


def _number(cell: str) -> str:
    try:
        return repr(float(cell))
    except ValueError:
        return _text(cell)
