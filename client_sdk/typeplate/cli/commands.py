"""Which function carries out which command."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Final

from typeplate.cli import clients, rotation, tokens, traces, vehicles

COMMANDS: Final[dict[str, Callable[[Namespace], None]]] = {
    "clients create": clients.create,
    "clients list": clients.list_,
    "clients show": clients.show,
    "clients update": clients.update,
    "clients revoke": clients.revoke,
    "clients suspend": rotation.suspend,
    "clients resume": rotation.resume,
    "clients usage": traces.usage,
    "clients secrets create": rotation.create_secret,
    "clients secrets delete": rotation.delete_secret,
    "audit list": traces.audit,
    "keys list": rotation.list_keys,
    "keys rotate": rotation.rotate_key,
    "token issue": tokens.issue,
    "token revoke": tokens.revoke,
    "token introspect": tokens.introspect,
    "vehicles get": vehicles.get,
    "vehicles list": vehicles.list_,
    "vehicles export": vehicles.export,
    "whoami": tokens.whoami,
}
