"""Reads what changed in the auth state since a sequence number, in the snapshot of the transaction it is given.

Every row that followers must hear of carries the `auth_clock` number of its last change, so a page is what is greater
than the cursor. No log of events is kept, and none can have gaps. A page ends where it has enough; a row that changes
before the next one is read gets a greater number, so it is in a later page, never in none.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, exists, func, literal, select

from typeplate_server.auth.store import Cursor, FeedPage, ReplicaIdentity, RevokedToken, StoredSigningKey
from typeplate_server.store import client_rows
from typeplate_server.store.schema import auth_clock, clients, deployment, replicas, revoked_tokens, signing_keys

PAGE: Final = 5000
"""The most clients, and the most revoked tokens, of one page: some 100 ms of a reading thread, 5 ms of the loop."""

SILENT: Final = -1
"""What a row that was set silent has acknowledged."""

_TIMELINE_DIGITS = 8


def is_row_of(identity: ReplicaIdentity) -> ColumnElement[bool]:
    """The condition that meets one replica's row."""
    return (replicas.c.replica_id == identity.replica_id) & (replicas.c.incarnation == identity.incarnation)


def follows(identity: ReplicaIdentity) -> ColumnElement[bool]:
    """The condition that meets one replica's row unless it was set silent."""
    return is_row_of(identity) & (replicas.c.acknowledged_seq != SILENT)


def read_page(connection: Connection, identity: ReplicaIdentity, after: Cursor) -> FeedPage:
    """The page after the cursor."""
    head = connection.execute(_head(connection, identity)).one()
    upto = _reach(connection, after.seq, head.seq)
    changed = upto > after.seq
    return FeedPage(
        seq=head.seq,
        epoch=head.epoch,
        timeline=head.timeline,
        max_staleness_s=head.max_staleness_s,
        present=bool(head.present),
        clients=tuple(client_rows.read_changed(connection, after.seq, upto)) if changed else (),
        revoked_tokens=tuple(map(revoked_token, _changed(connection, revoked_tokens, after.seq, upto))),
        signing_keys=tuple(map(signing_key, _changed(connection, signing_keys, after.seq, head.seq))),
        upto=upto,
    )


def revoked_token(row: Row[Any]) -> RevokedToken:
    """The value of a row of `revoked_tokens`."""
    return RevokedToken(**row._mapping)


def signing_key(row: Row[Any]) -> StoredSigningKey:
    """The value of a row of `signing_keys`."""
    return StoredSigningKey(**row._mapping)


def timeline(connection: Connection) -> ColumnElement[str]:
    """The database server's timeline, as it is when the statement runs."""
    if connection.dialect.name == "postgresql":
        # The first digits of the name of the file it writes its log to now: they change with each promotion.
        return func.left(func.pg_walfile_name(func.pg_current_wal_lsn()), _TIMELINE_DIGITS)
    return literal("")


def _head(connection: Connection, identity: ReplicaIdentity) -> Any:
    return select(
        auth_clock.c.seq,
        deployment.c.epoch,
        deployment.c.max_staleness_s,
        timeline(connection).label("timeline"),
        exists().where(follows(identity)).label("present"),
    ).select_from(auth_clock.join(deployment, auth_clock.c.id == deployment.c.id))


def _reach(connection: Connection, after: int, seq: int) -> int:
    """How far a page goes: to `seq`, or to where one of the tables has a page full."""
    if seq - after <= PAGE:
        return seq  # each number is of one client or one token at most
    for table in (clients, revoked_tokens):
        last = select(table.c.changed_seq).where(table.c.changed_seq > after).order_by(table.c.changed_seq)
        found = connection.execute(last.offset(PAGE - 1).limit(1)).scalar_one_or_none()
        seq = seq if found is None else min(seq, found)
    return seq


def _changed(connection: Connection, table: Table, after: int, upto: int) -> list[Row[Any]]:
    if upto <= after:
        return []
    changed = select(table).where(table.c.changed_seq > after, table.c.changed_seq <= upto)
    return list(connection.execute(changed.order_by(table.c.changed_seq)).all())
