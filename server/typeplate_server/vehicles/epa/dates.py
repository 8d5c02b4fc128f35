"""Owns EPA's dates, such as `Tue Jan 01 00:00:00 EST 2013`, in the time of the US east coast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_OFFSET_HOURS = {"EST": -5, "EDT": -4}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=8192)
def epoch_seconds(text: str) -> int | None:
    """Seconds since the epoch, or None for what is no such date: the source's dates are untrusted and lose no row."""
    try:
        _, month, day, clock, zone, year = text.split()
        hour, minute, second = map(int, clock.split(":"))
        local = datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    if zone not in _OFFSET_HOURS:
        return None
    return int((local - timedelta(hours=_OFFSET_HOURS[zone])).timestamp())
