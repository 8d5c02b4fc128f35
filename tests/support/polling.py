"""Waiting for something that comes about by itself, without the server package."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    """Wait until `holds`, at most `within_s`; fails saying `what` did not come about."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)
