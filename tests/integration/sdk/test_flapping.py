"""A server that goes away, comes back and refuses tokens: the many callers of a client ask for one token at a time."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.support.noise import silence
from tests.support.scale import scaled
from tests.support.token_requests import TokenRequests, most_within, watched_token_requests
from typeplate import AsyncClient, Client
from typeplate.errors import TypeplateError
from typeplate.testing import Server

THREADS, TASKS = scaled(60, 200), scaled(300, 2_000)
SECONDS = scaled(3, 60)
MOST_A_SECOND = 10
NAME = "vehicles/own-1"
ENDED_WITHIN_S = 30.0


def flap(server: Server, until: float, outcomes: Counter[str]) -> Counter[str]:
    """Sets one fault after the other, each when calls have been served since the last, and mends all at last."""
    chance, done = random.Random(4), Counter[str]()
    faults: dict[str, Callable[[], None]] = {
        "expired": server.expire_tokens,
        "one replica refuses": lambda: one_replica_refuses(server, outcomes),
        "away": lambda: server.go_away(chance.uniform(0.05, 0.3)),
        "database": lambda: server.refuse("DATABASE_UNAVAILABLE", times=20),
        "no token": lambda: server.refuse("AUTH_STATE_STALE", times=3, method="IssueToken"),
        "slow token": lambda: server.slow(chance.uniform(0.0, 0.3), method="IssueToken"),
        "all refuse": lambda: server.refuse("TOKEN_REVOKED", times=THREADS // 4),
    }
    for name in itertools.cycle(faults):
        before = outcomes["OK"]
        faults[name]()
        done[name] += 1
        more(outcomes, before, THREADS // 4)
        if time.monotonic() >= until and len(done) == len(faults):
            break
    server.mend()
    return done


def one_replica_refuses(server: Server, outcomes: Counter[str]) -> None:
    """Now and then a call is refused, whatever its token."""
    for _ in range(6):
        server.refuse("TOKEN_INVALID", times=1)
        more(outcomes, outcomes["OK"], 5)


def more(outcomes: Counter[str], before: int, count: int) -> None:
    """Waits until so many more calls have been served than before, at most half a second."""
    until = time.monotonic() + 0.5
    while outcomes["OK"] < before + count and time.monotonic() < until:
        time.sleep(0.002)


def call(client: Client, done: threading.Event, outcomes: Counter[str]) -> None:
    """Calls until it is over, and then until a call succeeds."""
    served = False
    while not (done.is_set() and served):
        try:
            served = client.data.get_vehicle(name=NAME).name == NAME
            outcomes["OK"] += 1
        except TypeplateError as error:
            served = False
            outcomes[type(error).__name__] += 1
        time.sleep(random.uniform(0.05, 0.2))


async def call_aio(client: AsyncClient, done: threading.Event, outcomes: Counter[str]) -> None:
    served = False
    while not (done.is_set() and served):
        try:
            served = (await client.data.get_vehicle(name=NAME)).name == NAME
            outcomes["OK"] += 1
        except TypeplateError as error:
            served = False
            outcomes[type(error).__name__] += 1
        await asyncio.sleep(random.uniform(0.2, 2.0))


def threads(server: Server) -> Counter[str]:
    """Threads with one client."""
    outcomes, done = Counter[str](), threading.Event()
    with server.client() as client:
        callers = [threading.Thread(target=call, args=(client, done, outcomes), daemon=True) for _ in range(THREADS)]
        for caller in callers:
            caller.start()
        print(flap(server, time.monotonic() + SECONDS, outcomes))
        done.set()
        ended_by = time.monotonic() + ENDED_WITHIN_S
        for caller in callers:
            caller.join(max(0.0, ended_by - time.monotonic()))
        assert not any(caller.is_alive() for caller in callers), "deadlock"
    return outcomes


def tasks(server: Server) -> Counter[str]:
    """Tasks with one client."""
    outcomes, done = Counter[str](), threading.Event()

    async def callers() -> None:
        async with server.async_client() as client, asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(call_aio(client, done, outcomes))
            print(await asyncio.to_thread(flap, server, time.monotonic() + SECONDS, outcomes))
            done.set()
            limit.reschedule(asyncio.get_running_loop().time() + ENDED_WITHIN_S)

    asyncio.run(callers())
    return outcomes


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("callers", [threads, tasks])
def test_a_flapping_server_is_asked_for_one_token_at_a_time(callers: Callable[[Server], Counter[str]]) -> None:
    """At most 10 times a second. All callers end, and no exception is left to nobody."""
    with Server() as server:
        server.add_vehicle("own-1", make="Make", model="Model", model_year=2024)
        with silence(), watched_token_requests() as seen:
            outcomes = callers(server)
    print(
        f"{dict(outcomes)}, {seen.refreshes} refreshes, {seen.requests} requests, {seen.most_in_a_second} in a second"
    )
    assert outcomes["OK"] > 0
    assert seen.refreshes > 1
    assert seen.most_flying == 1
    assert seen.most_in_a_second <= MOST_A_SECOND


def test_the_watch_sees_two_refreshes_at_a_time() -> None:
    seen, session = TokenRequests(), object()
    with seen.refresh(session), seen.refresh(object()):
        assert seen.most_flying == 1
        with seen.refresh(session):
            assert seen.most_flying == 2


def test_the_watch_counts_any_second() -> None:
    """Not only whole ones."""
    assert most_within([0.1, 0.9, 1.0, 1.09, 1.2, 3.0], 1.0) == 4
    assert most_within([], 1.0) == 0
