"""Wakes up followers on PostgreSQL: a connection of its own that LISTENs, and nothing else.

A notification is a hint. Nothing is replayed after a reconnect, so a new connection LISTENs first and calls back next.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from sqlalchemy import Connection, func, select

from typeplate_server.store.waking import WakingThread

CHANNEL = "typeplate_auth"


def notify(connection: Connection, seq: int) -> None:
    """Wakes the listeners when the transaction is committed; on other back ends it does nothing."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, str(seq))))


class ListenWakeup(WakingThread):
    """LISTENs on a connection that `connect` makes."""

    def __init__(self, connect: Callable[[], psycopg.Connection], callback: Callable[[], object]) -> None:
        self._connect = connect
        super().__init__(callback)

    def listen(self) -> None:
        """See WakingThread."""
        connection = self._connect()
        try:
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
            self.heard()
            while not self.closed(connection.fileno()):
                if _drain(connection.pgconn):
                    self.heard()
        finally:
            connection.close()


def _drain(connection: psycopg.pq.abc.PGconn) -> bool:
    """Takes what has arrived; whether a notification was among it. Raises OperationalError when the server is gone."""
    connection.consume_input()
    heard = False
    while connection.notifies() is not None:
        heard = True
    return heard
