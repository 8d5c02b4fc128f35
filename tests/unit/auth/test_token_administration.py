"""Single tokens: revoked (RFC 7009), and asked about (RFC 7662)."""

from dataclasses import replace

import pytest

from tests.support.auth_world import ANY_TOKEN
from tests.support.replica_world import Fleet, Node
from typeplate_server.auth.admission import Caller
from typeplate_server.auth.clients import CLIENTS_ADMIN
from typeplate_server.errors import AuthStateStale, DatabaseUnavailable, ScopeMissing, TokenExpired, TokenRevoked


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


async def test_what_is_no_living_token_of_ours_is_dead_already() -> None:
    """RFC 7009 §2.2: no error, and nothing is kept of it."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    token = node.token()
    who = caller(node, token)
    for text in ("", "rubbish", "a.b.c", token[:-4] + "AAAA"):
        assert await node.tokens.revoke(text, who) is None
    fleet.clock.now += 901
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
    """Then expiry refuses it."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    token = node.token()
    expire_time = caller(node, token).expire_time
    await node.tokens.revoke(token, caller(node, token))
    fleet.clock.now = expire_time - 0.5
    await node.tokens.forget_expired()
    assert (len(node.revoked), len(fleet.database.tokens)) == (1, 1)
    with pytest.raises(TokenRevoked):
        caller(node, token)
    fleet.clock.now = expire_time + 0.5
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
