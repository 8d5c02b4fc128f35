"""The clock tokens live by: it follows the wall clock forward and never goes back."""

from tests.support.auth_world import Clock
from typeplate_server.auth.timekeeping import BELIEVED_S, KEPT_EACH_S, KeptTime, NeverBackwards


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


class FakeTimeStore:
    """The latest time told, as the deployment's row keeps it."""

    def __init__(self, latest: float | None = None) -> None:
        self.latest = latest

    async def keep_time(self, now: float, believed_s: float) -> float | None:
        before = self.latest
        if before is None or before < now or before > now + believed_s:
            self.latest = now
        return before


NOON = 1_800_000_000.0


async def test_a_clock_set_back_across_a_restart_goes_on_from_the_latest_time_told() -> None:
    """And a minute later than written, for a process that was killed may have told that much more."""
    store, wall, steady = FakeTimeStore(), Clock(NOON), Clock(5.0)
    before = KeptTime(store, NeverBackwards(wall, steady))
    await before.resume()
    wall.now += 50
    await before.keep()
    wall.now, steady.now = NOON - 3600, 1.0
    clock = NeverBackwards(wall, steady)
    await KeptTime(store, clock).resume()
    assert clock() == NOON + 50 + KEPT_EACH_S
    steady.now += 10
    wall.now += 10
    assert clock() == NOON + 60 + KEPT_EACH_S
    wall.now = NOON + 5000
    assert clock() == NOON + 5000


async def test_a_clock_that_behaves_is_left_alone_by_a_restart() -> None:
    """However long nobody ran."""
    store, steady = FakeTimeStore(NOON - 1), Clock(5.0)
    clock = NeverBackwards(Clock(NOON), steady)
    await KeptTime(store, clock).resume()
    assert (clock(), store.latest) == (NOON, NOON)


async def test_a_time_far_in_the_future_rules_for_no_longer_than_it_is_believed() -> None:
    """Told by a clock that was set wrong: beyond a day the present one is taken, and the next start knows no better."""
    store, steady = FakeTimeStore(NOON + BELIEVED_S + 1), Clock(5.0)
    clock = NeverBackwards(Clock(NOON), steady)
    await KeptTime(store, clock).resume()
    assert (clock(), store.latest) == (NOON, NOON)
    store.latest = NOON + BELIEVED_S
    await KeptTime(store, clock).resume()
    assert clock() == NOON + BELIEVED_S + KEPT_EACH_S
