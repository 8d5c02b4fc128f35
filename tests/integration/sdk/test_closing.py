"""A client that is closed, or a stream that is cancelled, amid whatever it does: its callers are told, and at once."""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.polling import eventually
from typeplate import AsyncClient, Client
from typeplate.errors import Cancelled, ClientClosed, ScopeMissing
from typeplate.v1.data_service_pb2 import ImportVehiclesRequest

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 5.0
"""Much less than the caller would have waited."""
Requests = queue.SimpleQueue[ImportVehiclesRequest | None]


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    with Client(server.target, client_id="app", client_secret="tps_x") as made:
        yield made


@pytest.fixture
async def aio_client(server: FakeServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.target, client_id="app", client_secret="tps_x") as made:
        yield made


@pytest.fixture
def requests() -> Iterator[Requests]:
    """Requests that do not come before a test has ended, which lets go of the thread in which gRPC waits for them."""
    waited_for: Requests = queue.SimpleQueue()
    yield waited_for
    waited_for.put(None)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def pausing(server: FakeServer) -> None:
    """Has streams wait to be opened again."""
    server.program.retry_after = 8.0
    server.refuse_calls("DATABASE_UNAVAILABLE", times=1000)


def test_callers_that_wait_for_a_token_are_told_that_the_client_was_closed(
    client: Client, server: FakeServer, pool: ThreadPoolExecutor
) -> None:
    server.hold.clear()
    waiting = [pool.submit(client.data.get_vehicle, name="vehicles/x", timeout=60) for _ in range(3)]
    eventually(lambda: len(server.issued) == 1, "a token is asked for")
    client.close()
    assert [type(each.exception(WITHIN_S)) for each in waiting] == [ClientClosed] * 3


async def test_asyncio_callers_that_wait_for_a_token_are_told_so_too(
    aio_client: AsyncClient, server: FakeServer
) -> None:
    server.hold.clear()
    waiting = [asyncio.create_task(aio_client.data.get_vehicle(name="vehicles/x", timeout=60)) for _ in range(3)]
    await until(lambda: len(server.issued) == 1)
    await aio_client.close()
    answers = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), WITHIN_S)
    assert [type(answer) for answer in answers] == [ClientClosed] * 3


def test_so_are_those_that_wait_for_the_secret(server: FakeServer, pool: ThreadPoolExecutor) -> None:
    """Whose callable may hang."""
    asked, released = threading.Event(), threading.Event()

    def fetch() -> str:
        asked.set()
        released.wait(30)
        return "tps_x"

    with Client(server.target, client_id="app", client_secret=fetch) as client:
        waiting = pool.submit(client.data.get_vehicle, name="vehicles/x", timeout=60)
        assert asked.wait(WITHIN_S)
    assert type(waiting.exception(WITHIN_S)) is ClientClosed
    released.set()


async def test_and_with_asyncio(server: FakeServer) -> None:
    asked = asyncio.Event()

    async def fetch() -> str:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with AsyncClient(server.target, client_id="app", client_secret=fetch) as client:
        waiting = asyncio.ensure_future(client.data.get_vehicle(name="vehicles/x", timeout=60))
        await asyncio.wait_for(asked.wait(), WITHIN_S)
    with pytest.raises(ClientClosed):
        await asyncio.wait_for(waiting, WITHIN_S)


def test_a_stream_between_two_messages_is_told_that_the_client_was_closed(client: Client) -> None:
    """And again, whenever it is asked: its end would look as if it were complete."""
    stream = client.data.export_vehicles()
    next(stream)
    client.close()
    for _ in range(2):
        with pytest.raises(ClientClosed):
            next(stream)


async def test_an_asyncio_stream_between_two_messages_is_told_so_too(aio_client: AsyncClient) -> None:
    stream = aio_client.data.export_vehicles()
    await anext(stream)
    await aio_client.close()
    for _ in range(2):
        with pytest.raises(ClientClosed):
            await anext(stream)


@pytest.mark.parametrize("waits_for", ["message", "token", "server"])
def test_a_stream_that_waits_is_told_that_the_client_was_closed(
    client: Client, server: FakeServer, pool: ThreadPoolExecutor, requests: Requests, waits_for: str
) -> None:
    """For its next message, its token, or its next try to open."""
    stream, waiting = begin(client, server, pool, requests, waits_for)
    client.close()
    assert type(waiting.exception(WITHIN_S)) is ClientClosed
    with pytest.raises(ClientClosed):
        next(stream)


@pytest.mark.parametrize("waits_for", ["message", "token", "server"])
def test_a_stream_that_waits_can_be_cancelled(
    client: Client, server: FakeServer, pool: ThreadPoolExecutor, requests: Requests, waits_for: str
) -> None:
    """From another thread, the only way there is; one that waits for a token hears of it when that comes."""
    stream, waiting = begin(client, server, pool, requests, waits_for)
    stream.cancel()
    if waits_for == "token":
        server.hold.set()
    assert type(waiting.exception(WITHIN_S)) is Cancelled


def begin(
    client: Client, server: FakeServer, pool: ThreadPoolExecutor, requests: Requests, waits_for: str
) -> tuple[Any, Future[object]]:
    """A stream, and a thread that waits for its next message."""
    if waits_for == "message":
        stream: Any = client.data.import_vehicles(iter(requests.get, None))
    else:
        stream = client.data.export_vehicles()
    if waits_for == "token":
        server.hold.clear()
    if waits_for == "server":
        pausing(server)
    waiting = pool.submit(next, stream)
    began = (lambda: len(server.issued) == 1) if waits_for == "token" else (lambda: len(server.calls) == 1)
    eventually(began, "the stream has begun")
    eventually(lambda: waits_for != "server" or stream._broken, "it pauses")
    return stream, waiting


@pytest.mark.parametrize("waits_for", ["message", "token", "server"])
@pytest.mark.parametrize("ending", ["close", "cancel"])
async def test_an_asyncio_stream_that_waits_is_told_how_it_ended(
    aio_client: AsyncClient, server: FakeServer, waits_for: str, ending: str
) -> None:
    async def never() -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield

    stream: Any = (
        aio_client.data.import_vehicles(never()) if waits_for == "message" else aio_client.data.export_vehicles()
    )
    if waits_for == "token":
        server.hold.clear()
    if waits_for == "server":
        pausing(server)
    waiting = asyncio.ensure_future(anext(stream))
    await until(lambda: len(server.issued if waits_for == "token" else server.calls) == 1)
    await until(lambda: waits_for != "server" or stream._messages is None)
    if ending == "close":
        await aio_client.close()
    else:
        stream.cancel()
    if (waits_for, ending) == ("token", "cancel"):
        server.hold.set()
    (answer,) = await asyncio.wait_for(asyncio.gather(waiting, return_exceptions=True), WITHIN_S)
    assert type(answer) is (ClientClosed if ending == "close" else Cancelled)


async def test_an_asyncio_stream_that_broke_off_says_so_again(aio_client: AsyncClient, server: FakeServer) -> None:
    server.refuse_calls("SCOPE_MISSING", times=1)
    stream = aio_client.data.export_vehicles()
    for _ in range(2):
        with pytest.raises(ScopeMissing):
            await anext(stream)
    assert len(server.calls) == 1


SIGNALLED = """
import signal, sys
from typeplate import Client
from typeplate.errors import ClientClosed
from typeplate.v1.data_service_pb2_grpc import DataServiceStub

client, channels = Client(sys.argv[1]), []

def making(channel):
    channels.append(channel)
    signal.raise_signal(signal.SIGTERM)
    return DataServiceStub(channel)

signal.signal(signal.SIGTERM, lambda *_: client.close())
signal.alarm(20)
client.stub(making)
try:
    client.stub(DataServiceStub)
except ClientClosed:
    print("refused")
try:
    channels[0].unary_unary("/any/Method")(b"")
except ValueError as error:
    print(error)
"""


def test_a_signal_handler_may_close_the_client_while_it_makes_a_stub(server: FakeServer) -> None:
    """Which neither hangs nor has the channel closed too early: that would end the process."""
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, server.target],
        env={**os.environ, "PYTHONPATH": str(ROOT / "client_sdk")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["refused", "Cannot invoke RPC on closed channel!"]


async def until(holds: Any) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - what it waits for happens in another thread
            await asyncio.sleep(0.01)
