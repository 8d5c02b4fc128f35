"""Owns one piece of work on a connection: its retry when the connection proves dead, and its end by the clock.

* Work that failed before its COMMIT for a reason that is gone with the connection (a server that restarted) or with the
  moment (a deadlock, a row changed since the snapshot) is done once more. It must bear being run twice.
* Work whose time is over gets its connection cut, so that no thread waits for ever on a wire that swallows everything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from sqlalchemy import Connection, Engine, exc

from typeplate_server.store.faults import unavailable

T = TypeVar("T")

_PASSING = frozenset({"40001", "40P01", "25P03", "57P01", "57P02", "57P03"})
"""PostgreSQL: serialization failure, deadlock, idle in transaction, shutdown, crash, not yet up."""


class Operation:
    """The work of one call. `cut` (of another thread) ends it."""

    def __init__(self, sever: Callable[[Connection], None]) -> None:
        self._sever = sever
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._over = False

    def run(self, work: Callable[[], T]) -> T:
        """What `work` returns. Raises DatabaseUnavailable when the time was over before it began."""
        try:
            return self._unless_over(work)
        except exc.DBAPIError as error:
            if not _passing(error):
                raise
        return self._unless_over(work)

    @contextmanager
    def connect(self, engine: Engine) -> Iterator[Connection]:
        """A connection that `cut` reaches."""
        with engine.connect() as connection:
            with self._lock:
                self._connection = connection
            try:
                yield connection
            finally:
                with self._lock:
                    self._connection = None

    def cut(self) -> None:
        """Ends the work wherever it stands."""
        with self._lock:
            self._over = True
            if self._connection is not None:
                with suppress(OSError, exc.SQLAlchemyError):
                    self._sever(self._connection)

    def _unless_over(self, work: Callable[[], T]) -> T:
        if self._over:
            raise unavailable()
        return work()


def _passing(error: exc.DBAPIError) -> bool:
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _PASSING
