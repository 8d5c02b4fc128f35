"""Owns how much each client may have under way at once: who fills its places is refused, and nobody else waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from typeplate_server.errors import RateLimited


class Places:
    """`each` places for each client; `what` names the work in the refusal."""

    __slots__ = ("_each", "_retry_s", "_taken", "_what")

    def __init__(self, each: int, what: str, retry_s: float) -> None:
        self._each = each
        self._what = what
        self._retry_s = retry_s
        self._taken: Counter[str] = Counter()

    @contextmanager
    def hold(self, client_id: str) -> Iterator[None]:
        """Holds a place. Raises `RateLimited` when the client has none left."""
        if self._taken[client_id] >= self._each:
            raise RateLimited(f"too many {self._what} of this client are under way", retry_after=self._retry_s)
        self._taken[client_id] += 1
        try:
            yield
        finally:
            self._taken[client_id] -= 1
            if not self._taken[client_id]:
                del self._taken[client_id]
