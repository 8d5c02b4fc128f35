"""Owns what counts as a vehicle's content: its stored bytes, its content hash and its etag.

Outside the content, so that no client is woken and no etag breaks when only they change: estimates, the etag
itself, revision and times of this server, and of each provenance record the data set version, the source's own
dates (untrusted) and the importer's hash (derived from the content).
"""

from __future__ import annotations

import base64
import hashlib

from typeplate.v1.vehicle_pb2 import Vehicle

_OUTSIDE = ("estimates", "etag", "revision", "create_time", "update_time", "delete_time")
_OUTSIDE_PROVENANCE = ("dataset_version", "content_hash", "source_create_time", "source_modify_time")
_ETAG_BYTES = 15


def serialize(vehicle: Vehicle) -> bytes:
    """The message's bytes, the same for the same message within one protobuf release."""
    return vehicle.SerializeToString(deterministic=True)


def content_hash(vehicle: Vehicle) -> bytes:
    """SHA-256 (32 bytes) over the content alone."""
    content = Vehicle()
    content.CopyFrom(vehicle)
    for field in _OUTSIDE:
        content.ClearField(field)  # type: ignore[arg-type]
    for record in content.provenance:
        for field in _OUTSIDE_PROVENANCE:
            record.ClearField(field)  # type: ignore[arg-type]
    return hashlib.sha256(serialize(content)).digest()


def etag(vehicle: Vehicle) -> str:
    """The etag of this content (AIP-154): 20 characters of base64url."""
    return base64.urlsafe_b64encode(content_hash(vehicle)[:_ETAG_BYTES]).decode("ascii")
