"""Tokens issued around a revocation: none is admitted once the revocation has returned."""

import asyncio
import contextlib
import random

from tests.support.auth_world import ANY_TOKEN, PEER, AuthWorld
from typeplate_server.auth.admission import Caller
from typeplate_server.auth.service import ClientDraft, ClientPatch
from typeplate_server.errors import ClientRevoked, TokenRevoked, Unauthenticated

PAIRS = 1000


async def _yield_some(draw: random.Random) -> None:
    for _ in range(draw.randrange(4)):
        await asyncio.sleep(0)


async def _issue(world: AuthWorld, client_id: str, secret: str, draw: random.Random, tokens: list[str]) -> None:
    """Issues tokens, with pauses, until it is refused."""
    for _ in range(draw.randrange(1, 6)):
        await _yield_some(draw)
        try:
            tokens.append(world.exchanging.exchange(client_id, secret, (), None, PEER).access_token)
        except Unauthenticated:
            return


def _admitted(world: AuthWorld, tokens: list[str]) -> list[Caller]:
    """Who is admitted with these tokens."""
    callers = []
    for token in tokens:
        with contextlib.suppress(ClientRevoked, TokenRevoked):
            callers.append(world.admission.admit([f"Bearer {token}"], ANY_TOKEN))
    return [caller for caller in callers if caller is not None]


async def test_no_token_outlives_a_revocation_it_raced_with() -> None:
    """1,000 pairs, interleaved before, around and after the commit; after the return: 0 admitted."""
    world, draw = AuthWorld(), random.Random(11)
    world.store.at_commit = lambda: _yield_some(draw)
    admitted: list[Caller] = []
    issued = 0
    for number in range(PAIRS):
        created = await world.administration.create(ClientDraft(f"app-{number:04}", scopes=["vehicles:read"]))
        tokens: list[str] = []
        issuing = asyncio.create_task(_issue(world, created.client.client_id, created.secret.value, draw, tokens))
        await _yield_some(draw)
        await world.administration.revoke(created.client.client_id)
        admitted += _admitted(world, tokens)
        await issuing
        admitted += _admitted(world, tokens)
        issued += len(tokens)
    assert issued > PAIRS
    assert admitted == []


async def test_no_token_keeps_a_scope_it_raced_with_the_loss_of() -> None:
    """Once a reduction has returned, whatever is admitted carries no more than is granted; new tokens are good."""
    world, draw = AuthWorld(), random.Random(12)
    world.store.at_commit = lambda: _yield_some(draw)
    secret = world.secrets["root"].value
    await world.administration.create(ClientDraft("spare", scopes=["clients:admin"]))
    seen: list[Caller] = []
    for number in range(300):
        tokens: list[str] = []
        issuing = asyncio.create_task(_issue(world, "root", secret, draw, tokens))
        await _yield_some(draw)
        kept = (["vehicles:read", "clients:admin"], ["vehicles:read"], ["vehicles:write", "clients:admin"])[number % 3]
        await world.administration.update("root", ClientPatch(scopes=kept))
        seen += (callers := _admitted(world, tokens))
        assert all(caller.scopes <= set(kept) for caller in callers)
        await issuing
    assert len(seen) > 10
    assert _admitted(world, [world.token("root")])
