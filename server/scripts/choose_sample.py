"""Chooses the vehicles of the sample: `choose_sample.py CONFIRMED.jsonl` writes `sample_descriptors.txt` beside it.

vPIC is patterns, not vehicles: a VIN made from them decodes to a combination that need never have been built (6.5 %
are such chimeras). So combinations are kept only when a list confirms them, one JSON object a line with the keys of
`FIELDS`. Made VINs are drawn from ultravin, make by make and year by year, and of those that decode to a confirmed
combination the first in order is kept as a VIN descriptor: positions 1-8, 10 and 11, no serial number, no one's car.

Deterministic for one release of ultravin's data. Run it to choose anew; `make_sample.py` needs only what it wrote.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ultravin
from vpic import descriptor_of, is_small_maker, values_of, vin_from

NOW = datetime(2026, 11, 1, tzinfo=UTC)
"""The clock for vPIC's publication dates, so that a later run draws the same."""
DRAWN = 3000
ROUNDS = 4
TARGET = Path(__file__).with_name("sample_descriptors.txt")

# Key in the list of confirmed combinations → vPIC element id.
FIELDS = {
    "body": 5, "curb_lb": 54, "cylinders": 9, "displacement_l": 13, "doors": 14, "drive": 15, "engine_model": 18,
    "fuel": 24, "gears": 63, "gvwr": 25, "make": 26, "manufacturer": 27, "model": 28, "power_hp": 71, "seats": 33,
    "transmission": 37, "trim": 38, "vehicle_type": 39, "wheelbase_in": 111, "series": 34, "electrification": 126,
    "battery_kwh": 59,
}  # fmt: skip
Combination = tuple[tuple[str, str], ...]


def main() -> None:
    """Choose, and say how many of the confirmed combinations were met."""
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    wanted: dict[tuple[str, int], set[Combination]] = defaultdict(set)
    for row in rows:
        wanted[row["make"], row["model_year"]].add(combination({key: str(value) for key, value in row.items()}))
    found: dict[Combination, str] = {}
    for (make, year), combinations in sorted(wanted.items()):
        for seed in range(ROUNDS):
            if combinations - found.keys():
                search(make, year, seed, combinations, found)
    TARGET.write_text("".join(f"{descriptor}\n" for descriptor in sorted(found.values())), encoding="utf-8")
    print(f"{len(found)} of {len(rows)} confirmed combinations are in {TARGET.name}")


def search(make: str, year: int, seed: int, wanted: set[Combination], found: dict[Combination, str]) -> None:
    """Draw made VINs of a make and year, and note the first descriptor of each wanted combination."""
    drawn = ultravin.generate(DRAWN, seed=seed, make=make, year=year, now=NOW)
    descriptors = sorted({descriptor_of(vin) for vin in drawn if not is_small_maker(vin)})
    for decoded in ultravin.decode_batch([vin_from(one) for one in descriptors], full=True, now=NOW):
        met = combination_of(decoded)
        if met in wanted:
            found.setdefault(met, descriptor_of(decoded["vin"]))


def combination_of(decoded: dict[str, Any]) -> Combination:
    """The combination that a VIN decodes to."""
    values = values_of(decoded)
    met = {key: values[element] for key, element in FIELDS.items() if element in values}
    return combination(met | {"model_year": str(decoded["model_year"])})


def combination(values: dict[str, str]) -> Combination:
    """In a form that can be compared."""
    return tuple(sorted(values.items()))


if __name__ == "__main__":
    main()
