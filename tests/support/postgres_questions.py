"""Plain questions to a database on PostgreSQL, past the server's own connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text

from tests.support.postgres import shared_postgres
from tests.support.store import BackEnd

READERS = 3
TERMINATE_WRITERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'typeplate-write'"
)
TERMINATE_LISTENERS = TERMINATE_WRITERS.replace("typeplate-write", "typeplate-listen")
TERMINATE_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def name_of(back_end: BackEnd) -> str:
    return back_end.url.rpartition("/")[2]


def ask(back_end: BackEnd, statement: str) -> list[Any]:
    with shared_postgres().connect(name_of(back_end)) as connection:
        return connection.execute(statement.encode()).fetchall()


def bump(connection: Connection) -> int:
    return int(connection.execute(text("UPDATE auth_clock SET seq = seq + 1 RETURNING seq")).scalar_one())


def seq(connection: Connection) -> int:
    return int(connection.execute(text("SELECT seq FROM auth_clock")).scalar_one())


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Returns once the condition holds; fails when it never does. It is asked on the loop."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.005)
