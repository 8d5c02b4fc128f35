"""Maps `ClientState` to rows of `clients` and `client_secrets` and back, without loss."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, select
from sqlalchemy import insert as insert_into
from sqlalchemy import update as update_of

from typeplate_server.auth.clients import ClientState, SecretState, new_generation_nonce
from typeplate_server.store.schema import client_secrets, clients

_SECRETS = select(client_secrets).order_by(client_secrets.c.create_time, client_secrets.c.secret_id)


def read_all(connection: Connection) -> list[ClientState]:
    """Every client, by id."""
    return _joined(connection, select(clients).order_by("client_id"), _SECRETS)


def read_changed(connection: Connection, seq: int) -> list[ClientState]:
    """The clients whose last change has a greater number, in the order of the changes."""
    if seq == 0:
        return sorted(read_all(connection), key=lambda client: client.changed_seq)
    changed = clients.c.changed_seq > seq
    theirs = _SECRETS.where(client_secrets.c.client_id.in_(select(clients.c.client_id).where(changed)))
    return _joined(connection, select(clients).where(changed).order_by("changed_seq"), theirs)


def read(connection: Connection, client_id: str) -> ClientState | None:
    """One client, locked against change until the transaction ends where the back end locks rows."""
    found = select(clients).where(clients.c.client_id == client_id).with_for_update(read=True)
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    secrets = connection.execute(_SECRETS.where(client_secrets.c.client_id == client_id))
    return _client(row, [_secret(secret) for secret in secrets])


def scopes_of_active(connection: Connection, but: str) -> list[list[str]]:
    """The scopes of each active client but one."""
    active = select(clients.c.scopes).where(clients.c.state == "active", clients.c.client_id != but)
    return list(connection.execute(active).scalars())


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


def _joined(connection: Connection, found: Select[Any], theirs: Select[Any]) -> list[ClientState]:
    secrets: defaultdict[str, list[SecretState]] = defaultdict(list)
    for row in connection.execute(theirs):
        secrets[row.client_id].append(_secret(row))
    return [_client(row, secrets[row.client_id]) for row in connection.execute(found)]


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


def _client(row: Row[Any], secrets: Iterable[SecretState]) -> ClientState:
    values = row._asdict()
    values["scopes"] = frozenset(values["scopes"])
    values["labels"] = MappingProxyType(values["labels"])
    return ClientState(**values, secrets=tuple(secrets))


def _secret_row(client_id: str, secret: SecretState) -> dict[str, Any]:
    return {
        "secret_id": secret.secret_id,
        "client_id": client_id,
        "hash": secret.hash,
        "create_time": secret.create_time,
        "expire_time": secret.expire_time,
    }


def _secret(row: Row[Any]) -> SecretState:
    return SecretState(row.secret_id, row.hash, row.create_time, row.expire_time)
