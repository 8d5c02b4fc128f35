"""Names what a database of any kind has to offer, and finds the kind by the URL.

There are two, and they share schema, migrations and stores: `sqlite` for one machine, `postgres` for several replicas.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, exc
from sqlalchemy.engine import make_url

from typeplate_server.auth.store import Wakeup
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.postgres import PostgresBackEnd
from typeplate_server.store.sqlite import SqliteBackEnd


class BackEnd(Protocol):
    """One database, by its URL. No method but those that return an engine's connection talks to it."""

    @property
    def place(self) -> str:
        """How sentences for the operator name it; no password is in it."""
        ...

    @property
    def concurrent_writes(self) -> bool:
        """Whether one write goes on while another waits for a row."""
        ...

    @property
    def patience_s(self) -> float | None:
        """After how long a connection that does not answer is given up; None: the database is not across a network."""
        ...

    def missing(self) -> bool:
        """Whether there is nothing yet to connect to. Raises DatabaseError when there never can be."""
        ...

    def create(self) -> None:
        """Makes what `migrating` can connect to."""
        ...

    def migrating(self) -> Engine:
        """One connection that looks at the schema or changes it, whatever schema there is."""
        ...

    def looking(self) -> Engine:
        """One connection that only looks, whatever schema there is."""
        ...

    def reading(self, connections: int) -> Engine:
        """Connections that read: a statement by itself, or several after `begin_reading`."""
        ...

    def writing(self, connections: int) -> Engine:
        """Connections that write durably."""
        ...

    def alone(self, data_dir: Path, timeout_s: float) -> AbstractContextManager[None]:
        """Holds off other writers where the database cannot do so itself. Raises TimeoutError."""
        ...

    def lock_schema(self, connection: Connection) -> None:
        """Lets nobody else migrate until the transaction ends."""
        ...

    def refuse_unsound(self, connection: Connection) -> None:
        """Raises DatabaseError when a commit there would not outlive a loss of power, or text not survive."""
        ...

    def begin_reading(self, connection: Connection) -> None:
        """Makes all that follows on a reading connection be of one moment, until it is given back."""
        ...

    def snapshot(self, connection: Connection) -> None:
        """Makes the transaction that is about to begin on a writing connection read as of one moment."""
        ...

    def commit(self, connection: Connection) -> None:
        """Commits, and raises CommitUnknown when it came to an end that says too little."""
        ...

    def sever(self, connection: Connection) -> None:
        """Makes a thread that waits for the connection's answer fail; called from another one."""
        ...

    def wakeup(self, callback: Callable[[], object]) -> Wakeup:
        """See ReplicaStore.wake_on_change."""
        ...

    def unreadable(self, error: Exception) -> DatabaseError:
        """The sentence for the operator when opening failed."""
        ...


def back_end_of(url: str) -> BackEnd:
    """The back end a URL names. Raises DatabaseError, which repeats no password, for any other URL."""
    try:
        parsed = make_url(url)
        readable = "@" not in (parsed.host or "")  # or else a part of the password counts as host
    except (exc.ArgumentError, ValueError):
        readable = False
    if not readable:
        raise DatabaseError(
            "the database URL cannot be read; it looks like sqlite:///directory/typeplate.db or "
            "postgresql+psycopg://user@host/database, with %40 for an @ in user or password"
        )
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return PostgresBackEnd(parsed)
    return SqliteBackEnd(url)
