"""DeploymentStore and RevokedTokenStore: one row for all, keys that follow the feed, tokens dead until they expire."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import exc

from tests.support.store import NOW, BackEnd, client
from typeplate_server.auth.store import CallerRows, Cursor, ReplicaIdentity, RevokedToken, StoredSigningKey
from typeplate_server.errors import ClientRevoked
from typeplate_server.store import revoked_tokens
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.replicas import SqlReplicaStore
from typeplate_server.store.revoked_tokens import SqlRevokedTokenStore


def key(kid: str, **changes: object) -> StoredSigningKey:
    return replace(StoredSigningKey(kid, b"\x00sealed", b"\xffpublic", "published", NOW), **changes)  # type: ignore[arg-type]


def refuse(rows: CallerRows) -> None:
    raise ClientRevoked


async def test_a_new_deployment_belongs_to_nobody(deployment: SqlDeploymentStore) -> None:
    """It has an epoch and a bound of ten seconds."""
    found = await deployment.read()
    assert (found.max_staleness_s, found.key_fingerprint, found.issuer) == (10.0, "", "")
    assert len(found.epoch) == 16


async def test_the_first_claim_stands(back_end: BackEnd, deployment: SqlDeploymentStore) -> None:
    """Of several at once one is first, and all learn what stands."""
    other = back_end.open()
    stores = [deployment, SqlDeploymentStore(other)]
    found = await asyncio.gather(*(stores[n % 2].claim(f"fingerprint{n}", f"urn:{n}") for n in range(8)))
    assert len({each.key_fingerprint for each in found}) == 1
    assert found[0] == await deployment.read()
    assert found[0].issuer == f"urn:{found[0].key_fingerprint.removeprefix('fingerprint')}"
    await other.close()


async def test_the_bound_must_be_positive(deployment: SqlDeploymentStore) -> None:
    """Zero would close every replica for good."""
    with pytest.raises(exc.IntegrityError):
        await deployment.set_max_staleness(0)


async def test_keys_come_back_as_they_went_in(deployment: SqlDeploymentStore) -> None:
    """In the order of their publication; each written key takes a number, and an unchanged one none."""
    first, second = await deployment.change_signing_keys(lambda _: (key("b"), key("a", publish_time=NOW + 1)))
    assert (first, second) == (key("b", changed_seq=1), key("a", publish_time=NOW + 1, changed_seq=2))

    def sign(keys: tuple[StoredSigningKey, ...]) -> tuple[StoredSigningKey, ...]:
        assert keys == (first, second)
        return (replace(keys[0], state="signing", sign_time=NOW + 2),)

    signing = replace(first, state="signing", sign_time=NOW + 2, changed_seq=3)
    assert await deployment.change_signing_keys(sign) == (signing, second)
    assert await deployment.change_signing_keys(lambda _: ()) == (signing, second)
    assert await deployment.signing_keys() == (signing, second)


async def test_a_refused_change_of_keys_leaves_no_trace(deployment: SqlDeploymentStore) -> None:
    """Refused by the guard, before the change is asked."""
    with pytest.raises(ClientRevoked):
        await deployment.change_signing_keys(lambda _: pytest.fail("asked"), refuse)
    assert await deployment.signing_keys() == ()


async def test_a_token_is_revoked_once(tokens: SqlRevokedTokenStore) -> None:
    """Again, it comes back as it stands and takes no number; a refusing guard leaves nothing."""
    revoked = await tokens.revoke(RevokedToken("j1", "sales-app", NOW))
    assert revoked == RevokedToken("j1", "sales-app", NOW, 1)
    assert await tokens.revoke(RevokedToken("j1", "sales-app", NOW + 9)) == revoked
    with pytest.raises(ClientRevoked):
        await tokens.revoke(RevokedToken("j2", "sales-app", NOW), refuse)
    assert (await tokens.revoke(RevokedToken("j3", "sales-app", NOW))).changed_seq == 2


async def test_expired_tokens_are_forgotten_in_short_transactions_until_none_is_left(
    tokens: SqlRevokedTokenStore,
    replicas: SqlReplicaStore,
    clients: SqlClientStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that expired before, no others, however many came in a minute; followers need not hear of it."""
    monkeypatch.setattr(revoked_tokens, "FORGET_BATCH", 2)
    for number in range(10):
        await tokens.revoke(RevokedToken(f"j{number}", "sales-app", NOW + number))
    assert await tokens.forget(NOW + 4) == 4
    assert await tokens.forget(NOW + 4) == 0
    me = ReplicaIdentity("one", "a1")
    await replicas.register(me)
    page = await replicas.poll(me, Cursor())
    assert [each.jti for each in page.revoked_tokens] == [f"j{n}" for n in range(4, 10)]
    assert page.seq == (await clients.load_all())[0] == 10


async def test_a_new_epoch_kills_every_token(
    deployment: SqlDeploymentStore, clients: SqlClientStore, replicas: SqlReplicaStore
) -> None:
    """Each client has another generation, nonce and number; all else of it stays, and no replica has heard of it."""
    before = [
        await clients.create(client("a")),
        await clients.create(client("b", state="suspended")),
        await clients.create(client("c", state="revoked", revoke_reason="left")),
    ]
    me = ReplicaIdentity("one", "a1")
    await replicas.register(me)
    old = await deployment.read()
    assert await replicas.acknowledge(me, 3, (await replicas.registered()).history)
    assert await deployment.begin_epoch() == 7
    new = await deployment.read()
    assert new == replace(old, epoch=new.epoch)
    assert new.epoch != old.epoch
    seq, after = await clients.load_all()
    assert (seq, [each.changed_seq for each in after]) == (7, [5, 6, 7])
    assert [each.generation for each in after] == [each.generation + 1 for each in before]
    assert len({each.generation_nonce for each in [*before, *after]}) == 4
    same = ("generation", "generation_nonce", "changed_seq")
    assert [
        replace(a, **{name: getattr(b, name) for name in same}) for a, b in zip(after, before, strict=True)
    ] == before
    assert [(row.identity, row.acknowledged_seq) for row in (await replicas.registered()).replicas] == [(me, 0)]
    assert (await replicas.poll(me, Cursor(3))).present


async def test_an_epoch_without_clients_is_told_too(deployment: SqlDeploymentStore, replicas: SqlReplicaStore) -> None:
    """The sequence moves, so that followers wake."""
    await deployment.begin_epoch()
    me = ReplicaIdentity("one", "a1")
    await replicas.register(me)
    assert (await replicas.poll(me, Cursor())).seq == 1


async def test_the_latest_time_told_is_kept(deployment: SqlDeploymentStore) -> None:
    """It goes forward only, but for one that is too far ahead to be believed."""
    assert await deployment.keep_time(NOW, 100.0) is None
    assert await deployment.keep_time(NOW - 50, 100.0) == NOW
    assert await deployment.keep_time(NOW - 100, 100.0) == NOW
    assert await deployment.keep_time(NOW - 101, 100.0) == NOW
    assert await deployment.keep_time(NOW + 1, 100.0) == NOW - 101
    assert await deployment.keep_time(NOW, 100.0) == NOW + 1
