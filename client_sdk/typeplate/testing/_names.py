"""Owns the names that a test may mistype, of methods and of a vehicle's fields: an error that names near ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from typing import Any

BESIDES = ("Check", "Watch", "List", "ServerReflectionInfo")
"""Methods of the standard services for health and reflection."""


def checked_method(name: str | None) -> str | None:
    """The method's short name, also from its whole path. Raises ValueError for one that no service has."""
    if name is None or (found := name.rpartition("/")[2]) in methods():
        return None if name is None else found
    raise ValueError(f"no service has a method {name!r}{near(found, methods())}")


def check_fields(fields: Iterable[str]) -> None:
    """Raises TypeError for a field that vehicles do not have."""
    from typeplate.v1.vehicle_pb2 import Vehicle

    known = Vehicle.DESCRIPTOR.fields_by_name
    for name in fields:
        if name not in known:
            raise TypeError(f"a vehicle has no field {name!r}{near(name, known)}")


@cache
def methods() -> frozenset[str]:
    """The short names of all that the server serves."""
    from typeplate.v1 import auth_service_pb2, data_service_pb2

    files: Iterable[Any] = (auth_service_pb2.DESCRIPTOR, data_service_pb2.DESCRIPTOR)
    services = (service for file in files for service in file.services_by_name.values())
    return frozenset(BESIDES).union(*(service.methods_by_name for service in services))


def near(name: str, known: Iterable[str]) -> str:
    """What was meant, or, when that cannot be told, all there is; to be said after the name that is wrong."""
    folded = {_folded(each): each for each in known}
    if found := difflib.get_close_matches(_folded(name), folded):
        return f"; did you mean {' or '.join(folded[each] for each in found)}?"
    return f"; there are {', '.join(sorted(folded.values()))}"


def _folded(name: str) -> str:
    return name.replace("_", "").lower()
