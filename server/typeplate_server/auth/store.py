"""What `auth` needs of a store: clients kept durably, changed one transaction at a time.

An implementation MUST keep every rule in the docstrings below; one conformance suite checks them on each back end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from typeplate_server.auth.clients import ClientState
from typeplate_server.errors import DatabaseUnavailable

ReadClient = Callable[[str], ClientState | None]
"""Reads a client's row as it stands in the current transaction; None when there is no such id."""

CommitGuard = Callable[[ReadClient], None]
"""Raises a `ServiceError` to abort a write. Called inside the write transaction, under the write lock, BEFORE the
change is applied (so that an administrator may revoke itself); nothing can change between it and the commit."""


class CommitUnknown(DatabaseUnavailable):
    """COMMIT was sent and its outcome never became known: the change may or may not stand."""


class ClientsInTransaction(Protocol):
    """The other clients, as a change sees them inside its own transaction and under the lock."""

    def get(self, client_id: str) -> ClientState | None:
        """The client as it stands in this transaction."""
        ...

    def another_active_with(self, scope: str, but: str) -> bool:
        """Whether an active client other than `but` is granted `scope`."""
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
