"""Owns how an SQLite file is opened: which settings a connection has, and that it really has them.

* WAL, so that readers and the writer do not wait for each other; `synchronous=FULL`, so that a commit outlives the
  power; both are read back on every writing connection, at opening and at each transaction.
* Writing connections begin with BEGIN IMMEDIATE: a deferred transaction that comes to write later fails at once,
  whatever the busy timeout. Only they checkpoint, and only under the write lock.
* Reading connections open the file read-only, so that not even closing the last of them checkpoints. No connection
  uses mmap, and none creates the file.
* Nobody opens the file by other means while a connection is open: closing it would drop SQLite's own locks.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.locks import WriteLock
from typeplate_server.store.watching import FileWakeup

BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for a lock of a tool that does not know the write lock, such as the sqlite3 shell."""

_COMMON = ("PRAGMA mmap_size = 0", "PRAGMA foreign_keys = ON")
_READER = (*_COMMON, "PRAGMA query_only = ON")
_WRITER = (*_COMMON, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA wal_autocheckpoint = 1000")
_FULL = 2


class SqliteBackEnd:
    """See BackEnd; a file that several processes of one machine share."""

    concurrent_writes = False
    patience_s = None

    def __init__(self, url: str) -> None:
        self.file = database_file(url)
        self.place = str(self.file)

    def missing(self) -> bool:
        """See BackEnd."""
        if not self.file.parent.is_dir():
            raise DatabaseError(f"the directory {self.file.parent} for the database {self.file.name} does not exist")
        if self.file.is_dir():
            raise DatabaseError(f"the database {self.file} is a directory; name a file in it")
        if self.file.exists() and not os.access(self.file, os.R_OK | os.W_OK):
            raise DatabaseError(f"the database {self.file} may not be read and written by this user")
        return not self.file.exists()

    def create(self) -> None:
        """The empty file, readable by its owner only; SQLite gives its companions the same mode."""
        if not self.file.exists():
            os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))

    def migrating(self) -> Engine:
        """See BackEnd. Used under the write lock."""
        return writer_engine(self.file)

    def looking(self) -> Engine:
        """See BackEnd."""
        return reader_engine(self.file, 1)

    def reading(self, connections: int) -> Engine:
        """See BackEnd."""
        return reader_engine(self.file, connections)

    def writing(self, connections: int) -> Engine:
        """See BackEnd. There is but one."""
        assert connections == 1
        return writer_engine(self.file)

    def alone(self, data_dir: Path, timeout_s: float) -> AbstractContextManager[None]:
        """The write lock of the data directory."""
        return WriteLock(data_dir, timeout_s=timeout_s).hold()

    def lock_schema(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE has done so."""

    def refuse_unsound(self, connection: Connection) -> None:
        """Each writing connection has seen to it (`_assert_durable`)."""

    def begin_reading(self, connection: Connection) -> None:
        """Every transaction is a snapshot."""

    def snapshot(self, connection: Connection) -> None:
        """Every transaction is a snapshot."""

    def commit(self, connection: Connection) -> None:
        """See BackEnd."""
        connection.commit()

    def sever(self, connection: Connection) -> None:
        """Never called: a file always answers (`patience_s`)."""

    def wakeup(self, callback: Callable[[], object]) -> FileWakeup:
        """See BackEnd."""
        return FileWakeup(self.looking, callback)

    def unreadable(self, error: Exception) -> DatabaseError:
        """See BackEnd."""
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        if isinstance(cause, sqlite3.DatabaseError) and getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB:
            return DatabaseError(f"{self.place} is not an SQLite database")
        return DatabaseError(f"the database {self.place} cannot be opened: {cause}")


def database_file(url: str) -> Path:
    """The file that a database URL names. Raises DatabaseError for a URL of another kind."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise DatabaseError("the database URL cannot be read; it looks like sqlite:///directory/typeplate.db") from None
    if parsed.get_backend_name() != "sqlite":
        raise DatabaseError(
            f"databases of the kind {parsed.drivername} are not supported; "
            "use sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
        )
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:") or parsed.query:
        raise DatabaseError("the database URL must name a file and nothing else: sqlite:///directory/typeplate.db")
    return Path(parsed.database)


def reader_engine(file: Path, connections: int) -> Engine:
    """Connections that read, each transaction one snapshot."""
    return _engine(file, "ro", connections, _READER, "BEGIN")


def writer_engine(file: Path) -> Engine:
    """The one connection that writes. Use it only under the write lock; its first use may switch the file to WAL."""
    engine = _engine(file, "rw", 1, _WRITER, "BEGIN IMMEDIATE")
    event.listen(engine, "connect", lambda connection, _: _assert_durable(connection))
    event.listen(engine, "begin", lambda connection: _assert_durable(_driver(connection)), insert=True)
    return engine


def _engine(file: Path, mode: str, connections: int, pragmas: Sequence[str], begin: str) -> Engine:
    def connect() -> sqlite3.Connection:
        uri = f"file:{quote(str(file.absolute()))}?mode={mode}"
        # isolation_level=None: the driver begins no transactions by itself.
        return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)

    # hide_parameters: what is written must not reach a log through an error's text.
    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=connections, max_overflow=0, hide_parameters=True
    )

    def configure(connection: sqlite3.Connection, _: object) -> None:
        for pragma in pragmas:
            connection.execute(pragma).close()

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def _assert_durable(connection: sqlite3.Connection) -> None:
    """Raises DatabaseError unless a commit on this connection survives a loss of power."""
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if journal != "wal" or synchronous < _FULL:
        raise DatabaseError(
            f"the database is not durable (journal_mode={journal}, synchronous={synchronous}); "
            "it needs a local file system that supports SQLite's WAL"
        )
