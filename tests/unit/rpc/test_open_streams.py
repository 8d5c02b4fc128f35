"""OpenStreams by itself: what it watches, what it lets pass, and that it fails closed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from grpc import aio

from typeplate_server.errors import ClientRevoked, InvalidArgument, NotFound, RateLimited
from typeplate_server.rpc.open_streams import OpenStreams, share

SWEEP_S = 0.01
NEVER_S = 3600.0


class FakeCall:
    """A call whose caller is refused with `refusal`, once there is one; `asked` counts the checks."""

    def __init__(self, client_id: str = "reader", *, public: bool = False) -> None:
        self.caller = None if public else SimpleNamespace(client_id=client_id)
        self.refusal: Exception | None = None
        self.asked = 0

    def recheck(self) -> None:
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal


async def endless() -> bytes:
    await asyncio.sleep(3600)
    return b""


def serving(streams: OpenStreams, call: Any, work: Any = endless) -> asyncio.Task[Any]:
    return asyncio.create_task(streams.serve(call, work))


async def test_a_refused_stream_raises_its_refusal_and_its_task_is_not_left_cancelled() -> None:
    streams, call = OpenStreams(NEVER_S), FakeCall()
    seen: list[int] = []

    async def handler() -> None:
        with pytest.raises(ClientRevoked):
            await streams.serve(call, endless)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        seen.append(task.cancelling())

    task = asyncio.create_task(handler())
    await asyncio.sleep(0)
    assert len(streams) == 1
    call.refusal = ClientRevoked()
    streams.recheck()
    streams.recheck()
    await task
    assert (seen, len(streams)) == ([0], 0)


async def test_who_hangs_up_in_the_same_moment_has_hung_up() -> None:
    streams, call = OpenStreams(NEVER_S), FakeCall()
    task = serving(streams, call)
    await asyncio.sleep(0)
    call.refusal = ClientRevoked()
    streams.recheck()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(streams) == 0


async def test_a_stream_that_ends_before_it_is_woken_keeps_its_own_end() -> None:
    """Its task goes on in peace: the cancellation does not follow it out."""
    streams, call = OpenStreams(NEVER_S), FakeCall()

    async def refused_on_the_way() -> bytes:
        call.refusal = ClientRevoked()
        streams.recheck()
        raise NotFound("vehicles/epa-1")

    with pytest.raises(NotFound):
        await streams.serve(call, refused_on_the_way)  # type: ignore[arg-type]
    await asyncio.sleep(0.01)


async def test_a_check_that_breaks_ends_its_stream_and_no_other() -> None:
    streams, broken, good = OpenStreams(SWEEP_S), FakeCall(), FakeCall()
    tasks = [serving(streams, broken), serving(streams, good)]
    await asyncio.sleep(0)
    broken.refusal = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(tasks[0], 5)
    asked = good.asked
    await asyncio.sleep(5 * SWEEP_S)
    assert good.asked > asked
    assert not tasks[1].done()
    tasks[1].cancel()


async def test_nothing_is_asked_while_no_stream_is_open_and_sweeping_begins_anew_with_the_next() -> None:
    streams, call = OpenStreams(SWEEP_S), FakeCall()
    for _ in range(2):
        task = serving(streams, call)
        await asyncio.sleep(4 * SWEEP_S)
        assert call.asked >= 2
        task.cancel()
        await asyncio.wait((task,))
        await asyncio.sleep(2 * SWEEP_S)
        call.asked = 0
        await asyncio.sleep(4 * SWEEP_S)
        assert call.asked == 0


async def test_a_public_stream_has_nobody_to_refuse() -> None:
    streams, call = OpenStreams(NEVER_S), FakeCall(public=True)
    task = serving(streams, call)
    await asyncio.sleep(0)
    assert len(streams) == 0
    task.cancel()


class Requests:
    """gRPC's context of a call whose one request is `message`, or does not come."""

    def __init__(self, message: object = None) -> None:
        self.message = message

    async def read(self) -> object:
        if self.message is None:
            await asyncio.sleep(3600)
        return self.message


def requested(streams: OpenStreams, call: Any, message: object = None) -> asyncio.Task[bytes]:
    return asyncio.create_task(streams.request(call, call.caller.client_id, Requests(message)))


async def test_a_request_that_does_not_come_is_given_up_in_time() -> None:
    streams = OpenStreams(SWEEP_S, request_s=3 * SWEEP_S)
    stream, late = serving(streams, FakeCall()), requested(streams, FakeCall())
    with pytest.raises(InvalidArgument, match="request"):
        await asyncio.wait_for(late, 5)
    assert (len(streams), stream.done()) == (1, False)
    stream.cancel()


async def test_a_request_is_waited_for_no_longer_once_the_caller_is_refused() -> None:
    streams, call = OpenStreams(NEVER_S), FakeCall()
    waiting = requested(streams, call)
    await asyncio.sleep(0)
    call.refusal = ClientRevoked()
    streams.recheck()
    with pytest.raises(ClientRevoked):
        await asyncio.wait_for(waiting, 5)
    assert len(streams) == 0


async def test_a_call_that_ends_without_its_request_is_told_so() -> None:
    with pytest.raises(InvalidArgument, match="request"):
        await requested(OpenStreams(NEVER_S), FakeCall(), aio.EOF)


async def test_one_client_has_so_many_and_no_more_and_gets_each_back() -> None:
    """Streams and calls that wait for their request count together; those of another client do not."""
    streams = OpenStreams(NEVER_S, per_client=2)
    mine = [serving(streams, FakeCall()), requested(streams, FakeCall())]
    await asyncio.sleep(0)
    for refused in (serving(streams, FakeCall()), requested(streams, FakeCall(), b"x")):
        with pytest.raises(RateLimited):
            await refused
    assert await requested(streams, FakeCall("other"), b"x") == b"x"
    for task in mine:
        task.cancel()
    await asyncio.wait(mine)
    for _ in range(3):
        assert await requested(streams, FakeCall(), b"x") == b"x"


@pytest.mark.parametrize(("places", "of_one"), [(1, 1), (7, 1), (8, 2), (1000, 250)])
def test_one_client_has_a_quarter_of_the_places(places: int, of_one: int) -> None:
    assert share(places) == of_one
