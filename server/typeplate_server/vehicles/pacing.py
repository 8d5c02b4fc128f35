"""Owns how large an import's batches are: as many vehicles as are written in half the time a transaction may last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from typeplate_server.vehicles.store import WRITE_BATCH

TARGET_S: Final = 0.05
SMALLEST: Final = 20
_FIRST: Final = 100
_MIN_PAUSE_S: Final = 0.001
_MAX_PAUSE_S: Final = 0.02
_PAUSE_SHARE: Final = 0.05


class BatchPace:
    """Sizes batches by how long the last ones took on `timer` (seconds, monotonic)."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self.size = _FIRST
        self.pause_s = _MIN_PAUSE_S
        """How long to leave the database to others before the next batch."""

    @contextmanager
    def timing(self, count: int) -> Iterator[None]:
        """Measure the write of `count` vehicles. Waiting for the lock counts too: who waits, writes less."""
        started = self._timer()
        yield
        took = max(self._timer() - started, 1e-6)
        fitting = int(count * TARGET_S / took)
        self.size = max(SMALLEST, min(WRITE_BATCH, fitting, self.size * 2))
        self.pause_s = min(_MAX_PAUSE_S, max(_MIN_PAUSE_S, took * _PAUSE_SHARE))
