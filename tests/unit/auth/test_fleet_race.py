"""Tokens issued on two replicas around a revocation: none is admitted anywhere once EVERYWHERE was answered."""

import asyncio
import random

import pytest

from tests.support.auth_world import ANY_TOKEN, PEER
from tests.support.replica_world import Fleet, Node
from tests.support.scale import scaled
from typeplate_server.auth.service import ClientDraft
from typeplate_server.errors import Unauthenticated

PAIRS = scaled(400, 10_000)
PLACES = ("before the commit", "after it, before the other replica has read", "applied there, not acknowledged yet")


class Race:
    """One client, its secret, and the tokens that were issued for it at the three places."""

    def __init__(self, client_id: str, secret: str, nodes: tuple[Node, ...], draw: random.Random) -> None:
        self.client_id = client_id
        self.issued: dict[str, list[str]] = {place: [] for place in PLACES}
        self._secret = secret
        self._nodes = nodes
        self._draw = draw

    async def issue(self, place: str) -> None:
        """Tries on both replicas, in any order, with pauses."""
        for node in self._draw.sample(self._nodes, k=len(self._nodes)):
            for _ in range(self._draw.randrange(3)):
                await asyncio.sleep(0)
            try:
                token = node.exchange.exchange(self.client_id, self._secret, (), None, PEER).access_token
            except Unauthenticated:
                continue
            self.issued[place].append(token)

    def admitted(self) -> list[str]:
        """The places whose tokens some replica admits."""
        return [place for place, tokens in self.issued.items() for token in tokens if self._admitted(token)]

    def _admitted(self, token: str) -> bool:
        for node in self._nodes:
            try:
                node.admission.admit([f"Bearer {token}"], ANY_TOKEN)
            except Unauthenticated:
                continue
            return True
        return False


@pytest.mark.timeout(600)  # for the long variant
async def test_no_token_outlives_a_revocation_on_any_replica() -> None:
    """Barriers at three places; tokens are issued at the first two at least, and 0 are admitted after the answer."""
    fleet, draw = Fleet.make(), random.Random(7)
    a, b = [await fleet.node(name) for name in "ab"]
    counts = dict.fromkeys(PLACES, 0)
    for number in range(PAIRS):
        created = await _with_turns(b, a.clients.create(ClientDraft(f"app-{number:05}")))
        race = Race(created.client.client_id, created.secret.value, (a, b), draw)
        fleet.clients.at_commit = lambda race=race: race.issue(PLACES[0])
        b.link.before_snapshot = lambda race=race: race.issue(PLACES[1])
        b.link.at_acknowledge = lambda race=race: race.issue(PLACES[2])
        changed = await _with_turns(b, a.clients.revoke(race.client_id))
        assert changed.effective.proof == "ACKNOWLEDGED"
        assert race.admitted() == []
        fleet.clients.at_commit = b.link.before_snapshot = b.link.at_acknowledge = None
        for place, tokens in race.issued.items():
            counts[place] += len(tokens)
        del fleet.clients.rows[race.client_id]  # so that the next pages are short
    assert counts[PLACES[0]] >= 2 * PAIRS
    assert counts[PLACES[1]] >= PAIRS
    assert counts[PLACES[2]] == 0


async def _with_turns(other: Node, work):  # type: ignore[no-untyped-def]
    """What the work answers, while the other replica follows."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await other.replica.turn()
        await asyncio.sleep(0)
    return await task
