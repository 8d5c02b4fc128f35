"""A call that gRPC forgets, deadline and all, ends for its caller."""

from __future__ import annotations

import asyncio
import time

import pytest

from typeplate import AsyncClient, _overdue, _reach
from typeplate.errors import DeadlineExceeded, InternalError


async def test_a_call_that_is_never_answered_is_given_up_and_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reach, "LOST_S", 0.05)
    lost = asyncio.get_running_loop().create_future()
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await _reach.answered(lost, 0.05)
    assert time.monotonic() - started >= 0.1
    assert lost.cancelled()


async def test_a_call_without_a_deadline_is_waited_for_and_an_answer_handed_on() -> None:
    answer = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(answer.set_result, "an answer")
    assert await _reach.answered(answer, None) == "an answer"


async def test_who_is_cancelled_meanwhile_is_told_nothing_else() -> None:
    waiting = asyncio.create_task(_reach.answered(asyncio.get_running_loop().create_future(), 30.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_answer_without_a_message_is_an_error() -> None:
    nothing = asyncio.get_running_loop().create_future()
    nothing.set_result(None)
    with pytest.raises(InternalError):
        await _reach.answered(nothing, 1.0)


async def test_of_the_calls_under_way_the_lost_one_is_cancelled_and_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are left alone, and nothing looks once all have ended."""
    monkeypatch.setattr(_overdue, "LOST_S", 0.02)
    loop = asyncio.get_running_loop()
    lost, slow, answered = (loop.create_future() for _ in range(3))
    overdue = _overdue.Overdue()
    for call, seconds in ((lost, 0.01), (slow, 60.0), (answered, 0.01)):
        overdue.expect(call, seconds)
    assert overdue.ended(answered) is False
    with pytest.raises(asyncio.CancelledError):
        await lost
    assert (overdue.ended(lost), overdue.ended(lost)) == (True, False)
    assert not slow.done()
    assert not answered.done()
    overdue.ended(slow)
    overdue._look()
    assert overdue._timer is None


async def test_a_client_tells_of_a_lost_call_as_of_one_without_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_overdue, "LOST_S", 0.02)
    lost = asyncio.get_running_loop().create_future()
    async with AsyncClient("127.0.0.1:1") as client:
        with pytest.raises(DeadlineExceeded, match=r"127\.0\.0\.1:1 did not answer within 0\.05 s"):
            await client._calls.unary(lambda *_, **__: lost, object(), 0.05)
    assert lost.cancelled()
