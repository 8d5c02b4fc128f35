"""Maps vehicles to rows of `vehicles` and `vehicle_filters`: bytes, digests, and the columns that lists use.

* A stored message is the draft's bytes followed by those of the fields the store gives; concatenated protobuf
  messages are one message, so nothing is serialised twice.
* Text keys are NFC-normalised and case-folded here, not by SQL, whose `lower()` knows ASCII only.
* `search` holds each word after a blank, and again from each place where letters or digits begin after another
  sign (`f-150` also as `150`), so that "begins a word" is one LIKE.
* What is unknown is NULL, enums included.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from unicodedata import normalize

from google.protobuf.timestamp_pb2 import Timestamp

from typeplate.v1 import vehicle_pb2
from typeplate_server.vehicles.store import NUMBER_FIELDS

_OPTIONAL_NUMBERS = tuple(sorted(NUMBER_FIELDS - {"model_year"}))
_WORD_START = re.compile(r"(?<=[\W_])[^\W_]")
_FUEL_BITS = 63
_MICROSECONDS = 1_000_000
_GIVEN_FIELDS = frozenset({"etag", "revision", "create_time", "update_time", "delete_time"})


def content_bytes(vehicle: vehicle_pb2.Vehicle) -> bytes:
    """A draft's part of the message. Raises ValueError when it sets what the store gives."""
    given = {descriptor.name for descriptor, _ in vehicle.ListFields()} & _GIVEN_FIELDS
    if given:
        raise ValueError(f"a draft may not set {', '.join(sorted(given))}")
    return vehicle.SerializeToString(deterministic=True)


def digest(content: bytes) -> bytes:
    """What tells two drafts apart to the byte."""
    return blake2b(content, digest_size=16).digest()


def given_bytes(etag: str, revision: int, create_time: float, update_time: float) -> bytes:
    """The store's part of the message of a vehicle that is not deleted."""
    return vehicle_pb2.Vehicle(
        etag=etag, revision=revision, create_time=timestamp(create_time), update_time=timestamp(update_time)
    ).SerializeToString(deterministic=True)


def tombstone(message: bytes, revision: int, delete_time: float) -> bytes:
    """The message of a vehicle once it is deleted."""
    vehicle = vehicle_pb2.Vehicle.FromString(message)
    vehicle.revision = revision
    vehicle.delete_time.CopyFrom(timestamp(delete_time))
    return vehicle.SerializeToString(deterministic=True)


def timestamp(seconds: float) -> Timestamp:
    """Epoch seconds to the microsecond, which is what a double holds."""
    whole, micros = divmod(round(seconds * _MICROSECONDS), _MICROSECONDS)
    return Timestamp(seconds=whole, nanos=micros * 1000)


@lru_cache(maxsize=8192)
def text_key(text: str) -> str:
    """The form in which texts are equal "whatever the case" (Unicode, canonical caseless matching)."""
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFC", text).casefold())


@lru_cache(maxsize=8192)
def search_text(*texts: str) -> str:
    """The words of the texts as `search` holds them."""
    starts: dict[str, None] = {}
    for word in " ".join(map(text_key, texts)).split():
        starts[word] = None
        for begin in _WORD_START.finditer(word):
            starts[word[begin.start() :]] = None
    return "".join(f" {start}" for start in starts)


def fuel_bits(*fuels: int) -> int:
    """A set of fuels as one number; unknown ones are not in it."""
    bits = 0
    for fuel in fuels:
        if 0 < fuel < _FUEL_BITS:
            bits |= 1 << fuel
    return bits


def filter_columns(vehicle_id: str, source: str, vehicle: vehicle_pb2.Vehicle) -> dict[str, Any]:
    """The row of `vehicle_filters` for a vehicle that is not deleted."""
    columns: dict[str, Any] = {
        "vehicle_id": vehicle_id,
        "source": source,
        "deleted": False,
        "make_key": text_key(vehicle.make),
        "model_key": text_key(vehicle.model),
        "trim_key": text_key(vehicle.trim) if vehicle.HasField("trim") else None,
        "model_year": vehicle.model_year,
        "powertrain": vehicle.powertrain or None,
        "drive": vehicle.drive or None,
        "fuels": fuel_bits(vehicle.fuel, vehicle.secondary_fuel),
        "body_style": vehicle.body_style or None,
        "transmission_type": vehicle.transmission.type or None,
        "search": search_text(vehicle.make, vehicle.model, vehicle.trim, vehicle.base_model),
    }
    fields: Any = vehicle
    for name in _OPTIONAL_NUMBERS:
        columns[name] = getattr(fields, name) if fields.HasField(name) else None
    return columns
