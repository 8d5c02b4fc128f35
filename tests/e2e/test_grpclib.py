"""A foreign client, grpclib: Python over its own HTTP/2, with neither grpcio nor the SDK; the messages are ours."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_reflection.v1alpha import reflection_pb2
from grpclib.client import Channel, StreamStreamMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.support.foreign import NAME, server_for_strangers
from tests.support.server import ServerProcess
from typeplate.v1 import auth_service_pb2, data_service_pb2, vehicle_pb2

WITHIN_S = 30.0
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
Metadata = Mapping[str, str]

pytestmark = pytest.mark.xdist_group("grpclib")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all of these tests."""
    with server_for_strangers(tmp_path_factory.mktemp("grpclib")) as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet(all_logs: None, caplog: pytest.LogCaptureFixture) -> None:
    """What grpclib's HTTP/2 logs at debug level, headers and all, is its own affair."""
    caplog.set_level(logging.INFO, "hpack")


@pytest.fixture
async def channel(server: ServerProcess) -> AsyncIterator[Channel]:
    """A connection of grpclib's."""
    host, _, port = server.address.rpartition(":")
    async with Channel(host, int(port)) as channel:
        yield channel


@pytest.fixture
async def metadata(server: ServerProcess, channel: Channel) -> Metadata:
    """What an authenticated call carries, with a token issued through grpclib."""
    request = auth_service_pb2.IssueTokenRequest(client_id=server.client_id, client_secret=server.client_secret)
    path, answer = "/typeplate.v1.AuthService/IssueToken", auth_service_pb2.IssueTokenResponse
    issued = await UnaryUnaryMethod(channel, path, type(request), answer)(request, timeout=WITHIN_S)
    assert issued.token_type == "Bearer"
    return {"authorization": f"Bearer {issued.access_token}"}


async def get(channel: Channel, metadata: Metadata, name: str = NAME) -> vehicle_pb2.Vehicle:
    """A unary call."""
    request = data_service_pb2.GetVehicleRequest(name=name)
    method = UnaryUnaryMethod(channel, "/typeplate.v1.DataService/GetVehicle", type(request), vehicle_pb2.Vehicle)
    return await method(request, timeout=WITHIN_S, metadata=metadata)


async def export(channel: Channel, metadata: Metadata) -> list[str]:
    """A stream: the names of all vehicles."""
    request, answer = data_service_pb2.ExportVehiclesRequest(), data_service_pb2.ExportVehiclesResponse
    method = UnaryStreamMethod(channel, "/typeplate.v1.DataService/ExportVehicles", type(request), answer)
    messages = await method(request, timeout=WITHIN_S, metadata=metadata)
    return [vehicle.name for message in messages for vehicle in message.vehicles]


async def test_a_vehicle_is_read(channel: Channel, metadata: Metadata) -> None:
    """With presence kept: 0 g CO2 is a value, and what is unknown is absent."""
    vehicle = await get(channel, metadata)
    assert (vehicle.make, vehicle.co2_g_per_km, vehicle.HasField("co2_g_per_km")) == ("Audi", 0, True)
    assert not vehicle.HasField("power_kw")


async def test_a_stream_is_read(channel: Channel, metadata: Metadata) -> None:
    assert await export(channel, metadata) == [NAME]


@pytest.mark.parametrize("call", [get, export])
async def test_without_a_token_the_refusal_has_its_reason(channel: Channel, call: Callable[..., Any]) -> None:
    """In the details that grpclib decodes by itself."""
    with pytest.raises(GRPCError) as caught:
        await call(channel, {})
    assert (caught.value.status, reason(caught.value)) == (Status.UNAUTHENTICATED, "TOKEN_MISSING")


async def test_what_is_not_there_has_its_reason(channel: Channel, metadata: Metadata) -> None:
    with pytest.raises(GRPCError) as caught:
        await get(channel, metadata, name="vehicles/own-none")
    assert (caught.value.status, reason(caught.value)) == (Status.NOT_FOUND, "NOT_FOUND")


def reason(error: GRPCError) -> str:
    """ErrorInfo's."""
    infos = [detail for detail in error.details or () if isinstance(detail, ErrorInfo)]
    assert [info.domain for info in infos] == ["typeplate"]
    return str(infos[0].reason)


async def test_reflection_lists_the_services(channel: Channel) -> None:
    request, answer = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
    method = StreamStreamMethod(channel, REFLECTION, request, answer)
    (listed,) = await method([request(list_services="")], timeout=WITHIN_S)
    services = {service.name for service in listed.list_services_response.service}
    assert {"typeplate.v1.AuthService", "typeplate.v1.DataService", "grpc.health.v1.Health"} <= services
