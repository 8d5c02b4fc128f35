"""Calls that begin and send no body: without a token they hold no place that a good call would need."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from grpc import aio

from tests.integration.test_interceptor import Probe, probe, text
from tests.support.raw_calls import failed
from typeplate_server.auth.access import Access
from typeplate_server.auth.admission import Caller
from typeplate_server.errors import InvalidArgument, RateLimited
from typeplate_server.rpc.call import Call
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


@pytest.mark.parametrize("kind", ONE_REQUEST)
async def test_a_caller_revoked_between_its_headers_and_its_body_is_not_served(probe: Probe, kind: str) -> None:
    """Admitted when the headers came, and asked again when the handler starts."""
    admitted, served = asyncio.Event(), []
    admit = probe.world.admission.admit

    def told(values: Sequence[str | bytes], access: Access) -> Caller | None:
        caller = admit(values, access)
        admitted.set()
        return caller

    async def before(number: int, call: Call) -> None:
        served.append(kind)

    probe.world.admission.admit = told  # type: ignore[method-assign]
    probe.servicer.before = before
    method: Any = probe.channel.stream_stream(f"/probe.Guarded/{kind}")
    rpc = method(metadata=(("authorization", f"Bearer {probe.world.token()}"),), timeout=10)
    await asyncio.wait_for(admitted.wait(), 10)
    probe.world.set(state="revoked")
    await rpc.write(text("a"))
    await rpc.done_writing()
    with pytest.raises(aio.AioRpcError) as refused:
        await rpc.read()
    assert failed(refused.value, ()).reason == "CLIENT_REVOKED"
    assert served == []


async def test_public_calls_that_send_nothing_shut_out_their_own_address_alone() -> None:
    """Of one address some are read, some wait, the rest are refused; another address is served at once."""
    release, served = asyncio.Event(), []

    async def serve(request: Any, call: Any, context: Any) -> None:
        served.append(call.peer)

    messages = FirstMessages(timeout_s=30, reading=2, pending=5)
    run = messages.served(serve)
    slow: list[Any] = [Slow("192.0.2.1", release) for _ in range(8)]
    tasks = [asyncio.ensure_future(run(None, one, one)) for one in slow]
    await asyncio.sleep(0)
    assert [isinstance(task.exception(), RateLimited) for task in tasks if task.done()] == [True] * 3
    assert sum(one.begun for one in slow) == 2
    other: Any = Slow("192.0.2.2", release, ready=True)
    await run(None, other, other)
    assert served == ["192.0.2.2"]
    release.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert served.count("192.0.2.1") == 5


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


class Slow:
    """A call whose request comes when `release` is set, or is there already."""

    def __init__(self, peer: str, release: asyncio.Event, *, ready: bool = False) -> None:
        self.peer = peer
        self.begun = False
        self._release = release
        self._ready = ready

    async def read(self) -> bytes:
        self.begun = True
        if not self._ready:
            await self._release.wait()
        return b""


async def test_a_request_that_does_not_come_is_waited_for_within_bounds() -> None:
    """After the time-out the place is free again."""
    call: Any = Slow("192.0.2.1", asyncio.Event())

    async def never(request: Any, call: Any, context: Any) -> bytes:
        raise AssertionError("served")

    messages = FirstMessages(timeout_s=0.01, reading=1, pending=1)
    serve = messages.served(never)
    for _ in range(2):
        first, second = await asyncio.gather(serve(None, call, call), serve(None, call, call), return_exceptions=True)
        assert isinstance(first, InvalidArgument)
        assert isinstance(second, RateLimited)
