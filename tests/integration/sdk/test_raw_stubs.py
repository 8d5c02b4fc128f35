"""Raw stubs of both clients: who gets a token on its way out, and what a refused one comes to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.polling import eventually
from tests.support.sdk_drivers import SECRET, Clock, Driver, collector, exporter, getter, import_requests
from typeplate import AsyncClient, Client
from typeplate.v1 import auth_service_pb2, data_service_pb2, vehicle_pb2
from typeplate.v1.auth_service_pb2_grpc import AuthServiceStub
from typeplate.v1.data_service_pb2_grpc import DataServiceStub

Method = tuple[Callable[[Any], Any], Any]
"""How to make a raw method on a channel, and what to call it with."""

REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
PUBLIC: dict[str, Method] = {
    "GetJwks": (lambda channel: AuthServiceStub(channel).GetJwks, auth_service_pb2.GetJwksRequest()),
    "IssueToken": (lambda channel: AuthServiceStub(channel).IssueToken, auth_service_pb2.IssueTokenRequest()),
    "health": (lambda channel: channel.unary_unary("/grpc.health.v1.Health/Check"), b""),
    "reflection": (lambda channel: channel.stream_stream(REFLECTION), [b"list"]),
}
STREAMS: dict[str, Method] = {
    "ExportVehicles": (exporter, data_service_pb2.ExportVehiclesRequest()),
    "ImportVehicles": (lambda channel: DataServiceStub(channel).ImportVehicles, list(import_requests(2))),
    "Collect": (collector, [vehicle_pb2.Vehicle()]),
}


def call(client: Client, method: Method) -> None:
    """Calls a method of whatever kind, to its end."""
    make, given = method
    called = client.stub(make)(iter(given) if isinstance(given, list) else given)
    if isinstance(called, Iterator):
        list(called)


async def call_aio(client: AsyncClient, method: Method) -> None:
    """The same for asyncio."""
    make, given = method
    called = client.stub(make)(iter(given) if isinstance(given, list) else given)
    if hasattr(called, "__await__"):
        await called
    else:
        async for _ in called:
            pass


@pytest.mark.parametrize("method", sorted(PUBLIC))
async def test_what_is_public_asks_for_no_token_and_carries_none(server: FakeServer, method: str) -> None:
    """The fake refuses public methods with a token; health and reflection are gRPC's, and may be somebody else's."""
    with Client(server.target, client_id="app", client_secret=SECRET) as client:
        call(client, PUBLIC[method])
    async with AsyncClient(server.target, client_id="app", client_secret=SECRET) as aio_client:
        await call_aio(aio_client, PUBLIC[method])
    assert [request.client_id for request in server.issued] == [""] * (2 if method == "IssueToken" else 0)
    assert server.tokens_seen == []


@pytest.mark.parametrize("method", sorted(STREAMS))
async def test_raw_streams_of_every_kind_carry_a_token_with_ample_life(
    server: FakeServer, clock: Clock, method: str
) -> None:
    """A stale one is replaced first, for the stream would end with it."""
    with Client(server.target, client_id="app", client_secret=SECRET, clock=clock) as client:
        for _ in range(2):
            call(client, STREAMS[method])
            clock.now += 0.86 * server.program.life
    async with AsyncClient(server.target, client_id="app", client_secret=SECRET, clock=clock) as aio_client:
        for _ in range(2):
            await call_aio(aio_client, STREAMS[method])
            clock.now += 0.86 * server.program.life
    assert [call.method for call in server.calls] == [method] * 4
    assert server.tokens_seen == ["token-1", "token-2", "token-3", "token-4"]


def test_a_future_does_not_wait_for_its_answer_and_carries_a_token(server: FakeServer) -> None:
    with Client(server.target, client_id="app", client_secret=SECRET) as client:
        client.access_token()
        server.hold.clear()
        begun: list[Any] = []

        def begin() -> None:
            begun.append(client.stub(getter).future(data_service_pb2.GetVehicleRequest(name="slow"), timeout=20))

        beginning = threading.Thread(target=begin, daemon=True)
        beginning.start()
        beginning.join(5)
        assert not beginning.is_alive()
        assert not begun[0].done()
        server.hold.set()
        assert begun[0].result(20).make == "Make"
    assert server.tokens_seen == ["token-1"]


def test_a_refused_future_drops_its_token(server: FakeServer) -> None:
    """It fails as gRPC's do, and the next call has another."""
    with Client(server.target, client_id="app", client_secret=SECRET) as client:
        client.access_token()
        server.hold.clear()
        refused = client.stub(getter).future(data_service_pb2.GetVehicleRequest(name="slow"), timeout=20)
        server.refuse_token("token-1", "TOKEN_REVOKED")
        server.hold.set()
        assert refused.code() is grpc.StatusCode.UNAUTHENTICATED
        eventually(lambda: client.access_token() == "token-2", "another token is had")


def test_raw_stubs_carry_the_token_too(client: Driver, server: FakeServer) -> None:
    client.get()
    server.refuse_token("token-1", "TOKEN_REVOKED")
    assert client.raw_get(timeout=5).make == "Make"
    assert server.tokens_seen == ["token-1", "token-1", "token-2"]


def test_a_raw_stream_that_is_refused_drops_its_token(client: Driver, server: FakeServer) -> None:
    """It fails as gRPC's do, and the next call has another token."""
    client.get()
    server.refuse_token("token-1", "TOKEN_REVOKED")
    with pytest.raises(grpc.RpcError) as caught:
        client.raw_export(timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    eventually(lambda: client.token() == "token-2", "another token is had")
    assert client.raw_export(timeout=5) == [1, 2, 3]
    assert server.tokens_seen == ["token-1", "token-1", "token-2"]


def test_raw_stubs_fail_as_grpc_does(client: Driver, server: FakeServer) -> None:
    """Also when the call was never sent, for want of a token."""
    server.refuse_issue("CLIENT_REVOKED")
    with pytest.raises(grpc.RpcError) as caught:
        client.raw_get(timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert server.calls == []


def test_a_token_that_the_caller_brings_is_left_alone(client: Driver, server: FakeServer) -> None:
    """Two `authorization` entries would both arrive."""
    client.raw_get(timeout=5, metadata=(("authorization", "Bearer mine"),))
    assert server.calls[-1].authorization == ["Bearer mine"]
    assert server.issued == []
