"""Owns field masks on vehicles: which paths are good, what a read mask leaves (AIP-157), what an update changes
(AIP-134).

A path names a field, or through message fields a nested one (`masses.gross_mass_kg`); a repeated field only stands
last. `*` stands alone and means all. Paths are names as in the proto.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.errors import FieldViolation, InvalidArgument

MAX_PATHS: Final = 200

Mask = dict[str, "Mask"]
"""Field names; an empty mask below a name means the whole field."""


def parse(paths: Sequence[str], field: str) -> Mask | None:
    """The mask of these paths on Vehicle; None for `*`. `field` is where the request has the mask.

    Raises InvalidArgument naming each path that Vehicle does not have.
    """
    if len(paths) > MAX_PATHS:
        raise InvalidArgument.of(field, f"has {len(paths)} paths, at most {MAX_PATHS} are allowed")
    listed = list(paths)
    if listed == ["*"]:
        return None
    problems = [(path, _problem(path)) for path in listed]
    if violations := [FieldViolation(field, problem) for _, problem in problems if problem]:
        raise InvalidArgument(*violations[:20])
    mask: Mask = {}
    for path in listed:
        _add(mask, path.split("."))
    return mask


def of_set_fields(vehicle: Vehicle) -> Mask:
    """The mask that an absent update mask implies: the fields that are set, nested ones each for itself (AIP-134)."""
    return _set_fields(vehicle)


def picked(vehicle: Vehicle, mask: Mask) -> Vehicle:
    """A new vehicle with the name and the masked fields alone."""
    answer = Vehicle(name=vehicle.name)
    merge(answer, vehicle, mask)
    return answer


def merge(target: Message, source: Message, mask: Mask) -> None:
    """Make the masked fields of `target` those of `source`; what `source` lacks, `target` loses."""
    for name, below in mask.items():
        if below:
            _merge_below(target, source, name, below)
        else:
            _replace(target, source, name)


def _merge_below(target: Message, source: Message, name: str, below: Mask) -> None:
    if not source.HasField(name) and not target.HasField(name):
        return
    merge(getattr(target, name), getattr(source, name), below)
    if not getattr(target, name).ListFields():
        target.ClearField(name)


def _replace(target: Message, source: Message, name: str) -> None:
    field = source.DESCRIPTOR.fields_by_name[name]
    target.ClearField(name)
    if field.is_repeated:
        getattr(target, name).extend(getattr(source, name))
    elif field.message_type is not None:
        if source.HasField(name):
            getattr(target, name).CopyFrom(getattr(source, name))
    elif not field.has_presence or source.HasField(name):
        setattr(target, name, getattr(source, name))


def _set_fields(message: Message) -> Mask:
    mask: Mask = {}
    for field, value in message.ListFields():
        nested = not field.is_repeated and _message_type(field) is not None
        below = _set_fields(value) if nested else {}
        if below or not nested:
            mask[field.name] = below
    return mask


def _add(mask: Mask, names: list[str]) -> None:
    """Put a path in; a shorter one takes the longer ones below it in."""
    for name in names[:-1]:
        if mask.get(name) == {}:
            return
        mask = mask.setdefault(name, {})
    mask[names[-1]] = {}


def _problem(path: str) -> str:
    descriptor: Descriptor | None = Vehicle.DESCRIPTOR
    shown = repr(path[:100])
    if path == "*":
        return "`*` stands alone"
    field: FieldDescriptor | None = None
    for name in path.split("."):
        if field is not None and field.is_repeated:
            return f"{shown} goes into a repeated field, which can only be named as a whole"
        field = descriptor.fields_by_name.get(name) if descriptor else None
        if field is None:
            return f"{shown} is no path in Vehicle"
        descriptor = _message_type(field)
    return ""


def _message_type(field: Any) -> Descriptor | None:
    """What lies below a field; times are values, though messages."""
    below: Descriptor | None = field.message_type
    return None if below is not None and below.file.package == "google.protobuf" else below
