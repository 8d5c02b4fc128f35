"""Small EPA files for tests: one good row of every column, to be changed cell by cell."""

import csv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.vehicles.epa import open_epa
from typeplate_server.vehicles.epa.columns import REQUIRED_COLUMNS

_UNKNOWN_AS_EMPTY = frozenset(
    [
        "VClass",
        "atvType",
        "baseModel",
        "c240Dscr",
        "c240bDscr",
        "createdOn",
        "cylinders",
        "displ",
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
        "rangeA",
        "sCharger",
        "startStop",
        "tCharger",
        "trans_dscr",
        "trany",
    ]
)
_UNKNOWN_AS_MINUS_ONE = frozenset({"co2", "co2A", "feScore", "ghgScore", "ghgScoreA"})

UNKNOWN_ROW: Mapping[str, str] = {
    column: "" if column in _UNKNOWN_AS_EMPTY else "-1" if column in _UNKNOWN_AS_MINUS_ONE else "0"
    for column in sorted(REQUIRED_COLUMNS | {"baseModel"})
} | {"phevBlended": "false"}
"""A row in which everything is unknown, as EPA writes that in each column."""

GASOLINE_ROW: Mapping[str, str] = {
    **UNKNOWN_ROW,
    "id": "101",
    "make": "Exampla",
    "model": "Touring",
    "year": "2020",
    "VClass": "Compact Cars",
    "displ": "2.0",
    "cylinders": "4",
    "drive": "Front-Wheel Drive",
    "trany": "Automatic (AM-S7)",
    "fuelType": "Premium",
    "fuelType1": "Premium Gasoline",
    "city08": "20",
    "city08U": "20.25",
    "highway08": "30",
    "comb08": "24",
    "co2": "370",
    "co2TailpipeGpm": "370.0",
    "youSaveSpend": "0",
    "fuelCost08": "1900",
    "createdOn": "Tue Jan 01 00:00:00 EST 2013",
    "modifiedOn": "Thu Sep 25 00:00:00 EDT 2025",
}
"""A plain car on gasoline."""

ELECTRIC: Mapping[str, str] = {
    "atvType": "EV",
    "fuelType": "Electricity",
    "fuelType1": "Electricity",
    "displ": "",
    "cylinders": "",
    "city08": "130",
    "city08U": "0",
    "comb08": "120",
    "combE": "28.0",
    "co2": "0",
    "co2TailpipeGpm": "0.0",
    "range": "250",
    "trany": "Automatic (A1)",
    "evMotor": "150 kW ACPM",
}
"""What differs in the row of an electric car."""

PLUG_IN: Mapping[str, str] = {
    "atvType": "Plug-in Hybrid",
    "fuelType": "Premium and Electricity",
    "fuelType2": "Electricity",
    "phevBlended": "true",
    "comb08": "27",
    "combA08": "58",
    "combE": "55.0",
    "co2": "137",
    "co2TailpipeGpm": "137.0",
    "combinedUF": "0.613",
    "combinedCD": "0.1",
    "phevComb": "40",
    "range": "530",
    "rangeA": "33",
}
"""What differs in the row of a plug-in hybrid."""


def write_csv(path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str] = tuple(GASOLINE_ROW)) -> Path:
    """A CSV file of these rows."""
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_zip(path: Path, csv_path: Path, member: str = "vehicles.csv") -> Path:
    """A zip that holds the CSV file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(csv_path, member)
    return path


def one_vehicle(folder: Path, changes: Mapping[str, str]) -> Vehicle:
    """The vehicle that the reader makes of GASOLINE_ROW with these changes; raises the row's error."""
    (row,) = open_epa(write_csv(folder / "vehicles.csv", [{**GASOLINE_ROW, **changes}])).rows()
    if row.error:
        raise row.error
    assert row.vehicle is not None
    return row.vehicle
