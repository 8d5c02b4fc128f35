"""How often tests repeat what only repetition shows: a little in `make test`, in full with TYPEPLATE_TEST_LONG=1."""

from __future__ import annotations

import os
from typing import TypeVar

Number = TypeVar("Number", int, float)
LONG = os.environ.get("TYPEPLATE_TEST_LONG") == "1"


def scaled(short: Number, full: Number) -> Number:
    """The number of repetitions, or a bound that a short run, which shares its machine, has looser."""
    return full if LONG else short
