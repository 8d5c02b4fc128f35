"""The whole EPA files: every row maps, the content hash counts the known changes, and rows can be rebuilt."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.epa_row import LOST, Cell, epa_row
from tests.support.shared import shared_path
from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.vehicles.epa import open_epa
from typeplate_server.vehicles.source import SourceRow
from typeplate_server.vehicles.validation import validate

NEWEST = "data/epa-vehicles-2025-10-28.csv.zip"
TEXT_COLUMNS = frozenset(
    [
        "VClass",
        "atvType",
        "baseModel",
        "c240Dscr",
        "c240bDscr",
        "createdOn",
        "drive",
        "eng_dscr",
        "evMotor",
        "fuelType",
        "fuelType1",
        "fuelType2",
        "guzzler",
        "make",
        "mfrCode",
        "model",
        "modifiedOn",
        "mpgData",
        "phevBlended",
        "rangeA",
        "sCharger",
        "startStop",
        "tCharger",
        "trans_dscr",
        "trany",
    ]
)
"""All other columns are numbers: `2.0` and `2` are one there. In these, runs of white space are one blank."""

ALIASES: dict[str, dict[Cell, Cell]] = {
    "displ": {0.0: "", "NA": ""},  # one electric car says 0, two rotary cars of 1985 NA, all others leave it empty
    "cylinders": {"NA": ""},  # three rows
    "ghgScoreA": {0.0: -1.0},  # a score is 1 to 10; some plug-in hybrids say 0 for "not scored", others −1
    "evMotor": {"TBD": ""},  # "to be done"
}
"""Columns in which EPA writes unknown in more than one way; data.md: 0, −1, "", "NA" and "TBD" are unknown."""


def read_cells(name: str) -> Iterator[dict[str, str]]:
    """The rows of a zipped file as Python's csv reads them, knowing nothing of our reader."""
    with zipfile.ZipFile(shared_path(name)) as archive, archive.open("vehicles.csv") as member:
        yield from csv.DictReader(io.TextIOWrapper(member, "utf-8", newline=""))


def normal(column: str, cell: str) -> Cell:
    """A published cell in the form in which `epa_row` gives it."""
    value: Cell = " ".join(cell.split())
    if column not in TEXT_COLUMNS and value not in ("", "NA"):
        value = float(value)
    return ALIASES.get(column, {}).get(value, value)


@pytest.fixture(scope="module")
def newest() -> list[SourceRow]:
    """All rows of the newest file, mapped once for the module."""
    return list(open_epa(shared_path(NEWEST)).rows())


@pytest.fixture(scope="module")
def hashes(newest: list[SourceRow]) -> dict[str, dict[str, bytes]]:
    """Of each snapshot, the content hash by vehicle id; no row of any may be refused."""
    found = {"2025": {row.vehicle_id: row.content_hash for row in newest}}
    for year, name in (("2017", "data/epa-vehicles-2017-12.csv.zip"), ("2022", "data/epa-vehicles-2022-11.csv.zip")):
        rows = list(open_epa(shared_path(name)).rows())
        assert [row.error for row in rows if row.error] == []
        found[year] = {row.vehicle_id: row.content_hash for row in rows}
    return found


def test_every_row_of_the_newest_file_maps(newest: list[SourceRow]) -> None:
    """49,582 rows, none refused, ids all different, and the row count for the progress bar right."""
    assert [row.error for row in newest if row.error] == []
    assert len({row.vehicle_id for row in newest}) == len(newest) == 49_582
    assert open_epa(shared_path(NEWEST)).total_rows == 49_582


def test_every_column_but_one_is_rebuilt_from_typed_fields_for_every_row(newest: list[SourceRow]) -> None:
    """83 of the 84 columns come back from the stored message of each of the 49,582 rows."""
    wrong: Counter[str] = Counter()
    examples: dict[str, tuple[str, Cell, Cell]] = {}
    columns: set[str] = set()
    for source, cells in zip(newest, read_cells(NEWEST), strict=True):
        assert source.vehicle is not None
        rebuilt = epa_row(Vehicle.FromString(source.vehicle.SerializeToString()))
        columns |= cells.keys()
        for column, cell in cells.items():
            if column not in LOST and rebuilt[column] != normal(column, cell):
                wrong[column] += 1
                examples.setdefault(column, (source.vehicle_id, normal(column, cell), rebuilt[column]))
    print(f"{len(columns) - len(LOST) - len(wrong)} of {len(columns)} columns rebuilt for all {len(newest)} rows")
    assert not wrong, examples
    assert len(columns) == 84
    assert len(columns - LOST.keys()) >= 75


@pytest.mark.parametrize(
    ("before", "after", "created", "changed", "removed"),
    [("2022", "2025", 3_806, 365, 1), ("2017", "2022", 6_391, 1_115, 29)],
)
def test_the_content_hash_finds_the_known_changes(
    hashes: dict[str, dict[str, bytes]], before: str, after: str, created: int, changed: int, removed: int
) -> None:
    """Between two snapshots the hash tells exactly the created, technically changed and vanished records."""
    old, new = hashes[before], hashes[after]
    assert len(new.keys() - old.keys()) == created
    assert sum(old[key] != new[key] for key in old.keys() & new.keys()) == changed
    assert len(old.keys() - new.keys()) == removed


def test_mapped_vehicles_keep_to_the_limits_of_the_proto(newest: list[SourceRow]) -> None:
    """What the importer makes would be accepted from a caller too (every 10th row, and every kind of powertrain)."""
    seen: Counter[int] = Counter()
    for row in newest:
        assert row.vehicle is not None
        seen[row.vehicle.powertrain] += 1
        if row.row_number % 10 == 0 or seen[row.vehicle.powertrain] <= 100:
            validate(row.vehicle)
    assert len(seen) == 6
