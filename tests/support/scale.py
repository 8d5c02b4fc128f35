"""How often tests repeat what only repetition shows: a little in `make test`, in full with TYPEPLATE_TEST_LONG=1."""

from __future__ import annotations

import os

LONG = os.environ.get("TYPEPLATE_TEST_LONG") == "1"


def scaled(short: int, full: int) -> int:
    """The number of repetitions."""
    return full if LONG else short
