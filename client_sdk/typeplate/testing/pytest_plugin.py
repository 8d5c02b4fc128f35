"""The fixture for pytest: `pytest_plugins = ["typeplate.testing.pytest_plugin"]` in the root `conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from typeplate.testing import Server


@pytest.fixture
def typeplate_server() -> Iterator[Server]:
    """An empty server of this test's own; gone, with the clients it gave, when the test has ended."""
    with Server() as server:
        yield server
