"""Reading EPA's file: plain or zipped, columns by the header, a bad row losing only itself."""

import gzip
import zipfile
from pathlib import Path

import pytest

from tests.support.epa_file import GASOLINE_ROW, write_csv, write_zip
from typeplate_server.vehicles.epa import open_epa
from typeplate_server.vehicles.source import SourceError


def rows_with(*changes: dict[str, str]) -> list[dict[str, str]]:
    """Good rows with ids 101, 102, …, each with its changes."""
    return [{**GASOLINE_ROW, "id": str(101 + index), **change} for index, change in enumerate(changes)]


def test_plain_and_zipped_files_give_the_same_rows(tmp_path: Path) -> None:
    """The zip is recognised by its content; the row count is right for both."""
    plain = write_csv(tmp_path / "vehicles.csv", rows_with({}, {}, {}))
    zipped = write_zip(tmp_path / "download", plain)
    assert [r.vehicle for r in open_epa(plain, "v").rows()] == [r.vehicle for r in open_epa(zipped, "v").rows()]
    assert open_epa(plain).total_rows == open_epa(zipped).total_rows == 3


def test_a_bad_row_loses_only_itself(tmp_path: Path) -> None:
    """Its neighbours are mapped; it keeps its id, so that it does not count as vanished."""
    path = write_csv(tmp_path / "vehicles.csv", rows_with({}, {"city08": "fast"}, {"id": ""}, {}))
    rows = list(open_epa(path).rows())
    assert [(row.row_number, row.vehicle_id, row.error is None) for row in rows] == [
        (2, "epa-101", True),
        (3, "epa-102", False),
        (4, "", False),
        (5, "epa-104", True),
    ]


def test_rows_of_the_wrong_length_and_repeated_ids_are_refused(tmp_path: Path) -> None:
    """A short row names no column; the second row of an id names the first."""
    path = write_csv(tmp_path / "vehicles.csv", rows_with({}, {"id": "101"}))
    with path.open("a", encoding="utf-8") as text:
        text.write("1,2,3\n")
    errors = [str(row.error) for row in open_epa(path).rows() if row.error]
    assert errors == ["row 3, column id: is that of row 2 too", f"row 4: has 3 cells, the header {len(GASOLINE_ROW)}"]


def test_bytes_that_are_not_utf_8_lose_only_their_row(tmp_path: Path) -> None:
    """A Latin-1 letter is an error of its row and column."""
    path = write_csv(tmp_path / "vehicles.csv", rows_with({}, {"model": "Citro@n"}, {"model": "Citroën"}))
    path.write_bytes(path.read_bytes().replace(b"Citro@n", b"Citro\xebn"))
    rows = list(open_epa(path).rows())
    assert [str(row.error) for row in rows if row.error] == ["row 3, column model: is not UTF-8"]
    assert rows[2].vehicle is not None
    assert rows[2].vehicle.model == "Citroën"


def test_columns_are_found_by_the_header(tmp_path: Path) -> None:
    """Another order, a byte order mark, an added column and no `baseModel`: the same vehicle, the same hash."""
    usual = write_csv(tmp_path / "usual.csv", rows_with({}))
    columns = [*reversed([column for column in GASOLINE_ROW if column != "baseModel"]), "newColumn"]
    other = write_csv(tmp_path / "other.csv", rows_with({"newColumn": "x"}), columns)
    other.write_bytes(b"\xef\xbb\xbf" + other.read_bytes())
    (first,), (second,) = open_epa(usual).rows(), open_epa(other).rows()
    assert first.vehicle == second.vehicle
    assert first.content_hash == second.content_hash


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", r"vehicles\.csv: is empty", id="empty"),
        pytest.param(b"\n\n", "the header lacks", id="blank"),
        pytest.param(gzip.compress(b"id,make\n"), "gzip is not read", id="gzip"),
        pytest.param(b"Make,Model\nAudi,A4\n", "the header lacks", id="another file"),
        pytest.param(b"\x00\x01\x02\xff" * 100, "lacks|cannot be read", id="no text"),
        pytest.param(b"PK\x03\x04 broken", r"vehicles\.csv: damaged zip", id="half a zip"),
    ],
)
def test_a_file_that_is_not_epas_is_refused_as_a_whole(tmp_path: Path, content: bytes, sentence: str) -> None:
    """With a sentence that says what is wrong."""
    path = tmp_path / "vehicles.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=sentence):
        open_epa(path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """Every technical column is required: without one, each record would look changed."""
    path = write_csv(tmp_path / "v.csv", rows_with({}), [column for column in GASOLINE_ROW if column != "combE"])
    with pytest.raises(SourceError, match=r"lacks 1 columns \(combE\)"):
        open_epa(path)


def test_a_missing_file_and_a_zip_of_several_tables_are_refused(tmp_path: Path) -> None:
    """SourceError, never a bare OSError."""
    with pytest.raises(SourceError, match="No such file"):
        open_epa(tmp_path / "absent.csv")
    plain = write_csv(tmp_path / "vehicles.csv", rows_with({}))
    zipped = write_zip(tmp_path / "two.zip", plain)
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("second.csv", "a,b\n")
    with pytest.raises(SourceError, match="2 CSV files"):
        open_epa(zipped)


def test_a_file_that_breaks_off_is_an_error_not_a_short_import(tmp_path: Path) -> None:
    """Bad bytes inside the zip surface as SourceError while reading (the checksum of the member)."""
    plain = write_csv(tmp_path / "vehicles.csv", rows_with(*[{} for _ in range(2_000)]))
    zipped = write_zip(tmp_path / "vehicles.zip", plain)
    epa_file = open_epa(zipped)
    content = bytearray(zipped.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8] = bytes(8)
    zipped.write_bytes(content)
    with pytest.raises(SourceError, match=r"vehicles\.zip: damaged zip"):
        list(epa_file.rows())


def test_a_zip_cut_off_anywhere_is_called_damaged(tmp_path: Path) -> None:
    """As a broken-off download leaves it."""
    zipped = write_zip(tmp_path / "vehicles.zip", write_csv(tmp_path / "vehicles.csv", rows_with({}, {})))
    whole = zipped.read_bytes()
    for length in (4, 30, len(whole) // 2, len(whole) - 1):
        zipped.write_bytes(whole[:length])
        with pytest.raises(SourceError, match=r"vehicles\.zip: damaged zip"):
            open_epa(zipped)


def test_a_zip_of_an_empty_table_says_so(tmp_path: Path) -> None:
    """Rather than that columns are lacking."""
    (tmp_path / "vehicles.csv").write_bytes(b"")
    with pytest.raises(SourceError, match=r"vehicles\.csv, in the zip, is empty"):
        open_epa(write_zip(tmp_path / "vehicles.zip", tmp_path / "vehicles.csv"))


def test_the_dataset_version_is_the_date_in_the_name_or_of_the_member(tmp_path: Path) -> None:
    """What an operator says goes before both."""
    plain = write_csv(tmp_path / "epa-vehicles-2025-10-28.csv", rows_with({}))
    assert open_epa(plain).dataset_version == "2025-10-28"
    assert open_epa(plain, "mine").dataset_version == "mine"
    assert open_epa(write_csv(tmp_path / "vehicles.csv", rows_with({}))).dataset_version is None
    member = open_epa(write_zip(tmp_path / "vehicles.zip", plain)).dataset_version
    assert member is not None
    assert member[:2] == "20"
