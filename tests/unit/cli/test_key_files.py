"""The files that a new secret goes into."""

from __future__ import annotations

import errno
import os
import stat
from argparse import Namespace
from pathlib import Path

import pytest

from typeplate import Client
from typeplate.cli.connection import read_env_file
from typeplate.cli.exits import CommandError, UsageError
from typeplate.cli.key_files import KeyFiles
from typeplate.cli.new_file import NewFile
from typeplate.v1 import client_pb2

SECRET = "it's $HOME"


def key_files(env_file: Path | None = None, secret_file: Path | None = None) -> KeyFiles:
    """As the command makes them."""
    paths = [None if path is None else str(path) for path in (env_file, secret_file)]
    return KeyFiles(Namespace(target="127.0.0.1:1", write_env_file=paths[0], write_secret_file=paths[1]))


def keep(files: KeyFiles) -> client_pb2.ClientSecret:
    """What is left of a new secret once it is in the files."""
    secret = client_pb2.ClientSecret(secret_id="k1", value=SECRET)
    with files:
        files.keep("a", secret)
    return secret


def test_a_new_file_is_private_from_its_first_moment(tmp_path: Path) -> None:
    """Mode 0600, whatever the umask."""
    with NewFile(tmp_path / "f") as file:
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_an_environment_file_reads_back(tmp_path: Path) -> None:
    """Odd values survive, and the secret is nowhere else."""
    path = tmp_path / "app.env"
    assert keep(key_files(path)).value == ""
    values = {"TYPEPLATE_TARGET": "127.0.0.1:1", "TYPEPLATE_CLIENT_ID": "a", "TYPEPLATE_CLIENT_SECRET": SECRET}
    assert {name: value for name, value in read_env_file(path).items() if value} == values


def test_an_environment_file_beside_a_secret_file_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its whole path, so that it may be read from anywhere."""
    monkeypatch.chdir(tmp_path)
    keep(key_files(Path("app.env"), Path("app.secret")))
    assert (tmp_path / "app.secret").read_text() == f"{SECRET}\n"
    assert read_env_file(tmp_path / "app.env")["TYPEPLATE_CLIENT_SECRET_FILE"] == str(tmp_path / "app.secret")
    assert SECRET not in (tmp_path / "app.env").read_text()


def test_a_shell_that_reads_two_files_has_the_secret_of_the_later_one(tmp_path: Path) -> None:
    """Whether that is in the file itself or beside it; a client that found both would refuse them."""
    given, named = tmp_path / "given.env", tmp_path / "named.env"
    keep(key_files(given))
    keep(key_files(named, tmp_path / "secret"))
    for first, second in ((given, named), (named, given)):
        environ = read_env_file(first) | read_env_file(second)
        with Client.from_env(environ) as client:
            assert "client_id='a'" in repr(client)


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    """It may hold another application's secret; and no other file is left behind."""
    path = tmp_path / "app.env"
    path.write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        keep(key_files(path, tmp_path / "app.secret"))
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_were_not_filled_are_removed(tmp_path: Path) -> None:
    """When the call fails, nothing is left behind."""
    with pytest.raises(RuntimeError), key_files(tmp_path / "app.env", tmp_path / "app.secret"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_in_pieces_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system may take less than it is given."""
    write = os.write
    monkeypatch.setattr("os.write", lambda file, content: write(file, content[:3]))
    keep(key_files(tmp_path / "app.env", tmp_path / "app.secret"))
    assert (tmp_path / "app.secret").read_text() == f"{SECRET}\n"
    assert read_env_file(tmp_path / "app.env")["TYPEPLATE_CLIENT_ID"] == "a"


def test_file_and_directory_are_on_disk_before_the_secret_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose name is lost in a crash is lost with it."""
    synced: list[int] = []
    fsync = os.fsync

    def note(file: int) -> None:
        synced.append(os.fstat(file).st_ino)
        fsync(file)

    monkeypatch.setattr("os.fsync", note)
    keep(key_files(tmp_path / "app.env"))
    assert synced == [(tmp_path / "app.env").stat().st_ino, tmp_path.stat().st_ino]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_secret_that_cannot_be_kept_is_shown_and_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], call: str
) -> None:
    """Also when only the last of the files cannot be written; none of them is left."""
    original, calls = getattr(os, call), iter(range(10))

    def fail(*arguments: object) -> object:
        if next(calls) >= 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*arguments)

    monkeypatch.setattr(f"os.{call}", fail)
    files = key_files(tmp_path / "app.env", tmp_path / "app.secret")
    made = keep(files)
    with pytest.raises(CommandError, match=r"app\.secret and .*app\.env \(No space left on device\): removed"):
        files.show(made)
    assert SECRET in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
