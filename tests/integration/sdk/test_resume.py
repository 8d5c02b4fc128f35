"""A stream of responses that breaks off goes on by itself, with nothing lost and nothing delivered twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import SECRET, Clock, Connect
from tests.support.tcp_proxy import TcpProxy
from typeplate import AsyncClient, Client, _channel
from typeplate.errors import Cancelled, ClientRevoked, DatabaseUnavailable, TokenRejected
from typeplate.testing import Credentials, Server
from typeplate.v1.data_service_pb2 import ExportVehiclesRequest, ExportVehiclesResponse
from typeplate.v1.vehicle_pb2 import Vehicle

NAMES = [f"vehicles/epa-{number}" for number in (1, 2, 3)]
ALL = [f"vehicles/own-{number:05}" for number in range(4_000)]


def names(messages: list[ExportVehiclesResponse]) -> list[str]:
    return [vehicle.name for message in messages for vehicle in message.vehicles]


def test_a_stream_that_breaks_after_each_message_is_delivered_whole(connect: Connect, server: FakeServer) -> None:
    """All of it tells the revision of the start, as one stream would; the application's request stays its own."""
    request = ExportVehiclesRequest(source="broken")
    found = connect().exported(request=request)
    assert names(found) == NAMES
    assert [message.revision for message in found] == [1, 1, 1]
    assert len(server.calls) == 4
    assert request == ExportVehiclesRequest(source="broken")


def test_a_token_that_dies_amid_a_stream_is_replaced(connect: Connect, server: FakeServer) -> None:
    """As often as the stream has moved on since; each time costs one token request."""
    server.program.breaks_with = "TOKEN_EXPIRED"
    assert names(connect().exported(source="broken")) == NAMES
    assert server.tokens_seen == ["token-1", "token-2", "token-3", "token-4"]


def test_a_client_revoked_amid_a_stream_is_told(connect: Connect, server: FakeServer) -> None:
    server.program.breaks_with = "CLIENT_REVOKED"
    with pytest.raises(ClientRevoked):
        connect().exported(source="broken")
    assert len(server.calls) == 1


def test_a_stream_that_never_moves_on_is_given_up(connect: Connect, server: FakeServer) -> None:
    """Messages that bring nothing are no progress: else it would go on for ever."""
    with pytest.raises(DatabaseUnavailable):
        connect(timeout=0.5).exported(source="stuck")
    server.program.breaks_with = "TOKEN_EXPIRED"
    with pytest.raises(TokenRejected):
        connect().exported(source="stuck")


def test_a_stream_ends_with_its_timeout_though_it_could_go_on(connect: Connect, server: FakeServer) -> None:
    server.program.retry_after = 0.4
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        connect().exported(source="broken", timeout=0.7)
    assert time.monotonic() - started < 5.0


def test_a_broken_stream_that_is_cancelled_while_it_waits_is_over_at_once(server: FakeServer) -> None:
    server.program.retry_after = 60.0
    with Client(server.target, client_id="app", client_secret=SECRET) as client:
        stream = client.data.export_vehicles(source="broken")
        next(stream)
        threading.Timer(0.1, stream.cancel).start()
        with pytest.raises(Cancelled):
            next(stream)


@pytest.fixture(scope="module")
def catalogue() -> Iterator[Server]:
    """A real server with more vehicles than a connection buffers."""
    with Server() as server:
        like = Vehicle(make="Make " * 15, model="Model " * 15, model_year=2024)
        server.load_vehicles(Vehicle(name=name, make=like.make, model=like.model, model_year=2024) for name in ALL)
        yield server


@pytest.fixture
def wire(catalogue: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[TcpProxy]:
    """To it, by connections that keep their first window: else all may have come before the first strike."""
    monkeypatch.setattr(_channel, "FIXED", (*_channel.FIXED, ("grpc.http2.bdp_probe", 0)))
    with TcpProxy(int(catalogue.target.rpartition(":")[2])) as proxy:
        yield proxy


def settings(wire: TcpProxy, key: Credentials, clock: Clock) -> dict[str, object]:
    return {**key.settings({}), "target": f"127.0.0.1:{wire.port}", "clock": clock}


def strike(number: int, catalogue: Server, wire: TcpProxy) -> None:
    """After the second message the connection is cut; after the fourth the server restarts; then tokens expire."""
    if number == 2:
        wire.cut()
    elif number == 4:
        catalogue.go_away(0.2)
    elif number == 6:
        catalogue.expire_tokens()
        wire.cut()


def test_an_export_goes_on_through_cuts_restarts_and_expiry(catalogue: Server, wire: TcpProxy, clock: Clock) -> None:
    """Every vehicle once and in order, from a server that is really gone in between."""
    found, before = list[str](), catalogue.calls("ExportVehicles")
    with Client(**settings(wire, catalogue.create_client(), clock)) as client:  # type: ignore[arg-type]
        for number, message in enumerate(client.data.export_vehicles()):
            found += [vehicle.name for vehicle in message.vehicles]
            strike(number, catalogue, wire)
    assert found == ALL
    assert catalogue.calls("ExportVehicles") >= before + 4


async def test_an_export_goes_on_with_asyncio_too(catalogue: Server, wire: TcpProxy, clock: Clock) -> None:
    found, before = list[str](), catalogue.calls("ExportVehicles")
    key = await asyncio.to_thread(catalogue.create_client)
    async with AsyncClient(**settings(wire, key, clock)) as client:  # type: ignore[arg-type]
        number = 0
        async for message in client.data.export_vehicles():
            found += [vehicle.name for vehicle in message.vehicles]
            await asyncio.to_thread(strike, number, catalogue, wire)
            number += 1
    assert found == ALL
    assert catalogue.calls("ExportVehicles") >= before + 4
