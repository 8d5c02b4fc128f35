"""Fills a database with many clients at once, as years of a company would: one secret each, some labels, some revoked.

The rows are those the store itself would write, in the real schema, with a number of `auth_clock` each. Only the audit
trail is left out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, insert, update

from typeplate_server.auth.clients import CLIENTS_ADMIN, VEHICLES_READ, VEHICLES_WRITE, ClientState, SecretState
from typeplate_server.auth.secrets import ClientSecret, SecretHasher, new_secret
from typeplate_server.store import client_rows
from typeplate_server.store.clocks import AUTH, current
from typeplate_server.store.database import Database, Lane
from typeplate_server.store.schema import auth_clock, client_secrets, clients, revoked_tokens

BATCH = 5000
REVOKED_SHARE = 10
"""One in so many is revoked, and there are as many tokens revoked by themselves."""

KNOWN_SECRETS = 12_000
NOW = 1_760_000_000.0
SCOPES = (frozenset({VEHICLES_READ, VEHICLES_WRITE}), frozenset({VEHICLES_READ, CLIENTS_ADMIN}))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the application that is such a client has."""

    client_id: str
    secret: ClientSecret


def many_clients(count: int, hasher: SecretHasher) -> Iterator[tuple[ClientState, ClientSecret | None]]:
    """`count` clients, the same ids in each run, and the secrets of the first ones; nobody has the others'."""
    draw = random.Random(count)
    for number in range(count):
        secret = new_secret() if number < KNOWN_SECRETS else None
        key_id = secret.secret_id if secret else f"{draw.getrandbits(60):012x}"
        digest = hasher.hash(secret) if secret else draw.randbytes(32)
        created = NOW + number * 60 + draw.random()
        revoked = number % REVOKED_SHARE == REVOKED_SHARE - 1
        labels = {"team": f"team-{number % 40}", "stage": ("production", "test")[number % 3 == 0]}
        if number % 4 == 0:
            labels["ticket"] = f"ops-{number}"
        client = ClientState(
            client_id=f"app-{draw.getrandbits(48):012x}",
            display_name=f"Workshop planner {number}",
            state="revoked" if revoked else "active",
            generation=2 if revoked else 1,
            generation_nonce=f"{draw.getrandbits(64):016x}",
            scopes=SCOPES[number % 50 == 0],
            create_time=created,
            update_time=created,
            changed_seq=0,
            labels=labels,
            revoke_time=created + 3600 if revoked else None,
            revoke_reason="its server was sold" if revoked else "",
            secrets=(SecretState(key_id, digest, created),),
        )
        yield client, secret


async def fill(database: Database, count: int, hasher: SecretHasher) -> list[Credentials]:
    """Adds `count` clients and as many revoked tokens as clients are revoked; the credentials of
    those that work and whose secret is known."""
    made = many_clients(count, hasher)
    working: list[Credentials] = []
    while batch := list(islice(made, BATCH)):
        await database.write(lambda connection, batch=batch: _insert(connection, batch), Lane.AUTH)  # type: ignore[misc]
        working += [Credentials(each.client_id, secret) for each, secret in batch if secret and each.state == "active"]
    return working


def _insert(connection: Connection, batch: list[tuple[ClientState, ClientSecret | None]]) -> None:
    seq = current(connection, AUTH)
    rows, secrets, tokens = [], [], []
    for client, _ in batch:
        seq += 1
        rows.append({**client_rows._row(client), "changed_seq": seq})
        secrets += [client_rows._secret_row(client.client_id, secret) for secret in client.secrets]
        if client.state == "revoked":
            seq += 1
            expires = client.create_time + 10 * 365 * 86400
            tokens.append(
                {"jti": f"jti-{seq:018}", "client_id": client.client_id, "expire_time": expires, "changed_seq": seq}
            )
    connection.execute(insert(clients), rows)
    connection.execute(insert(client_secrets), secrets)
    if tokens:
        connection.execute(insert(revoked_tokens), tokens)
    connection.execute(update(auth_clock).values(seq=seq))
