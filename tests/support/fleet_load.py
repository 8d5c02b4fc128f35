"""A steady load on every replica of a fleet, and who of them did what with it.

async with Load(client, per_second=50) as load:
    load.aim(members)
    watch = Watch(client, members[0].app)
    await load.until(lambda: watch.admitted_by() == {0, 1, 2, 3}, "admitted everywhere", within_s=5)
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Final

from tests.support.fleet_client import App, FleetClient, Member
from tests.support.history import admitted

OUTSTANDING: Final = 300


class Load:
    """Calls at a steady rate on every replica, whatever becomes of them, while it is entered.

    Each tick calls with the token of one of the members aimed at; each `issue_each`-th exchanges its secret first, so
    that exchanges race with revocations, and leaves the new token to the next ticks.
    """

    def __init__(self, client: FleetClient, per_second: float = 50.0, issue_each: int = 10) -> None:
        self._client = client
        self._pause_s = 1 / per_second
        self._issue_each = issue_each
        self._members: list[Member] = []
        self._random = random.Random(1)
        self._tickers: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._noted = asyncio.Event()
        self.skipped = 0

    async def __aenter__(self) -> Load:
        self._tickers = [asyncio.create_task(self._tick(replica)) for replica in self._client.replicas]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for ticker in self._tickers:
            ticker.cancel()
        await asyncio.gather(*self._tickers, return_exceptions=True)
        await asyncio.gather(*self._running)

    def aim(self, members: Sequence[Member]) -> None:
        """From now on call as these, by chance."""
        self._members = list(members)

    async def until(self, holds: Callable[[], bool], what: str, within_s: float) -> None:
        """Wait until that holds, looking after each call."""
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    self._noted.clear()
                    await self._noted.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s: {what}") from None

    async def _tick(self, replica: int) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._pause_s * replica / len(self._client.replicas)
        for number in itertools.count(replica):
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + self._pause_s, loop.time() - 1.0)
            if self._members and len(self._running) < OUTSTANDING:
                self._start(self._one(replica, issue_first=number % self._issue_each == 0))
            else:
                self.skipped += bool(self._members)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _one(self, replica: int, *, issue_first: bool) -> None:
        place = self._random.randrange(len(self._members))
        member = self._members[place]
        if issue_first:
            issue = await self._client.issue(replica, member.app)
            if issue.token and place < len(self._members) and self._members[place].app is member.app:
                self._members[place] = Member(member.app, issue)
        await self._client.call(replica, member.issue)
        self._noted.set()


class Watch:
    """Which replicas have let an application's calls in since a moment; asked after each call."""

    def __init__(self, client: FleetClient, app: App) -> None:
        self._history = client.history
        self._app = app
        self._seen = len(self._history.calls)
        self._since = time.monotonic()
        self._admitted: set[int] = set()

    def admitted_by(self) -> set[int]:
        """The replicas that let a call in which started since."""
        self._look()
        return self._admitted

    def _look(self) -> None:
        for call in self._history.calls[self._seen :]:
            if call.client == self._app.client_id and call.start >= self._since and admitted(call):
                self._admitted.add(call.replica)
        self._seen = len(self._history.calls)
