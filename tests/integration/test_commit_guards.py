"""Every RPC that writes takes its caller's commit guard along: who was revoked meanwhile commits nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from tests.support.catalog import vehicle as a_vehicle
from typeplate.v1 import auth_service_pb2 as auth
from typeplate.v1 import client_pb2, data_service_pb2
from typeplate.v1 import data_service_pb2 as data
from typeplate_server.app.parts import Parts, assemble
from typeplate_server.app.setup import initialise
from typeplate_server.auth.access import access_of
from typeplate_server.auth.admission import Caller
from typeplate_server.auth.clients import CLIENTS_ADMIN, VEHICLES_READ
from typeplate_server.auth.secrets import new_secret
from typeplate_server.auth.service import ClientDraft
from typeplate_server.config import Settings
from typeplate_server.errors import ClientRevoked
from typeplate_server.rpc.auth_servicer import AuthServicer
from typeplate_server.rpc.data_servicer import DataServicer

NOT_THE_CALLERS: Final = frozenset({"replicas"})
"""What the process writes for itself."""


class RevokedMeanwhile:
    """A call whose caller was admitted, and is refused right before the commit."""

    peer = "192.0.2.1"
    caller = Caller("root", "jti", "kid", frozenset({CLIENTS_ADMIN}), "1.0", 2**40)
    time_remaining = None

    def recheck(self) -> None:
        return None

    @property
    def commit_guard(self) -> Any:
        def guard(*_: Any) -> None:
            raise ClientRevoked

        return guard


@dataclass(frozen=True, slots=True)
class World:
    """A deployment with the clients `reader`, with two secrets, and `asleep`, suspended; and one vehicle."""

    parts: Parts
    database: Path
    secret_id: str
    token: str

    def content(self) -> list[str]:
        """All that is stored, but for what belongs to the process."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return [
                f"{name}: {row}"
                for name in sorted(set(tables) - NOT_THE_CALLERS)
                for row in connection.execute(f'SELECT * FROM "{name}"')
            ]

    def requests(self) -> dict[str, list[Message]]:
        """A good request for each method that writes."""
        new, old = a_vehicle(name="vehicles/own-new"), a_vehicle(name="vehicles/own-old", make="Other")
        config = data.ImportVehiclesRequest.Config(source="own")
        rows = data.ImportVehiclesRequest.Rows(rows=[data.ImportVehiclesRequest.Row(row_number=1, vehicle=new)])
        renamed = client_pb2.Client(name="clients/reader", display_name="x")
        secret = f"clients/reader/secrets/{self.secret_id}"
        return {
            "CreateClient": [
                auth.CreateClientRequest(client=client_pb2.Client(display_name="x"), client_id="newcomer")
            ],
            "UpdateClient": [auth.UpdateClientRequest(client=renamed)],
            "RevokeClient": [auth.RevokeClientRequest(name="clients/reader")],
            "SuspendClient": [auth.SuspendClientRequest(name="clients/reader")],
            "ResumeClient": [auth.ResumeClientRequest(name="clients/asleep")],
            "CreateClientSecret": [auth.CreateClientSecretRequest(parent="clients/asleep")],
            "DeleteClientSecret": [auth.DeleteClientSecretRequest(name=secret, force=True)],
            "RevokeToken": [auth.RevokeTokenRequest(token=self.token)],
            "RotateSigningKey": [auth.RotateSigningKeyRequest()],
            "CreateVehicle": [data.CreateVehicleRequest(vehicle=new, vehicle_id="own-new")],
            "UpdateVehicle": [data.UpdateVehicleRequest(vehicle=old)],
            "DeleteVehicle": [data.DeleteVehicleRequest(name="vehicles/own-old")],
            "ImportVehicles": [data.ImportVehiclesRequest(config=config), data.ImportVehiclesRequest(rows=rows)],
        }


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    settings = Settings.from_env({"TYPEPLATE_DATA_DIR": str(tmp_path)})
    await initialise(settings)
    parts = await assemble(settings)
    try:
        await parts.replica.start()
        for client_id in ("reader", "asleep"):
            secret = new_secret()
            await parts.clients.create(ClientDraft(client_id, scopes=[VEHICLES_READ]), secret=secret)
            if client_id == "reader":
                await parts.clients.create_secret(client_id)
                token = parts.exchange.exchange(client_id, secret.value, (), None, "192.0.2.1")
                kept = secret.secret_id, token.access_token
        await parts.clients.suspend("asleep")
        await parts.catalog.create(a_vehicle(), "own-old")
        yield World(parts, tmp_path / "typeplate.db", *kept)
    finally:
        await parts.database.close()


def writing() -> Iterator[MethodDescriptor]:
    """The methods that are neither public nor without side effects."""
    for file in (auth, data_service_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                reads = method.GetOptions().idempotency_level == descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
                if not reads and not access_of(method).public:
                    yield method


async def serve(world: World, method: MethodDescriptor) -> None:
    """Serve a good request of a caller who is refused right before the commit."""
    messages, call, parts = world.requests()[method.name], RevokedMeanwhile(), world.parts
    servicer: Any = DataServicer(parts.catalog)
    if method.containing_service.name == "AuthService":
        servicer = AuthServicer(
            parts.clients, parts.exchange, parts.keys, parts.audit, parts.usage, parts.tokens, parts.rotation
        )

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
async def test_a_caller_revoked_meanwhile_commits_nothing(method: MethodDescriptor, world: World) -> None:
    """Made from the descriptors: a new method that writes fails here until it has a request, and takes the guard."""
    before = world.content()
    assert len(before) > 8
    with pytest.raises(ClientRevoked):
        await serve(world, method)
    assert world.content() == before
