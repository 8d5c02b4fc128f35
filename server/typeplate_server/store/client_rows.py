"""Maps `ClientState` to rows of `clients` and `client_secrets` and back, without loss."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, Select, Text, bindparam, cast, delete, exists, func, or_, select
from sqlalchemy import insert as insert_into
from sqlalchemy import update as update_of

from typeplate_server.auth.clients import CLIENTS_ADMIN, ClientState, SecretState, State, new_generation_nonce
from typeplate_server.store.schema import client_secrets, clients

_SHARED: Final = 4096
"""So many different sets of scopes and of labels are looked for among those read before."""

_STATES: Final[dict[str, State]] = {"active": "active", "suspended": "suspended", "revoked": "revoked"}

_CLIENT = (
    clients.c.client_id,
    clients.c.display_name,
    clients.c.state,
    clients.c.generation,
    clients.c.generation_nonce,
    cast(clients.c.scopes, Text),
    clients.c.create_time,
    clients.c.update_time,
    clients.c.changed_seq,
    clients.c.max_token_lifetime_s,
    cast(clients.c.labels, Text),
    clients.c.revoke_time,
    clients.c.revoke_reason,
)
_SECRET = (
    client_secrets.c.secret_id,
    client_secrets.c.hash,
    client_secrets.c.create_time,
    client_secrets.c.expire_time,
)
_SECRET_BEGINS: Final = len(_CLIENT)
_SECRETS_ORDER = (client_secrets.c.create_time, client_secrets.c.secret_id)
_JOINED = select(*_CLIENT, *_SECRET).select_from(clients.outerjoin(client_secrets))


def read_all(connection: Connection) -> list[ClientState]:
    """Every client, by id."""
    return _joined(connection, _JOINED.order_by(clients.c.client_id, *_SECRETS_ORDER))


def read_changed(connection: Connection, after: int, upto: int) -> list[ClientState]:
    """The clients whose last change has a number after the one and up to the other, in the order of the changes."""
    changed = _JOINED.where(clients.c.changed_seq > after, clients.c.changed_seq <= upto)
    return _joined(connection, changed.order_by(clients.c.changed_seq, *_SECRETS_ORDER))


def read(connection: Connection, client_id: str) -> ClientState | None:
    """One client, locked against change until the transaction ends where the back end locks rows."""
    found = select(*_CLIENT).where(clients.c.client_id == client_id).with_for_update(read=True)
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    theirs = select(*_SECRET).where(client_secrets.c.client_id == client_id).order_by(*_SECRETS_ORDER)
    return _client(row, [SecretState(*secret) for secret in connection.execute(theirs)])


def any_administrator(connection: Connection, but: str, now: float) -> bool:
    """Whether a client but one can administer clients: see `ClientState.can_administer_at`."""
    granted = cast(clients.c.scopes, Text).contains(json.dumps(CLIENTS_ADMIN), autoescape=True)
    expiry = client_secrets.c.expire_time
    gets_in = exists().where(client_secrets.c.client_id == clients.c.client_id, or_(expiry.is_(None), expiry > now))
    found = exists().where(clients.c.state == "active", clients.c.client_id != but, granted, gets_in)
    return bool(connection.execute(select(found)).scalar_one())


def count(connection: Connection) -> int:
    """How many clients there are."""
    return int(connection.execute(select(func.count()).select_from(clients)).scalar_one())


def begin_generations(connection: Connection, seq: int) -> None:
    """A new generation for every client; `seq` is the last number taken before theirs."""
    found = connection.execute(select(clients.c.client_id, clients.c.generation).order_by("client_id")).all()
    rows = [
        {
            "id_is": each.client_id,
            "generation": each.generation + 1,
            "generation_nonce": new_generation_nonce(),
            "changed_seq": number,
        }
        for number, each in enumerate(found, seq + 1)
    ]
    if rows:
        connection.execute(update_of(clients).where(clients.c.client_id == bindparam("id_is")), rows)


def insert(connection: Connection, client: ClientState) -> None:
    """A client that was not there before, with its secrets."""
    connection.execute(insert_into(clients).values(_row(client)))
    _insert_secrets(connection, client.client_id, client.secrets)


def update(connection: Connection, before: ClientState, after: ClientState) -> None:
    """The new row, and what has changed among the secrets."""
    connection.execute(update_of(clients).where(clients.c.client_id == after.client_id).values(_row(after)))
    gone = [secret.secret_id for secret in before.secrets if secret not in after.secrets]
    if gone:
        connection.execute(delete(client_secrets).where(client_secrets.c.secret_id.in_(gone)))
    _insert_secrets(connection, after.client_id, [secret for secret in after.secrets if secret not in before.secrets])


def _joined(connection: Connection, found: Select[Any]) -> list[ClientState]:
    """Clients of rows that repeat the client for each of its secrets, and come once, with NULLs, for one without."""
    read = []
    for _, rows in groupby(connection.execute(found).all(), itemgetter(0)):
        each = list(rows)
        secrets = [SecretState(*row[_SECRET_BEGINS:]) for row in each if row[_SECRET_BEGINS] is not None]
        read.append(_client(each[0][:_SECRET_BEGINS], secrets))
    return read


def _insert_secrets(connection: Connection, client_id: str, secrets: Sequence[SecretState]) -> None:
    if secrets:
        connection.execute(insert_into(client_secrets), [_secret_row(client_id, secret) for secret in secrets])


def _row(client: ClientState) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "display_name": client.display_name,
        "state": client.state,
        "generation": client.generation,
        "generation_nonce": client.generation_nonce,
        "scopes": sorted(client.scopes),
        "max_token_lifetime_s": client.max_token_lifetime_s,
        "labels": dict(client.labels),
        "create_time": client.create_time,
        "update_time": client.update_time,
        "revoke_time": client.revoke_time,
        "revoke_reason": client.revoke_reason,
        "changed_seq": client.changed_seq,
    }


def _client(row: Sequence[Any], secrets: Iterable[SecretState]) -> ClientState:
    identity, name, state, generation, nonce, scopes, made, updated, seq, lifetime, labels, revoked, reason = row
    return ClientState(
        identity,
        name,
        _STATES[state],
        generation,
        nonce,
        _scopes(scopes),
        made,
        updated,
        seq,
        lifetime,
        _labels(labels),
        revoked,
        reason,
        tuple(secrets),
    )


@lru_cache(_SHARED)
def _scopes(text: str) -> frozenset[str]:
    """One object for all clients with the same ones: many have."""
    return frozenset(map(sys.intern, json.loads(text)))


@lru_cache(_SHARED)
def _labels(text: str) -> Mapping[str, str]:
    """One object for all clients with the same ones."""
    return MappingProxyType({sys.intern(key): sys.intern(value) for key, value in json.loads(text).items()})


def _secret_row(client_id: str, secret: SecretState) -> dict[str, Any]:
    return {
        "secret_id": secret.secret_id,
        "client_id": client_id,
        "hash": secret.hash,
        "create_time": secret.create_time,
        "expire_time": secret.expire_time,
    }
