"""Single tokens: revoked (RFC 7009), and asked about (RFC 7662)."""

import asyncio
from dataclasses import replace

import pytest

from tests.support.auth_world import ANY_TOKEN
from tests.support.replica_world import Fleet, Node
from typeplate_server.auth.admission import Caller
from typeplate_server.auth.clients import CLIENTS_ADMIN
from typeplate_server.auth.key_changes import CLOCK_MARGIN_S
from typeplate_server.auth.token_administration import MAX_UNDER_WAY
from typeplate_server.auth.tokens import LEEWAY_S
from typeplate_server.errors import (
    AuthStateStale,
    DatabaseUnavailable,
    RateLimited,
    ScopeMissing,
    TokenExpired,
    TokenRevoked,
)


def caller(node: Node, token: str) -> Caller:
    admitted = node.admission.admit([f"Bearer {token}"], ANY_TOKEN)
    assert admitted is not None
    return admitted


async def test_a_revoked_token_is_refused_and_the_clients_others_are_not() -> None:
    """Also when it was known already, on the other replica, and by one that starts later."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    dead, other = a.token(), a.token()
    assert caller(b, dead).client_id == "reader"
    await a.tokens.revoke(dead, caller(a, dead), within=0)
    await b.replica.turn()
    for node in (a, b, await fleet.node("c")):
        with pytest.raises(TokenRevoked):
            caller(node, dead)
        assert caller(node, other).client_id == "reader"
    assert node.tokens.introspect(dead) is None


async def test_revoking_again_writes_nothing_and_waits_for_the_same_change() -> None:
    """Idempotent."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    token = node.token()
    who = caller(node, token)
    first = await node.tokens.revoke(token, who)
    seq = fleet.clients.seq
    assert await node.tokens.revoke(token, who) == first
    assert fleet.clients.seq == seq


async def test_repeating_what_the_feed_has_brought_costs_no_write_and_waits_all_the_same() -> None:
    """Whoever keeps on repeating it holds up no change of anybody else; and the answer stays true."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    dead, who = a.token(), caller(a, a.token())
    await a.tokens.revoke(dead, who, within=0)
    await a.replica.turn()
    for expected in ("THIS_REPLICA", "EVERYWHERE"):
        a.link.calls.clear()
        repeated = await a.tokens.revoke(dead, who, within=0)
        assert repeated is not None
        assert (repeated.effective.scope, repeated.value) == (expected, fleet.database.tokens[repeated.value.jti])
        assert "revoke token" not in a.link.calls
        await b.replica.turn()


async def test_a_number_counts_only_in_the_history_that_brought_it() -> None:
    """What was revoked before a restore may be alive after it: it is written again, and never taken for done."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    dead, who = node.token(), caller(node, node.token())
    await node.tokens.revoke(dead, who)
    node.link.calls.clear()
    await node.tokens.revoke(dead, who)
    assert "revoke token" in node.link.calls  # the feed has not brought it yet
    await node.replica.turn()
    fleet.database.tokens.clear()
    node.link.epoch = fleet.database.epoch = "e2"
    await node.replica.turn()
    with pytest.raises(AuthStateStale):
        await node.tokens.revoke(dead, who)
    while not node.replica.fresh():
        await node.replica.turn()
    assert await node.tokens.revoke(dead, who)
    assert len(fleet.database.tokens) == 1


async def test_one_client_fills_no_line_of_writes() -> None:
    """Beyond its places it is told to come again, and nobody else is; a caller that hangs up frees no place."""
    fleet = Fleet.make()
    node, go = await fleet.node("a"), asyncio.Event()
    who, other = caller(node, node.token()), caller(node, node.token("other"))

    async def hold() -> None:
        await go.wait()

    node.link.at_revoke = hold
    calls = [asyncio.ensure_future(node.tokens.revoke(node.token(), who)) for _ in range(MAX_UNDER_WAY)]
    await asyncio.sleep(0)
    for _ in range(2):
        with pytest.raises(RateLimited) as limited:
            await asyncio.wait_for(node.tokens.revoke(node.token(), who), 5)
        assert limited.value.retry_after
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
    theirs = asyncio.ensure_future(node.tokens.revoke(node.token("other"), other))
    await asyncio.sleep(0)
    go.set()
    assert await theirs
    assert await node.tokens.revoke(node.token(), who)
    assert len(fleet.database.tokens) == MAX_UNDER_WAY + 2


async def test_who_waits_for_other_replicas_holds_its_places_too() -> None:
    """Each of those who wait asks the database again and again."""
    fleet = Fleet.make()
    node, _ = [await fleet.node(name) for name in "ab"]
    who = caller(node, node.token())
    calls = [asyncio.ensure_future(node.tokens.revoke(node.token(), who)) for _ in range(MAX_UNDER_WAY)]
    await asyncio.sleep(0.05)
    with pytest.raises(RateLimited):
        await node.tokens.revoke(node.token(), who, within=0)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    assert await node.tokens.revoke(node.token(), who, within=0)


async def test_a_token_that_lives_by_another_clock_is_revoked_and_not_taken_for_dead() -> None:
    """One that has expired here only, and one issued by a replica whose clock is ahead of this one's."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    token, who = a.token(), replace(caller(a, a.token("other")), scopes=frozenset({CLIENTS_ADMIN}))
    expire_time = caller(a, token).expire_time
    fleet.clock.now = expire_time + CLOCK_MARGIN_S / 2
    assert await a.tokens.revoke(token, who, within=0)
    ahead = b.token()
    fleet.clock.now -= LEEWAY_S + 10
    assert await a.tokens.revoke(ahead, who, within=0)
    assert len(fleet.database.tokens) == 2


async def test_a_token_once_forgotten_stays_so_though_the_database_still_has_it() -> None:
    """It is neither read again nor missed: a full read that brings it finds no fault of the feed."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    await node.tokens.revoke(node.token(), caller(node, node.token()))
    await node.replica.turn()
    fleet.clock.now += 900 + CLOCK_MARGIN_S + 1
    node.revoked.forget(fleet.clock.now - CLOCK_MARGIN_S)
    assert (await node.replica.reconcile(), node.replica.drift, len(node.revoked)) == (0, 0, 0)
    node.state.replace(node.link._page(node.replica.identity, 0))
    assert (len(node.revoked), len(fleet.database.tokens)) == (0, 1)


async def test_what_is_no_living_token_of_ours_is_dead_already() -> None:
    """RFC 7009 §2.2: no error, and nothing is kept of it."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    token = node.token()
    who = caller(node, token)
    for text in ("", "rubbish", "a.b.c", token[:-4] + "AAAA"):
        assert await node.tokens.revoke(text, who) is None
    fleet.clock.now += 901 + CLOCK_MARGIN_S
    assert await node.tokens.revoke(token, who) is None
    assert len(node.revoked) == 0


async def test_only_an_administrator_revokes_the_tokens_of_others() -> None:
    """Everybody else its own."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    who = caller(node, node.token("other"))
    with pytest.raises(ScopeMissing):
        await node.tokens.revoke(node.token("reader"), who)
    assert await node.tokens.revoke(node.token("reader"), replace(who, scopes=frozenset({CLIENTS_ADMIN})))


async def test_it_is_kept_until_it_has_expired_and_no_longer() -> None:
    """By any replica's clock; then expiry refuses it."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    token = node.token()
    expire_time = caller(node, token).expire_time
    await node.tokens.revoke(token, caller(node, token))
    fleet.clock.now = expire_time + CLOCK_MARGIN_S - 0.5
    await node.tokens.forget_expired()
    assert (len(node.revoked), len(fleet.database.tokens)) == (1, 1)
    fleet.clock.now = expire_time - 0.5
    with pytest.raises(TokenRevoked):
        caller(node, token)
    fleet.clock.now = expire_time + CLOCK_MARGIN_S + 0.5
    await node.tokens.forget_expired()
    assert (len(node.revoked), len(fleet.database.tokens)) == (0, 0)
    with pytest.raises(TokenExpired):
        caller(node, token)


async def test_introspection_says_what_admission_would() -> None:
    """Good, expired, of a suspended client, forged; and that it cannot tell when it is stale."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    token = node.token()
    found = node.tokens.introspect(token)
    assert found is not None
    assert (found.client_id, found.scopes) == ("reader", frozenset({"vehicles:read"}))
    assert node.tokens.introspect(token[:-4] + "AAAA") is None
    await node.clients.suspend("reader")
    assert node.tokens.introspect(token) is None
    node.boot.now += 10
    with pytest.raises(AuthStateStale):
        node.tokens.introspect(node.token("other"))
    fleet.clock.now += 901
    assert node.tokens.introspect(token) is None


async def test_a_revocation_of_unknown_outcome_refuses_the_token_here() -> None:
    """Fails closed, and can be repeated."""
    node = await Fleet.make().node("a")
    token = node.token()
    who = caller(node, token)
    node.link.cut = RuntimeError("the connection broke")
    with pytest.raises(DatabaseUnavailable):
        await node.tokens.revoke(token, who)
    with pytest.raises(TokenRevoked):
        caller(node, token)
