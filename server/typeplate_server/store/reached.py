"""How far a database has come: its epoch, the last change of auth state, and the head of its audit trail.

Numbers can be reached again by another history, as after a restore. A head cannot: it stands for all entries before it,
under a key that is not in the database.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from typeplate_server.auth.audit import Head
from typeplate_server.store.clocks import AUTH, current
from typeplate_server.store.schema import audit, deployment

_LAST = select(audit.c.seq, audit.c.chain).order_by(audit.c.seq.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Reached:
    """As of one moment. `claimed`: a key file was entered, so that somebody has begun to use the database.

    `had`: the head that was asked for has been its trail's, now or earlier.
    """

    epoch: str
    seq: int
    head: Head
    claimed: bool
    had: bool


def reached(connection: Connection, asked: Head) -> Reached:
    """How far it has come, and whether it has come by the head `asked`."""
    row = connection.execute(select(deployment.c.epoch, deployment.c.key_fingerprint)).one()
    last = connection.execute(_LAST).one_or_none()
    head = Head() if last is None else Head(last.seq, bytes(last.chain))
    chain = connection.scalar(select(audit.c.chain).where(audit.c.seq == asked.seq))
    had = asked == Head() or (chain is not None and bytes(chain) == asked.chain)
    return Reached(row.epoch, current(connection, AUTH), head, bool(row.key_fingerprint), had)
