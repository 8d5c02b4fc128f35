"""Marks as `long` what repeats more often in full, by itself, so that no such test is forgotten by `make test-long`."""

from __future__ import annotations

import pytest

from tests.support.scale import scaled


@pytest.hookimpl(tryfirst=True)  # before `-m long` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A module that has imported `scaled` has long tests. Others say `pytestmark = pytest.mark.long`."""
    for item in items:
        if getattr(getattr(item, "module", None), "scaled", None) is scaled:
            item.add_marker("long")
