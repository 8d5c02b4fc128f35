"""Batches of an import follow the time they take."""

import pytest

from typeplate_server.vehicles.pacing import SMALLEST, TARGET_S, BatchPace
from typeplate_server.vehicles.store import WRITE_BATCH


class Writes:
    """A database that writes so many vehicles a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pace = BatchPace(lambda: self.now)

    def run(self, rate: float, times: int = 20) -> float:
        """Write batches at this rate; returns how long the last one took."""
        for _ in range(times):
            with self.pace.timing(self.pace.size):
                took = self.pace.size / rate
                self.now += took
        return took


@pytest.mark.parametrize("rate", [1_000.0, 3_000.0, 9_000.0])
def test_batches_come_to_take_the_target(rate: float) -> None:
    """Whatever the machine writes in a second, within the bounds of a batch."""
    writes = Writes()
    took = writes.run(rate)
    assert took <= TARGET_S * 1.05
    assert took == pytest.approx(TARGET_S, rel=0.1) or writes.pace.size == WRITE_BATCH


def test_a_database_that_slows_down_gets_small_batches_at_once() -> None:
    """One slow batch is enough, and the size never falls to nothing."""
    writes = Writes()
    writes.run(20_000.0)
    writes.run(500.0, times=1)
    assert writes.pace.size == 25
    writes.run(10.0, times=3)
    assert writes.pace.size == SMALLEST


def test_growth_is_gradual() -> None:
    """One quick batch, of rows that were all there, does not make the next one too large."""
    writes = Writes()
    first = writes.pace.size
    writes.run(1_000_000.0, times=1)
    assert writes.pace.size == min(2 * first, WRITE_BATCH)


def test_others_get_time_between_batches() -> None:
    """Never none, and more after a longer one."""
    writes = Writes()
    writes.run(100_000.0)
    short = writes.pace.pause_s
    writes.run(1_000.0)
    assert 0 < short < writes.pace.pause_s <= 0.02
