"""The file of an export that breaks off."""

from contextlib import suppress
from pathlib import Path

import pytest

from typeplate.cli.part_file import PartFile


def break_off(part_file: PartFile, *writes: tuple[str, str], torn: bytes = b"") -> None:
    """Writes, and fails in the middle of a line."""
    with suppress(ConnectionError), part_file as file:
        for lines, last in writes:
            file.write(lines, last)
        file._file.write(torn)
        raise ConnectionError


def test_what_came_before_a_failure_is_kept_beside_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file keeps what it had, and the user is told how to go on."""
    path, part = tmp_path / "f", tmp_path / "f.part"
    path.write_text("old\n")
    break_off(PartFile(path, ""), ("1\n2\n", "vehicles/own-2"))
    assert path.read_text() == "old\n"
    assert part.read_text() == "1\n2\n"
    assert "f.part" in (told := capsys.readouterr().err)
    assert "--after vehicles/own-2" in told
    with PartFile(path, "vehicles/own-2") as file:
        file.write("3\n", "vehicles/own-3")
    assert path.read_text() == "1\n2\n3\n"
    assert not part.exists()


def test_a_line_that_was_torn_is_taken_back(tmp_path: Path) -> None:
    """Else whatever is appended would end it."""
    break_off(PartFile(tmp_path / "f", ""), ("1\n", "vehicles/own-1"), torn=b'{"name"')
    assert (tmp_path / "f.part").read_text() == "1\n"


def test_a_failure_before_the_first_vehicle_leaves_nothing(tmp_path: Path) -> None:
    """An empty file would help nobody."""
    break_off(PartFile(tmp_path / "f", ""))
    assert list(tmp_path.iterdir()) == []


def test_how_to_go_on_is_told_only_when_something_has_come(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that the server refuses is no place to go on from; the file keeps what it had."""
    path = tmp_path / "f"
    path.write_text("1\n")
    break_off(PartFile(path, "vehicles/bad"))
    assert capsys.readouterr().err == ""
    assert path.read_text() == "1\n"


def test_a_failure_while_appending_leaves_what_was_there(tmp_path: Path) -> None:
    """And what has come since."""
    path = tmp_path / "f"
    path.write_text("1\n")
    break_off(PartFile(path, "vehicles/own-1"), ("2\n", "vehicles/own-2"))
    assert path.read_text() == "1\n2\n"
