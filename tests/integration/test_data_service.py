"""DataService on the real server: every RPC end to end, its codes, reasons and fields."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import aio

from tests.support.catalog import vehicle
from tests.support.raw_calls import failed
from tests.support.server import InProcessServer, server_in_process
from typeplate.v1 import auth_service_pb2, auth_service_pb2_grpc, data_service_pb2_grpc
from typeplate.v1 import data_service_pb2 as pb
from typeplate.v1.client_pb2 import Client
from typeplate.v1.vehicle_pb2 import Vehicle

Import = pb.ImportVehiclesRequest
NAME = "vehicles/own-1"


@dataclass
class Service:
    """The server's DataService, called by its administrator."""

    server: InProcessServer
    data: Any
    auth: Any
    metadata: tuple[tuple[str, str], ...]

    async def call(self, method: str, request: Any) -> Any:
        """A unary call."""
        return await getattr(self.data, method)(request, metadata=self.metadata, timeout=10)

    async def create(self, *vehicle_ids: str, **fields: Any) -> None:
        """Vehicles with these ids."""
        for vehicle_id in vehicle_ids:
            await self.call("CreateVehicle", pb.CreateVehicleRequest(vehicle=vehicle(**fields), vehicle_id=vehicle_id))

    async def load(self, *requests: Import) -> list[pb.ImportVehiclesResponse]:
        """An import of these messages."""
        stream: Any = self.data.ImportVehicles(iter(requests), metadata=self.metadata, timeout=20)
        return [response async for response in stream]

    async def export(self, **fields: str) -> list[pb.ExportVehiclesResponse]:
        """A whole export."""
        stream: Any = self.data.ExportVehicles(pb.ExportVehiclesRequest(**fields), metadata=self.metadata, timeout=10)
        return [response async for response in stream]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with server_in_process(tmp_path / "data") as server, aio.insecure_channel(server.address) as channel:
        auth: Any = auth_service_pb2_grpc.AuthServiceStub(channel)
        request = auth_service_pb2.IssueTokenRequest(client_id=server.client_id, client_secret=server.client_secret)
        token = (await auth.IssueToken(request)).access_token
        data = data_service_pb2_grpc.DataServiceStub(channel)
        yield Service(server, data, auth, (("authorization", f"Bearer {token}"),))


async def refused(call: Awaitable[Any]) -> tuple[str, str, list[str]]:
    """Code, reason and fields of the error that a call must end with."""
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    answer = failed(caught.value, ())
    return answer.code.name, answer.reason, answer.violated_fields


def rows(*vehicle_ids: str, first: int = 1, **fields: Any) -> Import:
    numbered: Iterable[tuple[int, str]] = enumerate(vehicle_ids, first)
    return Import(
        rows=Import.Rows(
            rows=[
                Import.Row(row_number=number, vehicle=vehicle(name=f"vehicles/{one}", **fields))
                for number, one in numbered
            ]
        )
    )


def config(**fields: Any) -> Import:
    return Import(config=Import.Config(**{"source": "own", **fields}))


async def test_a_vehicle_s_life(service: Service) -> None:
    """Created, read, changed, listed, deleted, and still there as a tombstone."""
    made = await service.call("CreateVehicle", pb.CreateVehicleRequest(vehicle=vehicle(), vehicle_id="own-1"))
    assert (made.name, made.make, made.revision) == (NAME, "Opel", 1)
    get = pb.GetVehicleRequest(name=NAME)
    assert await service.call("GetVehicle", get) == await service.call("GetVehicle", get) == made
    change = pb.UpdateVehicleRequest(
        vehicle=Vehicle(name=NAME, trim="GS", doors=5, etag=made.etag), update_mask=FieldMask(paths=["trim"])
    )
    changed = await service.call("UpdateVehicle", change)
    assert (changed.trim, changed.doors) == ("GS", 0)
    assert await service.call("GetVehicle", get) == changed
    listed = await service.call("ListVehicles", pb.ListVehiclesRequest())
    assert listed == pb.ListVehiclesResponse(vehicles=[changed])
    gone = await service.call("DeleteVehicle", pb.DeleteVehicleRequest(name=NAME, etag=changed.etag))
    assert gone.HasField("delete_time")
    assert await service.call("GetVehicle", get) == gone
    assert await service.call("ListVehicles", pb.ListVehiclesRequest()) == pb.ListVehiclesResponse()


async def test_a_batch(service: Service) -> None:
    """In order, twice what is named twice; NOT_FOUND otherwise."""
    await service.create("own-1", "own-2")
    names = ["vehicles/own-2", NAME, "vehicles/own-2"]
    batch = await service.call("BatchGetVehicles", pb.BatchGetVehiclesRequest(names=names))
    assert [one.name for one in batch.vehicles] == names
    missing = service.call("BatchGetVehicles", pb.BatchGetVehiclesRequest(names=[NAME, "vehicles/own-9"]))
    assert await refused(missing) == ("NOT_FOUND", "NOT_FOUND", [])


async def test_pages(service: Service) -> None:
    """Tokens lead from page to page; one that was tampered with is an error of its field."""
    await service.create(*(f"own-{number}" for number in range(5)))
    request = pb.ListVehiclesRequest(page_size=2, order_by="make desc", read_mask=FieldMask(paths=["model"]))
    names = []
    while True:
        page = await service.call("ListVehicles", request)
        names += [one.name for one in page.vehicles]
        assert all(not one.make for one in page.vehicles)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert names == [f"vehicles/own-{number}" for number in range(5)]
    request.page_token = f"A{request.page_token[1:]}"
    assert await refused(service.call("ListVehicles", request)) == (
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        ["page_token"],
    )


@pytest.mark.parametrize(
    ("method", "request_", "code", "reason", "fields"),
    [
        ("GetVehicle", pb.GetVehicleRequest(), "INVALID_ARGUMENT", "INVALID_ARGUMENT", ["name"]),
        ("GetVehicle", pb.GetVehicleRequest(name="vehicles/own-9"), "NOT_FOUND", "NOT_FOUND", []),
        ("BatchGetVehicles", pb.BatchGetVehiclesRequest(), "INVALID_ARGUMENT", "INVALID_ARGUMENT", ["names"]),
        ("ListVehicles", pb.ListVehiclesRequest(page_size=-1), "INVALID_ARGUMENT", "INVALID_ARGUMENT", ["page_size"]),
        ("CreateVehicle", pb.CreateVehicleRequest(), "INVALID_ARGUMENT", "INVALID_ARGUMENT", ["vehicle"]),
        ("CreateVehicle", pb.CreateVehicleRequest(vehicle=vehicle(), vehicle_id="own-1"), "ALREADY_EXISTS",
         "ALREADY_EXISTS", []),
        ("UpdateVehicle", pb.UpdateVehicleRequest(), "INVALID_ARGUMENT", "INVALID_ARGUMENT", ["vehicle"]),
        ("UpdateVehicle", pb.UpdateVehicleRequest(vehicle=Vehicle(name="vehicles/own-9")), "NOT_FOUND", "NOT_FOUND",
         []),
        ("UpdateVehicle", pb.UpdateVehicleRequest(vehicle=Vehicle(name=NAME, etag="old")), "ABORTED", "ETAG_MISMATCH",
         []),
        ("DeleteVehicle", pb.DeleteVehicleRequest(name="x"), "INVALID_ARGUMENT", "INVALID_ARGUMENT", ["name"]),
        ("DeleteVehicle", pb.DeleteVehicleRequest(name=NAME, etag="old"), "ABORTED", "ETAG_MISMATCH", []),
    ],
)  # fmt: skip
async def test_refusals(
    service: Service, method: str, request_: Any, code: str, reason: str, fields: list[str]
) -> None:
    """The code, the reason, and the field at fault."""
    await service.create("own-1")
    assert await refused(service.call(method, request_)) == (code, reason, fields)


async def test_an_import(service: Service) -> None:
    """One answer for each message of rows, then the counts."""
    await service.create("own-1", "own-9")
    bad = Import(rows=Import.Rows(rows=[Import.Row(row_number=7, vehicle=vehicle(name=NAME, doors=99)),
                                        Import.Row(row_number=8)]))  # fmt: skip
    first, second, last = await service.load(config(), rows("own-1", "own-2", trim="x"), bad)
    assert first == pb.ImportVehiclesResponse(last_row_number=2)
    assert [(one.row_number, one.field) for one in second.errors] == [(7, "name"), (8, "name")]
    assert last == pb.ImportVehiclesResponse(
        last_row_number=8,
        summary=pb.ImportVehiclesResponse.Summary(created=1, updated=1, rejected=2, vanished=1),
    )
    assert (await service.call("GetVehicle", pb.GetVehicleRequest(name=NAME))).trim == "x"


async def test_an_import_that_replaces(service: Service) -> None:
    """What was not sent becomes a tombstone; with `validate_only` it is only counted."""
    await service.create("own-1", "own-2")
    replace = Import.MODE_REPLACE_SOURCE
    (_, dry) = await service.load(config(mode=replace, validate_only=True), rows("own-1"))
    assert (dry.summary.vanished, dry.summary.deleted) == (1, 1)
    assert not (await service.call("GetVehicle", pb.GetVehicleRequest(name="vehicles/own-2"))).HasField("delete_time")
    (_, real) = await service.load(config(mode=replace), rows("own-1"))
    assert real == dry
    assert (await service.call("GetVehicle", pb.GetVehicleRequest(name="vehicles/own-2"))).HasField("delete_time")


async def test_an_empty_import_replaces_nothing(service: Service) -> None:
    """With no message of rows, or only empty ones: INVALID_ARGUMENT naming them, and the source stays."""
    await service.create("own-1")
    for messages in ((), (rows(),)):
        load = service.load(config(mode=Import.MODE_REPLACE_SOURCE), *messages)
        assert await refused(load) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT", ["rows"])
    assert not (await service.call("GetVehicle", pb.GetVehicleRequest(name=NAME))).HasField("delete_time")


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ((), "config"),
        ((rows("own-1"),), "config"),
        ((config(source=""),), "config.source"),
        ((config(source="Own"),), "config.source"),
        ((config(mode=9),), "config.mode"),
        ((config(), config()), "config"),
        ((config(), Import()), "rows"),
        ((config(), rows("own-1", first=0)), "rows.rows[0].row_number"),
        ((config(), rows("own-1"), rows("own-2")), "rows.rows[0].row_number"),
        ((config(), Import(rows=Import.Rows(rows=[Import.Row()] * 5001))), "rows.rows"),
    ],
)
async def test_a_stream_that_breaks_the_rules(service: Service, messages: tuple[Import, ...], field: str) -> None:
    """INVALID_ARGUMENT; what was answered for before that stays."""
    assert await refused(service.load(*messages)) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT", [field])


async def test_a_writer_revoked_during_its_import(service: Service) -> None:
    """What was answered for stays; nothing further is written, and the call ends with the reason."""
    client = auth_service_pb2.CreateClientRequest(client_id="loader", client=Client(scopes=["vehicles:write"]))
    made = await service.auth.CreateClient(client, metadata=service.metadata)
    key = auth_service_pb2.IssueTokenRequest(client_id="loader", client_secret=made.secrets[0].value)
    token = (await service.auth.IssueToken(key)).access_token
    stream: Any = service.data.ImportVehicles(metadata=(("authorization", f"Bearer {token}"),), timeout=20)
    await stream.write(config())
    await stream.write(rows("own-1"))
    assert (await stream.read()).last_row_number == 1
    revoke = auth_service_pb2.RevokeClientRequest(name="clients/loader")
    await service.auth.RevokeClient(revoke, metadata=service.metadata)
    with contextlib.suppress(asyncio.InvalidStateError):  # when the call has ended already
        await stream.write(rows("own-2", first=2))
    assert (await refused(stream.read()))[:2] == ("UNAUTHENTICATED", "CLIENT_REVOKED")
    assert (await service.call("GetVehicle", pb.GetVehicleRequest(name=NAME))).revision == 1
    missing = service.call("GetVehicle", pb.GetVehicleRequest(name="vehicles/own-2"))
    assert (await refused(missing))[0] == "NOT_FOUND"


async def test_an_export(service: Service) -> None:
    """The revision first, all vehicles by name, and on after a name."""
    assert await service.export() == [pb.ExportVehiclesResponse(revision=0)]
    await service.create("own-2", "other-1", "own-1")
    await service.call("DeleteVehicle", pb.DeleteVehicleRequest(name="vehicles/other-1"))
    exported = await service.export(source="own")
    assert [one.revision for one in exported] == [4, 4]
    assert [one.name for answer in exported for one in answer.vehicles] == [NAME, "vehicles/own-2"]
    rest = await service.export(after=NAME)
    assert [one.name for answer in rest for one in answer.vehicles] == ["vehicles/own-2"]
    assert await refused(service.export(after="own-1")) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT", ["after"])
