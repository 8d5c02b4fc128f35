"""The clock tokens live by: it follows the wall clock forward and never goes back."""

from tests.support.auth_world import Clock
from typeplate_server.auth.timekeeping import NeverBackwards


def test_it_is_the_wall_clock_while_that_behaves() -> None:
    """Epoch seconds."""
    wall, steady = Clock(1000.0), Clock(5.0)
    clock = NeverBackwards(wall, steady)
    wall.now, steady.now = 1010.0, 15.0
    assert clock() == 1010.0


def test_a_step_back_does_not_turn_it_back_and_time_goes_on() -> None:
    """At the pace of the steady clock, so that nothing lives longer for it."""
    wall, steady = Clock(10_000.0), Clock(5.0)
    clock = NeverBackwards(wall, steady)
    wall.now -= 3600
    assert clock() == 10_000.0
    wall.now, steady.now = wall.now + 60, steady.now + 60
    assert clock() == 10_060.0


def test_a_step_forward_is_followed_at_once() -> None:
    """A clock put right after the start must count."""
    wall, steady = Clock(1000.0), Clock(5.0)
    clock = NeverBackwards(wall, steady)
    wall.now += 30
    assert clock() == 1030.0
    wall.now -= 30
    assert clock() == 1030.0


def test_a_pause_between_its_two_readings_adds_nothing() -> None:
    """A process stopped right there would otherwise run ahead for ever."""
    wall, steady = Clock(1000.0), Clock(5.0)

    def wall_then_pause() -> float:
        told = wall.now
        wall.now, steady.now = wall.now + 3, steady.now + 3
        return told

    clock = NeverBackwards(wall_then_pause, steady)
    for _ in range(5):
        assert clock() <= wall.now
