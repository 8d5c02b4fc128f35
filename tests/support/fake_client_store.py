"""A client store in memory, held to `auth.store.ClientStore`: one writer at a time, guard before change, a sequence.

Faults are programmed: `fail_with` is raised before anything is committed; `lose_commit` commits and then says that
it does not know; `at_commit` is awaited under the lock, right before the commit, so that a test can hold it open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Literal

from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.store import Change, CommitGuard, CommitUnknown, RevokedToken, StoredSigningKey
from typeplate_server.errors import AlreadyExists, NotFound


class FakeClientStore:
    """Clients in a dict, with the revoked tokens and signing keys that guards ask for beside them."""

    def __init__(self, clients: Iterable[ClientState] = ()) -> None:
        self.rows = {client.client_id: client for client in clients}
        self.seq = max((client.changed_seq for client in self.rows.values()), default=0)
        self.writes = 0
        self.fail_with: Exception | None = None
        self.lose_commit = False
        self.lose_without_commit = False
        self.at_commit: Callable[[], Awaitable[None]] | None = None
        self.tokens: dict[str, RevokedToken] = {}
        self.keys: dict[str, StoredSigningKey] = {}
        self.deleted_secrets: dict[tuple[str, str], Literal["dead", "live"]] = {}
        self._lock = asyncio.Lock()

    def is_token_revoked(self, jti: str) -> bool:
        return jti in self.tokens

    def is_key_removed(self, kid: str) -> bool:
        return kid in self.keys and self.keys[kid].state == "removed"

    def get(self, client_id: str) -> ClientState | None:
        return self.rows.get(client_id)

    def another_administrator(self, but: str, now: float) -> bool:
        return any(client.can_administer_at(now) for client in self.rows.values() if client.client_id != but)

    def tokens_of_deleted_secret(self, client_id: str, secret_id: str) -> Literal["dead", "live"] | None:
        return self.deleted_secrets.get((client_id, secret_id))

    async def load_all(self) -> tuple[int, list[ClientState]]:
        return self.seq, list(self.rows.values())

    async def create(self, new: ClientState, guard: CommitGuard | None = None) -> ClientState:
        async with self._lock:
            self._begin(guard)
            if new.client_id in self.rows:
                raise AlreadyExists(new.name)
            return await self._commit(new)

    async def update(self, client_id: str, change: Change, guard: CommitGuard | None = None) -> ClientState:
        async with self._lock:
            self._begin(guard)
            before = self.rows.get(client_id)
            if before is None:
                raise NotFound(f"clients/{client_id}")
            after = change(before, self)
            return before if after is before else await self._commit(after)

    def _begin(self, guard: CommitGuard | None) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        if guard is not None:
            guard(self)

    async def _commit(self, client: ClientState) -> ClientState:
        if self.at_commit is not None:
            await self.at_commit()
        if self.lose_without_commit:
            raise CommitUnknown
        self.seq += 1
        self.writes += 1
        committed = replace(client, changed_seq=self.seq)
        before = self.rows.get(client.client_id, committed)
        for gone in {secret.secret_id for secret in before.secrets} - {secret.secret_id for secret in client.secrets}:
            self.deleted_secrets[client.client_id, gone] = "live" if before.generation == client.generation else "dead"
        self.rows[client.client_id] = committed
        if self.lose_commit:
            raise CommitUnknown
        return committed
