"""When the first administrator's credentials are written: before its client is, so that none is ever without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from typeplate_server.app.failure import StartupError
from typeplate_server.app.setup import initialise
from typeplate_server.auth.service import ClientAdministration
from typeplate_server.auth.store import CommitUnknown
from typeplate_server.config import Settings
from typeplate_server.errors import DatabaseUnavailable


def settings(data_dir: Path) -> Settings:
    return Settings.from_env({"TYPEPLATE_DATA_DIR": str(data_dir)})


async def test_the_secret_is_kept_before_the_client_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill right after the commit loses nothing."""
    kept: list[bool] = []
    create = ClientAdministration.create

    async def watched(self: ClientAdministration, *arguments: Any, secret: Any = None, **rest: Any) -> Any:
        path = tmp_path / "admin.env"
        kept.append(path.exists() and secret.value in path.read_text())
        return await create(self, *arguments, secret=secret, **rest)

    monkeypatch.setattr(ClientAdministration, "create", watched)
    assert await initialise(settings(tmp_path)) == tmp_path / "admin.env"
    assert kept == [True]


@pytest.mark.parametrize(("failure", "left"), [(DatabaseUnavailable, False), (CommitUnknown, True)])
async def test_credentials_of_a_client_that_was_not_made_are_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: type[DatabaseUnavailable], left: bool
) -> None:
    """But not when it may have been; and the next setup completes it."""

    async def failing(*_: Any, **__: Any) -> None:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(ClientAdministration, "create", failing)
        with pytest.raises(StartupError):
            await initialise(settings(tmp_path))
    assert (tmp_path / "admin.env").exists() is left
    assert await initialise(settings(tmp_path)) == tmp_path / "admin.env"


async def test_credentials_that_are_there_are_never_written_over(tmp_path: Path) -> None:
    """They may be of a database that was lost and is found again."""
    (tmp_path / "admin.env").write_text("of another database")
    assert await initialise(settings(tmp_path)) == tmp_path / "admin.env"
    [aside] = _old_ones(tmp_path)
    assert aside.read_text() == "of another database"
    assert "of another" not in (tmp_path / "admin.env").read_text()


def _old_ones(directory: Path) -> list[Path]:
    return list(directory.glob("admin.env.*.old"))
