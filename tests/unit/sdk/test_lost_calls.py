"""A call that gRPC forgets, deadline and all, ends for its caller."""

from __future__ import annotations

import asyncio
import time

import pytest

from typeplate import _reach
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
