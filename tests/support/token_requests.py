"""What a client asks of IssueToken, seen from inside: how many refreshes at a time, how many requests a second."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from typeplate._reach import reach, reach_aio
from typeplate._session import Session
from typeplate._session_aio import AsyncSession

WINDOW_S = 1.0


class TokenRequests:
    """The refreshes of every session while it is watched, with each request sent for them, answered or not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flying: Counter[int] = Counter()
        self.most_flying = 0
        self.sent: dict[int, list[float]] = {}
        self.refreshes = 0

    @contextmanager
    def refresh(self, session: object) -> Iterator[None]:
        """One refresh of a session, from its start to its end."""
        with self._lock:
            self._flying[id(session)] += 1
            self.refreshes += 1
            self.most_flying = max(self.most_flying, self._flying[id(session)])
        try:
            yield
        finally:
            with self._lock:
                self._flying[id(session)] -= 1

    def note(self, session: object) -> None:
        """One request of a session, now."""
        with self._lock:
            self.sent.setdefault(id(session), []).append(time.monotonic())

    @property
    def most_in_a_second(self) -> int:
        """The most requests of one session in any second."""
        return max((most_within(times, WINDOW_S) for times in self.sent.values()), default=0)

    @property
    def requests(self) -> int:
        """All requests so far."""
        return sum(map(len, self.sent.values()))


def most_within(times: list[float], window: float) -> int:
    """The most of these moments, in order, in any window of time."""
    most = first = 0
    for last, moment in enumerate(times):
        while times[first] <= moment - window:
            first += 1
        most = max(most, last - first + 1)
    return most


@contextmanager
def watched_token_requests() -> Iterator[TokenRequests]:
    """Watches all clients of this process whose sessions begin inside."""
    seen = TokenRequests()
    current: ContextVar[object] = ContextVar("current")
    issue, issue_aio = Session._issue, AsyncSession._issue

    def noting(method: Callable[..., Any]) -> Callable[..., Any]:
        def send(*arguments: Any, **options: Any) -> Any:
            seen.note(current.get())
            return method(*arguments, **options)

        return send

    def watched(self: Session, request: Any) -> Any:
        current.set(self)
        with seen.refresh(self):
            return issue(self, request)

    async def watched_aio(self: AsyncSession, request: Any) -> Any:
        current.set(self)
        with seen.refresh(self):
            return await issue_aio(self, request)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Session, "_issue", watched)
        patched.setattr(AsyncSession, "_issue", watched_aio)
        patched.setattr("typeplate._session.reach", lambda method, *rest: reach(noting(method), *rest))
        patched.setattr("typeplate._session_aio.reach_aio", lambda method, *rest: reach_aio(noting(method), *rest))
        yield seen
