"""The data directory: who may write to it, and how what is secret in it is written."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.failure import StartupError


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    """They could put their own key file there; the sentence says what to do."""
    tmp_path.chmod(mode)
    try:
        with pytest.raises(StartupError, match=f"chmod go-w {tmp_path}"):
            DataDir(tmp_path).create()
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_one_that_others_can_only_read_is_taken(tmp_path: Path, mode: int) -> None:
    """What is secret in it has a mode of its own."""
    tmp_path.chmod(mode)
    DataDir(tmp_path).create()


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    """With mode 0600, and nothing beside it."""
    path = tmp_path / "admin.env"
    path.write_text("old")
    path.chmod(0o644)
    DataDir(tmp_path).write_private(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777, names(tmp_path)) == ("new", 0o600, ["admin.env"])


@pytest.mark.parametrize("lies_there", ["file", "link"])
def test_nothing_that_lies_at_the_temporary_name_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lies_there: str
) -> None:
    """Neither a file that somebody else holds open nor a link that leads elsewhere, and the name is not the pid's."""
    monkeypatch.setattr(secrets, "token_hex", lambda _: "ab")
    victim = tmp_path / "victim"
    victim.write_text("kept")
    for aside in (tmp_path / ".admin.env.ab", tmp_path / f".admin.env.{os.getpid()}"):
        if lies_there == "link":
            aside.symlink_to(victim)
        else:
            os.link(victim, aside)
    with pytest.raises(StartupError, match="cannot be written"):
        DataDir(tmp_path).write_private(tmp_path / "admin.env", "secret")
    assert victim.read_text() == "kept"
    assert not (tmp_path / "admin.env").exists()
