"""Owns how a test server is filled: by the import that anybody may use, a source at a time."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from typeplate._arguments import build
from typeplate.testing._names import check_fields

if TYPE_CHECKING:
    from typeplate import Client
    from typeplate.v1.data_service_pb2 import ImportVehiclesRequest
    from typeplate.v1.vehicle_pb2 import Vehicle

ROWS = 500


def vehicle_of(fields: Mapping[str, Any]) -> Vehicle:
    """A vehicle of these fields. Raises TypeError or ValueError naming the one that does not fit."""
    from typeplate.v1.vehicle_pb2 import Vehicle as Message

    check_fields(fields)
    return build(Message, **fields)


def load(client: Client, vehicles: Iterable[Vehicle]) -> int:
    """Import these, each with its name; returns how many. Raises ValueError for the first that is refused."""
    ordered, count = sorted(vehicles, key=source_of), 0
    for source, rows in groupby(ordered, key=source_of):
        for response in client.data.import_vehicles(requests(source, list(rows))):
            if response.errors:
                error = response.errors[0]
                raise ValueError(f"vehicle {error.row_number} of {source}: {error.field}: {error.description}")
            if response.HasField("summary"):
                count += response.summary.created + response.summary.updated + response.summary.unchanged
    return count


def requests(source: str, vehicles: list[Vehicle]) -> Iterator[ImportVehiclesRequest]:
    """The stream that imports them."""
    from typeplate.v1.data_service_pb2 import ImportVehiclesRequest as Request

    yield Request(config=Request.Config(source=source))
    numbered = enumerate(vehicles, 1)
    while rows := [Request.Row(row_number=number, vehicle=vehicle) for number, vehicle in islice(numbered, ROWS)]:
        yield Request(rows=Request.Rows(rows=rows))


def source_of(vehicle: Vehicle) -> str:
    """The first part of its id: `vehicles/own-1` → `own`."""
    return vehicle.name.removeprefix("vehicles/").partition("-")[0]


def sample() -> Iterator[Vehicle]:
    """The vehicles of real models that a new installation begins with."""
    from google.protobuf import json_format

    from typeplate.v1.vehicle_pb2 import Vehicle as Message
    from typeplate_server.vehicles.sample import open_sample

    with gzip.open(open_sample().path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json_format.Parse(line, Message())
