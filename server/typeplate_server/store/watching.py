"""Wakes up followers on SQLite: looks often at a counter that costs nothing, and at the auth clock when it moved.

`PRAGMA data_version` rises with every commit of another connection, heartbeats included; only a new auth sequence
calls back, or followers would wake each other for ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from sqlalchemy import Engine

from typeplate_server.store.waking import WakingThread

INTERVAL_S = 0.02
_SEQ = "SELECT seq FROM auth_clock"


class FileWakeup(WakingThread):
    """Looks at the file each INTERVAL_S."""

    def __init__(self, engine: Callable[[], Engine], callback: Callable[[], object]) -> None:
        self._engine = engine
        super().__init__(callback)

    def listen(self) -> None:
        """See WakingThread."""
        engine = self._engine()
        try:
            pooled = engine.raw_connection()
            try:
                assert isinstance(pooled.driver_connection, sqlite3.Connection)
                self._watch(pooled.driver_connection)
            finally:
                pooled.close()
        finally:
            engine.dispose()

    def _watch(self, connection: sqlite3.Connection) -> None:
        version: int | None = None
        seq: int | None = None
        while True:
            # Read in this order: a commit between the two is seen again in the next turn.
            now = _value(connection, "PRAGMA data_version")
            if now != version:
                version, before = now, seq
                seq = _value(connection, _SEQ)
                if seq != before:
                    self.heard()
            if self.closed(timeout_s=INTERVAL_S):
                return


def _value(connection: sqlite3.Connection, statement: str) -> int:
    cursor = connection.execute(statement)
    try:
        return int(cursor.fetchone()[0])
    finally:
        cursor.close()
