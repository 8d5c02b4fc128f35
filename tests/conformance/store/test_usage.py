"""Sums of calls and last uses of secrets in the database: replicas add up, and what is later wins."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.store import NOW, BackEnd, client
from typeplate_server.auth.secret_uses import SecretUse, SecretUses
from typeplate_server.auth.usage import MAX_PEERS, Calls
from typeplate_server.errors import SecretInUse
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


async def test_the_last_call_of_each_client_asked_for(usage: SqlUsageStore) -> None:
    """Over all its methods; who never called is not there."""
    await usage.add([Calls("a", "/Get", 1, NOW + 2), Calls("a", "/List", 9, NOW + 1), Calls("b", "/Get", 1, NOW)], [])
    await usage.add([Calls("c", "/Get", 1, NOW)], [])
    assert await usage.last_times(["a", "b", "never"]) == {"a": NOW + 2, "b": NOW}
    assert await usage.last_times([]) == {}


async def test_a_secret_in_use_on_another_replica_is_not_deleted(back_end: BackEnd, database: Database) -> None:
    """From that replica's next flush on, and this one says when and from where."""
    other = back_end.open()
    here, there = SecretUses(SqlSecretUseStore(database)), SecretUses(SqlSecretUseStore(other))
    await SqlClientStore(database).create(client("app"))
    here.note(SecretUse("app-key", "app", NOW - 9, "192.0.2.1"))
    there.note(SecretUse("app-key", "app", NOW - 5, "192.0.2.2"))
    await there.flush()
    with pytest.raises(SecretInUse, match=r"5 s ago from 192\.0\.2\.2") as refused:
        await here.require_unused("app", "app-key", NOW)
    assert refused.value.metadata["last_use_peer"] == "192.0.2.2"
    await here.flush()
    assert (await there.last(["app-key"]))["app-key"].peer == "192.0.2.2"
    await there.require_unused("app", "app-key", NOW + 3600)
    await other.close()
