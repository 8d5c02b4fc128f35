"""Owns the two sequences that order all writes: `auth_clock` and `vehicle_clock`.

The row lock on a clock is what makes commit order sequence order; a serial column would not. Who takes a number of
`auth_clock` wakes up the followers when it commits.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, select, update

from typeplate_server.store.listening import notify
from typeplate_server.store.schema import auth_clock, vehicle_clock

AUTH = auth_clock
VEHICLES = vehicle_clock


def lock(connection: Connection, clock: Table) -> None:
    """Lets nobody else take a number until this transaction ends. (In SQLite, BEGIN IMMEDIATE has done so.)"""
    connection.execute(select(clock.c.seq).with_for_update())


def take(connection: Connection, clock: Table, count: int = 1) -> int:
    """Takes `count` numbers and returns the last of them."""
    statement = update(clock).values(seq=clock.c.seq + count).returning(clock.c.seq)
    seq = int(connection.execute(statement).scalar_one())
    if clock is AUTH:
        notify(connection, seq)
    return seq


def current(connection: Connection, clock: Table) -> int:
    """The last number taken."""
    return int(connection.execute(select(clock.c.seq)).scalar_one())
