"""Owns how a PostgreSQL server is connected to: which settings a connection has, and that a commit there is durable.

* Always the primary (`target_session_attrs`): a standby would answer with what was.
* A partition that swallows packets must be seen: TCP keepalives, tcp_user_timeout and a time limit for connecting.
* `statement_timeout` is half of `max_staleness`, so that one stuck statement does not cost a replica its freshness;
  whoever stops amid a transaction, with a clock's row locked, is thrown out (`idle_in_transaction_session_timeout`).
* A commit counts only if it came back without a warning: a wait for the standby that somebody breaks off commits
  locally, warns, and reports success. (No statement_timeout ends that wait; `patience_s` does.)
* `fsync` and `synchronous_commit` are looked at on each writing connection, and the latter then is held to its value.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, text

from typeplate_server.auth.store import CommitUnknown
from typeplate_server.store.faults import RETRY_AFTER_S, DatabaseError
from typeplate_server.store.listening import ListenWakeup

CONNECTING: Final = {
    "connect_timeout": "2",
    "tcp_user_timeout": "3000",
    "keepalives": "1",
    "keepalives_idle": "1",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "target_session_attrs": "read-write",
}
"""libpq's parameters (s, tcp_user_timeout in ms); what the URL itself says comes before them."""

PATIENCE_S: Final = 5.0
IDLE_IN_TRANSACTION_S: Final = 2.0
_OLDEST: Final = 140000
_MIGRATION_LOCK: Final = 0x7479706570  # "typep"
_WARNINGS: Final = "commit warnings"
_SETTLE = """
    SELECT set_config('statement_timeout', (max_staleness_s * 500)::bigint::text, false),
           set_config('idle_in_transaction_session_timeout', %s, false),
           set_config('synchronous_commit', current_setting('synchronous_commit'), false)
      FROM deployment
"""
_SOUNDNESS = "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'server_encoding')"


class PostgresBackEnd:
    """See BackEnd; one database of a server that several replicas share."""

    concurrent_writes = True
    patience_s = PATIENCE_S

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        self.place = f"{url.database or ''} at {url.host or 'the local socket'}{f':{url.port}' if url.port else ''}"

    def missing(self) -> bool:
        """See BackEnd. Whether there is a database only its server knows."""
        return False

    def create(self) -> None:
        """The operator makes the database."""

    def migrating(self) -> Engine:
        """See BackEnd."""
        return self._engine("migrate", 1)

    def looking(self) -> Engine:
        """See BackEnd."""
        return self._engine("look", 1, _only_read)

    def reading(self, connections: int) -> Engine:
        """See BackEnd."""
        return self._engine("read", connections, _settle, _only_read)

    def writing(self, connections: int) -> Engine:
        """See BackEnd."""
        engine = self._engine("write", connections, self._refuse_unsound, _settle)
        event.listen(engine, "connect", _collect_warnings)
        return engine

    def alone(self, data_dir: Path, timeout_s: float) -> AbstractContextManager[None]:
        """The clocks' row locks do it."""
        return nullcontext()

    def lock_schema(self, connection: Connection) -> None:
        """See BackEnd."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})

    def refuse_unsound(self, connection: Connection) -> None:
        """See BackEnd."""
        self._refuse_unsound(connection.connection.dbapi_connection)

    def begin_reading(self, connection: Connection) -> None:
        """See BackEnd."""
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ")

    def snapshot(self, connection: Connection) -> None:
        """See BackEnd."""
        connection.execution_options(isolation_level="REPEATABLE READ")

    def commit(self, connection: Connection) -> None:
        """See BackEnd."""
        warnings: list[str] = connection.info[_WARNINGS]
        warnings.clear()
        connection.commit()
        if warnings:
            raise CommitUnknown(retry_after=RETRY_AFTER_S) from DatabaseError(warnings[0])

    def sever(self, connection: Connection) -> None:
        """See BackEnd."""
        driver: Any = connection.connection.dbapi_connection
        with socket.socket(fileno=os.dup(driver.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)

    def wakeup(self, callback: Callable[[], object]) -> ListenWakeup:
        """See BackEnd."""
        return ListenWakeup(self._connect_to_listen, callback)

    def unreadable(self, error: Exception) -> DatabaseError:
        """See BackEnd."""
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        return DatabaseError(f"the database {self.place} cannot be used: {' '.join(str(cause).split())}")

    def _connect_to_listen(self) -> psycopg.Connection:
        arguments, parameters = self._url.get_dialect()().create_connect_args(self._url)
        return psycopg.connect(*arguments, **{**parameters, **self._parameters("listen")})

    def _parameters(self, role: str) -> dict[str, str]:
        ours = {**CONNECTING, "application_name": f"typeplate-{role}"}
        return {name: value for name, value in ours.items() if name not in self._url.query}

    def _engine(self, role: str, connections: int, *settings: Callable[[Any], None]) -> Engine:
        engine = create_engine(
            self._url,
            connect_args=self._parameters(role),
            pool_size=connections,
            max_overflow=0,
            hide_parameters=True,  # what is written must not reach a log through an error's text
        )
        for setting in settings:
            event.listen(engine, "connect", _apply(setting))
        return engine

    def _refuse_unsound(self, driver: Any) -> None:
        with driver.cursor() as cursor:
            found = dict(cursor.execute(_SOUNDNESS).fetchall())
        if driver.info.server_version < _OLDEST:
            raise DatabaseError(f"the server of the database {self.place} is older than PostgreSQL {_OLDEST // 10000}")
        if found["server_encoding"] != "UTF8":
            raise DatabaseError(
                f"the database {self.place} has encoding {found['server_encoding']}; make one with ENCODING 'UTF8'"
            )
        if "off" in (found["fsync"], found["synchronous_commit"]):
            raise DatabaseError(
                f"the database {self.place} is not durable (fsync={found['fsync']}, "
                f"synchronous_commit={found['synchronous_commit']}): a crash could undo a revocation; set both to on"
            )


def _apply(setting: Callable[[Any], None]) -> Callable[[Any, Any], None]:
    def connected(driver: psycopg.Connection, _: Any) -> None:
        setting(driver)
        driver.commit()

    return connected


def _settle(driver: psycopg.Connection) -> None:
    driver.execute(_SETTLE, [str(round(IDLE_IN_TRANSACTION_S * 1000))])


def _only_read(driver: psycopg.Connection) -> None:
    """In autocommit, where one statement is one snapshot and one message each way."""
    driver.execute("SET default_transaction_read_only = on")
    driver.commit()
    driver.autocommit = True


def _collect_warnings(driver: psycopg.Connection, record: Any) -> None:
    warnings: list[str] = record.info.setdefault(_WARNINGS, [])

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary or "")

    driver.add_notice_handler(note)
