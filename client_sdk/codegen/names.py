"""Owns how the names of protos become names of Python."""

from __future__ import annotations

import keyword
import re

BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake(name: str) -> str:
    """`GetVehicle` as `get_vehicle`; an acronym is one word, so `GetHTTPInfo` is `get_http_info`."""
    return permitted(BORDER.sub("_", name).lower())


def permitted(name: str) -> str:
    """The name, with an underscore behind it where Python keeps it for itself (PEP 8)."""
    return f"{name}_" if keyword.iskeyword(name) else name
