"""`typeplate vehicles …`: shows, lists and exports vehicles."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.json_format import MessageToJson

from typeplate.cli.connection import connect
from typeplate.cli.exits import UsageError
from typeplate.cli.output import hint, print_fields, print_json, print_table
from typeplate.v1 import data_service_pb2, vehicle_pb2

KINDS: Final[dict[str, tuple[str, EnumDescriptor]]] = {
    "fuel": ("fuels", vehicle_pb2.Fuel.DESCRIPTOR),
    "drive": ("drives", vehicle_pb2.Drive.DESCRIPTOR),
    "powertrain": ("powertrains", vehicle_pb2.Powertrain.DESCRIPTOR),
    "body_style": ("body_styles", vehicle_pb2.BodyStyle.DESCRIPTOR),
    "transmission_type": ("transmission_types", vehicle_pb2.TransmissionType.DESCRIPTOR),
}
COLUMNS: Final = (
    "name",
    "model_year",
    "make",
    "model",
    "trim",
    "power_kw",
    "fuel_consumption_l_per_100km",
    "co2_g_per_km",
)
TEXTS: Final = ("source", "make", "model", "trim", "query", "model_year_min", "model_year_max")


def get(options: Namespace) -> None:
    """Shows one vehicle."""
    with connect(options) as server:
        vehicle = server.data.get_vehicle(name=f"vehicles/{options.name.removeprefix('vehicles/')}")
    if getattr(options, "json", False):
        print_json(vehicle)
    else:
        print_fields(vehicle)


def list_(options: Namespace) -> None:
    """Lists vehicles; only as many pages are fetched as are shown."""
    limit = options.limit or None
    request = data_service_pb2.ListVehiclesRequest(
        filter=filter_of(options),
        order_by=options.order_by or "",
        page_size=min(limit or 1000, 1000),
        show_deleted=options.show_deleted,
    )
    with connect(options) as server:
        found = list(islice(server.data.list_vehicles(request=request), limit))
    if getattr(options, "json", False):
        print_json(found)
        return
    print_table(("NAME", "YEAR", "MAKE", "MODEL", "TRIM", "POWER kW", "l/100 km", "CO2 g/km"), map(_row, found))
    if limit == len(found):
        hint(f"The first {limit}; --limit 0 lists all.")


def export(options: Namespace) -> None:
    """Writes vehicles as JSON lines (proto3 JSON), which `typeplate-server import jsonl` reads."""
    count = 0
    with (
        connect(options) as server,
        Path(options.output).open("w", encoding="utf-8") if options.output else nullcontext(sys.stdout) as out,
    ):
        for answer in server.data.export_vehicles(source=options.source, after=_vehicle_name(options.after)):
            for vehicle in answer.vehicles:
                out.write(MessageToJson(vehicle, indent=None, ensure_ascii=False) + "\n")
            count += len(answer.vehicles)
    hint(f"{count} vehicles.")


def filter_of(options: Namespace) -> data_service_pb2.VehicleFilter:
    """The conditions given as options; raises UsageError for a kind or a field that does not exist."""
    conditions: dict[str, Any] = {name: value for name in TEXTS if (value := getattr(options, name)) is not None}
    for option, (field, kinds) in KINDS.items():
        conditions[field] = [kind_of(option, kinds, text) for text in getattr(options, option)]
    for end in ("min", "max"):
        for field, number in getattr(options, end):
            conditions[f"{field}_{end}"] = _number(f"{field}_{end}", number)
    return data_service_pb2.VehicleFilter(**conditions)


def kind_of(option: str, kinds: EnumDescriptor, text: str) -> int:
    """The enum value for `plug-in-hybrid`, `PLUG_IN_HYBRID` or the whole name."""
    prefix = kinds.values[0].name.removesuffix("UNSPECIFIED")
    name = prefix + text.upper().replace("-", "_").removeprefix(prefix)
    if name not in kinds.values_by_name:
        known = [value.name.removeprefix(prefix).lower().replace("_", "-") for value in kinds.values[1:]]
        raise UsageError(f"--{option.replace('_', '-')} {text}: known are {', '.join(known)}")
    return kinds.values_by_name[name].number


def _number(name: str, number: float) -> float | int:
    descriptor = data_service_pb2.VehicleFilter.DESCRIPTOR
    field = descriptor.fields_by_name.get(name)
    if field is None:
        end = name[-4:]
        known = [f.name.removesuffix(end) for f in descriptor.fields if f.name.endswith(end)]
        raise UsageError(f"no limit can be set on {name.removesuffix(end)}; it can on {', '.join(known)}")
    return int(number) if field.cpp_type == field.CPPTYPE_INT32 else number


def _row(vehicle: vehicle_pb2.Vehicle) -> Sequence[object]:
    known = {field.name: value for field, value in vehicle.ListFields()}
    values = [known.get(name) for name in COLUMNS]
    return [f"{value:.1f}" if isinstance(value, float) else value for value in values]


def _vehicle_name(text: str) -> str:
    return f"vehicles/{text.removeprefix('vehicles/')}" if text else ""
