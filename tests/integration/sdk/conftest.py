"""A fake server, and a client of each kind against it. Every test is watched for secrets that it shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import DRIVERS, SECRET, Clock, Connect, Driver
from tests.support.secret_watch import _watched, all_logs, pytest_runtest_makereport, pytest_runtest_setup

__all__ = ["_watched", "all_logs", "pytest_runtest_makereport", "pytest_runtest_setup"]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=sorted(DRIVERS))
def connect(request: pytest.FixtureRequest, server: FakeServer) -> Iterator[Connect]:
    """Makes a client of the kind under test; `target` and settings as the constructor has them."""
    made: list[Driver] = []

    def make(target: str | None = None, **settings: Any) -> Driver:
        credentials = {} if "client_secret_file" in settings else {"client_secret": SECRET}
        driver: Driver = DRIVERS[request.param](
            server.target if target is None else target, **{"client_id": "app", **credentials, **settings}
        )
        made.append(driver)
        return driver

    yield make
    for driver in made:
        driver.close()


@pytest.fixture
def client(connect: Connect, clock: Clock) -> Driver:
    """A client whose clock the test turns."""
    return connect(clock=clock)
