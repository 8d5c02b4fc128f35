"""Watching the server's health: anyone may, so the watchers are bounded, each address by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest
from grpc_health.v1 import health_pb2

from typeplate_server.errors import RateLimited
from typeplate_server.rpc.health import MAX_WATCHERS, MAX_WATCHERS_OF_A_PEER, HealthServicer


def watch(health: HealthServicer, peer: str) -> AsyncIterator[Any]:
    call: Any = SimpleNamespace(peer=peer)
    return health.Watch(health_pb2.HealthCheckRequest(), call)


async def watching(health: HealthServicer, peer: str) -> AsyncIterator[Any]:
    """A watcher that has got its first answer."""
    watcher = watch(health, peer)
    await anext(watcher)
    return watcher


async def test_one_address_cannot_keep_the_others_out() -> None:
    """It has its share; when a watcher of its goes, another may come."""
    health = HealthServicer([])
    mine: list[Any] = [await watching(health, "192.0.2.1") for _ in range(MAX_WATCHERS_OF_A_PEER)]
    with pytest.raises(RateLimited):
        await anext(watch(health, "192.0.2.1"))
    async with aclosing(await watching(health, "192.0.2.2")):  # type: ignore[type-var]
        await mine.pop().aclose()
        mine.append(await watching(health, "192.0.2.1"))
    for watcher in mine:
        await watcher.aclose()


async def test_all_together_are_bounded_and_a_refused_one_counts_for_nothing() -> None:
    """200 from as many addresses; one that is refused leaves no trace."""
    health = HealthServicer([])
    all_: list[Any] = [await watching(health, str(number)) for number in range(MAX_WATCHERS)]
    for _ in range(2):
        with pytest.raises(RateLimited):
            await anext(watch(health, "another"))
    for watcher in all_:
        await watcher.aclose()
    assert not health._watchers
