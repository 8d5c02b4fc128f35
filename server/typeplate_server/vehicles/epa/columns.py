"""Owns the names of EPA's columns, and which of them are technical.

The documentation of the columns is at https://www.fueleconomy.gov/feg/ws/index.shtml#vehicle.
"""

from __future__ import annotations

VOLATILE_COLUMNS = frozenset(
    {
        "fuelCost08",
        "fuelCostA08",
        "youSaveSpend",
        "barrels08",
        "barrelsA08",
        "feScore",
        "ghgScore",
        "ghgScoreA",
        "guzzler",
        "mpgData",
        "createdOn",
        "modifiedOn",
    }
)
"""Recomputed by EPA while the vehicle stays the same."""

LATE_COLUMNS = frozenset({"baseModel"})
"""Technical, but missing from older files: hashed, it would make every record of theirs look changed."""

TECHNICAL_TEXT_COLUMNS = frozenset(
    {
        "VClass",
        "atvType",
        "c240Dscr",
        "c240bDscr",
        "drive",
        "eng_dscr",
        "evMotor",
        "fuelType",
        "fuelType1",
        "fuelType2",
        "make",
        "mfrCode",
        "model",
        "phevBlended",
        "rangeA",
        "sCharger",
        "startStop",
        "tCharger",
        "trans_dscr",
        "trany",
    }
)
TECHNICAL_NUMBER_COLUMNS = frozenset(
    {
        "UCity",
        "UCityA",
        "UHighway",
        "UHighwayA",
        "charge120",
        "charge240",
        "charge240b",
        "city08",
        "city08U",
        "cityA08",
        "cityA08U",
        "cityCD",
        "cityE",
        "cityUF",
        "co2",
        "co2A",
        "co2TailpipeAGpm",
        "co2TailpipeGpm",
        "comb08",
        "comb08U",
        "combA08",
        "combA08U",
        "combE",
        "combinedCD",
        "combinedUF",
        "cylinders",
        "displ",
        "engId",
        "highway08",
        "highway08U",
        "highwayA08",
        "highwayA08U",
        "highwayCD",
        "highwayE",
        "highwayUF",
        "hlv",
        "hpv",
        "id",
        "lv2",
        "lv4",
        "phevCity",
        "phevComb",
        "phevHwy",
        "pv2",
        "pv4",
        "range",
        "rangeCity",
        "rangeCityA",
        "rangeHwy",
        "rangeHwyA",
        "year",
    }
)
TECHNICAL_COLUMNS = TECHNICAL_TEXT_COLUMNS | TECHNICAL_NUMBER_COLUMNS

REQUIRED_COLUMNS = TECHNICAL_COLUMNS | VOLATILE_COLUMNS
"""What every file must have; `baseModel` alone may be missing. Columns beyond these are ignored."""
