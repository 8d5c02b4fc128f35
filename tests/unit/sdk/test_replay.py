"""Requests of a stream: read once from the application, and sent again whole until the server has answered."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typeplate._replay import LIMIT_BYTES, AsyncReplay, Replay
from typeplate.v1.vehicle_pb2 import Vehicle


def vehicles(count: int) -> list[Vehicle]:
    return [Vehicle(model_year=number) for number in range(count)]


@given(st.integers(0, 20), st.lists(st.integers(0, 20), max_size=4))
def test_every_attempt_before_the_answer_gets_all_requests(count: int, taken: list[int]) -> None:
    """However much of it earlier attempts have read."""
    replay = Replay(vehicles(count))
    for number in taken:
        attempt = replay.attempt()
        assert [item for item, _ in zip(attempt, range(number), strict=False)] == vehicles(min(number, count))
    assert list(replay.attempt()) == vehicles(count)


@given(st.integers(0, 20), st.lists(st.integers(0, 20), max_size=4))
def test_the_same_for_asyncio(count: int, taken: list[int]) -> None:
    async def requests() -> AsyncIterator[Vehicle]:
        for vehicle in vehicles(count):
            yield vehicle

    async def use(replay: AsyncReplay[Vehicle]) -> None:
        for number in taken:
            attempt = replay.attempt()
            for expected in vehicles(min(number, count)):
                assert await anext(attempt) == expected
        assert [item async for item in replay.attempt()] == vehicles(count)

    asyncio.run(use(AsyncReplay(vehicles(count))))
    asyncio.run(use(AsyncReplay(requests())))


def test_a_message_that_the_application_uses_again_is_sent_again_as_it_was() -> None:
    def requests() -> Iterator[Vehicle]:
        reused = Vehicle()
        for number in range(3):
            reused.model_year = number
            yield reused

    replay = Replay(requests())
    assert [item.model_year for item in replay.attempt()] == [0, 1, 2]
    assert [item.model_year for item in replay.attempt()] == [0, 1, 2]


def test_what_is_no_message_is_named() -> None:
    attempt = Replay([Vehicle(), {"make": "Make"}]).attempt()  # type: ignore[type-var]
    assert next(attempt) == Vehicle()
    with pytest.raises(TypeError, match="a request of a stream is dict, not a message"):
        next(attempt)


def test_after_the_answer_nothing_is_kept() -> None:
    replay = Replay(vehicles(5))
    attempt = replay.attempt()
    assert [next(attempt), next(attempt), replay.complete] == [*vehicles(2), True]
    replay.received(Vehicle())
    assert (list(attempt), replay.complete) == (vehicles(5)[2:], False)
    assert replay._kept._items == []


def test_no_more_is_kept_than_the_limit() -> None:
    """Beyond it a stream is not sent again, and nothing of it is lost."""
    large = [Vehicle(make="x" * (LIMIT_BYTES // 4)) for _ in range(6)]
    replay = Replay(large)
    attempt = replay.attempt()
    sent = [next(attempt) for _ in range(6)]
    assert (sent, replay.complete) == (large, False)


def test_an_attempt_that_was_superseded_gets_nothing_more() -> None:
    replay = Replay(vehicles(5))
    old = replay.attempt()
    next(old)
    new = replay.attempt()
    assert (list(old), list(new)) == ([], vehicles(5))


def test_what_an_attempt_was_waiting_for_goes_to_the_next_one() -> None:
    """gRPC leaves the old attempt's thread in the application's iterator; the new attempt resends meanwhile."""
    source: queue.Queue[Vehicle | None] = queue.Queue()

    def requests() -> Iterator[Vehicle]:
        while (item := source.get(timeout=10)) is not None:
            yield item

    replay = Replay(requests())
    old = replay.attempt()
    first, second = vehicles(2)
    source.put(first)
    assert next(old) == first
    left_waiting = threading.Thread(target=lambda: next(old, None))
    left_waiting.start()
    new = replay.attempt()
    assert next(new) == first
    source.put(second)
    assert next(new) == second
    source.put(None)
    assert list(new) == []
    left_waiting.join(10)
    assert not left_waiting.is_alive()


async def test_a_cancelled_attempt_leaves_the_reading_to_the_next_one() -> None:
    arrived: asyncio.Queue[Vehicle | None] = asyncio.Queue()

    async def requests() -> AsyncIterator[Vehicle]:
        while (item := await arrived.get()) is not None:
            yield item

    replay = AsyncReplay(requests())
    old = replay.attempt()
    waiting = asyncio.ensure_future(anext(old))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    new = replay.attempt()
    arrived.put_nowait(Vehicle(make="late"))
    arrived.put_nowait(None)
    assert [item async for item in new] == [Vehicle(make="late")]


def test_an_error_of_the_application_is_raised_to_the_attempt_under_way() -> None:
    def requests() -> Iterator[Vehicle]:
        yield Vehicle()
        raise ZeroDivisionError

    replay = Replay(requests())
    assert next(replay.attempt()) == Vehicle()
    attempt = replay.attempt()
    assert next(attempt) == Vehicle()
    with pytest.raises(ZeroDivisionError):
        next(attempt)
