"""An application as a team writes it, with types: how a fleet's cars compare, who may read them, and what is imported.

`mypy --strict` has nothing to say to it; tests/unit/sdk/test_typing.py puts mistakes into it that must be found.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from typeplate import AsyncClient, Client, TypeplateError, errors
from typeplate.types import Pager
from typeplate.v1 import client_pb2, vehicle_pb2
from typeplate.v1.data_service_pb2 import GetVehicleRequest, ImportVehiclesRequest, ListVehiclesResponse
from typeplate.v1.data_service_pb2_grpc import DataServiceStub


@dataclass(frozen=True)
class Car:
    """What the fleet is compared by."""

    name: str
    power_kw: float | None
    electric: bool


def car_of(vehicle: vehicle_pb2.Vehicle) -> Car:
    power = vehicle.power_kw if vehicle.HasField("power_kw") else None
    electric = vehicle.powertrain == vehicle_pb2.POWERTRAIN_BATTERY_ELECTRIC
    return Car(name=vehicle.name, power_kw=power, electric=electric)


def fleet(client: Client, make: str, first_year: int) -> list[Car]:
    found = client.data.list_vehicles(make=make, model_year_min=first_year, fuels=[vehicle_pb2.FUEL_DIESEL])
    return [car_of(vehicle) for vehicle in found]


def strongest(client: Client, names: Iterable[str]) -> Car | None:
    answer = client.data.batch_get_vehicles(names=names, timeout=timedelta(seconds=3))
    cars = [car_of(vehicle) for vehicle in answer.vehicles]
    return max(cars, key=lambda car: car.power_kw or 0.0, default=None)


def page_sizes(client: Client) -> list[int]:
    return [len(page.vehicles) for page in client.data.list_vehicles(page_size=50).pages()]


def exported(client: Client) -> Iterator[str]:
    with client.data.export_vehicles(source="epa") as stream:
        for answer in stream:
            yield from (vehicle.name for vehicle in answer.vehicles)


def load(client: Client, vehicles: Iterable[vehicle_pb2.Vehicle]) -> int:
    def requests() -> Iterator[ImportVehiclesRequest]:
        yield ImportVehiclesRequest(config=ImportVehiclesRequest.Config(source="own"))
        for number, vehicle in enumerate(vehicles):
            row = ImportVehiclesRequest.Row(row_number=number, vehicle=vehicle)
            yield ImportVehiclesRequest(rows=ImportVehiclesRequest.Rows(rows=[row]))

    return sum(answer.summary.created for answer in client.data.import_vehicles(requests()))


def register(client: Client, client_id: str) -> str:
    wanted = client_pb2.Client(display_name="Sales", scopes=["vehicles:read"])
    made = client.auth.create_client(client=wanted, client_id=client_id)
    return made.secrets[0].value


def explain(client: Client, name: str) -> str:
    try:
        return client.data.get_vehicle(request=GetVehicleRequest(name=name)).make
    except errors.ScopeMissing as error:
        return error.metadata["scope"]
    except errors.InvalidArgument as error:
        return ", ".join(violation.field for violation in error.violations)
    except errors.Unavailable as error:
        return f"again in {error.retry_after or 1.0:.1f} s"
    except TypeplateError as error:
        return f"{error.code.name} {error.request_id}"


def raw(client: Client, name: str) -> str:
    vehicle = client.stub(DataServiceStub).GetVehicle(GetVehicleRequest(name=name), timeout=5)
    return vehicle.make


async def make_of(client: AsyncClient, name: str) -> str:
    vehicle = await client.data.get_vehicle(name=name)
    return vehicle.make


async def names(client: AsyncClient) -> AsyncIterator[str]:
    async for vehicle in client.data.list_vehicles(make="Toyota"):
        yield vehicle.name


async def makes(target: str, secret_file: str) -> set[str]:
    async with AsyncClient(target, client_id="sales", client_secret_file=secret_file, timeout=5) as client:
        return set(await asyncio.gather(*[make_of(client, name) async for name in names(client)]))


def from_environment(pages: list[Pager[vehicle_pb2.Vehicle, ListVehiclesResponse]]) -> list[Car]:
    with Client.from_env(user_agent="fleet/2", plaintext=False) as client:
        pages.append(client.data.list_vehicles(page_size=10))
        return [car_of(vehicle) for pager in pages for vehicle in pager]
