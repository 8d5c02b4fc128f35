"""Owns a vehicle's name (AIP-122): `vehicles/{source}-{id}`.

The source is the word before the first hyphen, so an id may hold hyphens and a source may not. Names are kept as
given: no folding of case, no trimming.
"""

from __future__ import annotations

import re

from typeplate_server.errors import InvalidArgument

COLLECTION = "vehicles/"

SOURCE_PATTERN = re.compile(r"[a-z][a-z0-9]{1,19}")
_ID_PATTERN = re.compile(r"[a-z][a-z0-9]{1,19}-[a-z0-9](?:[a-z0-9._-]{0,58}[a-z0-9])?")
_WANTED = "must be vehicles/{source}-{id}, for example vehicles/epa-50045"


def is_vehicle_id(text: str) -> bool:
    """Whether the text is a vehicle id, that is a name less `vehicles/`."""
    return _ID_PATTERN.fullmatch(text) is not None


def vehicle_name(vehicle_id: str) -> str:
    """The name of the vehicle with this id."""
    return COLLECTION + vehicle_id


def vehicle_id(name: str, field: str = "name") -> str:
    """The id in a vehicle's name; `field` is where the request has it.

    Raises InvalidArgument naming the field.
    """
    if not name:
        raise InvalidArgument.of(field, "is required")
    identifier = name.removeprefix(COLLECTION)
    if identifier == name or not is_vehicle_id(identifier):
        raise InvalidArgument.of(field, _WANTED)
    return identifier


def source_of(vehicle_id: str) -> str:
    """The source in a vehicle id, for example `epa`."""
    return vehicle_id.partition("-")[0]
