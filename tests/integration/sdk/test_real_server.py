"""The SDK against the real server: the whole story, and a restart in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.server import ServerProcess, running_server
from typeplate import AsyncClient, Client
from typeplate.errors import ClientRevoked, NotFound, ScopeMissing
from typeplate.v1 import client_pb2, vehicle_pb2

NAME = "vehicles/own-restart"
AFTER_S = 1.0


def admin(server: ServerProcess) -> Client:
    return Client(server.address, client_id=server.client_id, client_secret=server.client_secret)


def create_vehicle(client: Client) -> None:
    vehicle = vehicle_pb2.Vehicle(make="Make", model="Model", model_year=2024)
    client.data.create_vehicle(vehicle=vehicle, vehicle_id=NAME.removeprefix("vehicles/"))


def lasting_address() -> str:
    """A free address below the ports that outgoing connections take, so that none takes it while the server is away."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return f"127.0.0.1:{port}"
    raise AssertionError("no port is free")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running_server(tmp_path / "data", LISTEN=lasting_address()) as running:
        yield running


def test_an_application_gets_a_key_reads_is_revoked_and_is_refused(server: ServerProcess) -> None:
    """Also without the scope, and for what does not exist."""
    with admin(server) as administrator:
        create_vehicle(administrator)
        made = administrator.auth.create_client(
            client=client_pb2.Client(display_name="Sales", scopes=["vehicles:read"]), client_id="sales"
        )
        with Client(server.address, client_id="sales", client_secret=made.secrets[0].value) as sales:
            assert sales.data.get_vehicle(name=NAME).make == "Make"
            assert [vehicle.name for vehicle in sales.data.list_vehicles(make="make", model_year_min=2024)] == [NAME]
            assert [v.name for page in sales.data.export_vehicles() for v in page.vehicles] == [NAME]
            with pytest.raises(NotFound):
                sales.data.get_vehicle(name="vehicles/own-nothing")
            with pytest.raises(ScopeMissing) as lacking:
                list(sales.auth.list_clients())
            assert lacking.value.metadata == {"scope": "clients:admin"}
            administrator.auth.revoke_client(name="clients/sales", reason="left")
            for _ in range(3):
                with pytest.raises(ClientRevoked):
                    sales.data.get_vehicle(name=NAME)
        states = {client.client_id: client.state for client in administrator.auth.list_clients(scope="vehicles:read")}
        assert states["sales"] == client_pb2.CLIENT_STATE_REVOKED


def test_a_restart_of_the_server_shows_in_no_idempotent_call(server: ServerProcess, tmp_path: Path) -> None:
    """Killed and started again on the same data and port, under calls of both clients with the default deadline.

    A stream is opened through the restart too; one that breaks after its first message says so.
    """
    with admin(server) as administrator:
        create_vehicle(administrator)
    client_id, secret = server.client_id, server.client_secret
    done = threading.Event()

    def call_synchronously() -> int:
        calls = 0
        with Client(server.address, client_id=client_id, client_secret=secret) as client:
            while not done.is_set():
                assert client.data.get_vehicle(name=NAME).make == "Make"
                assert len(list(client.data.list_vehicles())) == 1
                with client.data.export_vehicles() as stream:
                    next(stream)
                calls += 3
        return calls

    async def call_asynchronously() -> int:
        calls = 0
        async with AsyncClient(server.address, client_id=client_id, client_secret=secret) as client:
            while not done.is_set():
                assert (await client.data.get_vehicle(name=NAME)).make == "Make"
                assert len([vehicle async for vehicle in client.data.list_vehicles()]) == 1
                async with client.data.export_vehicles() as stream:
                    await anext(stream)
                calls += 3
        return calls

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(call_synchronously) for _ in range(4)]
        running += [pool.submit(asyncio.run, call_asynchronously()) for _ in range(2)]
        time.sleep(AFTER_S)
        server.kill()
        time.sleep(AFTER_S)
        try:
            with running_server(tmp_path / "data", LISTEN=server.address):
                time.sleep(2 * AFTER_S)
                done.set()
                assert all(future.result(30) > 0 for future in running)
        finally:
            done.set()
