"""Sums of calls and last uses of secrets in the database: replicas add up, and what is later wins."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.store import NOW, BackEnd, client
from typeplate_server.auth.secret_uses import SecretUse
from typeplate_server.auth.usage import MAX_PEERS, Calls
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.secret_uses import SqlSecretUseStore
from typeplate_server.store.usage import SqlUsageStore


@pytest.fixture
def usage(database: Database) -> SqlUsageStore:
    return SqlUsageStore(database)


async def test_replicas_add_up(back_end: BackEnd, usage: SqlUsageStore) -> None:
    """At once, over the same clients in another order; the later time stays, whoever writes last."""
    other = back_end.open()
    try:
        stores = [usage, SqlUsageStore(other)]
        ids = [f"app-{number}" for number in range(20)]
        for step, store in enumerate(stores * 5):
            stands = [Calls(each, "/Get", 2, NOW + step % 7) for each in (ids if step % 2 else ids[::-1])]
            await asyncio.gather(store.add(stands, stands), stores[step % 2 - 1].add(stands, []))
    finally:
        await other.close()
    assert await usage.read("app-7") == (
        (Calls("app-7", "/Get", 40, NOW + 6),),
        (Calls("app-7", "/Get", 20, NOW + 6),),
    )
    assert await usage.read("nobody") == ((), ())


async def test_the_latest_peers_are_kept(usage: SqlUsageStore) -> None:
    """A client that comes from ever new addresses fills no disk; another's peers stay."""
    await usage.add([], [Calls("other", "first", 1, NOW - 100)])
    peers = [Calls("app", f"peer-{number:04d}", 1, NOW + number) for number in range(MAX_PEERS + 50)]
    await usage.add([], peers[:MAX_PEERS])
    await usage.add([], peers[MAX_PEERS:])
    kept = (await usage.read("app"))[1]
    assert sorted(calls.by for calls in kept) == [calls.by for calls in peers[50:]]
    assert len((await usage.read("other"))[1]) == 1


async def test_the_last_use_of_a_secret_is_the_latest(database: Database) -> None:
    """Also when an earlier one is written later; what was never used is not there."""
    uses = SqlSecretUseStore(database)
    await SqlClientStore(database).create(client("app"))
    await uses.record([SecretUse("app-key", "app", NOW + 5, "192.0.2.5")])
    await uses.record([SecretUse("app-key", "app", NOW + 1, "192.0.2.1"), SecretUse("gone", "app", NOW, "192.0.2.1")])
    await uses.record([])
    assert await uses.last_uses(["app-key", "gone", "never"]) == (SecretUse("app-key", "app", NOW + 5, "192.0.2.5"),)
    assert await uses.last_uses([]) == ()
