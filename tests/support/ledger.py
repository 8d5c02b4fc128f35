"""Writes to a real server without pause, notes what was answered for, and says what a crash made of it.

Each vehicle is written again and again, make and model naming the same version: where they differ, or a list by
make misses it, a write is half there. A version below the last one answered for is a write lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import grpc.aio

from tests.support.fleet_client import App, FleetClient
from typeplate.v1 import data_service_pb2 as pb
from typeplate.v1 import data_service_pb2_grpc as stubs
from typeplate.v1 import vehicle_pb2

WRITERS: Final = 3
CALL_S: Final = 10.0


@dataclass(slots=True)
class Written:
    """The last version of something that was tried, and the last that was answered for."""

    tried: int = 0
    answered: int = 0


@dataclass(slots=True)
class Ledger:
    """What is known of a server's data from its answers alone."""

    vehicles: dict[str, Written] = field(default_factory=dict)
    living: list[App] = field(default_factory=list)
    doomed: list[App] = field(default_factory=list)
    revoked: list[App] = field(default_factory=list)
    has_revoked: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Any = field(default_factory=count)

    async def write(self, client: FleetClient) -> None:
        """Write until the server answers no more."""
        stub: Any = stubs.DataServiceStub(client.channel(0))
        metadata = await client.as_admin()
        drivers = [self._vehicles(stub, metadata, f"own-{number}") for number in range(WRITERS)]
        await asyncio.gather(*(_until_lost(each) for each in (*drivers, self._clients(client))))

    async def faults(self, client: FleetClient, clients: int) -> list[str]:
        """What is not as it was answered for, the last `clients` applications of either kind looked at.

        What was tried and not answered may be there, whole, or not.
        """
        stub: Any = stubs.DataServiceStub(client.channel(0))
        found = [fault for name in self.vehicles for fault in await self._vehicle_faults(stub, client, name)]
        expected = [(app, "OK") for app in self.living[-clients:]]
        expected += [(app, "CLIENT_REVOKED") for app in self.revoked[-clients:]]
        for app, outcome in expected:
            issue = await client.issue(0, app)
            if issue.outcome != outcome:
                found.append(f"{app.client_id}: {issue.outcome}, not {outcome}")
        return found

    @property
    def answered(self) -> int:
        """How many writes were answered for."""
        return sum(each.answered for each in self.vehicles.values()) + len(self.living) + 2 * len(self.revoked)

    async def _vehicles(self, stub: Any, metadata: Any, vehicle_id: str) -> None:
        written = self.vehicles.setdefault(f"vehicles/{vehicle_id}", Written())
        while True:
            written.tried += 1
            vehicle = vehicle_pb2.Vehicle(name=f"vehicles/{vehicle_id}", model_year=2020)
            vehicle.make = vehicle.model = f"V{written.tried}"
            await _stored(stub, metadata, vehicle, vehicle_id, first=not written.answered)
            written.answered = written.tried

    async def _clients(self, client: FleetClient) -> None:
        """One lives, one dies, by turns; whose revocation was not answered may be either."""
        while True:
            kept = await client.create(0, f"app-{next(self._numbers):06}")
            self.living.append(kept)
            doomed = await client.create(0, f"app-{next(self._numbers):06}")
            self.doomed.append(doomed)
            revocation = await client.revoke(0, doomed, wait=False)  # it is killed replicas that would be waited for
            if revocation.effective not in ("EVERYWHERE", "THIS_REPLICA"):
                return
            self.revoked.append(doomed)
            self.has_revoked.set()

    async def _vehicle_faults(self, stub: Any, client: FleetClient, name: str) -> list[str]:
        written, metadata = self.vehicles[name], await client.as_admin()
        if not written.answered:
            return []
        got = await stub.GetVehicle(pb.GetVehicleRequest(name=name), metadata=metadata, timeout=CALL_S)
        request = pb.ListVehiclesRequest(filter=pb.VehicleFilter(make=got.make))
        listed = await stub.ListVehicles(request, metadata=metadata, timeout=CALL_S)
        faults = []
        if not written.answered <= int(got.make[1:]) <= written.tried:
            faults.append(f"{name}: {got.make}, answered for V{written.answered}, tried V{written.tried}")
        if got.make != got.model or got not in listed.vehicles:
            faults.append(f"{name}: half of {got.make} only")
        return faults


async def _stored(stub: Any, metadata: Any, vehicle: vehicle_pb2.Vehicle, vehicle_id: str, *, first: bool) -> None:
    """Created, or changed where it is there already, as it may be after a create that was not answered."""
    if first:
        try:
            request = pb.CreateVehicleRequest(vehicle=vehicle, vehicle_id=vehicle_id)
            await stub.CreateVehicle(request, metadata=metadata, timeout=CALL_S)
            return
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
    await stub.UpdateVehicle(pb.UpdateVehicleRequest(vehicle=vehicle), metadata=metadata, timeout=CALL_S)


async def _until_lost(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except grpc.aio.AioRpcError as error:
        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            raise
