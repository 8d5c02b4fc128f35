"""Reads what changed in the auth state since a sequence number, in the snapshot of the transaction it is given.

Every row that followers must hear of carries the `auth_clock` number of its last change, so a page is what is greater
than the cursor. No log of events is kept, and none can have gaps.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, exists, func, literal, select

from typeplate_server.auth.store import Cursor, FeedPage, ReplicaIdentity, RevokedToken, StoredSigningKey
from typeplate_server.store import client_rows
from typeplate_server.store.schema import auth_clock, deployment, replicas, revoked_tokens, signing_keys

_TIMELINE_DIGITS = 8


def is_row_of(identity: ReplicaIdentity) -> ColumnElement[bool]:
    """The condition that meets one replica's row."""
    return (replicas.c.replica_id == identity.replica_id) & (replicas.c.incarnation == identity.incarnation)


def read_page(connection: Connection, identity: ReplicaIdentity, after: Cursor) -> FeedPage:
    """The page after the cursor."""
    head = connection.execute(_head(connection, identity)).one()
    changed = head.seq > after.seq
    return FeedPage(
        seq=head.seq,
        epoch=head.epoch,
        timeline=head.timeline,
        max_staleness_s=head.max_staleness_s,
        present=bool(head.present),
        clients=tuple(client_rows.read_changed(connection, after.seq)) if changed else (),
        revoked_tokens=tuple(map(revoked_token, _after(connection, revoked_tokens, after))) if changed else (),
        signing_keys=tuple(map(signing_key, _after(connection, signing_keys, after))) if changed else (),
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
        exists().where(is_row_of(identity)).label("present"),
    ).select_from(auth_clock.join(deployment, auth_clock.c.id == deployment.c.id))


def _after(connection: Connection, table: Table, after: Cursor) -> list[Row[Any]]:
    changed = select(table).where(table.c.changed_seq > after.seq).order_by(table.c.changed_seq)
    return list(connection.execute(changed).all())
