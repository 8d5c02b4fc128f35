"""Owns the technical content hash of an EPA row: what decides whether a record has changed.

EPA recomputes costs and scores of nearly all records with each fuel price and leaves `modifiedOn` as it was, so
neither whole rows nor dates tell. Hashed are the technical columns, in the order of their names whatever the order
of the file, with runs of white space collapsed and numbers compared as numbers (`2`, `2.0` and `2.00` are one).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

MAPPING_VERSION = b"epa/1"
"""Part of each hash. Raised when the mapping reads a row differently, so that the next import renews all records."""

VOLATILE_COLUMNS = frozenset(
    "fuelCost08 fuelCostA08 youSaveSpend barrels08 barrelsA08 feScore ghgScore ghgScoreA guzzler mpgData "
    "createdOn modifiedOn".split()
)
"""Recomputed by EPA while the vehicle stays the same."""

LATE_COLUMNS = frozenset({"baseModel"})
"""Technical, but missing from older files: hashed, it would make every record of theirs look changed."""

TECHNICAL_TEXT_COLUMNS = frozenset(
    "VClass atvType c240Dscr c240bDscr drive eng_dscr evMotor fuelType fuelType1 fuelType2 make mfrCode model "
    "phevBlended rangeA sCharger startStop tCharger trans_dscr trany".split()
)
TECHNICAL_NUMBER_COLUMNS = frozenset(
    "UCity UCityA UHighway UHighwayA charge120 charge240 charge240b city08 city08U cityA08 cityA08U cityCD cityE "
    "cityUF co2 co2A co2TailpipeAGpm co2TailpipeGpm comb08 comb08U combA08 combA08U combE combinedCD combinedUF "
    "cylinders displ engId highway08 highway08U highwayA08 highwayA08U highwayCD highwayE highwayUF hlv hpv id lv2 "
    "lv4 phevCity phevComb phevHwy pv2 pv4 range rangeCity rangeCityA rangeHwy rangeHwyA year".split()
)
TECHNICAL_COLUMNS = TECHNICAL_TEXT_COLUMNS | TECHNICAL_NUMBER_COLUMNS

REQUIRED_COLUMNS = TECHNICAL_COLUMNS | VOLATILE_COLUMNS
"""What every file must have; `baseModel` alone may be missing. Columns beyond these are ignored."""

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
