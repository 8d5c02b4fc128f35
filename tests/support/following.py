"""A follower of the change feed, as plain as it can be, that notices by itself whatever it missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Set
from contextlib import suppress

from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.store import Cursor, ReplicaIdentity
from typeplate_server.errors import DatabaseUnavailable
from typeplate_server.store.replicas import SqlReplicaStore

POLL_ANYWAY_S = 0.25
RETRY_S = 0.05


class Follower:
    """Polls when woken and anyway, applies, acknowledges. `missed` are the clients it should have known of."""

    def __init__(self, store: SqlReplicaStore, name: str, revoked: Callable[[], Set[str]]) -> None:
        self.identity = ReplicaIdentity(name, "run")
        self.clients: dict[str, ClientState] = {}
        self.missed: set[str] = set()
        self.repeated = 0
        self.wakes = 0
        self.failures = 0
        self._store = store
        self._revoked = revoked
        self._cursor = Cursor()
        self._woken = asyncio.Event()
        self._stop = False

    @property
    def knows_revoked(self) -> set[str]:
        return {client_id for client_id, client in self.clients.items() if client.state == "revoked"}

    async def run(self) -> None:
        """Follows until `stop`."""
        loop = asyncio.get_running_loop()
        await self._store.register(self.identity)
        wakeup = self._store.wake_on_change(lambda: loop.call_soon_threadsafe(self._wake))
        try:
            while not self._stop:
                self._woken.clear()
                try:
                    await self.turn()
                except DatabaseUnavailable:
                    self.failures += 1
                    await asyncio.sleep(RETRY_S)
                    continue
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), POLL_ANYWAY_S)
        finally:
            await asyncio.to_thread(wakeup.close)

    async def turn(self) -> None:
        """One poll. Whatever was answered for before it must be known after it."""
        due = set(self._revoked())
        page = await self._store.poll(self.identity, self._cursor)
        assert page.present
        for client in page.clients:
            known = self.clients.get(client.client_id)
            self.repeated += known is not None and client.changed_seq <= known.changed_seq
            self.clients[client.client_id] = client
        self._cursor = page.cursor
        self.missed |= due - self.knows_revoked
        await self._store.acknowledge(self.identity, page.seq, page.history)

    def stop(self) -> None:
        """Ends `run` after its present turn."""
        self._stop = True
        self._woken.set()

    def _wake(self) -> None:
        self.wakes += 1
        self._woken.set()
