"""Where the data and vectors beside the repository are. They are never committed; tests that need them skip
visibly when they are away, and fail where that must not happen (CI=true)."""

import os
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def shared_path(name: str) -> Path:
    """The path of a file beside the repository, such as `data/nrcan-2023.csv`; skips the test if it is away."""
    path = _SHARED / name
    if not path.exists():
        reason = f"shared/{name} is not beside the repository"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
