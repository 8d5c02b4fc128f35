"""Takes a change from its commit to every replica: durable, then in force here, then everywhere, then answered.

Rules kept here:
* A caller that hangs up stops neither commit nor effect.
* When a commit that refuses somebody may or may not stand, this replica refuses at once; the call can be repeated. So
  it is when the database was restored, or a standby promoted, while the change was on its way.
* The wait is counted from when the commit had returned, also of a repeated call that found its work done.
* The caller's deadline ends the wait and never the change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from typeplate_server.auth.propagation import UNKNOWN_RETRY_S, Effective, Propagation
from typeplate_server.auth.store import CommitUnknown
from typeplate_server.errors import ServiceError

ANSWER_MARGIN_S: Final = 0.1
"""How long before the caller's deadline the answer leaves, or a tenth of what the caller gave if that is less."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changed(Generic[T]):
    """What now stands, and where it is in force."""

    value: T
    effective: Effective


class Changes:
    """Runs changes. `changed` is called once each is in force here: for those who keep streams open."""

    def __init__(self, propagation: Propagation, changed: Callable[[], None] = lambda: None) -> None:
        self._propagation = propagation
        self._changed = changed
        self._running: set[asyncio.Task[Any]] = set()

    def boot_time(self) -> float:
        """The clock that waiting is counted on, in seconds."""
        return self._propagation.boot_time()

    async def run(
        self,
        write: Coroutine[Any, Any, T],
        apply: Callable[[T], None],
        seq: Callable[[T], int],
        *,
        doubt: Callable[[], None] = lambda: None,
        within: float | None = None,
    ) -> Changed[T]:
        """Commits `write`, applies its result here, and waits until it is in force everywhere.

        `within`: seconds after which the caller wants an answer; 0 to wait for nobody, None to wait to the end. `doubt`
        is called when nobody can tell whether `write` was committed. Raises what `write` raises, or `CommitUnknown`.
        """
        deadline, history = self._deadline(within), self._propagation.history()
        value, since = await self._finish(self._commit(write, apply, doubt))
        try:
            return Changed(value, await self._propagation.reach(seq(value), since, deadline, history))
        except CommitUnknown:
            self._refuse(doubt)
            raise

    async def _commit(
        self, write: Coroutine[Any, Any, T], apply: Callable[[T], None], doubt: Callable[[], None]
    ) -> tuple[T, float]:
        value = await self._known(write, doubt)
        since = self._propagation.boot_time()
        apply(value)
        self._changed()
        return value, since

    async def _known(self, write: Coroutine[Any, Any, T], doubt: Callable[[], None]) -> T:
        try:
            return await write
        except CommitUnknown:
            self._refuse(doubt)
            raise
        except ServiceError:
            raise  # surely nothing was committed
        except BaseException as error:
            self._refuse(doubt)
            raise CommitUnknown(retry_after=UNKNOWN_RETRY_S) from error

    def _refuse(self, doubt: Callable[[], None]) -> None:
        doubt()
        self._changed()

    def _deadline(self, within: float | None) -> float | None:
        if within is None:
            return None
        return self._propagation.boot_time() + within - min(ANSWER_MARGIN_S, within / 10)

    async def _finish(self, work: Coroutine[Any, Any, tuple[T, float]]) -> tuple[T, float]:
        """Runs to its end what has begun, also when the caller's task is cancelled meanwhile."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # so that an error nobody waits for any more is not reported as forgotten
