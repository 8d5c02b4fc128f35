"""Applications' request generators that do not come to a good end: the caller learns of it, and never hears OK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import Driver, collector, import_requests
from typeplate import AsyncClient, Client
from typeplate.v1.data_service_pb2 import ImportVehiclesRequest
from typeplate.v1.vehicle_pb2 import Vehicle


@pytest.mark.parametrize("error", [ValueError("row 3 is odd"), ZeroDivisionError()], ids=repr)
def test_an_error_in_a_generator_reaches_the_caller_as_it_is(client: Driver, error: Exception) -> None:
    def vehicles() -> Iterator[Vehicle]:
        yield Vehicle()
        raise error

    def rows() -> Iterator[ImportVehiclesRequest]:
        yield from import_requests(2)
        raise error

    with pytest.raises(type(error)) as uploaded:
        client.upload(collector, vehicles())
    with pytest.raises(type(error)) as exchanged:
        client.exchange(rows())
    assert uploaded.value is exchanged.value is error


def test_a_generator_that_ends_the_program_ends_it(server: FakeServer) -> None:
    """SystemExit is no Exception; gRPC's thread would end on it in silence."""

    def vehicles() -> Iterator[Vehicle]:
        yield Vehicle()
        raise SystemExit(3)

    with Client(server.target, client_id="app", client_secret="tps_x") as client, pytest.raises(SystemExit):
        client._calls.stream_unary(client._calls.stub(collector), vehicles(), 20)


@pytest.mark.parametrize("kind", ["upload", "exchange"])
async def test_a_generator_that_awaits_a_cancelled_task_ends_its_call_so(server: FakeServer, kind: str) -> None:
    """asyncio would take it for the end of the requests, and the server would say OK to half of them."""

    async def requests() -> AsyncIterator[Vehicle | ImportVehiclesRequest]:
        yield Vehicle() if kind == "upload" else ImportVehiclesRequest()
        looking = asyncio.ensure_future(asyncio.Event().wait())
        looking.cancel()
        await looking

    async with AsyncClient(server.target, client_id="app", client_secret="tps_x") as client:
        with pytest.raises(asyncio.CancelledError):
            await within(client, kind)(requests())
        # The client is none the worse for it.
        assert (await client.data.get_vehicle(name="vehicles/x")).make == "Make"


@pytest.mark.parametrize("kind", ["upload", "exchange"])
async def test_an_asynchronous_generators_error_reaches_the_caller_as_it_is(server: FakeServer, kind: str) -> None:
    async def requests() -> AsyncIterator[Vehicle | ImportVehiclesRequest]:
        yield Vehicle() if kind == "upload" else ImportVehiclesRequest()
        raise ValueError("row 3 is odd")

    async with AsyncClient(server.target, client_id="app", client_secret="tps_x") as client:
        with pytest.raises(ValueError, match="row 3 is odd"):
            await within(client, kind)(requests())


@pytest.mark.parametrize("kind", ["upload", "exchange"])
async def test_a_caller_that_is_cancelled_amid_its_requests_is_cancelled(server: FakeServer, kind: str) -> None:
    """And not told of what its generator met thereby."""
    begun = asyncio.Event()

    async def requests() -> AsyncIterator[Vehicle | ImportVehiclesRequest]:
        yield Vehicle() if kind == "upload" else ImportVehiclesRequest()
        begun.set()
        await asyncio.Event().wait()

    async with AsyncClient(server.target, client_id="app", client_secret="tps_x") as client:
        calling = asyncio.ensure_future(within(client, kind)(requests()))
        await begun.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert calling.cancelled()


def within(client: AsyncClient, kind: str) -> Callable[[AsyncIterator[object]], Awaitable[object]]:
    """Sends these requests, and reads all answers."""

    async def upload(requests: AsyncIterator[object]) -> object:
        return await client._calls.stream_unary(client._calls.stub(collector), requests, 20)

    async def exchange(requests: AsyncIterator[object]) -> object:
        return [answer async for answer in client.data.import_vehicles(requests, timeout=20)]  # type: ignore[arg-type]

    return upload if kind == "upload" else exchange
