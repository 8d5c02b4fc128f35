"""A pytest plugin that writes down how each test ended, and from where the server was imported."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

FILE: Final = "TYPEPLATE_MUTANT_RECORD"
"""The variable that says where to write."""

_ended: dict[str, dict[str, str]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Keeps the worst of a test's three phases: the first that did not pass."""
    report: pytest.TestReport = yield
    if _ended.get(item.nodeid, {"outcome": "passed"})["outcome"] == "passed":
        error = "" if call.excinfo is None else call.excinfo.typename
        text = "" if call.excinfo is None else str(call.excinfo.value)
        _ended[item.nodeid] = {"outcome": report.outcome, "phase": call.when, "error": error, "text": text[:500]}
    return report


def pytest_sessionfinish() -> None:
    """Writes it all."""
    import typeplate_server

    home = str(Path(typeplate_server.__file__ or "").resolve())
    Path(os.environ[FILE]).write_text(json.dumps({"home": home, "tests": _ended}), encoding="utf-8")
