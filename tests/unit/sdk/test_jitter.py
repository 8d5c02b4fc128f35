"""What many clients do after one outage is spread out: every pause is drawn anew, within its bounds."""

from __future__ import annotations

import time
from collections.abc import Callable

import grpc
import pytest

from typeplate import AsyncClient, Client
from typeplate._reach import Tries, reach, reach_aio
from typeplate._replay import Once
from typeplate._streams import Opening, again
from typeplate._token import Pause, Token, TokenCache
from typeplate.errors import TypeplateError, Unavailable
from typeplate.v1.vehicle_pb2 import Vehicle

AWAY = Unavailable("away")
MANY = 10


def spread(pauses: list[float], low: float, high: float) -> None:
    """Fails unless these differ, and lie within the bounds."""
    assert len(set(pauses)) > MANY / 2
    assert low <= min(pauses) <= max(pauses) <= high


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_clients_pause_differently_after_a_token_request_that_failed(kind: type[Client] | type[AsyncClient]) -> None:
    """A child's or another loop's cache does as well."""

    def pause(cache: TokenCache) -> float:
        cache.decide(0.0)
        cache.failed(b"", AWAY, 0.0)
        decision = cache.decide(0.0)
        assert isinstance(decision, Pause)
        return decision.until

    caches = [kind("127.0.0.1:1")._calls._cache for _ in range(MANY)]
    spread([pause(cache) for cache in caches], 0.1, 0.2)
    spread([pause(cache.copy()) for cache in caches], 0.1, 0.2)


def test_a_draw_moves_the_pause_between_tries_to_reach_a_server() -> None:
    def pauses(draw: float) -> list[float | None]:
        tries = Tries("h:1", 0.0, 60.0)
        return [tries.pause(AWAY, 0.0, draw) for _ in range(6)]

    assert pauses(0.0) == pytest.approx([0.15, 0.3, 0.6, 1.0, 1.0, 1.0])
    assert pauses(1.0) == pytest.approx([0.075, 0.15, 0.3, 0.5, 0.5, 0.5])


class Drawn(Tries):
    """Tries that pause for no time, and note what was drawn for it."""

    def __init__(self) -> None:
        super().__init__("h:1", time.monotonic(), None)
        self.draws: list[float] = []

    def pause(self, error: TypeplateError, now: float, draw: float) -> float | None:
        self.draws.append(draw)
        return 0.0 if len(self.draws) < MANY else None


async def test_those_tries_draw_anew_each_time() -> None:
    def away(*_: object, **__: object) -> Vehicle:
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "away")

    async def away_aio(*_: object, **__: object) -> Vehicle:
        return away()

    sync, aio = Drawn(), Drawn()
    with pytest.raises(Unavailable):
        reach(away, Vehicle(), sync)
    with pytest.raises(Unavailable):
        await reach_aio(away_aio, Vehicle(), aio)
    for tries in (sync, aio):
        spread(tries.draws, 0.0, 1.0)


class NotRefused:
    """Calls whose token is not to blame."""

    def replaceable(self, token: Token | None, error: TypeplateError, *, last: bool) -> bool:
        return False


def test_streams_that_broke_off_at_once_are_opened_again_at_different_times() -> None:
    """After 50 to 100 ms at first, half a second to one in the end."""

    def pause(attempts: int) -> float:
        opening = Opening(time.monotonic(), None, 60.0, repeatable=True, attempts=attempts)
        found = again(NotRefused(), Once(Vehicle()), opening, None, AWAY)
        assert found is not None
        return found

    bounds: list[tuple[Callable[[], float], float, float]]
    bounds = [(lambda: pause(0), 0.05, 0.1), (lambda: pause(9), 0.5, 1.0)]
    for draw, low, high in bounds:
        spread([draw() for _ in range(MANY)], low, high)
