"""The change feed and the registry of replicas in memory, held to `auth.store.ReplicaStore`, over a fake client store.

Faults are programmed: while `cut` is set every call raises it; `before_snapshot`, `after_snapshot`, `at_acknowledge`,
`at_keys_changed` and `at_revoke` are awaited where they say, so that a test can hold a call there, move the clock or
change the database. `calls` is the order in which things were asked.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from tests.support.fake_client_store import FakeClientStore
from typeplate_server.auth.deployment import ChangeKeys, Deployment
from typeplate_server.auth.store import (
    CommitGuard,
    Cursor,
    FeedPage,
    History,
    Registered,
    Registry,
    ReplicaIdentity,
    RevokedToken,
    StoredSigningKey,
)

Hook = Callable[[], Awaitable[None]] | None


class FakeWakeup:
    """Counts nothing and closes."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


class FakeReplicaStore:
    """One database that several replicas follow, each through an object of its own when only one shall be cut off."""

    def __init__(self, clients: FakeClientStore, shared: "FakeReplicaStore | None" = None) -> None:
        self.clients = clients
        self.rows: dict[ReplicaIdentity, Registered] = {} if shared is None else shared.rows
        self.silent: dict[ReplicaIdentity, Registered] = {} if shared is None else shared.silent
        self.tokens = clients.tokens
        self.keys = clients.keys
        self.callbacks: list[Callable[[], object]] = [] if shared is None else shared.callbacks
        self.epoch, self.timeline, self.max_staleness_s = "e1", "1", 10.0
        self.page_size = 1000
        self.calls: list[str] = []
        self.cut: Exception | None = None
        self.before_snapshot: Hook = None
        self.after_snapshot: Hook = None
        self.at_acknowledge: Hook = None
        self.at_revoke: Hook = None
        self.at_keys_changed: Hook = None
        self.wakeup = FakeWakeup()

    async def register(self, identity: ReplicaIdentity) -> None:
        self._ask("register")
        beat = self.rows[identity].heartbeat + 1 if identity in self.rows else 1
        self.silent.pop(identity, None)
        self.rows[identity] = Registered(identity, 0, beat, 0.0, self.max_staleness_s)

    async def poll(self, identity: ReplicaIdentity, after: Cursor, followed_s: float = 0.0) -> FeedPage:
        self._ask(f"poll {after.seq}")
        await _run(self.before_snapshot)
        self._fail()
        page = self._page(identity, after.seq)
        if page.present:
            row = self.rows[identity]
            bound = max(followed_s, self.max_staleness_s)
            self.rows[identity] = replace(row, heartbeat=row.heartbeat + 1, max_staleness_s=bound)
        await _run(self.after_snapshot)
        self._fail()
        return page

    def _page(self, identity: ReplicaIdentity, after: int) -> FeedPage:
        seq = self.clients.seq
        numbers = [row.changed_seq for row in self.clients.rows.values()]
        numbers += [row.changed_seq for row in self.tokens.values()]
        upto = [*sorted(number for number in numbers if number > after), seq][: self.page_size][-1]
        return FeedPage(
            seq=seq,
            epoch=self.epoch,
            timeline=self.timeline,
            max_staleness_s=self.max_staleness_s,
            present=identity in self.rows,
            clients=tuple(row for row in self.clients.rows.values() if after < row.changed_seq <= upto),
            revoked_tokens=tuple(row for row in self.tokens.values() if after < row.changed_seq <= upto),
            signing_keys=tuple(row for row in self.keys.values() if row.changed_seq > after),
            upto=upto,
        )

    @property
    def history(self) -> History:
        return History(self.epoch, self.timeline)

    async def acknowledge(self, identity: ReplicaIdentity, seq: int, history: History) -> bool:
        self._ask(f"acknowledge {seq}")
        await _run(self.at_acknowledge)
        row = self.rows.get(identity) if history == self.history else None
        if row is not None:
            self.rows[identity] = replace(row, acknowledged_seq=max(row.acknowledged_seq, seq))
        return row is not None

    async def deregister(self, identity: ReplicaIdentity) -> None:
        self._ask("deregister")
        self.rows.pop(identity, None)
        self.silent.pop(identity, None)

    async def registered(self) -> Registry:
        self._ask("registered")
        return Registry(self.history, self.max_staleness_s, tuple(self.rows.values()), bool(self.silent))

    async def set_silent(self, rows: Sequence[Registered]) -> int:
        self._ask("set silent")
        still = [row for row in rows if self._heartbeat(row.identity) == row.heartbeat]
        for row in still:
            self.silent[row.identity] = self.rows.pop(row.identity)
        return len(still)

    async def forget_silent(self, heard_before: float) -> int:
        self._ask("forget silent")
        gone = [identity for identity, row in self.silent.items() if row.heartbeat_time < heard_before]
        for identity in gone:
            del self.silent[identity]
        return len(gone)

    def _heartbeat(self, identity: ReplicaIdentity) -> int | None:
        return self.rows[identity].heartbeat if identity in self.rows else None

    def wake_on_change(self, callback: Callable[[], object]) -> FakeWakeup:
        self.callbacks.append(callback)
        return self.wakeup

    def notify(self) -> None:
        """Wakes all who listen."""
        for callback in self.callbacks:
            callback()

    def _ask(self, what: str) -> None:
        self.calls.append(what)
        self._fail()

    def _fail(self) -> None:
        if self.cut is not None:
            raise self.cut


class FakeRevokedTokenStore:
    """Revoked tokens, in the tables of a fake replica store."""

    def __init__(self, database: FakeReplicaStore) -> None:
        self._database = database

    async def revoke(self, token: RevokedToken, guard: CommitGuard | None = None) -> RevokedToken:
        database = self._database
        database._ask("revoke token")
        await _run(database.at_revoke)
        if guard is not None:
            guard(database.clients)
        if token.jti not in database.tokens:
            database.clients.seq += 1
            database.tokens[token.jti] = replace(token, changed_seq=database.clients.seq)
        return database.tokens[token.jti]

    async def forget(self, expired_before: float) -> int:
        gone = [jti for jti, token in self._database.tokens.items() if token.expire_time < expired_before]
        for jti in gone:
            del self._database.tokens[jti]
        return len(gone)


class FakeDeploymentStore:
    """The signing keys, in the tables of a fake replica store."""

    def __init__(self, database: FakeReplicaStore) -> None:
        self._database = database

    async def read(self) -> Deployment:
        return Deployment(self._database.epoch, self._database.max_staleness_s, "", "")

    async def claim(self, key_fingerprint: str, issuer: str) -> Deployment:
        return replace(await self.read(), key_fingerprint=key_fingerprint, issuer=issuer)

    async def set_max_staleness(self, seconds: float) -> Deployment:
        self._database.max_staleness_s = seconds
        return await self.read()

    async def begin_epoch(self) -> int:
        self._database.epoch += "'"
        for row in self._database.rows.values():
            self._database.rows[row.identity] = replace(row, acknowledged_seq=0)
        self._database.clients.seq += 1
        return self._database.clients.seq

    async def signing_keys(self) -> tuple[StoredSigningKey, ...]:
        self._database._ask("signing keys")
        return self._keys()

    def _keys(self) -> tuple[StoredSigningKey, ...]:
        return tuple(sorted(self._database.keys.values(), key=lambda key: key.publish_time))

    async def change_signing_keys(
        self, change: ChangeKeys, guard: CommitGuard | None = None
    ) -> tuple[StoredSigningKey, ...]:
        self._database._ask("change keys")
        if guard is not None:
            guard(self._database.clients)
        changed = change(self._keys())
        if changed:
            self._database.clients.seq += 1
        written = tuple(replace(key, changed_seq=self._database.clients.seq) for key in changed)
        self._database.keys.update({key.kid: key for key in written})
        await _run(self._database.at_keys_changed)
        return self._keys()


async def _run(hook: Hook) -> None:
    if hook is not None:
        await hook()
