"""Calls that begin and send no body: without a token they hold no place that a good call would need."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from grpc import aio

from tests.integration.test_interceptor import Probe, probe, text
from tests.support.raw_calls import failed
from typeplate_server.errors import InvalidArgument, RateLimited
from typeplate_server.rpc.first_message import FirstMessages

__all__ = ["probe"]

ONE_REQUEST = ("Single", "Download")


async def begun(probe: Probe, path: str, count: int) -> list[Any]:
    """This many calls of which only the headers are sent."""
    method: Any = probe.channel.stream_stream(path)
    return [method(metadata=(("authorization", "Bearer garbage"),), timeout=30) for _ in range(count)]


@pytest.mark.parametrize("kind", ONE_REQUEST)
async def test_without_a_token_a_call_is_refused_at_its_headers(probe: Probe, kind: str) -> None:
    """90 calls without bodies on a server that serves 50 at once: all are answered, and a good call is served."""
    calls = await begun(probe, f"/probe.Guarded/{kind}", 90)
    codes = await asyncio.wait_for(asyncio.gather(*(call.code() for call in calls)), 10)
    assert set(codes) <= {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes.count(grpc.StatusCode.UNAUTHENTICATED) >= 50
    assert (await probe.call(kind)).code is grpc.StatusCode.OK


async def test_calls_of_public_methods_that_send_nothing_leave_room(probe: Probe) -> None:
    """One address may have 32 of them wait; the others are refused at once, and calls with a token are served."""
    calls = await begun(probe, "/probe.Public/Single", 48)
    refused = [asyncio.ensure_future(call.code()) for call in calls]
    done, waiting = await asyncio.wait(refused, timeout=1)
    assert {future.result() for future in done} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert len(waiting) == 32
    assert (await probe.call("Single")).code is grpc.StatusCode.OK
    for call in calls:
        call.cancel()
    await asyncio.wait(waiting)


@pytest.mark.parametrize("kind", ONE_REQUEST)
async def test_a_public_call_that_ends_without_a_request_is_told_so(probe: Probe, kind: str) -> None:
    """INVALID_ARGUMENT naming the request; and with a request it is served."""
    method: Any = probe.channel.stream_stream(f"/probe.Public/{kind}")
    with pytest.raises(aio.AioRpcError) as caught:
        [message async for message in method(iter(()), timeout=10)]
    answer = failed(caught.value, ())
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert "request" in answer.message
    messages = [message async for message in method(iter((text("a"),)), timeout=10)]
    assert messages[0] in (text("a"), text("a0"))


class Silent:
    """A call whose request never comes."""

    peer = "192.0.2.1"

    async def read(self) -> bytes:
        await asyncio.Event().wait()
        return b""


async def test_a_request_that_does_not_come_is_waited_for_within_bounds() -> None:
    """After the time-out the place is free again."""
    call: Any = Silent()

    async def never(request: Any, call: Any, context: Any) -> bytes:
        raise AssertionError("served")

    messages = FirstMessages(timeout_s=0.01, places=1)
    serve = messages.served(never)
    for _ in range(2):
        first, second = await asyncio.gather(serve(None, call, call), serve(None, call, call), return_exceptions=True)
        assert isinstance(first, InvalidArgument)
        assert isinstance(second, RateLimited)
