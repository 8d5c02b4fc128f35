"""What `auth` needs of a store: clients kept durably, changed one transaction at a time, and the feed of changes.

An implementation MUST keep every rule in the docstrings below; one conformance suite checks them on each back end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from typeplate_server.auth.clients import ClientState
from typeplate_server.errors import DatabaseUnavailable


class CallerRows(Protocol):
    """What a guard reads of its caller, as it stands in the write transaction and under the lock on auth state."""

    def get(self, client_id: str) -> ClientState | None:
        """The client; None when there is no such id."""
        ...

    def is_token_revoked(self, jti: str) -> bool:
        """Whether this token was revoked by itself."""
        ...

    def is_key_removed(self, kid: str) -> bool:
        """Whether this signing key is dead."""
        ...


CommitGuard = Callable[[CallerRows], None]
"""Raises a `ServiceError` to abort a write. Called inside the write transaction, under the lock on auth state, and for
a change of auth state BEFORE it is applied (so that an administrator may revoke itself); nothing of what it has read
can change between it and the commit."""


class CommitUnknown(DatabaseUnavailable):
    """COMMIT was sent and its outcome never became known: the change may or may not stand."""


class ClientsInTransaction(Protocol):
    """The other clients, as a change sees them inside its own transaction and under the lock."""

    def get(self, client_id: str) -> ClientState | None:
        """The client as it stands in this transaction."""
        ...

    def another_administrator(self, but: str, now: float) -> bool:
        """Whether a client other than `but` can administer clients at this time (`ClientState.can_administer_at`)."""
        ...

    def tokens_of_deleted_secret(self, client_id: str, secret_id: str) -> Literal["dead", "live"] | None:
        """What the client's tokens became when this secret of it was deleted; None: no such deletion is known."""
        ...


Change = Callable[[ClientState, ClientsInTransaction], ClientState]
"""From a client's current row to its next. Returning the very object it was given means: nothing to write.
Pure but for raising a `ServiceError`, which aborts; a store may run it again in a fresh transaction."""


class ClientStore(Protocol):
    """Clients, durably.

    A write MUST take the write lock first, then read, then call `guard`, then apply, then take the next `seq` in
    the same transaction and store it as the row's `changed_seq`; it returns only when the commit is durable. It
    raises `DatabaseUnavailable` when surely nothing was committed and `CommitUnknown` when that cannot be told.
    """

    async def load_all(self) -> tuple[int, list[ClientState]]:
        """`auth_clock`'s seq and every client, revoked ones too, from one snapshot."""
        ...

    async def create(self, new: ClientState, guard: CommitGuard | None = None) -> ClientState:
        """Inserts a client with its secrets; `new.changed_seq` is ignored and the returned one is set.

        Raises `AlreadyExists` for any id that ever existed.
        """
        ...

    async def update(self, client_id: str, change: Change, guard: CommitGuard | None = None) -> ClientState:
        """Applies `change` to the row read under the lock and returns what then stands.

        When `change` returns the object it was given, nothing is written and no seq is taken. `client_id` and
        `create_time` never change. Raises `NotFound`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReplicaIdentity:
    """One run of one replica. `incarnation` is random for each run: a name used again is not the same replica."""

    replica_id: str
    incarnation: str


@dataclass(frozen=True, slots=True)
class History:
    """Which history of the database something belongs to: numbers of two histories have nothing to do with each other.

    A restore begins another `epoch`; a promoted standby goes on in another `timeline` ("" where there are none), and
    may lack the last commits of the one before.
    """

    epoch: str
    timeline: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a replica has applied the feed: the `upto` of its last page. 0: nothing yet, so everything is new."""

    seq: int = 0


@dataclass(frozen=True, slots=True)
class RevokedToken:
    """A token revoked by itself (RFC 7009). `expire_time` (epoch s) is its `exp`; after it the row means nothing."""

    jti: str
    client_id: str
    expire_time: float
    changed_seq: int = 0


SigningKeyState = Literal["published", "signing", "retired", "removed"]
"""In JWKS but not signing yet; signing; verifying only; dead (a tombstone, so that every replica hears of it)."""


@dataclass(frozen=True, slots=True)
class StoredSigningKey:
    """A signing key as stored: its private part sealed, b"" once removed. Times are epoch seconds."""

    kid: str
    sealed_private: bytes = field(repr=False)
    public: bytes
    state: SigningKeyState
    publish_time: float
    sign_time: float | None = None
    retire_time: float | None = None
    changed_seq: int = 0


@dataclass(frozen=True, slots=True)
class FeedPage:
    """What changed after a cursor, all of it as of one snapshot of the primary, in which `auth_clock` stood at `seq`.

    `upto`: every change after the cursor and up to this number is in the page. It is less than `seq` where there are
    more than one page should have: who goes on from it until it is `seq` has missed nothing. Signing keys, which are
    few, are never left for a later page.
    `present`: the replica's own row was there, in the snapshot and when the heartbeat was committed; when False the
    replica MUST register and read everything anew before it is fresh again. `timeline` is the database server's
    history ("" where there is none): another one means a failover, which may have lost commits.
    """

    seq: int
    epoch: str
    timeline: str
    max_staleness_s: float
    present: bool
    clients: tuple[ClientState, ...]
    revoked_tokens: tuple[RevokedToken, ...]
    signing_keys: tuple[StoredSigningKey, ...]
    upto: int

    @property
    def history(self) -> History:
        """What the page's numbers count in."""
        return History(self.epoch, self.timeline)

    @property
    def cursor(self) -> Cursor:
        """Where to go on from once the page has been applied."""
        return Cursor(self.upto)

    @property
    def more(self) -> bool:
        """Whether there was more to read: the page alone makes nobody fresh."""
        return self.upto < self.seq


@dataclass(frozen=True, slots=True)
class Registered:
    """A replica's row. `heartbeat` differs after each poll; `max_staleness_s` is the most that it may go by."""

    identity: ReplicaIdentity
    acknowledged_seq: int
    heartbeat: int
    heartbeat_time: float
    max_staleness_s: float


@dataclass(frozen=True, slots=True)
class Registry:
    """The rows of all replicas, in which history they stand, and the deployment's bound.

    `silent`: there are others, set silent; they are not among `replicas`.
    """

    history: History
    max_staleness_s: float
    replicas: tuple[Registered, ...]
    silent: bool = False


class Wakeup(Protocol):
    """Something that listens on a thread of its own, until it is closed."""

    def close(self) -> None:
        """Stops; the callback is not called any more once this has returned. May be called twice."""
        ...


class ReplicaStore(Protocol):
    """The change feed, and who follows it (security.md §4 "Replica loop", §8).

    Nothing here decides freshness: the caller takes its clock BEFORE it calls `poll`, and counts as fresh only after
    it has applied the page. Every method raises `DatabaseUnavailable`; then nothing may be taken for done.
    """

    async def register(self, identity: ReplicaIdentity) -> None:
        """Makes the replica's row, with nothing acknowledged. MUST be done before its first `poll`; may be repeated."""
        ...

    async def poll(self, identity: ReplicaIdentity, after: Cursor, followed_s: float = 0.0) -> FeedPage:
        """Reads what changed after the cursor in one snapshot, then commits a heartbeat to the same server.

        `followed_s`: the bound by which the replica is fresh at present. With the heartbeat its row gets the larger of
        this and the page's, for it may sleep before it has applied the page.

        The snapshot holds every change whose commit returned before the call; the page has as many as can be read
        within some 100 ms, and `more` says whether that was all. A `seq` below the cursor's is returned as it is: the
        caller closes.
        """
        ...

    async def acknowledge(self, identity: ReplicaIdentity, seq: int, history: History) -> bool:
        """Says that everything up to `seq` of this history is applied; never goes back.

        False: it does not count, because the replica's row is gone or the database is in another history. What was
        acknowledged in one epoch MUST NOT count in another, whichever of the two commits first.
        """
        ...

    async def deregister(self, identity: ReplicaIdentity) -> None:
        """Removes the row. Only after the replica has stopped admitting. Nothing happens when it is gone already."""
        ...

    async def registered(self) -> Registry:
        """The rows of all replicas, as of a moment after the call."""
        ...

    async def set_silent(self, rows: Sequence[Registered]) -> int:
        """Marks the rows of replicas unheard of, but those whose heartbeat has changed; returns how many it marked.

        To its owner such a row is gone: not `present`, and none to acknowledge in, until it registers anew. It may
        leave some for the next call.
        """
        ...

    async def forget_silent(self, heard_before: float) -> int:
        """Removes silent rows whose last heartbeat was before then (epoch s); how many."""
        ...

    def wake_on_change(self, callback: Callable[[], object]) -> Wakeup:
        """Calls back soon after auth state changed, and whenever it may have gone unheard (each reconnect).

        Called on another thread, and now and then for nothing. It is a hint: who relies on it alone misses changes.
        """
        ...


class RevokedTokenStore(Protocol):
    """Tokens revoked one by one; a write keeps the rules of `ClientStore`."""

    async def revoke(self, token: RevokedToken, guard: CommitGuard | None = None) -> RevokedToken:
        """Adds the token and returns it with its `changed_seq`; one that is there already comes back as it stands."""
        ...

    async def forget(self, expired_before: float) -> int:
        """Removes tokens that expired before then (epoch s); how many. No change of auth state: takes no number."""
        ...
