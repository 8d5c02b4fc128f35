"""The one notion of "now" that tokens are issued and judged by.

Epoch seconds from the wall clock, never backwards: while the wall clock stands behind what was once told, time goes
on at the pace of the steady clock. So a clock stepped back revives no expired token and makes none live longer.

Nor does one that is stepped back while no server runs: the latest time told is kept with the deployment, each minute
and at a stop, and a start goes on from there. But not when it is more than BELIEVED_S ahead: then one of the two was
set quite wrong, and a clock that once stood in a year to come must not rule for ever (server/adr/0010).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

BELIEVED_S: Final = 86_400.0
"""As far ahead of the wall clock the latest time told is believed: a day, more than a wrong time zone does."""
KEPT_EACH_S: Final = 60.0
"""How long ago it may have been written when a process was killed."""

logger = logging.getLogger(__name__)


class NeverBackwards:
    """Callable: epoch seconds. `wall` is `time.time`-like, `steady` is a clock that no one can set."""

    __slots__ = ("_ahead", "_steady", "_wall")

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead = float("-inf")
        self()

    def __call__(self) -> float:
        """Now. Two calls in a row never go back."""
        wall = self._wall()  # read first: a pause between the two readings then errs to the safe side
        steady = self._steady()
        if wall - steady > self._ahead:
            self._ahead = wall - steady
        return steady + self._ahead

    def not_before(self, time: float) -> None:
        """From now on it has been this late at least."""
        self._ahead = max(self._ahead, time - self._steady())


class TimeStore(Protocol):
    """The latest time that was told, by whichever replica, durably."""

    async def keep_time(self, now: float, believed_s: float) -> float | None:
        """Enters `now` (epoch s) unless a later time is there, at most `believed_s` later; returns what was there."""
        ...


class KeptTime:
    """The deployment's latest time and this process's clock, each taking over from the other what is later."""

    def __init__(self, store: TimeStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def keep(self) -> None:
        """Writes down how late it is. Raises `DatabaseUnavailable`."""
        await self._store.keep_time(self._clock(), BELIEVED_S)

    async def resume(self) -> None:
        """Goes on from the latest time told before this start, if that is ahead. Raises `DatabaseUnavailable`."""
        now = self._clock()
        latest = await self._store.keep_time(now, BELIEVED_S)
        if latest is None or latest <= now:
            return
        if latest - now > BELIEVED_S:
            wrong = "the clock stands %.0f s behind what it was: one of the two is wrong, and the present one is taken"
            logger.error(wrong, latest - now)
        elif isinstance(self._clock, NeverBackwards):
            logger.warning("the clock stands %.0f s behind what it was: time goes on from there", latest - now)
            self._clock.not_before(latest + KEPT_EACH_S)
