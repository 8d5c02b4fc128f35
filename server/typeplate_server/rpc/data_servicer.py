"""Serves `typeplate.v1.DataService`: each function turns a message into a use case of `vehicles`, and its answer back.

Vehicles come from the catalogue as ready bytes and are sent as they are, alone or joined into a reply.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from typeplate.v1 import data_service_pb2 as pb
from typeplate_server.errors import InvalidArgument
from typeplate_server.rpc.call import Call
from typeplate_server.vehicles.catalog import Catalog
from typeplate_server.vehicles.importing import ImportMode, ImportSummary, VehicleImport
from typeplate_server.vehicles.model import SOURCE_PATTERN, vehicle_id
from typeplate_server.vehicles.source import RowError, SourceRow
from typeplate_server.vehicles.wire import RepeatedField

MAX_ROWS: Final = 5000
_BATCH: Final = RepeatedField(pb.BatchGetVehiclesResponse.DESCRIPTOR, "vehicles")
_LIST: Final = RepeatedField(pb.ListVehiclesResponse.DESCRIPTOR, "vehicles")
_EXPORT: Final = RepeatedField(pb.ExportVehiclesResponse.DESCRIPTOR, "vehicles")
_COUNTS: Final = tuple(pb.ImportVehiclesResponse.Summary.DESCRIPTOR.fields_by_name)


class DataServicer:
    """One function per RPC; see the proto for what each guarantees."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._get = catalog.get

    async def GetVehicle(self, request: pb.GetVehicleRequest, call: Call) -> bytes:
        """From memory when hot, else one SELECT."""
        return await self._get(request.name)

    async def BatchGetVehicles(self, request: pb.BatchGetVehiclesRequest, call: Call) -> bytes:
        """All or none, in order."""
        return _BATCH.joined(await self._catalog.batch_get(request.names))

    async def ListVehicles(self, request: pb.ListVehiclesRequest, call: Call) -> bytes:
        """One page."""
        page = await self._catalog.list(request)
        rest = pb.ListVehiclesResponse(next_page_token=page.next_page_token)
        return _LIST.joined(page.vehicles, rest.SerializeToString())

    async def CreateVehicle(self, request: pb.CreateVehicleRequest, call: Call) -> bytes:
        """A new vehicle."""
        _require(request, "vehicle")
        return await self._catalog.create(request.vehicle, request.vehicle_id, call.commit_guard)

    async def UpdateVehicle(self, request: pb.UpdateVehicleRequest, call: Call) -> bytes:
        """Changes what the mask names."""
        _require(request, "vehicle")
        paths = request.update_mask.paths if request.HasField("update_mask") else None
        return await self._catalog.update(request.vehicle, paths, call.commit_guard)

    async def DeleteVehicle(self, request: pb.DeleteVehicleRequest, call: Call) -> bytes:
        """A tombstone."""
        return await self._catalog.delete(request.name, request.etag, call.commit_guard)

    async def ImportVehicles(
        self, requests: AsyncIterator[pb.ImportVehiclesRequest], call: Call
    ) -> AsyncIterator[pb.ImportVehiclesResponse]:
        """One answer for each message of rows, when they are durable, and the summary."""
        loading: VehicleImport | None = None
        last = 0
        async for request in requests:
            if loading is None:
                loading = self._begin(request, call)
                continue
            rows = _rows(request, last)
            last = rows[-1].row_number if rows else last
            errors = await loading.add(rows)
            yield pb.ImportVehiclesResponse(last_row_number=last, errors=map(_row_error, errors))
        if loading is None:
            raise InvalidArgument.of("config", "is required: the first message carries it")
        yield pb.ImportVehiclesResponse(last_row_number=last, summary=_summary(await loading.finish()))

    async def ExportVehicles(self, request: pb.ExportVehiclesRequest, call: Call) -> AsyncIterator[bytes]:
        """Ready bytes, chunk by chunk."""
        async for chunk in self._catalog.export(request.source, request.after):
            rest = pb.ExportVehiclesResponse(revision=chunk.revision)
            yield _EXPORT.joined(chunk.vehicles, rest.SerializeToString())

    def _begin(self, request: pb.ImportVehiclesRequest, call: Call) -> VehicleImport:
        _require(request, "config")
        config = request.config
        if not SOURCE_PATTERN.fullmatch(config.source):
            raise InvalidArgument.of("config.source", "must be 2–20 characters of a-z 0-9, beginning with a letter")
        if config.mode not in pb.ImportVehiclesRequest.Mode.values():
            raise InvalidArgument.of("config.mode", f"{config.mode} is no mode that this server knows")
        mode = ImportMode(config.mode == pb.ImportVehiclesRequest.MODE_REPLACE_SOURCE, config.validate_only)
        return self._catalog.begin_import(mode, call.commit_guard, source=config.source)


def _require(request: Any, field: str) -> None:
    if not request.HasField(field):
        raise InvalidArgument.of(field, "is required")


def _rows(request: pb.ImportVehiclesRequest, last: int) -> list[SourceRow]:
    """The rows of a message that follows row `last`. Raises InvalidArgument for what breaks the stream's rules."""
    if request.HasField("config"):
        raise InvalidArgument.of("config", "only the first message carries it")
    _require(request, "rows")
    if len(request.rows.rows) > MAX_ROWS:
        raise InvalidArgument.of("rows.rows", f"has {len(request.rows.rows)} elements, at most {MAX_ROWS} are allowed")
    rows = []
    for index, row in enumerate(request.rows.rows):
        if row.row_number <= last:
            raise InvalidArgument.of(f"rows.rows[{index}].row_number", "must be positive and rise")
        last = row.row_number
        rows.append(_row(row))
    return rows


def _row(row: pb.ImportVehiclesRequest.Row) -> SourceRow:
    try:
        return SourceRow(row.row_number, vehicle_id(row.vehicle.name), row.vehicle)
    except InvalidArgument as error:
        problem = RowError("name", error.violations[0].description, row.row_number)
        return SourceRow(row.row_number, "", error=problem)


def _row_error(error: RowError) -> pb.ImportVehiclesResponse.RowError:
    return pb.ImportVehiclesResponse.RowError(row_number=error.row_number, field=error.column, description=error.reason)


def _summary(summary: ImportSummary) -> pb.ImportVehiclesResponse.Summary:
    return pb.ImportVehiclesResponse.Summary(**{name: getattr(summary, name) for name in _COUNTS})
