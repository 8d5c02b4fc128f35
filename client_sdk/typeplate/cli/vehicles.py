"""`typeplate vehicles …`: shows, lists and exports vehicles."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.json_format import MessageToJson

from typeplate.cli.connection import connect
from typeplate.cli.exits import UsageError
from typeplate.cli.limits import first, page_size
from typeplate.cli.output import hint, print_fields, print_json, print_table, visible_json
from typeplate.cli.part_file import PartFile
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
    request = data_service_pb2.ListVehiclesRequest(
        filter=filter_of(options),
        order_by=options.order_by or "",
        page_size=page_size(options.limit),
        show_deleted=options.show_deleted,
    )
    with connect(options) as server:
        found, more = first(server.data.list_vehicles(request=request), options.limit)
    if getattr(options, "json", False):
        print_json(found)
        return
    print_table(("NAME", "YEAR", "MAKE", "MODEL", "TRIM", "POWER kW", "l/100 km", "CO2 g/km"), map(_row, found))
    if more:
        hint(f"The first {len(found)}; --limit 0 lists all.")


def export(options: Namespace) -> None:
    """Writes vehicles as JSON lines (proto3 JSON), which `typeplate-server import jsonl` reads."""
    count, after = 0, _vehicle_name(options.after)
    with (
        connect(options) as server,
        PartFile(Path(options.output), after) if options.output else nullcontext() as file,
    ):
        for answer in server.data.export_vehicles(source=options.source, after=after):
            lines = "".join(_json_line(vehicle) for vehicle in answer.vehicles)
            if file is None:
                sys.stdout.write(lines)
            elif lines:
                file.write(lines, answer.vehicles[-1].name)
            count += len(answer.vehicles)
    hint(f"{count} vehicles.")


def _json_line(vehicle: vehicle_pb2.Vehicle) -> str:
    return visible_json(MessageToJson(vehicle, indent=None, ensure_ascii=False)) + "\n"


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
    if field.cpp_type != field.CPPTYPE_INT32:
        return number
    if number != int(number):
        raise UsageError(f"{name.removesuffix(name[-4:])} is a whole number, not {number:g}")
    return int(number)


def _row(vehicle: vehicle_pb2.Vehicle) -> Sequence[object]:
    known = {field.name: value for field, value in vehicle.ListFields()}
    values = [known.get(name) for name in COLUMNS]
    return [f"{value:.1f}" if isinstance(value, float) else value for value in values]


def _vehicle_name(text: str) -> str:
    return f"vehicles/{text.removeprefix('vehicles/')}" if text else ""
