"""A store to test: the back ends there are, drafts of vehicles, and children that write to the same database."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.support.postgres import shared_postgres
from typeplate.v1 import vehicle_pb2
from typeplate_server.auth.clients import ClientState, SecretState
from typeplate_server.store.database import Database
from typeplate_server.store.migration import migrate
from typeplate_server.vehicles.store import Draft, StoredVehicle

BACK_ENDS = ("sqlite", "postgres")
NOW = 1_700_000_000.25


@dataclass(frozen=True)
class BackEnd:
    """One migrated, empty database of some kind."""

    kind: str
    url: str
    data_dir: Path

    def open(self, **options: Any) -> Database:
        """One more process's view of it, or as good as."""
        return Database(self.url, self.data_dir, **options)

    def drop(self) -> None:
        """Throws it away, where that takes more than deleting its directory."""
        if self.kind == "postgres":
            shared_postgres().drop_database(self.url.rpartition("/")[2])

    def child(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Runs `program` with this database's URL and directory as its first arguments, its output as a pipe."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", program, self.url, str(self.data_dir), *arguments]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def new_back_end(kind: str, directory: Path) -> BackEnd:
    """An empty database with the current schema."""
    if kind == "postgres":
        server = shared_postgres()
        return BackEnd(kind, server.url(server.create_database(_migrated_template())), directory)
    back_end = unmigrated_back_end(kind, directory)
    migrate(back_end.url, directory)
    return back_end


def unmigrated_back_end(kind: str, directory: Path) -> BackEnd:
    """A database without any schema."""
    if kind == "postgres":
        server = shared_postgres()
        return BackEnd(kind, server.url(server.create_database()), directory)
    assert kind == "sqlite"
    return BackEnd(kind, f"sqlite:///{directory / 'typeplate.db'}", directory)


@lru_cache(maxsize=1)
def _migrated_template() -> str:
    """A database to copy, which is quicker than to migrate each anew."""
    name = shared_postgres().create_database()
    migrate(shared_postgres().url(name), Path())
    return name


def client(client_id: str = "sales-app", **changes: Any) -> ClientState:
    """An active client with one secret."""
    values: dict[str, Any] = {
        "client_id": client_id,
        "display_name": "Sales",
        "state": "active",
        "generation": 1,
        "generation_nonce": "00ff00ff00ff00ff",
        "scopes": frozenset({"vehicles:read"}),
        "create_time": NOW,
        "update_time": NOW,
        "changed_seq": 0,
        "secrets": (SecretState(f"{client_id}-key", b"\x00\xff" * 16, NOW),),
    }
    return ClientState(**{**values, **changes})


def draft(vehicle_id: str = "own-1", *, cost: float | None = None, **fields: Any) -> Draft:
    """A draft whose content hash covers `fields`; `cost` is an estimate, outside of it."""
    vehicle = vehicle_pb2.Vehicle(
        name=f"vehicles/{vehicle_id}", **{"make": "Opel", "model": "Astra", "model_year": 2020, **fields}
    )
    content = hashlib.sha256(vehicle.SerializeToString(deterministic=True)).digest()
    if cost is not None:
        vehicle.estimates.fuel_cost_usd_per_year = cost
    return Draft(vehicle_id, vehicle_id.split("-")[0], vehicle, content, f'"{content.hex()[:16]}"')


def parsed(stored: StoredVehicle | None) -> vehicle_pb2.Vehicle:
    """The message of a vehicle that must exist."""
    assert stored is not None
    return vehicle_pb2.Vehicle.FromString(stored.message)
