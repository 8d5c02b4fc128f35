"""Owns the one asynchronous door to the database: `ask` and `run` to read, `write` to write, `confirm` to do both.

Functions given to it are plain, synchronous SQL on a `Connection`, and run on its threads:
* `run`: on one of a few reading connections, as of one snapshot; `ask`: the same for a single statement, which is a
  snapshot by itself and needs no transaction around it. What is `slow` has threads of its own, so that no short
  read ever waits behind it.
* `write`: in one transaction, those of a lane one after the other in the order of the calls. It returns when the
  commit is durable. Keep it below 100 ms. On SQLite all lanes are one, under the data directory's write lock; on
  PostgreSQL each has a connection of its own, so that neither imports nor a held-up change hold up a heartbeat.
* `confirm`: reads in one snapshot, then commits a write to the same server, which proves that it may still write.

A function may be run again in a fresh transaction when the connection was lost before its COMMIT. An outage is
`errors.DatabaseUnavailable`, or `CommitUnknown` when COMMIT itself failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from typeplate_server.auth.store import Wakeup
from typeplate_server.store.back_ends import back_end_of
from typeplate_server.store.faults import outage_as_commit_unknown, outage_as_unavailable, unavailable
from typeplate_server.store.operation import Operation

T = TypeVar("T")
C = TypeVar("C")


class Lane(Enum):
    """Whose writes wait for each other."""

    DATA = "data"
    AUTH = "auth"
    REPLICA = "replica"


class Database:
    """A database that `migration.require_current` found good, open; SQLite's lock is in `data_dir`."""

    def __init__(
        self, url: str, data_dir: Path, *, readers: int = 4, slow_readers: int = 2, lock_timeout_s: float = 5.0
    ) -> None:
        self._back_end = back_end_of(url)
        self._data_dir = data_dir
        self._lock_timeout_s = lock_timeout_s
        self._writers = _writers(len(Lane) if self._back_end.concurrent_writes else 1)
        self._reading = self._back_end.reading(readers + slow_readers)
        self._writing = self._back_end.writing(len(set(self._writers.values())))
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="database-read")
        self._slow_readers = ThreadPoolExecutor(slow_readers, thread_name_prefix="database-slow-read")
        self._closed = False

    async def ask(self, fn: Callable[[Connection], T], *, slow: bool = False) -> T:
        """What `fn` reads with one statement. `slow`: it may go through many rows."""
        readers = self._slow_readers if slow else self._readers
        return await self._submit(readers, lambda operation: self._read(operation, fn, snapshot=False))

    async def run(self, fn: Callable[[Connection], T], lane: Lane | None = None) -> T:
        """What `fn` reads, all of it as of one moment; with a lane, from the server that its writes go to."""
        if lane is None or not self._back_end.concurrent_writes:
            return await self._submit(self._readers, lambda operation: self._read(operation, fn))
        return await self._submit(self._writers[lane], lambda operation: self._transact(operation, fn, snapshot=True))

    async def write(self, fn: Callable[[Connection], T], lane: Lane = Lane.DATA, *, patience: float = 1.0) -> T:
        """What `fn` returns, after its changes are durable; any exception of `fn` undoes them all.

        A caller that is cancelled does not stop a write: it runs to its end, and only the answer is lost.
        `patience` multiplies the time a connection may take to answer.
        """
        done = self._submit(self._writers[lane], lambda operation: self._transact(operation, fn), patience)
        done.add_done_callback(_notice)
        return await asyncio.shield(done)

    async def confirm(self, read: Callable[[Connection], T], write: Callable[[Connection, T], C]) -> tuple[T, C]:
        """What `read` reads as of one moment, and what `write` makes of it, durable on the server that was read."""
        if not self._back_end.concurrent_writes:
            found = await self.run(read)
            return found, await self.write(lambda connection: write(connection, found), Lane.REPLICA)

        def both(connection: Connection) -> tuple[T, C]:
            found = read(connection)
            return found, write(connection, found)

        # A caller who gives up must find the lane free when it comes again.
        return await self._submit(
            self._writers[Lane.REPLICA],
            lambda operation: self._transact(operation, both, snapshot=True),
            cut_if_cancelled=True,
        )

    def wakeup(self, callback: Callable[[], object]) -> Wakeup:
        """See ReplicaStore.wake_on_change. The caller closes it, before the database."""
        return self._back_end.wakeup(callback)

    async def close(self) -> None:
        """Lets what runs come to its end, then closes every connection. May be called twice."""
        self._closed = True
        await asyncio.to_thread(self._shut_down)

    def _submit(
        self,
        threads: ThreadPoolExecutor,
        work: Callable[[Operation], T],
        patience: float = 1.0,
        *,
        cut_if_cancelled: bool = False,
    ) -> asyncio.Future[T]:
        if self._closed:
            raise unavailable()
        loop = asyncio.get_running_loop()
        operation = Operation(self._back_end.sever)
        future = loop.run_in_executor(threads, work, operation)
        if self._back_end.patience_s is not None:
            timer = loop.call_later(self._back_end.patience_s * patience, operation.cut)
            future.add_done_callback(lambda _: timer.cancel())
        if cut_if_cancelled:
            future.add_done_callback(lambda done: operation.cut() if done.cancelled() else None)
        return future

    def _read(self, operation: Operation, fn: Callable[[Connection], T], *, snapshot: bool = True) -> T:
        def work() -> T:
            with operation.connect(self._reading) as connection:
                if snapshot:
                    self._back_end.begin_reading(connection)
                return fn(connection)

        with outage_as_unavailable():
            return operation.run(work)

    def _transact(self, operation: Operation, fn: Callable[[Connection], T], *, snapshot: bool = False) -> T:
        def work() -> T:
            with operation.connect(self._writing) as connection:
                if snapshot:
                    self._back_end.snapshot(connection)
                connection.begin()
                result = fn(connection)
                self._commit(connection)
                return result

        with self._alone(), outage_as_unavailable():
            return operation.run(work)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with self._back_end.alone(self._data_dir, self._lock_timeout_s):
                yield
        except OSError as error:
            raise unavailable() from error

    def _commit(self, connection: Connection) -> None:
        try:
            with outage_as_commit_unknown():
                self._back_end.commit(connection)
        except BaseException:
            # In what state a failed COMMIT left the connection nobody knows: the next write opens another.
            connection.invalidate()
            raise

    def _shut_down(self) -> None:
        self._readers.shutdown()
        self._slow_readers.shutdown()
        for threads in self._writers.values():
            threads.shutdown()
        self._reading.dispose()
        # Closing the last writing connection of SQLite checkpoints, so that too happens under the lock.
        with self._back_end.alone(self._data_dir, self._lock_timeout_s):
            self._writing.dispose()


def _notice(done: asyncio.Future[T]) -> None:
    """Takes note of a failure, so that one whose caller has gone is not reported as forgotten."""
    if not done.cancelled():
        done.exception()


def _writers(threads: int) -> dict[Lane, ThreadPoolExecutor]:
    """An executor of one thread for each lane, or one for them all."""
    executors = [ThreadPoolExecutor(1, thread_name_prefix="database-write") for _ in range(threads)]
    return {lane: executors[number % threads] for number, lane in enumerate(Lane)}
