"""Failed attempts are bounded per peer, in bounded memory."""

import pytest

from tests.support.auth_world import Clock
from typeplate_server.auth.failures import FailureLimiter


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    """50 at once, then 10 a second; the wait it tells is enough and not too long."""
    clock = Clock(0.0)
    failures = FailureLimiter(clock)
    assert [failures.count("a") for _ in range(50)] == [None] * 50
    wait = failures.count("a")
    assert wait == pytest.approx(0.1)
    clock.now += 0.11
    assert failures.count("a") is None
    assert failures.count("a") is not None
    clock.now += 1000
    assert [failures.count("a") for _ in range(51)][-2:] == [None, pytest.approx(0.1)]


def test_being_refused_does_not_prolong_the_wait() -> None:
    """A peer that goes on failing gets its 10 a second all the same."""
    clock = Clock(0.0)
    failures = FailureLimiter(clock)
    let_through = 0
    for _ in range(1000):
        clock.now += 0.01
        let_through += failures.count("a") is None
    assert 148 <= let_through <= 151


def test_peers_do_not_touch_each_other() -> None:
    """One peer's failures are its own."""
    failures = FailureLimiter(Clock(0.0), burst=1)
    assert failures.count("a") is None
    assert failures.count("a") is not None
    assert failures.count("b") is None


def test_memory_is_bounded_and_who_failed_last_is_kept() -> None:
    """A flood from many addresses does not free the one that keeps failing."""
    failures = FailureLimiter(Clock(0.0), burst=1, max_peers=100)
    failures.count("bad")
    for number in range(10_000):
        failures.count(f"peer {number}")
        assert failures.count("bad") is not None
    assert len(failures) == 100


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    """Nor does it fail."""
    clock = Clock(100.0)
    failures = FailureLimiter(clock, burst=1)
    failures.count("a")
    clock.now = 0.0
    assert failures.count("a") is not None
