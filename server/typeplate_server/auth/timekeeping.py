"""The one notion of "now" that tokens are issued and judged by.

Epoch seconds from the wall clock, never backwards: while the wall clock stands behind what was once told, time goes
on at the pace of the steady clock. So a clock stepped back revives no expired token and makes none live longer.
"""

from __future__ import annotations

from collections.abc import Callable


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
