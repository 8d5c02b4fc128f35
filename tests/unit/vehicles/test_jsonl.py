"""JSON lines: strict, a bad line loses only itself, and what was written is read back as it was."""

import gzip
import zipfile
from pathlib import Path

import pytest

from tests.support.epa_file import ELECTRIC, PLUG_IN, one_vehicle
from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.vehicles.jsonl import MAX_LINE_BYTES, json_line, open_jsonl
from typeplate_server.vehicles.source import SourceError, SourceRow

GOOD = b'{"name":"vehicles/own-1","make":"Opel","model":"Astra","model_year":2020}'


def rows(folder: Path, *lines: bytes) -> list[SourceRow]:
    path = folder / "vehicles.jsonl"
    path.write_bytes(b"\n".join(lines))
    return list(open_jsonl(path).rows())


@pytest.fixture(params=[{}, ELECTRIC, PLUG_IN])
def rich(request: pytest.FixtureRequest, tmp_path: Path) -> Vehicle:
    return one_vehicle(tmp_path, request.param)


def test_what_is_written_is_read_back(rich: Vehicle, tmp_path: Path) -> None:
    """Every field, times, bytes and enums included."""
    rich.make = "Citroën\n\u2028"
    (row,) = rows(tmp_path, json_line(rich).encode())
    assert row.vehicle == rich


def test_camel_case_is_read_too(tmp_path: Path) -> None:
    """proto3 JSON has two spellings of a field's name."""
    (row,) = rows(tmp_path, GOOD.replace(b"model_year", b"modelYear"))
    assert row.vehicle is not None
    assert row.vehicle.model_year == 2020


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (b"{", "", "not a Vehicle in JSON"),
        (b"[]", "", "not a Vehicle in JSON"),
        (b'"x"', "", "not a Vehicle in JSON"),
        (GOOD.replace(b"make", b"colour"), "", 'no field named "colour"'),
        (GOOD.replace(b"2020", b'"new"'), "", "model_year"),
        (GOOD.replace(b"2020", b"2020.5"), "", "model_year"),
        (GOOD[:-1] + b',"drive":"DRIVE_SIDEWAYS"}', "", "drive"),
        (GOOD[:-1] + b',"make":"Opel"}', "", "not a Vehicle in JSON"),
        (GOOD.replace(b"Opel", b"\xff"), "", "UTF-8"),
        (GOOD.replace(b"vehicles/own-1", b"own-1"), "name", "must be vehicles/"),
        (b'{"make":"Opel"}', "name", "is required"),
        (b'{"engines":' + b"[" * 100_000, "", "not a Vehicle in JSON"),
        (b'{"make":"' + b"x" * MAX_LINE_BYTES + b'"}', "", "longer than"),
    ],
)
def test_a_bad_line_loses_only_itself(tmp_path: Path, line: bytes, column: str, reason: str) -> None:
    """It says its number, the column where there is one, and why; its neighbours are read."""
    before, bad, after = rows(tmp_path, GOOD, line, GOOD.replace(b"own-1", b"own-2"))
    assert (before.vehicle_id, after.vehicle_id, after.row_number) == ("own-1", "own-2", 3)
    assert bad.error is not None
    assert (bad.error.row_number, bad.error.column) == (2, column)
    assert reason in bad.error.reason
    assert len(bad.error.reason) < 400


def test_an_unknown_field_is_told_in_one_line(tmp_path: Path) -> None:
    """Without the list of all fields there are, which the parser adds."""
    (bad,) = rows(tmp_path, GOOD.replace(b"make", b"colour"))
    assert bad.error is not None
    assert bad.error.reason.endswith('has no field named "colour" at "Vehicle".')


def test_a_zip_is_refused_as_a_whole(tmp_path: Path) -> None:
    """Not line by line, thousands of times."""
    path = tmp_path / "vehicles.jsonl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vehicles.jsonl", GOOD)
    with pytest.raises(SourceError, match=r"vehicles\.jsonl: is a zip"):
        open_jsonl(path)


def test_blank_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    """Row numbers are line numbers."""
    assert [row.row_number for row in rows(tmp_path, b"", GOOD, b"  \r", b"")] == [2]


def test_a_gzipped_file(tmp_path: Path) -> None:
    """Known by its first bytes, whatever its name."""
    path = tmp_path / "vehicles"
    path.write_bytes(gzip.compress(GOOD + b"\n" + GOOD))
    file = open_jsonl(path)
    assert (file.total_rows, len(list(file.rows()))) == (2, 2)


@pytest.mark.parametrize(
    "content", [None, gzip.compress(GOOD * 100)[:60], b"\x1f\x8bnothing like it"], ids=["none", "cut", "no gzip"]
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    """Absent, cut off, or damaged: a sentence, not a traceback."""
    path = tmp_path / "vehicles.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"vehicles\.jsonl: cannot be read"):
        open_jsonl(path)


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    """It is a file all the same."""
    assert rows(tmp_path) == []
