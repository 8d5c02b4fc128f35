"""The administration of clients."""

import asyncio
from dataclasses import replace

import pytest

from tests.support.auth_world import ANY_TOKEN, NOW, PEER, AuthWorld, client_state
from typeplate_server.auth.clients import CLIENTS_ADMIN, VEHICLES_READ, VEHICLES_WRITE, SecretState
from typeplate_server.auth.service import ClientDraft, ClientPatch
from typeplate_server.auth.store import CommitUnknown
from typeplate_server.errors import (
    AlreadyExists,
    ClientRevoked,
    DatabaseUnavailable,
    EtagMismatch,
    FailedPrecondition,
    LastAdmin,
    NotFound,
    ServiceError,
    TokenRevoked,
)


async def test_a_new_client_works_when_create_has_returned() -> None:
    """Its secret gets a token, its token is admitted; the store has no secret in the clear."""
    world = AuthWorld()
    created = await world.administration.create(ClientDraft("shop", "Shop", [VEHICLES_READ], 120, {"team": "a"}))
    client = created.client
    assert (client.client_id, client.display_name, client.state) == ("shop", "Shop", "active")
    assert client.scopes == {VEHICLES_READ}
    assert (client.max_token_lifetime_s, dict(client.labels)) == (120, {"team": "a"})
    assert (client.create_time, client.update_time, client.changed_seq) == (NOW, NOW, world.store.seq)
    token = world.exchanging.exchange("shop", created.secret.value, (), None, PEER)
    assert token.expires_in_s == 119.75
    assert world.admit(token.access_token) is not None
    assert created.secret.value not in repr(world.store.rows["shop"]) + repr(created)
    assert world.store.rows["shop"].secrets[0].hash == world.hasher.hash(created.secret)


async def test_the_server_chooses_an_id_when_none_is_given() -> None:
    """A valid one, another each time."""
    world = AuthWorld()
    ids = {(await world.administration.create(ClientDraft())).client.client_id for _ in range(20)}
    assert len(ids) == 20
    for client_id in ids:
        ClientDraft(client_id).require_valid()


async def test_an_id_is_never_given_twice() -> None:
    """Not after a revocation either."""
    world = AuthWorld()
    await world.administration.revoke("reader")
    with pytest.raises(AlreadyExists):
        await world.administration.create(ClientDraft("reader"))


async def test_two_clients_start_in_different_generations() -> None:
    """64 random bits."""
    world = AuthWorld()
    nonces = {(await world.administration.create(ClientDraft())).client.generation_nonce for _ in range(20)}
    assert len(nonces) == 20
    assert all(len(bytes.fromhex(nonce)) == 8 for nonce in nonces)


async def test_update_changes_what_the_patch_names_and_nothing_else() -> None:
    """One field at a time; None clears the longest life."""
    world = AuthWorld()
    before = world.client()
    world.clock.now += 10
    for patch, expected in (
        (ClientPatch(display_name="New"), {"display_name": "New"}),
        (ClientPatch(labels={"a": "b"}), {"labels": {"a": "b"}}),
        (ClientPatch(max_token_lifetime_s=90.0), {"max_token_lifetime_s": 90}),
        (ClientPatch(max_token_lifetime_s=None), {"max_token_lifetime_s": None}),
        (ClientPatch(scopes=[VEHICLES_READ, VEHICLES_WRITE]), {"scopes": {VEHICLES_READ, VEHICLES_WRITE}}),
    ):
        after = (await world.administration.update("reader", patch)).value
        before = replace(before, **expected, update_time=NOW + 10, changed_seq=world.store.seq)
        assert after == before == world.client() == world.store.rows["reader"]


async def test_granting_a_scope_keeps_tokens_and_taking_one_kills_them() -> None:
    """Generation and nonce change on a reduction only."""
    world = AuthWorld()
    token = world.token()
    granted = (await world.administration.update("reader", ClientPatch(scopes=[VEHICLES_READ, VEHICLES_WRITE]))).value
    assert granted.generation_claim == "1.00c0ffee00c0ffee"
    assert world.admit(token) is not None
    swapped = (await world.administration.update("reader", ClientPatch(scopes=[VEHICLES_WRITE, CLIENTS_ADMIN]))).value
    assert swapped.generation == 2
    assert swapped.generation_nonce != granted.generation_nonce
    with pytest.raises(TokenRevoked):
        world.admit(token)


async def test_a_change_that_changes_nothing_writes_nothing() -> None:
    """No new etag, no new time."""
    world = AuthWorld()
    before = world.client()
    for patch in (ClientPatch(), ClientPatch(display_name="", scopes=[VEHICLES_READ], labels={})):
        assert (await world.administration.update("reader", patch, etag=before.etag)).value == before
    assert world.store.writes == 0


async def test_an_etag_must_be_the_current_one() -> None:
    """Compared in the transaction: of two changes with the same etag one wins."""
    world = AuthWorld()
    etag = world.client().etag
    changes = (world.administration.update("reader", ClientPatch(display_name=name), etag=etag) for name in "ab")
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["Changed", "EtagMismatch"]
    with pytest.raises(EtagMismatch):
        await world.administration.update("reader", ClientPatch(display_name="c"), etag='"0"')


async def test_a_revoked_client_stays_as_it_is() -> None:
    """FAILED_PRECONDITION, whatever the etag."""
    world = AuthWorld()
    await world.administration.revoke("reader")
    with pytest.raises(FailedPrecondition, match="revoked"):
        await world.administration.update("reader", ClientPatch(display_name="x"), etag='"0"')


async def test_revoke_is_durable_then_in_force_then_answered() -> None:
    """Tokens and secrets are dead, the reason is kept, the row is committed."""
    world = AuthWorld()
    token = world.token()
    world.clock.now += 5
    revoked = (await world.administration.revoke("reader", reason="key leaked\nin a ticket")).value
    assert (revoked.state, revoked.generation, revoked.revoke_time) == ("revoked", 2, NOW + 5)
    assert revoked.revoke_reason == "key leaked\nin a ticket"
    assert revoked == world.store.rows["reader"] == world.client()
    with pytest.raises(ClientRevoked):
        world.admit(token)
    with pytest.raises(ClientRevoked):
        world.exchanging.exchange("reader", world.secrets["reader"].value, (), None, PEER)


async def test_nothing_is_refused_before_the_commit() -> None:
    """A revocation that does not come about refuses nobody."""
    world = AuthWorld()
    token = world.token()

    async def still_admitted() -> None:
        assert world.admit(token) is not None

    world.store.at_commit = still_admitted
    await world.administration.revoke("reader")
    with pytest.raises(ClientRevoked):
        world.admit(token)


async def test_revoking_again_changes_nothing_and_succeeds() -> None:
    """Time and reason of the first revocation stay."""
    world = AuthWorld()
    first = (await world.administration.revoke("reader", reason="first")).value
    world.clock.now += 60
    assert (await world.administration.revoke("reader", reason="second")).value == first
    assert world.store.writes == 1


async def test_the_last_administrator_is_kept_unless_forced() -> None:
    """Revoking it, or taking its scope; suspended and revoked administrators do not count as another one."""
    world = AuthWorld()
    live = (SecretState("live", b"hash", NOW),)
    world.store.rows["sleeping"] = client_state("sleeping", frozenset({CLIENTS_ADMIN}), "suspended", secrets=live)
    world.store.rows["gone"] = client_state("gone", frozenset({CLIENTS_ADMIN}), "revoked", secrets=live)
    world.store.rows["reading"] = client_state("reading", secrets=live)
    with pytest.raises(LastAdmin, match="force"):
        await world.administration.revoke("root")
    with pytest.raises(LastAdmin) as refused:
        await world.administration.update("root", ClientPatch(scopes=[VEHICLES_READ]))
    assert "force" not in refused.value.message
    await world.administration.update("root", ClientPatch(scopes=[CLIENTS_ADMIN]))
    await world.administration.revoke("sleeping")
    assert (await world.administration.revoke("root", force=True)).value.state == "revoked"


async def test_of_two_last_administrators_that_go_at_once_one_stays() -> None:
    """Decided under the lock and not before it."""
    world = AuthWorld()
    await world.administration.create(ClientDraft("second", scopes=[CLIENTS_ADMIN]))
    results = await asyncio.gather(
        world.administration.revoke("root"), world.administration.revoke("second"), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Changed", "LastAdmin"]


async def test_a_caller_revoked_meanwhile_commits_nothing() -> None:
    """The guard asks in the transaction (P3a): an administrator's own revocation counts, whatever it had begun."""
    world = AuthWorld()
    await world.administration.create(ClientDraft("second", scopes=[CLIENTS_ADMIN]))
    guard = world.admission.commit_guard(world.caller("root"))
    await world.administration.revoke("root", guard=guard)
    seq = world.store.seq
    for work in (
        world.administration.create(ClientDraft("backdoor"), guard),
        world.administration.update("reader", ClientPatch(display_name="x"), guard=guard),
        world.administration.revoke("second", guard=guard),
    ):
        with pytest.raises(ClientRevoked):
            await work
    assert world.store.seq == seq
    assert "backdoor" not in world.store.rows


async def test_a_caller_that_hangs_up_stops_neither_commit_nor_effect() -> None:
    """Cancelled right before the commit, the revocation comes about and is in force."""
    world = AuthWorld()
    token, go_on, reached = world.token(), asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    world.store.at_commit = hold
    call = asyncio.create_task(world.administration.revoke("reader"))
    await reached.wait()
    call.cancel()
    await asyncio.wait((call,))
    assert call.cancelled()
    assert world.admit(token) is not None
    go_on.set()
    await asyncio.wait_for(asyncio.gather(*world.changes._running), 5)
    with pytest.raises(ClientRevoked):
        world.admit(token)


@pytest.mark.parametrize("committed", [True, False])
async def test_a_revocation_of_unknown_outcome_is_refused_in_memory(committed: bool) -> None:
    """UNAVAILABLE to the caller, refusal to the client, and the call can be repeated."""
    world = AuthWorld()
    token = world.token()
    world.store.lose_commit, world.store.lose_without_commit = committed, not committed
    with pytest.raises(DatabaseUnavailable):
        await world.administration.revoke("reader")
    with pytest.raises(ClientRevoked):
        world.admit(token)
    world.store.lose_commit = world.store.lose_without_commit = False
    revoked = (await world.administration.revoke("reader", reason="again")).value
    assert revoked == world.client() == world.store.rows["reader"]
    assert (revoked.state, world.store.writes) == ("revoked", 1)


async def test_any_other_fault_in_a_revocation_counts_as_unknown() -> None:
    """Fails closed, says UNAVAILABLE with a time to come again, and shows nothing of the fault."""
    world = AuthWorld()
    world.store.fail_with = RuntimeError("db.internal:5432")
    with pytest.raises(CommitUnknown) as refused:
        await world.administration.revoke("reader")
    assert refused.value.retry_after
    assert "db.internal" not in str(refused.value)
    assert world.client().state == "revoked"


async def test_a_revocation_that_surely_failed_refuses_nobody() -> None:
    """The database was away before anything was written."""
    world = AuthWorld()
    world.store.fail_with = DatabaseUnavailable(retry_after=1)
    with pytest.raises(DatabaseUnavailable):
        await world.administration.revoke("reader")
    assert world.admit(world.token(), ANY_TOKEN) is not None


async def test_unknown_clients_and_long_reasons_are_refused() -> None:
    """Before anything is written."""
    world = AuthWorld()
    with pytest.raises(NotFound):
        await world.administration.revoke("nobody")
    with pytest.raises(NotFound):
        await world.administration.update("nobody", ClientPatch())
    await world.administration.revoke("reader", reason="x" * 500)
    for reason in ("x" * 501, "\x1b[2J"):
        with pytest.raises(ServiceError) as refused:
            await world.administration.revoke("root", reason=reason)
        assert refused.value.violations[0].field == "reason"
