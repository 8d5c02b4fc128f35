"""Writes of clients: what the administration decided, carried through `changes`, with doubts about a commit resolved.

Rules kept here:
* A revocation of which nobody can tell whether it was committed refuses the client here until it is known to stand.
* Any other change that refuses somebody, so in doubt, makes the client count as suspended here until its row could be
  read under the lock, which this tries until it succeeds.
"""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import Final

from typeplate_server.auth.changes import Changed, Changes
from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.store import Change, ClientStore, CommitGuard
from typeplate_server.errors import NotFound, ServiceError

SETTLE_EACH_S: Final = 0.5
_SEQ: Final = attrgetter("changed_seq")


class ClientWrites:
    """Commits changes of clients and takes them to the registry and to the other replicas."""

    def __init__(self, store: ClientStore, registry: ClientRegistry, changes: Changes) -> None:
        self._store = store
        self._registry = registry
        self._changes = changes
        self._settling: set[asyncio.Task[None]] = set()

    async def create(self, new: ClientState, guard: CommitGuard | None, within: float | None) -> Changed[ClientState]:
        """Writes a new client. Raises `AlreadyExists`, `DatabaseUnavailable`."""
        return await self._changes.run(self._store.create(new, guard), self._registry.apply, _SEQ, within=within)

    async def grant(
        self, client_id: str, change: Change, guard: CommitGuard | None, within: float | None
    ) -> Changed[ClientState]:
        """Writes a change that refuses nobody. Raises what `change` raises, `NotFound`, `DatabaseUnavailable`."""
        write = self._store.update(client_id, change, guard)
        return await self._changes.run(write, self._registry.settle, _SEQ, within=within)

    async def refuse(
        self, client_id: str, change: Change, guard: CommitGuard | None, within: float | None
    ) -> Changed[ClientState]:
        """Writes a change that kills tokens. Raises as `grant` does."""
        write = self._store.update(client_id, change, guard)
        doubt = self._count_as_suspended
        return await self._changes.run(
            write, self._registry.settle, _SEQ, doubt=lambda: doubt(client_id), within=within
        )

    async def revoke(
        self, client_id: str, change: Change, guard: CommitGuard | None, within: float | None
    ) -> Changed[ClientState]:
        """Writes a change that ends a client for good. Raises as `grant` does."""
        write = self._store.update(client_id, change, guard)
        doubt = self._registry.refuse
        return await self._changes.run(
            write, self._registry.settle, _SEQ, doubt=lambda: doubt(client_id), within=within
        )

    def _count_as_suspended(self, client_id: str) -> None:
        self._registry.refuse(client_id, "suspended")
        task = asyncio.ensure_future(self._settle(client_id))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, client_id: str) -> None:
        """Reads what stands: whoever gets the lock comes after the doubtful transaction's end."""
        while True:
            try:
                return self._registry.settle(await self._store.update(client_id, lambda current, _: current))
            except NotFound:
                return None
            except ServiceError:
                await asyncio.sleep(SETTLE_EACH_S)
