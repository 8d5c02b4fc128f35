"""Owns the technical content hash of an EPA row: what decides whether a record has changed.

EPA recomputes costs and scores of nearly all records with each fuel price and leaves `modifiedOn` as it was, so
neither whole rows nor dates tell. Hashed are the technical columns, in an order of their own whatever the order
of the file, with runs of white space collapsed and numbers compared as numbers (`2`, `2.0` and `2.00` are one).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from operator import itemgetter

from typeplate_server.vehicles.epa.columns import TECHNICAL_NUMBER_COLUMNS, TECHNICAL_TEXT_COLUMNS

MAPPING_VERSION = b"epa/1"
"""Part of each hash. Raised when the mapping reads a row differently, so that the next import renews all records."""

_SEPARATOR = "\x1f"
"""Counts as white space for str.split, so no normal form of a cell holds it."""

_MAX_REMEMBERED = 100_000


class TechnicalHash:
    """Hashes rows of one file, whose header it is made for. A row has exactly as many cells as the header."""

    def __init__(self, header: Sequence[str]) -> None:
        self._pick_texts = itemgetter(*(header.index(column) for column in sorted(TECHNICAL_TEXT_COLUMNS)))
        self._pick_numbers = itemgetter(*(header.index(column) for column in sorted(TECHNICAL_NUMBER_COLUMNS)))
        self._texts = _Remembered(_text)
        self._numbers = _Remembered(_number)

    def of(self, row: Sequence[str]) -> bytes:
        """SHA-256 of the row's technical content, 32 bytes."""
        texts = map(self._texts.__getitem__, self._pick_texts(row))
        numbers = map(self._numbers.__getitem__, self._pick_numbers(row))
        content = _SEPARATOR.join([*texts, *numbers])
        return hashlib.sha256(MAPPING_VERSION + content.encode("utf-8", "surrogatepass")).digest()


class _Remembered(dict[str, str]):
    """The normal form of each cell seen: cells repeat so much that looking up beats computing."""

    def __init__(self, normalize: Callable[[str], str]) -> None:
        super().__init__()
        self._normalize = normalize

    def __missing__(self, cell: str) -> str:
        if len(self) >= _MAX_REMEMBERED:
            self.clear()
        normal = self[cell] = self._normalize(cell)
        return normal


def _text(cell: str) -> str:
    return " ".join(cell.split())


def _number(cell: str) -> str:
    try:
        return repr(float(cell))
    except ValueError:
        return _text(cell)
