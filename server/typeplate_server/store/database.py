"""Owns the one asynchronous door to the database: `run` to read, `write` to write.

Functions given to it are plain, synchronous SQL on a `Connection`, and run on its threads:
* `run`: on one of a few reading connections, as of one snapshot. What is `slow` has threads of its own, so that no
  short read ever waits behind it.
* `write`: on the one writing connection, in one transaction under the data directory's write lock, one after the
  other in the order of the calls. It returns when the commit is durable. Keep it below 100 ms.

An outage is `errors.DatabaseUnavailable`, or `CommitUnknown` when COMMIT itself failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from typeplate_server.store import sqlite
from typeplate_server.store.faults import outage_as_commit_unknown, outage_as_unavailable, unavailable
from typeplate_server.store.locks import WriteLock

T = TypeVar("T")


class Database:
    """A database whose schema is current (`migration.require_current`), open; the lock is in `data_dir`."""

    def __init__(
        self, url: str, data_dir: Path, *, readers: int = 4, slow_readers: int = 2, lock_timeout_s: float = 5.0
    ) -> None:
        file = sqlite.database_file(url)
        self._lock = WriteLock(data_dir, timeout_s=lock_timeout_s)
        self._reading = sqlite.reader_engine(file, readers + slow_readers)
        self._writing = sqlite.writer_engine(file)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="database-read")
        self._slow_readers = ThreadPoolExecutor(slow_readers, thread_name_prefix="database-slow-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-write")
        self._closed = False

    async def run(self, fn: Callable[[Connection], T], *, slow: bool = False) -> T:
        """What `fn` reads, all of it as of one moment. `slow`: it may go through many rows."""
        self._refuse_when_closed()
        readers = self._slow_readers if slow else self._readers
        return await asyncio.get_running_loop().run_in_executor(readers, self._read, fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """What `fn` returns, after its changes are durable; any exception of `fn` undoes them all.

        A caller that is cancelled does not stop a write: it runs to its end, and only the answer is lost.
        """
        self._refuse_when_closed()
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writer, self._transact, fn))

    async def close(self) -> None:
        """Lets what runs come to its end, then closes every connection. May be called twice."""
        self._closed = True
        await asyncio.to_thread(self._shut_down)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise unavailable()

    def _read(self, fn: Callable[[Connection], T]) -> T:
        with outage_as_unavailable(), self._reading.connect() as connection:
            return fn(connection)

    def _transact(self, fn: Callable[[Connection], T]) -> T:
        try:
            with self._lock.hold():
                return self._transact_locked(fn)
        except OSError as error:
            raise unavailable() from error

    def _transact_locked(self, fn: Callable[[Connection], T]) -> T:
        with outage_as_unavailable(), self._writing.connect() as connection:
            connection.begin()
            result = fn(connection)
            self._commit(connection)
            return result

    def _commit(self, connection: Connection) -> None:
        try:
            with outage_as_commit_unknown():
                connection.commit()
        except BaseException:
            # In what state a failed COMMIT left the connection nobody knows: the next write opens another.
            connection.invalidate()
            raise

    def _shut_down(self) -> None:
        self._readers.shutdown()
        self._slow_readers.shutdown()
        self._writer.shutdown()
        self._reading.dispose()
        # Closing the last writing connection checkpoints, so that too happens under the lock.
        with self._lock.hold():
            self._writing.dispose()
