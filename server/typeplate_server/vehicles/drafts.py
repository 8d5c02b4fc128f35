"""Owns the step from a vehicle as somebody gives it to the `Draft` that the store writes.

Rules: what only the server sets is taken out and never believed; a vehicle is valid before it becomes a draft; and a
vehicle whose content is what the store has keeps the content hash that the store has, whoever made that hash (an
importer hashes its source's row, an edit hashes the message).
"""

from __future__ import annotations

from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.vehicles import content, model
from typeplate_server.vehicles.store import Draft, StoredVehicle
from typeplate_server.vehicles.validation import clear_output_only, validate


def clean(vehicle: Vehicle, vehicle_id: str) -> Vehicle:
    """The vehicle itself, put under this id and freed of what the server sets."""
    clear_output_only(vehicle)
    vehicle.ClearField("etag")
    vehicle.name = model.vehicle_name(vehicle_id)
    return vehicle


def cleaned(vehicle: Vehicle, vehicle_id: str) -> Vehicle:
    """A cleaned copy."""
    copy = Vehicle()
    copy.CopyFrom(vehicle)
    return clean(copy, vehicle_id)


def checked(vehicle: Vehicle, vehicle_id: str, path: str = "vehicle") -> Vehicle:
    """The cleaned copy, valid. Raises InvalidArgument naming the fields below `path`."""
    copy = cleaned(vehicle, vehicle_id)
    validate(copy, path)
    return copy


def draft(vehicle: Vehicle, current: StoredVehicle | None = None, content_hash: bytes = b"") -> Draft:
    """The draft of a cleaned vehicle that meets `current`; `content_hash` is its importer's, if that made one."""
    vehicle_id = model.vehicle_id(vehicle.name)
    return Draft(
        vehicle_id=vehicle_id,
        source=model.source_of(vehicle_id),
        vehicle=vehicle,
        content_hash=content_hash or _hash_meeting(current, content.content_hash(vehicle)),
        etag=content.etag(vehicle),
    )


def _hash_meeting(current: StoredVehicle | None, own_hash: bytes) -> bytes:
    if current is None or current.deleted:
        return own_hash
    if content.content_hash(Vehicle.FromString(current.message)) == own_hash:
        return current.content_hash
    return own_hash
