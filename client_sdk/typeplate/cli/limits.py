"""How many of a list are shown: one more is asked for, to know whether there are more."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final, TypeVar

T = TypeVar("T")
LARGEST_PAGE: Final = 1000


def page_size(limit: int) -> int:
    """The page to ask for, to show at most `limit` (0: all)."""
    return min(limit + 1, LARGEST_PAGE) if limit else LARGEST_PAGE


def first(found: Iterable[T], limit: int) -> tuple[list[T], bool]:
    """At most `limit` of them (0: all), and whether there are more."""
    shown = list(islice(found, limit + 1 if limit else None))
    more = bool(limit) and len(shown) > limit
    return (shown[:limit] if more else shown), more
