"""Says how far a committed change has come, and waits until it is in force on every replica.

Rules kept here (security.md §4, §8; searched exhaustively in tests/support/acknowledgement_model.py):
* The replicas are listed after COMMIT has returned, never inside the transaction. Whoever registers later reads later.
* A replica has it when it has acknowledged the change's `seq`, or its row is gone; this one, when it has applied it.
* Who has not acknowledged refuses by itself once the largest bound that any replica follows has passed since the commit
  returned, with 1 % for clocks of different rates.
* All of it in one history: a change whose commit was in another than the registry is now may be lost with it, and
  whatever number it had may be another change's. Then nobody can tell (`CommitUnknown`).
* The bound may change meanwhile: the largest is taken of this replica's, the deployment's as it is after the commit
  (whoever reads a larger one later has the change with it), and each row's, which a smaller one gets into only when its
  replica goes by no larger one any more.
* EVERYWHERE is said in these two cases only, and on what it rests: a replica whose row went while it was waited for has
  acknowledged nothing. Else THIS_REPLICA, with the time by which it holds.
* A row whose heartbeat has not changed for that long belongs to nobody who is fresh, and is set silent. Nobody waits
  for it, and its owner, if it comes back, begins anew; but it has acknowledged nothing, so that while there is one
  every EVERYWHERE rests on the bound. It is forgotten when it has been so for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from typeplate_server.auth.store import CommitUnknown, History, Registered, Registry, ReplicaIdentity, ReplicaStore
from typeplate_server.errors import ServiceError

MARGIN: Final = 1.01
FIRST_PAUSE_S: Final = 0.002
LONGEST_PAUSE_S: Final = 0.025
UNKNOWN_RETRY_S: Final = 1.0
SILENT_KEPT_S: Final = 3600.0
"""How long what was not heard of counts as a replica that may still be there, only paused."""

Scope = Literal["EVERYWHERE", "THIS_REPLICA"]
Proof = Literal["ACKNOWLEDGED", "STALENESS_BOUND"]


@dataclass(frozen=True, slots=True)
class Effective:
    """Where a change is in force.

    `proof` is what EVERYWHERE rests on. `everywhere_time` (epoch seconds): by when it holds everywhere, now if it does.
    """

    scope: Scope
    proof: Proof | None
    everywhere_time: float


class Propagation(Protocol):
    """Waits for a change to be in force everywhere."""

    def boot_time(self) -> float:
        """The clock that `since` and `deadline` are read from."""
        ...

    def history(self) -> History | None:
        """The history that this process follows now; to be asked before a change is written. None: none yet."""
        ...

    async def reach(self, seq: int, since: float, deadline: float | None, history: History | None = None) -> Effective:
        """How far the change `seq` has come, at the latest at `deadline`. `since`: when its commit had returned.

        Raises `CommitUnknown` when the database is in another history than that given.
        """
        ...


class SoleReplica:
    """The only process there is: a change that it has applied is in force everywhere."""

    def __init__(self, boot_clock: Callable[[], float], clock: Callable[[], float]) -> None:
        self.boot_time = boot_clock
        self._clock = clock

    def history(self) -> None:
        """See Propagation. Nobody else acknowledges anything."""

    async def reach(self, seq: int, since: float, deadline: float | None, history: History | None = None) -> Effective:
        """See Propagation."""
        return Effective("EVERYWHERE", "ACKNOWLEDGED", self._clock())


class Acknowledgements:
    """Waits for the acknowledgements of all other registered replicas."""

    def __init__(
        self,
        store: ReplicaStore,
        identity: ReplicaIdentity,
        own_bound: Callable[[], float],
        history: Callable[[], History | None],
        boot_clock: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._identity = identity
        self._own_bound = own_bound
        self.history = history
        self.boot_time = boot_clock
        self._clock = clock
        self._unchanged: dict[ReplicaIdentity, tuple[int, float]] = {}  # → heartbeat, and since when it is that

    async def reach(self, seq: int, since: float, deadline: float | None, history: History | None = None) -> Effective:
        """See Propagation. A database that does not answer is asked again until the deadline or the bound."""
        pending: frozenset[ReplicaIdentity] | None = None
        proof: Proof = "ACKNOWLEDGED"
        bound, pause = self._own_bound(), FIRST_PAUSE_S
        while True:
            registry = await self._registry(history)
            if registry is not None:
                rows = registry.replicas
                listed = pending if pending is not None else frozenset(row.identity for row in rows)
                bound = max([bound, *(row.max_staleness_s for row in rows if row.identity in listed)])
                bound = max(bound, registry.max_staleness_s)
                if registry.silent or (pending is not None and pending - {row.identity for row in rows}):
                    proof = "STALENESS_BOUND"  # silent, or gone without a word
                pending = frozenset(row.identity for row in rows if row.acknowledged_seq < seq) & listed
                if not pending - {self._identity}:
                    return Effective("EVERYWHERE", proof, self._clock())
            now = self.boot_time()
            left = since + bound * MARGIN - now
            if left <= 0:
                return self._bound_passed(known=pending is not None)
            if deadline is not None and now >= deadline:
                return Effective("THIS_REPLICA", None, self._clock() + left)
            await asyncio.sleep(min(pause, left, *(() if deadline is None else (deadline - now,))))
            pause = min(pause * 1.5, LONGEST_PAUSE_S)

    async def forget_silent(self) -> int:
        """Forgets those that were not heard of for `SILENT_KEPT_S`; how many. Raises `DatabaseUnavailable`."""
        return await self._store.forget_silent(self._clock() - SILENT_KEPT_S)

    def _bound_passed(self, known: bool) -> Effective:
        """Without having seen the rows nobody can say which bound each replica follows."""
        if known:
            return Effective("EVERYWHERE", "STALENESS_BOUND", self._clock())
        return Effective("THIS_REPLICA", None, self._clock())

    async def _registry(self, history: History | None) -> Registry | None:
        """The registry, after the rows that nobody who is fresh has were set silent; None when it cannot be read."""
        try:
            registry = await self._store.registered()
            overdue = self._overdue(registry)
            if overdue and await self._store.set_silent(overdue):
                registry = await self._store.registered()
        except ServiceError:
            return None
        if history not in (None, registry.history):
            raise CommitUnknown(retry_after=UNKNOWN_RETRY_S)
        return registry

    def _overdue(self, registry: Registry) -> list[Registered]:
        """The rows whose heartbeat has stood still for longer than their owners can be fresh."""
        now = self.boot_time()
        before, self._unchanged = self._unchanged, {}
        overdue = []
        for row in registry.replicas:
            heartbeat, since = before.get(row.identity, (None, now))
            since = since if heartbeat == row.heartbeat else now
            self._unchanged[row.identity] = (row.heartbeat, since)
            if row.identity != self._identity and now - since > row.max_staleness_s * MARGIN:
                overdue.append(row)
        return overdue
