"""One replica's part in the change feed: it registers, follows, is fresh or not, acknowledges, and takes its leave.

Rules kept here (each closes a hole that a search found, see tests/support/acknowledgement_model.py):
* Registered before the first read; deregistered only after admission has stopped.
* `as_of` is the boot-time clock as it stood BEFORE the poll was sent. Fresh is who has applied a page younger than
  `max_staleness`, and nothing else: a comparison, no lock.
* Apply, then `as_of`, then acknowledge, naming the history: what was applied under another one counts for nothing.
* Only the feed moves the cursor.
* Nothing is read at one go that may be long: a page that leaves more to read makes nobody fresh, and is followed by
  the next one at once. Each page is of one snapshot, and all before it has been applied, so no change falls between.
* Own row gone: not fresh at once; registers and reads everything anew.
* Another epoch or timeline: not fresh until all of it has been read under that history. A sequence that went back
  within one epoch: closed until the epoch changes (`typeplate-server restore-epoch`).
* A wake-up only makes it poll earlier; it polls anyway at a quarter of the bound, and when in trouble at least each
  half second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from typeplate_server.auth.auth_state import AuthState
from typeplate_server.auth.store import Cursor, FeedPage, History, ReplicaIdentity, ReplicaStore
from typeplate_server.errors import ServiceError

RETRY_S: Final = (0.1, 0.5)
POLLS_PER_BOUND: Final = 4
RECONCILE_EACH_S: Final = 60.0
_NEVER: Final = float("-inf")
_LOG: Final = logging.getLogger(__name__)


class Replica:
    """Follows the feed. `boot_clock` is a clock that runs through suspend (CLOCK_BOOTTIME), in seconds.

    `changed` is called after something was applied, and before it is acknowledged, and whenever freshness was lost:
    for those who keep streams open.
    """

    def __init__(
        self,
        store: ReplicaStore,
        identity: ReplicaIdentity,
        state: AuthState,
        boot_clock: Callable[[], float],
        *,
        changed: Callable[[], None] = lambda: None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.identity = identity
        self.drift = 0
        self.healthy = False
        self._store = store
        self._state = state
        self._boot = boot_clock
        self._changed = changed
        self._uniform = uniform
        self._cursor = Cursor()
        self._seen_seq = 0
        self._acknowledged = -1
        self._registered = False
        self._left = False
        self._history: History | None = None
        self._replacing = False
        self._closed_epoch: str | None = None
        self._fresh_until = _NEVER
        self._bound = 10.0
        self._followed = 0.0  # what `_fresh_until` was reckoned with
        self._woken = asyncio.Event()

    @property
    def max_staleness_s(self) -> float:
        """The deployment's bound, as last read."""
        return self._bound

    @property
    def cursor(self) -> Cursor:
        """How far the feed has been applied."""
        return self._cursor

    @property
    def history(self) -> History | None:
        """The history that it follows; None before the first page."""
        return self._history

    def fresh(self) -> bool:
        """Whether this replica knows who is revoked. Asked on every call."""
        return self._boot() < self._fresh_until

    @property
    def age_s(self) -> float | None:
        """How long ago all that it knows was asked for; None: it has to read all of it anew, or is closed."""
        as_of = self._fresh_until - self._followed
        return None if as_of == _NEVER else self._boot() - as_of

    def wake(self) -> None:
        """Makes it poll now. From the event loop's thread."""
        self._woken.set()

    async def start(self) -> None:
        """Registers and reads everything once; fresh when it has returned. Raises `DatabaseUnavailable`."""
        while not self.fresh():
            await self.turn()
            if self._closed_epoch is not None:
                return

    async def run(self) -> None:
        """Follows until cancelled, whatever fails meanwhile."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._woken.set)

        wakeup = self._store.wake_on_change(wake)
        reconciling = asyncio.create_task(self._reconcile_each_minute())
        try:
            while True:
                self._woken.clear()  # before the poll: what wakes during it makes for one more
                self._note_health(await self._try(self.turn))
                await self._pause()
        finally:
            reconciling.cancel()
            wakeup.close()

    async def leave(self) -> None:
        """Stops being fresh, for good, and takes the row away. Call it when nothing is admitted any more."""
        self._left = True
        self._fresh_until = _NEVER
        await self._store.deregister(self.identity)

    async def turn(self) -> None:
        """One poll, applied and acknowledged. Raises `DatabaseUnavailable`, and then nothing has become fresher."""
        if not self._registered:
            await self._register()
        as_of = self._boot()
        async with asyncio.timeout(self._bound / 2):
            page = await self._store.poll(self.identity, self._cursor, self._followed)
        if self._left:
            return
        self._bound = page.max_staleness_s
        if not page.present:
            self._start_anew()
        elif self._continues(page) and self._apply(page, as_of):
            await self._acknowledge(page)

    async def reconcile(self) -> int:
        """Reads everything and takes over what is missing; how many rows were. They count in `drift`."""
        cursor, missing, more = Cursor(), 0, True
        while more:
            before = self._cursor.seq
            page = await self._store.poll(self.identity, cursor, self._followed)
            if not page.present or page.history != self._history or self._replacing:
                break  # the next turn sees to it
            missing += self._state.drift(page, before)
            self._state.apply(page)
            cursor, more = page.cursor, page.more
        self.drift += missing
        if missing:
            _LOG.error("%d rows were missing from the auth state; they were read again", missing)
            self._changed()
        return missing

    async def _register(self) -> None:
        self._acknowledged = -1
        await self._store.register(self.identity)
        self._registered = True

    def _start_anew(self) -> None:
        """Nobody waits for this replica any more, so it must not admit on what it knows."""
        self._lose_freshness()
        self._registered = False
        self._cursor = Cursor()
        self._woken.set()

    def _continues(self, page: FeedPage) -> bool:
        """Whether the page goes on where this replica is. If not, it closes, and may read everything anew."""
        if page.epoch == self._closed_epoch:
            return False
        self._closed_epoch = None
        history = page.history
        if self._history is not None and page.epoch == self._history.epoch and page.seq < self._seen_seq:
            self._close(page)
            return False
        if self._history in (None, history):
            self._history = history
            return True
        self._lose_freshness()
        self._history, self._cursor, self._seen_seq, self._replacing = history, Cursor(), 0, True
        self._acknowledged = -1
        self._woken.set()
        return False

    def _close(self, page: FeedPage) -> None:
        self._closed_epoch = page.epoch
        self._lose_freshness()
        went_back = "the auth sequence went back from %d to %d: closed until `restore-epoch` is run"
        _LOG.critical(went_back, self._seen_seq, page.seq)

    def _apply(self, page: FeedPage, as_of: float) -> bool:
        """Takes a page over; whether it was the last of what there is to read.

        One that replaces what was known never is: a change committed here since it was read has been replaced, too.
        """
        last = not page.more and not self._replacing
        if self._replacing:
            self._state.replace(page)
            self._replacing, news = False, True
        else:
            news = self._state.apply(page)
        self._cursor, self._seen_seq = page.cursor, page.seq
        if last:
            self._fresh_until, self._followed = as_of + page.max_staleness_s, page.max_staleness_s
        else:
            self._woken.set()
        if news:
            self._changed()
        return last

    async def _acknowledge(self, page: FeedPage) -> None:
        if page.seq > self._acknowledged:
            if await self._store.acknowledge(self.identity, page.seq, page.history):
                self._acknowledged = page.seq
            else:
                self._start_anew()

    def _lose_freshness(self) -> None:
        self._fresh_until = _NEVER
        self._changed()

    async def _pause(self) -> None:
        limit = self._bound / POLLS_PER_BOUND
        seconds = limit if self.healthy else min(limit, self._uniform(*RETRY_S))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    def _note_health(self, healthy: bool) -> None:
        healthy = healthy and self.fresh()
        if healthy != self.healthy:
            level, what = (logging.INFO, "followed") if healthy else (logging.WARNING, "not being followed")
            _LOG.log(level, "the auth state is %s", what)
        self.healthy = healthy
        if not healthy and not self.fresh():
            self._changed()

    async def _reconcile_each_minute(self) -> None:
        while True:
            await asyncio.sleep(RECONCILE_EACH_S)
            if self.healthy:
                await self._try(self.reconcile)

    async def _try(self, step: Callable[[], Awaitable[object]]) -> bool:
        """Whether the step came to its end. A fault of any kind is told and costs freshness in time, never the loop."""
        try:
            await step()
        except (ServiceError, TimeoutError) as error:
            _LOG.info("the auth state could not be read: %s", type(error).__name__)
            return False
        except Exception:  # noqa: BLE001 - a loop that ended would never be fresh again
            _LOG.exception("following the auth state failed")
            return False
        return True
