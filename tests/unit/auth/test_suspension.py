"""Suspension and resumption: reversible, and what was issued before stays dead."""

import asyncio
from dataclasses import replace

import pytest

from tests.support.auth_world import ANY_TOKEN, PEER, AuthWorld, client_state
from tests.support.replica_world import until
from typeplate_server.auth.clients import CLIENTS_ADMIN
from typeplate_server.auth.store import CommitUnknown
from typeplate_server.errors import (
    ClientRevoked,
    ClientSuspended,
    DatabaseUnavailable,
    FailedPrecondition,
    LastAdmin,
    TokenRevoked,
)


async def test_a_suspended_client_gets_and_uses_no_token_until_it_is_resumed() -> None:
    """After the resumption its secret works, its old tokens do not, and neither do those of the time between."""
    world = AuthWorld()
    old, secret = world.token(), world.secrets["reader"].value
    await world.administration.suspend("reader")
    with pytest.raises(ClientSuspended):
        world.admit(old)
    with pytest.raises(ClientSuspended):
        world.exchanging.exchange("reader", secret, (), None, PEER)
    between = world.token()
    await world.administration.resume("reader")
    for token in (old, between):
        with pytest.raises(TokenRevoked):
            world.admit(token)
    assert world.admit(world.exchanging.exchange("reader", secret, (), None, PEER).access_token) is not None


async def test_both_are_idempotent_and_write_once() -> None:
    """Nothing changes for what is so already."""
    world = AuthWorld()
    first = (await world.administration.suspend("reader")).value
    assert (await world.administration.suspend("reader")).value == first
    again = (await world.administration.resume("reader")).value
    assert (await world.administration.resume("reader")).value == again
    assert (again.state, again.generation, world.store.writes) == ("active", 3, 2)


async def test_nobody_resumes_or_suspends_a_revoked_client() -> None:
    """Also when the revocation comes while the resumption waits: the row under the lock decides."""
    world = AuthWorld()
    await world.administration.suspend("reader")
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    world.store.at_commit = hold
    revoking = asyncio.create_task(world.administration.revoke("reader"))
    await reached.wait()
    resuming = asyncio.create_task(world.administration.resume("reader"))
    await asyncio.sleep(0)
    go_on.set()
    await revoking
    with pytest.raises(FailedPrecondition, match="revoked"):
        await resuming
    with pytest.raises(FailedPrecondition, match="revoked"):
        await world.administration.suspend("reader")
    assert world.client().state == "revoked"


async def test_the_last_administrator_is_suspended_by_force_only() -> None:
    """As with a revocation."""
    world = AuthWorld()
    with pytest.raises(LastAdmin):
        await world.administration.suspend("root")
    assert (await world.administration.suspend("root", force=True)).value.state == "suspended"
    assert CLIENTS_ADMIN in world.client("root").scopes


@pytest.mark.parametrize("committed", [True, False])
async def test_a_suspension_in_doubt_counts_until_the_row_can_be_read(committed: bool) -> None:
    """Refused at once, and never as revoked, which applications would remember; then what stands decides."""
    world = AuthWorld()
    token = world.token()
    world.store.lose_commit, world.store.lose_without_commit = committed, not committed

    async def cut() -> None:
        world.store.fail_with = DatabaseUnavailable()

    world.store.at_commit = cut
    with pytest.raises(CommitUnknown):
        await world.administration.suspend("reader")
    await asyncio.sleep(0)
    with pytest.raises(ClientSuspended):
        world.admit(token)
    world.store.lose_commit = world.store.lose_without_commit = False
    world.store.fail_with = None
    await until(lambda: world.client() == world.store.rows["reader"])
    if committed:
        with pytest.raises(ClientSuspended):
            world.admit(token)
    else:
        assert world.admit(token) is not None


def test_news_during_a_doubt_are_kept_for_its_end() -> None:
    """What the feed told meanwhile is not undone by the older row that ends the doubt; a revocation ends it too."""
    world = AuthWorld()
    before = world.client()
    world.registry.refuse("reader", "suspended")
    newer = replace(before, display_name="new", changed_seq=9)
    world.registry.apply(newer)
    assert world.client().state == "suspended"
    world.registry.settle(before)
    assert world.client() == newer
    world.registry.refuse("reader", "suspended")
    world.registry.apply(client_state(changed_seq=10, state="revoked"))
    with pytest.raises(ClientRevoked):
        world.admit(world.token(), ANY_TOKEN)
    world.registry.settle(newer)
    assert world.client().state == "revoked"


def test_a_doubtful_suspension_does_not_soften_a_doubtful_revocation() -> None:
    """The graver one stays."""
    world = AuthWorld()
    world.registry.refuse("reader")
    world.registry.refuse("reader", "suspended")
    world.registry.settle(replace(world.store.rows["reader"], changed_seq=5))
    assert world.client().state == "revoked"
