"""A token whose issue races with the end of its client is born dead: real token exchange, admission and store.

Of each pair, the exchange runs in a thread of its own and is held at one of three places; the change goes on to one of
three places, lets the exchange come to its end there, and then comes to its own. Whatever the exchange answered, no
token of it is admitted once the change has been answered.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import pytest

from tests.support.auth_world import AuthWorld
from tests.support.scale import scaled
from typeplate_server.auth.admission import Admission
from typeplate_server.auth.clients import VEHICLES_READ, ClientState
from typeplate_server.auth.exchange import TokenExchange
from typeplate_server.auth.propagation import Effective
from typeplate_server.auth.service import ClientDraft, CreatedClient
from typeplate_server.auth.store import CallerRows, Change, CommitGuard, History
from typeplate_server.auth.tokens import IssuedToken
from typeplate_server.errors import Unauthenticated
from typeplate_server.store.clients import SqlClientStore

PAIRS = scaled(54, 10_000)
TIMEOUT_S = 20.0
EXCHANGE_PLACES = ("before the client is read", "after it was read", "after it was signed")
CHANGE_PLACES = ("in the transaction", "committed, not in force", "in force, not answered")
ENDS = ("revoke", "suspend and resume", "delete a compromised secret")
INTERLEAVINGS = list(itertools.product(ENDS, EXCHANGE_PLACES, CHANGE_PLACES))


@dataclass
class Barrier:
    """Holds the exchange at its place until the change is at its own, and the change until the exchange has ended."""

    exchange_place: str
    change_place: str

    def __post_init__(self) -> None:
        self.arrived, self.released, self.ended = threading.Event(), threading.Event(), threading.Event()

    def exchange_at(self, place: str) -> None:
        if place == self.exchange_place:
            self.arrived.set()
            assert self.released.wait(TIMEOUT_S)

    def change_at(self, place: str) -> None:
        """May be called on any thread."""
        if place == self.change_place:
            self.released.set()
            assert self.ended.wait(TIMEOUT_S)


class Race:
    """The real parts, with barriers where one hands over to the next."""

    def __init__(self, store: SqlClientStore) -> None:
        self._store = store
        self._world = AuthWorld(self, self)
        self._barrier = Barrier("", "")
        self.admission: Admission = self._world.admission
        self.administration = self._world.administration
        here = cast(Any, self)
        world = self._world
        self._exchange = TokenExchange(here, world.hasher, here, world.clock, world.fresh, world.failures)

    # What TokenExchange asks of the registry and of the issuer.
    def get(self, client_id: str) -> ClientState | None:
        self._barrier.exchange_at(EXCHANGE_PLACES[0])
        client = self._world.registry.get(client_id)
        self._barrier.exchange_at(EXCHANGE_PLACES[1])
        return client

    def issue(self, client: ClientState, scopes: frozenset[str], lifetime_s: float | None) -> IssuedToken:
        token = self._world.issuer.issue(client, scopes, lifetime_s)
        self._barrier.exchange_at(EXCHANGE_PLACES[2])
        return token

    # ClientStore, the real one.
    async def load_all(self) -> tuple[int, list[ClientState]]:
        return await self._store.load_all()

    async def create(self, new: ClientState, guard: CommitGuard | None = None) -> ClientState:
        return await self._store.create(new, guard)

    async def update(self, client_id: str, change: Change, guard: CommitGuard | None = None) -> ClientState:
        def in_transaction(rows: CallerRows) -> None:
            self._barrier.change_at(CHANGE_PLACES[0])

        changed = await self._store.update(client_id, change, in_transaction)
        await asyncio.to_thread(self._barrier.change_at, CHANGE_PLACES[1])
        return changed

    # Propagation to nobody: whoever is here is everywhere.
    def boot_time(self) -> float:
        return 0.0

    def history(self) -> None:
        return None

    async def reach(self, seq: int, since: float, deadline: float | None, history: History | None = None) -> Effective:
        await asyncio.to_thread(self._barrier.change_at, CHANGE_PLACES[2])
        return Effective("EVERYWHERE", "ACKNOWLEDGED", 0.0)

    async def run(self, client_id: str, end: str, barrier: Barrier) -> str | None:
        """The token that was issued, if one was; by then the change has been answered."""
        created = await self.administration.create(ClientDraft(client_id, scopes=[VEHICLES_READ]))
        self._barrier = barrier
        issuing = asyncio.create_task(asyncio.to_thread(self._issued, created, barrier))
        assert await asyncio.to_thread(barrier.arrived.wait, TIMEOUT_S)
        await self._end(end, created)
        self._barrier = Barrier("", "")
        token = await issuing
        if end == ENDS[1]:
            await self.administration.resume(client_id)
        return token

    async def _end(self, end: str, created: CreatedClient) -> None:
        client_id = created.client.client_id
        if end == ENDS[0]:
            await self.administration.revoke(client_id)
        elif end == ENDS[1]:
            await self.administration.suspend(client_id)
        else:
            await self.administration.delete_secret(client_id, created.secret.secret_id, compromised=True)

    def _issued(self, created: CreatedClient, barrier: Barrier) -> str | None:
        try:
            client_id = created.client.client_id
            peer = client_id  # one each: in ten thousand races there are more refusals than one address may have
            return self._exchange.exchange(client_id, created.secret.value, (), None, peer).access_token
        except Unauthenticated:
            return None
        finally:
            barrier.ended.set()

    def admits(self, token: str) -> bool:
        try:
            return self._world.admit(token) is not None
        except Unauthenticated:
            return False


@pytest.mark.timeout(scaled(120, 1800))
async def test_no_token_outlives_the_end_of_its_client(clients: SqlClientStore) -> None:
    """Every interleaving of three ends, three places of the exchange and three of the change, over and over."""
    race, draw = Race(clients), random.Random(3)
    issued: Counter[tuple[str, ...]] = Counter()
    for number in range(PAIRS):
        if number % len(INTERLEAVINGS) == 0:
            draw.shuffle(INTERLEAVINGS)
        end, *places = INTERLEAVINGS[number % len(INTERLEAVINGS)]
        token = await race.run(f"app-{number:05}", end, Barrier(*places))
        assert token is None or not race.admits(token), (end, places)
        issued[tuple(places)] += token is not None
    assert issued[EXCHANGE_PLACES[0], CHANGE_PLACES[2]] == 0, "refused already: the client had ended"
    late = [places for places in itertools.product(EXCHANGE_PLACES, CHANGE_PLACES) if not issued[places]]
    assert late == [(EXCHANGE_PLACES[0], CHANGE_PLACES[2])], "everywhere else it came too late to be refused"


async def test_a_token_issued_while_its_client_lives_is_admitted(clients: SqlClientStore) -> None:
    """Or else the race would show nothing."""
    race = Race(clients)
    created = await race.administration.create(ClientDraft("app", scopes=[VEHICLES_READ]))
    token = race._issued(created, Barrier("", ""))
    assert token is not None
    assert race.admits(token)
