"""Every RPC that writes takes its caller's commit guard along: who was revoked meanwhile commits nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from tests.support.auth_world import AuthWorld
from tests.support.catalog import World, catalog_world
from tests.support.catalog import vehicle as a_vehicle
from typeplate.v1 import auth_service_pb2 as auth
from typeplate.v1 import client_pb2, data_service_pb2
from typeplate.v1 import data_service_pb2 as data
from typeplate_server.auth.access import access_of
from typeplate_server.errors import ClientRevoked
from typeplate_server.rpc.auth_servicer import AuthServicer
from typeplate_server.rpc.data_servicer import DataServicer


class RevokedMeanwhile:
    """A call whose caller was admitted, and is refused right before the commit."""

    peer = "192.0.2.1"
    caller = None
    time_remaining = None

    def recheck(self) -> None:
        return None

    @property
    def commit_guard(self) -> Any:
        def guard(*_: Any) -> None:
            raise ClientRevoked

        return guard


def requests() -> dict[str, list[Message]]:
    """A good request for each method that writes."""
    new, old = a_vehicle(name="vehicles/own-new"), a_vehicle(name="vehicles/own-old", make="Other")
    config = data.ImportVehiclesRequest.Config(source="own")
    rows = data.ImportVehiclesRequest.Rows(rows=[data.ImportVehiclesRequest.Row(row_number=1, vehicle=new)])
    return {
        "CreateClient": [auth.CreateClientRequest(client=client_pb2.Client(display_name="x"), client_id="newcomer")],
        "UpdateClient": [auth.UpdateClientRequest(client=client_pb2.Client(name="clients/reader", display_name="x"))],
        "RevokeClient": [auth.RevokeClientRequest(name="clients/reader")],
        "CreateVehicle": [data.CreateVehicleRequest(vehicle=new, vehicle_id="own-new")],
        "UpdateVehicle": [data.UpdateVehicleRequest(vehicle=old)],
        "DeleteVehicle": [data.DeleteVehicleRequest(name="vehicles/own-old")],
        "ImportVehicles": [data.ImportVehiclesRequest(config=config), data.ImportVehiclesRequest(rows=rows)],
    }


def writing() -> Iterator[MethodDescriptor]:
    """The methods that are neither public nor without side effects."""
    for file in (auth, data_service_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                reads = method.GetOptions().idempotency_level == descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
                if not reads and not access_of(method).public:
                    yield method


@pytest.fixture
async def vehicles(tmp_path: Path) -> AsyncIterator[World]:
    async with catalog_world(tmp_path) as world:
        await world.put("own-old")
        yield world


async def serve(servicer: Any, method: MethodDescriptor) -> None:
    messages, call = requests()[method.name], RevokedMeanwhile()

    async def uploaded() -> AsyncIterator[Message]:
        for message in messages:
            yield message

    function = getattr(servicer, method.name)
    argument = uploaded() if method.client_streaming else messages[0]
    if method.server_streaming:
        async for _ in function(argument, call):
            pass
    else:
        await function(argument, call)


@pytest.mark.parametrize("method", list(writing()), ids=lambda method: method.name)
async def test_a_caller_revoked_meanwhile_commits_nothing(method: MethodDescriptor, vehicles: World) -> None:
    """Made from the descriptors: a new method that writes fails here until it has a request, and takes the guard."""
    world = AuthWorld()
    clients = {client_id: world.registry.get(client_id) for client_id in ("reader", "root", "newcomer")}
    own = method.containing_service.name == "AuthService"
    servicer = (
        AuthServicer(world.administration, world.exchanging, world.keys) if own else DataServicer(vehicles.catalog)
    )
    with pytest.raises(ClientRevoked):
        await serve(servicer, method)
    assert {client_id: world.registry.get(client_id) for client_id in clients} == clients
    assert await vehicles.get("own-old") is not None
    exported = [one async for chunk in vehicles.catalog.export() for one in chunk.vehicles]
    assert len(exported) == 1
