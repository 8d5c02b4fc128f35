"""A database URL is shown without any password; one that can be read in two ways is refused and not repeated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from typeplate_server import config
from typeplate_server.config import ConfigError, Settings
from typeplate_server.database_url import is_database_url, shown_url
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import schema_state

TWO_READINGS = [
    "postgresql://bob@srv:S3CRET@host/db",
    "postgresql://bob:p@S3CRET@host:1/db",
    "postgresql://bob:p@x:S3CRET@host:1/db",
    "postgresql://bob:S3CRET/p?q@host:1/db",
    "postgresql://bob:S3CRET#p@host:1/db",
    "postgresql://bob:123/S3CRET@host/db",
    "postgresql://bob:S3CRET/db",
    "postgresql+psycopg2://u:S3CRET@host/db",
    "sqlite+other:///x?password=S3CRET",
]
SHOWN = [
    ("postgresql://bob:S3CRET@host:1/db", "postgresql://bob:***@host:1/db"),
    ("postgresql+psycopg://bob:S3CRET%40p:x@[::1]:1/db", "postgresql+psycopg://bob:***@[::1]:1/db"),
    ("postgresql://bob@host/db?sslpassword=S3CRET&sslmode=verify-full",
     "postgresql://bob@host/db?sslpassword=***&sslmode=verify-full"),
    ("postgresql://host/db?user=u&PASSWORD=S3CRET", "postgresql://host/db?user=***&PASSWORD=***"),
    ("postgresql://host/db?options=-c%20S3CRET&host=a&host=b",
     "postgresql://host/db?options=***&host=a&host=b"),
    ("postgresql://host/db?S3CRET", "postgresql://host/db?***"),
    ("postgresql:///db", "postgresql:///db"),
    ("sqlite:////data/a@b:c/typeplate.db", "sqlite:////data/a@b:c/typeplate.db"),
    ("sqlite:///x?password=S3CRET", "sqlite:///x?***"),
]  # fmt: skip


@pytest.mark.parametrize("url", TWO_READINGS)
def test_a_url_with_two_readings_is_refused_and_not_repeated(url: str) -> None:
    """By the settings, with a word on how to write it; shown it is nothing but stars."""
    assert not is_database_url(url)
    assert shown_url(url) == "***"
    with pytest.raises(ConfigError, match=r"TYPEPLATE_DATABASE_URL must be .* write %40 for @") as refused:
        Settings.from_env({"TYPEPLATE_DATABASE_URL": url})
    assert "S3CRET" not in str(refused.value)


@pytest.mark.parametrize(("url", "shown"), SHOWN)
def test_no_password_is_shown(url: str, shown: str) -> None:
    """Wherever in the URL it stands; of parameters only a few known ones have their values shown."""
    assert is_database_url(url)
    assert shown_url(url) == shown
    settings = replace(Settings.from_env({}), database_url=url)
    assert dict(config.shown(settings))["TYPEPLATE_DATABASE_URL"] == shown


def test_what_is_no_url_is_shown_as_it_is() -> None:
    """An address or a path with a colon and an @ in it has no password."""
    settings = replace(Settings.from_env({}), data_dir=Path("/srv/x://a:b@c"))
    assert dict(config.shown(settings))["TYPEPLATE_DATA_DIR"] == "/srv/x:/a:b@c"


@pytest.mark.parametrize("url", ["postgresql://bob:p@S3CRET@host:1/db", "postgresql://bob:p@x:S3CRET@host:1/db"])
def test_the_store_repeats_no_part_of_a_password_either(url: str) -> None:
    """Neither as a host that it cannot find nor in the error of a port that is none."""
    with pytest.raises(DatabaseError, match="cannot be read") as refused:
        schema_state(url)
    assert "S3CRET" not in str(refused.value)
