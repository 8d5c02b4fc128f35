"""The server that foreign clients call: it has reflection on and one vehicle, `vehicles/own-1`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import ServerProcess, running_server
from typeplate import Client
from typeplate.v1 import vehicle_pb2

NAME = "vehicles/own-1"


@contextmanager
def server_for_strangers(folder: Path) -> Iterator[ServerProcess]:
    """Its data lie in `folder`. The vehicle emits 0 g of CO2, which is a value, and its power is unknown."""
    with running_server(folder / "data", REFLECTION="1") as running:
        with Client(running.address, client_id="admin", client_secret=running.client_secret) as client:
            vehicle = vehicle_pb2.Vehicle(make="Audi", model="A2", model_year=2001, co2_g_per_km=0)
            client.data.create_vehicle(vehicle=vehicle, vehicle_id="own-1")
        yield running
