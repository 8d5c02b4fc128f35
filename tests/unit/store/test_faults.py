"""What the log tells of a database that fails: the driver's words, which name what an operator can mend."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import create_engine, text

from typeplate_server.auth.store import CommitUnknown
from typeplate_server.errors import DatabaseUnavailable
from typeplate_server.store import faults


@pytest.fixture(autouse=True)
def nothing_told_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_told", {})


def fill_the_disk(translated: AbstractContextManager[None]) -> None:
    """Write more than SQLite has room for, inside `translated`."""
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection, translated:
            connection.execute(text("PRAGMA max_page_count = 3"))
            connection.execute(text("CREATE TABLE t (x)"))
            connection.execute(text("INSERT INTO t VALUES (:secret || zeroblob(100000))"), {"secret": "tps_secret"})
    finally:
        engine.dispose()


def test_a_full_disk_is_named_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many calls fail of it; callers are told that the database does not answer, and values nobody."""
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable) as refused:
            fill_the_disk(faults.outage_as_unavailable())
        assert "full" not in refused.value.message
    assert caplog.text.count("database or disk is full") == 1
    assert "tps_secret" not in caplog.text


def test_a_commit_that_the_disk_had_no_room_for_is_told_as_such(caplog: pytest.LogCaptureFixture) -> None:
    """Whether it was committed nobody knows, but why."""
    with pytest.raises(CommitUnknown) as refused:
        fill_the_disk(faults.outage_as_commit_unknown())
    assert isinstance(refused.value.__cause__.__cause__ if refused.value.__cause__ else None, sqlite3.Error)
    assert "a commit failed, and may be done or not: database or disk is full" in caplog.text
