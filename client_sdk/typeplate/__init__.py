"""The client SDK of Typeplate: technical vehicle data over gRPC, with the tokens taken care of.

    from typeplate import Client

    with Client.from_env() as client:
        vehicle = client.data.get_vehicle(name="vehicles/epa-49772")

`AsyncClient` is the same for asyncio. Errors are in `typeplate.errors`, messages in `typeplate.v1`, and the types of
what methods return in `typeplate.types`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typeplate._version import __version__

if TYPE_CHECKING:
    from typeplate.aio import AsyncClient
    from typeplate.client import Client
    from typeplate.errors import TypeplateError

__all__ = ["AsyncClient", "Client", "TypeplateError", "__version__"]

_HOMES = {"AsyncClient": "typeplate.aio", "Client": "typeplate.client", "TypeplateError": "typeplate.errors"}
_MODULES = ("errors", "types", "v1")


def __getattr__(name: str) -> Any:
    """Imports each client when it is first asked for, so that `import typeplate` alone costs nothing (PEP 562)."""
    import importlib

    if name in _MODULES:
        return importlib.import_module(f"typeplate.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})
