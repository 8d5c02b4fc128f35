"""Owns what a vehicle given by a caller must keep to: the limits that vehicle.proto states in its comments.

Which fields are required and which are the server's own is read from the proto (`google.api.field_behavior`,
AIP-203); numbers, lengths and sizes that a descriptor cannot say are in the tables here. All violations of a
message are reported together, up to a bound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.api.field_behavior_pb2 import OUTPUT_ONLY, REQUIRED, field_behavior
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.errors import FieldViolation, InvalidArgument
from typeplate_server.vehicles.model import SOURCE_PATTERN, is_vehicle_id

_MAX_VIOLATIONS = 20
_DEFAULT_RANGE = (0.0, 1_000_000.0)
_DEFAULT_LENGTH = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_KW, _NM, _KWH, _V = (0.0, 5_000.0), (0.0, 50_000.0), (0.0, 10_000.0), (0.0, 10_000.0)
_MM, _KG, _L, _S = (0.0, 50_000.0), (0.0, 200_000.0), (0.0, 200_000.0), (0.0, 1_000.0)
_BY_UNIT = {"_kw": _KW, "_nm": _NM, "_kwh": _KWH, "_v": _V, "_mm": _MM, "_kg": _KG, "_h": _S, "_s": _S}
_BY_NAME = {
    "model_year": (1886.0, 2100.0),
    "cylinders": (1.0, 48.0),
    "doors": (0.0, 20.0),
    "seats": (0.0, 200.0),
    "gears": (1.0, 40.0),
    "ac_phases": (1.0, 3.0),
    "module_count": (0.0, 100_000.0),
    "displacement_l": (0.0, 100.0),
    "displacement_cc": (0.0, 100_000.0),
    "drag_coefficient": (0.0, 10.0),
    "top_speed_kmh": (0.0, 2_000.0),
    "from_charge_percent": (0.0, 100.0),
    "to_charge_percent": (0.0, 100.0),
    "utility_factor": (0.0, 1.0),
    "savings_usd_per_5_years": (-1_000_000.0, 1_000_000.0),
    "fuel_economy_score": (1.0, 10.0),
    "greenhouse_gas_score": (1.0, 10.0),
    "secondary_greenhouse_gas_score": (1.0, 10.0),
    "seconds": (-62_135_596_800.0, 253_402_300_799.0),  # google.protobuf.Timestamp: years 1 to 9999
    "nanos": (0.0, 999_999_999.0),
}
_LENGTHS = {"published_unit": 20, "gas_guzzler_code": 20, "scheme": 60, "content_hash": 64, "etag": 64}
_SIZES = {
    "markets": 250,
    "engines": 8,
    "electric_motors": 8,
    "efficiency_ratings": 200,
    "emission_ratings": 100,
    "provenance": 20,
    "connectors": 20,
    "times": 50,
    "external_ids": 50,
}
_PATTERNS = {
    "source": (SOURCE_PATTERN, "must be 2–20 characters of a-z 0-9, beginning with a letter"),
    "markets": (re.compile("[A-Z]{2}"), "must be a country code of two capital letters (ISO 3166-1 alpha-2)"),
}


def validate(vehicle: Vehicle, path: str = "vehicle") -> None:
    """Check a vehicle given by a caller; `path` is where the request has it. Raises InvalidArgument.

    Fields that are the server's own are not looked at: they are ignored (AIP-203). A name is checked if given.
    """
    found: list[FieldViolation] = []
    for violation in _message(vehicle, path):
        found.append(violation)
        if len(found) == _MAX_VIOLATIONS:
            break
    if found:
        raise InvalidArgument(*found)


def clear_output_only(vehicle: Vehicle) -> None:
    """Take out what only the server sets, and fields that this release does not know."""
    vehicle.DiscardUnknownFields()
    for name in _output_only():
        vehicle.ClearField(name)  # type: ignore[arg-type]


@cache
def _behavior(field: FieldDescriptor) -> frozenset[int]:
    return frozenset(field.GetOptions().Extensions[field_behavior])


@cache
def _output_only() -> tuple[str, ...]:
    return tuple(field.name for field in Vehicle.DESCRIPTOR.fields if OUTPUT_ONLY in _behavior(field))


@cache
def _required(descriptor: Descriptor) -> tuple[str, ...]:
    return tuple(field.name for field in descriptor.fields if REQUIRED in _behavior(field))


def _message(message: Message, path: str) -> Iterator[FieldViolation]:
    for name in _required(message.DESCRIPTOR):
        if not getattr(message, name):
            yield FieldViolation(f"{path}.{name}", "is required")
    for field, value in message.ListFields():
        if OUTPUT_ONLY not in _behavior(field):
            yield from _field(field, value, f"{path}.{field.name}")


def _field(field: FieldDescriptor, value: Any, path: str) -> Iterator[FieldViolation]:
    if not field.is_repeated:
        yield from _value(field, value, path)
        return
    if len(value) > _SIZES[field.name]:
        yield FieldViolation(path, f"has {len(value)} elements, at most {_SIZES[field.name]} are allowed")
        return
    for index, element in enumerate(value):
        yield from _value(field, element, f"{path}[{index}]")


def _value(field: FieldDescriptor, value: Any, path: str) -> Iterator[FieldViolation]:
    if isinstance(value, Message):
        yield from _message(value, path)
        return
    problem = _problem(field, value)
    if problem:
        yield FieldViolation(path, problem)


def _problem(field: FieldDescriptor, value: Any) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return _text_problem(field, value)
    if isinstance(value, bytes):
        return f"must be at most {_LENGTHS[field.name]} bytes" if len(value) > _LENGTHS[field.name] else ""
    if field.enum_type is not None:
        known = value in field.enum_type.values_by_number
        return "" if known else f"{value} is no {field.enum_type.name} that this server knows"
    return _number_problem(field, value)


def _text_problem(field: FieldDescriptor, value: str) -> str:
    if field.full_name == "typeplate.v1.Vehicle.name":
        good = is_vehicle_id(value.removeprefix("vehicles/")) and value.startswith("vehicles/")
        return "" if good else "must be vehicles/{source}-{id}"
    longest = _LENGTHS.get(field.name, _DEFAULT_LENGTH)
    if not value.strip():
        return "must not be blank; leave it out if it is unknown"
    if len(value) > longest:
        return f"has {len(value)} characters, at most {longest} are allowed"
    if _CONTROL.search(value):
        return "must not contain control characters"
    pattern, wanted = _PATTERNS.get(field.name, (None, ""))
    return wanted if pattern is not None and not pattern.fullmatch(value) else ""


def _number_problem(field: FieldDescriptor, value: float) -> str:
    low, high = _range(field.name)
    if not math.isfinite(value):
        return "must be a finite number"
    if not low <= value <= high:
        return f"must be {low:,g} to {high:,g}"
    return ""


@cache
def _range(name: str) -> tuple[float, float]:
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.endswith("_l"):
        return _L
    unit = next((suffix for suffix in _BY_UNIT if name.endswith(suffix)), None)
    return _BY_UNIT[unit] if unit else _DEFAULT_RANGE
