"""DataService on both clients. Generated from the protos by `make proto`; do not edit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, overload

from google.protobuf import field_mask_pb2

from typeplate import _arguments
from typeplate._arguments import AnyIterable, Methods
from typeplate._calls import Calls
from typeplate._calls_aio import AsyncCalls
from typeplate._options import Timeout
from typeplate._paging import AsyncPager, Pager
from typeplate._resume import Resume
from typeplate._streams import ResponseStream
from typeplate._streams_aio import AsyncResponseStream
from typeplate.v1 import data_service_pb2, data_service_pb2_grpc, vehicle_pb2

if TYPE_CHECKING:
    from typeplate.v1.data_service_pb2_grpc import DataServiceAsyncStub


class DataMethods(Methods):
    """Reads and writes technical vehicle data.

    Beside the errors named at a method, every method may answer UNAUTHENTICATED (`TOKEN_MISSING`,
    `TOKEN_MALFORMED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `CLIENT_REVOKED`, `CLIENT_SUSPENDED`,
    `TOKEN_REVOKED`), PERMISSION_DENIED (`SCOPE_MISSING`, always before NOT_FOUND) and UNAVAILABLE
    (`AUTH_STATE_STALE`, `DATABASE_UNAVAILABLE`).

    gRPC itself answers RESOURCE_EXHAUSTED, without a reason of ours, to a message over 4 MiB and while too many calls
    are in progress (TYPEPLATE_MAX_CONCURRENT_RPCS).
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @property
    def _stub(self) -> data_service_pb2_grpc.DataServiceStub:
        return self._calls.stub(data_service_pb2_grpc.DataServiceStub)

    @overload
    def get_vehicle(
        self,
        *,
        name: str,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    @overload
    def get_vehicle(
        self,
        *,
        request: data_service_pb2.GetVehicleRequest,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    def get_vehicle(
        self,
        *,
        name: str | None = None,
        request: data_service_pb2.GetVehicleRequest | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle:
        """Reads one vehicle.

        A deleted one is still answered, with `delete_time` set (AIP-164). Needs `vehicles:read`. Errors:
        INVALID_ARGUMENT, NOT_FOUND.

        Args:
            name: The vehicle's name, for example `vehicles/epa-49772`.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.GetVehicleRequest,
                name=name,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.GetVehicleRequest,
                request,
                name=name,
            )
        return self._calls.unary(self._stub.GetVehicle, request, timeout)

    @overload
    def batch_get_vehicles(
        self,
        *,
        names: Iterable[str],
        timeout: Timeout | None = None,
    ) -> data_service_pb2.BatchGetVehiclesResponse: ...

    @overload
    def batch_get_vehicles(
        self,
        *,
        request: data_service_pb2.BatchGetVehiclesRequest,
        timeout: Timeout | None = None,
    ) -> data_service_pb2.BatchGetVehiclesResponse: ...

    def batch_get_vehicles(
        self,
        *,
        names: Iterable[str] | None = None,
        request: data_service_pb2.BatchGetVehiclesRequest | None = None,
        timeout: Timeout | None = None,
    ) -> data_service_pb2.BatchGetVehiclesResponse:
        """Reads several vehicles, all or none, in the order asked for (AIP-231).

        Needs `vehicles:read`. Errors: INVALID_ARGUMENT, also for vehicles that are more than one reply carries (3 MiB;
        it says how many fit), NOT_FOUND naming the vehicles that do not exist.

        Args:
            names: The vehicles' names, 1 to 1000, whose vehicles are at most 3 MiB together: any 47 are, and 1000 of
                the usual size. One may stand twice.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.BatchGetVehiclesRequest,
                names=names,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.BatchGetVehiclesRequest,
                request,
                names=names,
            )
        return self._calls.unary(self._stub.BatchGetVehicles, request, timeout)

    def list_vehicles(
        self,
        *,
        source: str | None = None,
        make: str | None = None,
        model: str | None = None,
        trim: str | None = None,
        model_year_min: int | None = None,
        model_year_max: int | None = None,
        fuels: Iterable[vehicle_pb2.Fuel.ValueType] | None = None,
        drives: Iterable[vehicle_pb2.Drive.ValueType] | None = None,
        powertrains: Iterable[vehicle_pb2.Powertrain.ValueType] | None = None,
        body_styles: Iterable[vehicle_pb2.BodyStyle.ValueType] | None = None,
        transmission_types: Iterable[vehicle_pb2.TransmissionType.ValueType] | None = None,
        query: str | None = None,
        displacement_l_min: float | None = None,
        displacement_l_max: float | None = None,
        cylinders_min: int | None = None,
        cylinders_max: int | None = None,
        power_kw_min: float | None = None,
        power_kw_max: float | None = None,
        fuel_consumption_l_per_100km_min: float | None = None,
        fuel_consumption_l_per_100km_max: float | None = None,
        energy_consumption_kwh_per_100km_min: float | None = None,
        energy_consumption_kwh_per_100km_max: float | None = None,
        co2_g_per_km_min: float | None = None,
        co2_g_per_km_max: float | None = None,
        range_km_min: float | None = None,
        range_km_max: float | None = None,
        electric_range_km_min: float | None = None,
        electric_range_km_max: float | None = None,
        battery_capacity_kwh_min: float | None = None,
        battery_capacity_kwh_max: float | None = None,
        curb_mass_kg_min: float | None = None,
        curb_mass_kg_max: float | None = None,
        order_by: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        read_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        show_deleted: bool | None = None,
        request: data_service_pb2.ListVehiclesRequest | None = None,
        timeout: Timeout | None = None,
    ) -> Pager[vehicle_pb2.Vehicle, data_service_pb2.ListVehiclesResponse]:
        """Lists the vehicles that meet a filter.

        Pages are stable under concurrent writes: a vehicle that exists unchanged throughout appears
        exactly once. Needs `vehicles:read`. Errors: INVALID_ARGUMENT.

        Args:
            source: From this source, for example `epa`. Empty: from any.
            make: Of this make, whole and whatever the case. Empty: of any.
            model: Of this model, whole and whatever the case. Empty: of any.
            trim: Of this trim, whole and whatever the case. Empty: of any.
            model_year_min: Of this model year or later.
            model_year_max: Of this model year or earlier.
            fuels: Taking one of these fuels. Empty: any.
            drives: With one of these drives. Empty: any.
            powertrains: With one of these powertrains. Empty: any.
            body_styles: With one of these body styles. Empty: any.
            transmission_types: With one of these kinds of transmission. Empty: any.
            query: Every word of this stands in make, model, trim or base model, or begins a word there. At most 200
                characters and 10 different words. Empty: no condition.
            displacement_l_min: Displacement of at least this, in litres.
            displacement_l_max: Displacement of at most this, in litres.
            cylinders_min: At least this many cylinders.
            cylinders_max: At most this many cylinders.
            power_kw_min: Power of at least this, in kilowatts.
            power_kw_max: Power of at most this, in kilowatts.
            fuel_consumption_l_per_100km_min: Fuel consumption of at least this, in litres per 100 km.
            fuel_consumption_l_per_100km_max: Fuel consumption of at most this, in litres per 100 km.
            energy_consumption_kwh_per_100km_min: Electric energy consumption of at least this, in kilowatt hours per
                100 km.
            energy_consumption_kwh_per_100km_max: Electric energy consumption of at most this, in kilowatt hours per
                100 km.
            co2_g_per_km_min: CO2 of at least this, in grams per kilometre. 0 is a value.
            co2_g_per_km_max: CO2 of at most this, in grams per kilometre. 0 is a value.
            range_km_min: Range of at least this, in kilometres.
            range_km_max: Range of at most this, in kilometres.
            electric_range_km_min: Electric range of at least this, in kilometres.
            electric_range_km_max: Electric range of at most this, in kilometres.
            battery_capacity_kwh_min: Battery capacity of at least this, in kilowatt hours.
            battery_capacity_kwh_max: Battery capacity of at most this, in kilowatt hours.
            curb_mass_kg_min: Curb mass of at least this, in kilograms.
            curb_mass_kg_max: Curb mass of at most this, in kilograms.
            order_by: Fields to sort by, comma-separated, each followed by ` desc` where the greatest comes first
                (AIP-132): `name`, `make`, `model`, `trim`, `model_year`, or a headline value such as `power_kw`.
                Unknown values come last either way; ties are sorted by name. At most 5 fields and 500 characters.
                Empty: by name.
            page_size: How many at most; 0: 100. More than 1000 is taken as 1000; negative is refused (AIP-158).
            page_token: `next_page_token` of the page before, with the same filter and order. Empty: the first page.
            read_mask: Which fields of each vehicle to answer (AIP-157). Absent or `*`: all. `name` is always
                answered. At most 200 paths.
            show_deleted: Deleted vehicles as well, with `delete_time` set (AIP-164).
            request: A ready request, instead of the arguments above.
            timeout: Seconds each page may take. Absent: the client's default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.ListVehiclesRequest,
                filter=_arguments.part(
                    data_service_pb2.VehicleFilter,
                    source=source,
                    make=make,
                    model=model,
                    trim=trim,
                    model_year_min=model_year_min,
                    model_year_max=model_year_max,
                    fuels=fuels,
                    drives=drives,
                    powertrains=powertrains,
                    body_styles=body_styles,
                    transmission_types=transmission_types,
                    query=query,
                    displacement_l_min=displacement_l_min,
                    displacement_l_max=displacement_l_max,
                    cylinders_min=cylinders_min,
                    cylinders_max=cylinders_max,
                    power_kw_min=power_kw_min,
                    power_kw_max=power_kw_max,
                    fuel_consumption_l_per_100km_min=fuel_consumption_l_per_100km_min,
                    fuel_consumption_l_per_100km_max=fuel_consumption_l_per_100km_max,
                    energy_consumption_kwh_per_100km_min=energy_consumption_kwh_per_100km_min,
                    energy_consumption_kwh_per_100km_max=energy_consumption_kwh_per_100km_max,
                    co2_g_per_km_min=co2_g_per_km_min,
                    co2_g_per_km_max=co2_g_per_km_max,
                    range_km_min=range_km_min,
                    range_km_max=range_km_max,
                    electric_range_km_min=electric_range_km_min,
                    electric_range_km_max=electric_range_km_max,
                    battery_capacity_kwh_min=battery_capacity_kwh_min,
                    battery_capacity_kwh_max=battery_capacity_kwh_max,
                    curb_mass_kg_min=curb_mass_kg_min,
                    curb_mass_kg_max=curb_mass_kg_max,
                ),
                order_by=order_by,
                page_size=page_size,
                page_token=page_token,
                read_mask=_arguments.field_mask(read_mask),
                show_deleted=show_deleted,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.ListVehiclesRequest,
                request,
                source=source,
                make=make,
                model=model,
                trim=trim,
                model_year_min=model_year_min,
                model_year_max=model_year_max,
                fuels=fuels,
                drives=drives,
                powertrains=powertrains,
                body_styles=body_styles,
                transmission_types=transmission_types,
                query=query,
                displacement_l_min=displacement_l_min,
                displacement_l_max=displacement_l_max,
                cylinders_min=cylinders_min,
                cylinders_max=cylinders_max,
                power_kw_min=power_kw_min,
                power_kw_max=power_kw_max,
                fuel_consumption_l_per_100km_min=fuel_consumption_l_per_100km_min,
                fuel_consumption_l_per_100km_max=fuel_consumption_l_per_100km_max,
                energy_consumption_kwh_per_100km_min=energy_consumption_kwh_per_100km_min,
                energy_consumption_kwh_per_100km_max=energy_consumption_kwh_per_100km_max,
                co2_g_per_km_min=co2_g_per_km_min,
                co2_g_per_km_max=co2_g_per_km_max,
                range_km_min=range_km_min,
                range_km_max=range_km_max,
                electric_range_km_min=electric_range_km_min,
                electric_range_km_max=electric_range_km_max,
                battery_capacity_kwh_min=battery_capacity_kwh_min,
                battery_capacity_kwh_max=battery_capacity_kwh_max,
                curb_mass_kg_min=curb_mass_kg_min,
                curb_mass_kg_max=curb_mass_kg_max,
                order_by=order_by,
                page_size=page_size,
                page_token=page_token,
                read_mask=read_mask,
                show_deleted=show_deleted,
            )
        return Pager(
            lambda page: self._calls.unary(self._stub.ListVehicles, page, timeout),
            request,
            lambda page: page.vehicles,
        )

    @overload
    def create_vehicle(
        self,
        *,
        vehicle: vehicle_pb2.Vehicle,
        vehicle_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    @overload
    def create_vehicle(
        self,
        *,
        request: data_service_pb2.CreateVehicleRequest,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    def create_vehicle(
        self,
        *,
        vehicle: vehicle_pb2.Vehicle | None = None,
        vehicle_id: str | None = None,
        request: data_service_pb2.CreateVehicleRequest | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle:
        """Creates a vehicle.

        Needs `vehicles:write`. Errors: INVALID_ARGUMENT, ALREADY_EXISTS (also for the id of a deleted vehicle).

        Args:
            vehicle: The vehicle. `name` and output-only fields are ignored.
            vehicle_id: The id it shall have, `{source}-{id}`; see Vehicle.name for its form. Empty: the server
                chooses one, `own-…`.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.CreateVehicleRequest,
                vehicle=vehicle,
                vehicle_id=vehicle_id,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.CreateVehicleRequest,
                request,
                vehicle=vehicle,
                vehicle_id=vehicle_id,
            )
        return self._calls.unary(self._stub.CreateVehicle, request, timeout)

    @overload
    def update_vehicle(
        self,
        *,
        vehicle: vehicle_pb2.Vehicle,
        update_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    @overload
    def update_vehicle(
        self,
        *,
        request: data_service_pb2.UpdateVehicleRequest,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    def update_vehicle(
        self,
        *,
        vehicle: vehicle_pb2.Vehicle | None = None,
        update_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        request: data_service_pb2.UpdateVehicleRequest | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle:
        """Changes the fields named by the mask.

        Needs `vehicles:write`. Errors: INVALID_ARGUMENT, NOT_FOUND (also for a deleted vehicle), ABORTED `ETAG_MISMATCH`.

        Args:
            vehicle: The vehicle, named by `name`. When `etag` is set it must be the current one.
            update_mask: Which fields to change; one named here and absent in `vehicle` becomes unknown. `*`: all that
                are not output only. Absent: those that are set in `vehicle` (AIP-134). At most 200 paths.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.UpdateVehicleRequest,
                vehicle=vehicle,
                update_mask=_arguments.field_mask(update_mask),
            )
        else:
            _arguments.check_ready(
                data_service_pb2.UpdateVehicleRequest,
                request,
                vehicle=vehicle,
                update_mask=update_mask,
            )
        return self._calls.unary(self._stub.UpdateVehicle, request, timeout)

    @overload
    def delete_vehicle(
        self,
        *,
        name: str,
        etag: str | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    @overload
    def delete_vehicle(
        self,
        *,
        request: data_service_pb2.DeleteVehicleRequest,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    def delete_vehicle(
        self,
        *,
        name: str | None = None,
        etag: str | None = None,
        request: data_service_pb2.DeleteVehicleRequest | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle:
        """Deletes a vehicle. It stays readable by name as a tombstone, with `delete_time` set (AIP-164).

        Needs `vehicles:write`. Errors: INVALID_ARGUMENT, NOT_FOUND (also when already deleted), ABORTED `ETAG_MISMATCH`.

        Args:
            name: The vehicle's name.
            etag: The current etag (AIP-154). Empty: not compared.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.DeleteVehicleRequest,
                name=name,
                etag=etag,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.DeleteVehicleRequest,
                request,
                name=name,
                etag=etag,
            )
        return self._calls.unary(self._stub.DeleteVehicle, request, timeout)

    def import_vehicles(
        self,
        requests: Iterable[data_service_pb2.ImportVehiclesRequest],
        *,
        timeout: Timeout | None = None,
    ) -> ResponseStream[data_service_pb2.ImportVehiclesResponse]:
        """Loads the vehicles of one source in bulk.

        The first message carries `config`, all others `rows`. Each `rows` message is answered by one
        message when its rows are durably written; a bad row loses only itself and is reported with its
        number. The last answer carries the `summary`. A broken-off import keeps what was answered for and
        can be sent again: rows already there count as unchanged. The caller's token is checked again
        before each commit. Needs `vehicles:write`. Errors: INVALID_ARGUMENT for a stream that breaks
        these rules (bad rows are no errors of the call).

        Args:
            requests: The requests, in the order they are sent.
            timeout: Seconds the whole stream may take. Absent: no limit.
        """
        return ResponseStream(
            self._calls,
            lambda: self._stub.ImportVehicles,
            _arguments.checked(data_service_pb2.ImportVehiclesRequest, requests),
            timeout,
        )

    def export_vehicles(
        self,
        *,
        source: str | None = None,
        after: str | None = None,
        request: data_service_pb2.ExportVehiclesRequest | None = None,
        timeout: Timeout | None = None,
    ) -> ResponseStream[data_service_pb2.ExportVehiclesResponse]:
        """Streams the whole catalogue, or one source of it, by name.

        Every answer says the revision the export started from; every vehicle that existed then is
        sent exactly once, as it was then or later, unless it has been deleted since. Holds no transaction
        while the client reads. Broken off, it goes on after the last name received. Needs `vehicles:read`.
        Errors: INVALID_ARGUMENT.

        Args:
            source: Only vehicles of this source. Empty: of all.
            after: Only vehicles whose name comes after this one: the last that was received. Empty: from the first.
            request: A ready request, instead of the arguments above.
            timeout: Seconds the whole stream may take. Absent: no limit. Broken off, the stream goes on by itself
                after the last message received, over an outage of up to 5 minutes.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.ExportVehiclesRequest,
                source=source,
                after=after,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.ExportVehiclesRequest,
                request,
                source=source,
                after=after,
            )
        return ResponseStream(
            self._calls,
            lambda: self._stub.ExportVehicles,
            request,
            timeout,
            resume=Resume(position="vehicles.name", into="after", keep="revision"),
        )


class AsyncDataMethods(Methods):
    """Reads and writes technical vehicle data.

    Beside the errors named at a method, every method may answer UNAUTHENTICATED (`TOKEN_MISSING`,
    `TOKEN_MALFORMED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `CLIENT_REVOKED`, `CLIENT_SUSPENDED`,
    `TOKEN_REVOKED`), PERMISSION_DENIED (`SCOPE_MISSING`, always before NOT_FOUND) and UNAVAILABLE
    (`AUTH_STATE_STALE`, `DATABASE_UNAVAILABLE`).

    gRPC itself answers RESOURCE_EXHAUSTED, without a reason of ours, to a message over 4 MiB and while too many calls
    are in progress (TYPEPLATE_MAX_CONCURRENT_RPCS).
    """

    def __init__(self, calls: AsyncCalls) -> None:
        self._calls = calls

    @property
    def _stub(self) -> DataServiceAsyncStub:
        return self._calls.stub(data_service_pb2_grpc.DataServiceStub)

    @overload
    async def get_vehicle(
        self,
        *,
        name: str,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    @overload
    async def get_vehicle(
        self,
        *,
        request: data_service_pb2.GetVehicleRequest,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    async def get_vehicle(
        self,
        *,
        name: str | None = None,
        request: data_service_pb2.GetVehicleRequest | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle:
        """Reads one vehicle.

        A deleted one is still answered, with `delete_time` set (AIP-164). Needs `vehicles:read`. Errors:
        INVALID_ARGUMENT, NOT_FOUND.

        Args:
            name: The vehicle's name, for example `vehicles/epa-49772`.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.GetVehicleRequest,
                name=name,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.GetVehicleRequest,
                request,
                name=name,
            )
        return await self._calls.unary(self._stub.GetVehicle, request, timeout)

    @overload
    async def batch_get_vehicles(
        self,
        *,
        names: Iterable[str],
        timeout: Timeout | None = None,
    ) -> data_service_pb2.BatchGetVehiclesResponse: ...

    @overload
    async def batch_get_vehicles(
        self,
        *,
        request: data_service_pb2.BatchGetVehiclesRequest,
        timeout: Timeout | None = None,
    ) -> data_service_pb2.BatchGetVehiclesResponse: ...

    async def batch_get_vehicles(
        self,
        *,
        names: Iterable[str] | None = None,
        request: data_service_pb2.BatchGetVehiclesRequest | None = None,
        timeout: Timeout | None = None,
    ) -> data_service_pb2.BatchGetVehiclesResponse:
        """Reads several vehicles, all or none, in the order asked for (AIP-231).

        Needs `vehicles:read`. Errors: INVALID_ARGUMENT, also for vehicles that are more than one reply carries (3 MiB;
        it says how many fit), NOT_FOUND naming the vehicles that do not exist.

        Args:
            names: The vehicles' names, 1 to 1000, whose vehicles are at most 3 MiB together: any 47 are, and 1000 of
                the usual size. One may stand twice.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.BatchGetVehiclesRequest,
                names=names,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.BatchGetVehiclesRequest,
                request,
                names=names,
            )
        return await self._calls.unary(self._stub.BatchGetVehicles, request, timeout)

    def list_vehicles(
        self,
        *,
        source: str | None = None,
        make: str | None = None,
        model: str | None = None,
        trim: str | None = None,
        model_year_min: int | None = None,
        model_year_max: int | None = None,
        fuels: Iterable[vehicle_pb2.Fuel.ValueType] | None = None,
        drives: Iterable[vehicle_pb2.Drive.ValueType] | None = None,
        powertrains: Iterable[vehicle_pb2.Powertrain.ValueType] | None = None,
        body_styles: Iterable[vehicle_pb2.BodyStyle.ValueType] | None = None,
        transmission_types: Iterable[vehicle_pb2.TransmissionType.ValueType] | None = None,
        query: str | None = None,
        displacement_l_min: float | None = None,
        displacement_l_max: float | None = None,
        cylinders_min: int | None = None,
        cylinders_max: int | None = None,
        power_kw_min: float | None = None,
        power_kw_max: float | None = None,
        fuel_consumption_l_per_100km_min: float | None = None,
        fuel_consumption_l_per_100km_max: float | None = None,
        energy_consumption_kwh_per_100km_min: float | None = None,
        energy_consumption_kwh_per_100km_max: float | None = None,
        co2_g_per_km_min: float | None = None,
        co2_g_per_km_max: float | None = None,
        range_km_min: float | None = None,
        range_km_max: float | None = None,
        electric_range_km_min: float | None = None,
        electric_range_km_max: float | None = None,
        battery_capacity_kwh_min: float | None = None,
        battery_capacity_kwh_max: float | None = None,
        curb_mass_kg_min: float | None = None,
        curb_mass_kg_max: float | None = None,
        order_by: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        read_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        show_deleted: bool | None = None,
        request: data_service_pb2.ListVehiclesRequest | None = None,
        timeout: Timeout | None = None,
    ) -> AsyncPager[vehicle_pb2.Vehicle, data_service_pb2.ListVehiclesResponse]:
        """Lists the vehicles that meet a filter.

        Pages are stable under concurrent writes: a vehicle that exists unchanged throughout appears
        exactly once. Needs `vehicles:read`. Errors: INVALID_ARGUMENT.

        Args:
            source: From this source, for example `epa`. Empty: from any.
            make: Of this make, whole and whatever the case. Empty: of any.
            model: Of this model, whole and whatever the case. Empty: of any.
            trim: Of this trim, whole and whatever the case. Empty: of any.
            model_year_min: Of this model year or later.
            model_year_max: Of this model year or earlier.
            fuels: Taking one of these fuels. Empty: any.
            drives: With one of these drives. Empty: any.
            powertrains: With one of these powertrains. Empty: any.
            body_styles: With one of these body styles. Empty: any.
            transmission_types: With one of these kinds of transmission. Empty: any.
            query: Every word of this stands in make, model, trim or base model, or begins a word there. At most 200
                characters and 10 different words. Empty: no condition.
            displacement_l_min: Displacement of at least this, in litres.
            displacement_l_max: Displacement of at most this, in litres.
            cylinders_min: At least this many cylinders.
            cylinders_max: At most this many cylinders.
            power_kw_min: Power of at least this, in kilowatts.
            power_kw_max: Power of at most this, in kilowatts.
            fuel_consumption_l_per_100km_min: Fuel consumption of at least this, in litres per 100 km.
            fuel_consumption_l_per_100km_max: Fuel consumption of at most this, in litres per 100 km.
            energy_consumption_kwh_per_100km_min: Electric energy consumption of at least this, in kilowatt hours per
                100 km.
            energy_consumption_kwh_per_100km_max: Electric energy consumption of at most this, in kilowatt hours per
                100 km.
            co2_g_per_km_min: CO2 of at least this, in grams per kilometre. 0 is a value.
            co2_g_per_km_max: CO2 of at most this, in grams per kilometre. 0 is a value.
            range_km_min: Range of at least this, in kilometres.
            range_km_max: Range of at most this, in kilometres.
            electric_range_km_min: Electric range of at least this, in kilometres.
            electric_range_km_max: Electric range of at most this, in kilometres.
            battery_capacity_kwh_min: Battery capacity of at least this, in kilowatt hours.
            battery_capacity_kwh_max: Battery capacity of at most this, in kilowatt hours.
            curb_mass_kg_min: Curb mass of at least this, in kilograms.
            curb_mass_kg_max: Curb mass of at most this, in kilograms.
            order_by: Fields to sort by, comma-separated, each followed by ` desc` where the greatest comes first
                (AIP-132): `name`, `make`, `model`, `trim`, `model_year`, or a headline value such as `power_kw`.
                Unknown values come last either way; ties are sorted by name. At most 5 fields and 500 characters.
                Empty: by name.
            page_size: How many at most; 0: 100. More than 1000 is taken as 1000; negative is refused (AIP-158).
            page_token: `next_page_token` of the page before, with the same filter and order. Empty: the first page.
            read_mask: Which fields of each vehicle to answer (AIP-157). Absent or `*`: all. `name` is always
                answered. At most 200 paths.
            show_deleted: Deleted vehicles as well, with `delete_time` set (AIP-164).
            request: A ready request, instead of the arguments above.
            timeout: Seconds each page may take. Absent: the client's default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.ListVehiclesRequest,
                filter=_arguments.part(
                    data_service_pb2.VehicleFilter,
                    source=source,
                    make=make,
                    model=model,
                    trim=trim,
                    model_year_min=model_year_min,
                    model_year_max=model_year_max,
                    fuels=fuels,
                    drives=drives,
                    powertrains=powertrains,
                    body_styles=body_styles,
                    transmission_types=transmission_types,
                    query=query,
                    displacement_l_min=displacement_l_min,
                    displacement_l_max=displacement_l_max,
                    cylinders_min=cylinders_min,
                    cylinders_max=cylinders_max,
                    power_kw_min=power_kw_min,
                    power_kw_max=power_kw_max,
                    fuel_consumption_l_per_100km_min=fuel_consumption_l_per_100km_min,
                    fuel_consumption_l_per_100km_max=fuel_consumption_l_per_100km_max,
                    energy_consumption_kwh_per_100km_min=energy_consumption_kwh_per_100km_min,
                    energy_consumption_kwh_per_100km_max=energy_consumption_kwh_per_100km_max,
                    co2_g_per_km_min=co2_g_per_km_min,
                    co2_g_per_km_max=co2_g_per_km_max,
                    range_km_min=range_km_min,
                    range_km_max=range_km_max,
                    electric_range_km_min=electric_range_km_min,
                    electric_range_km_max=electric_range_km_max,
                    battery_capacity_kwh_min=battery_capacity_kwh_min,
                    battery_capacity_kwh_max=battery_capacity_kwh_max,
                    curb_mass_kg_min=curb_mass_kg_min,
                    curb_mass_kg_max=curb_mass_kg_max,
                ),
                order_by=order_by,
                page_size=page_size,
                page_token=page_token,
                read_mask=_arguments.field_mask(read_mask),
                show_deleted=show_deleted,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.ListVehiclesRequest,
                request,
                source=source,
                make=make,
                model=model,
                trim=trim,
                model_year_min=model_year_min,
                model_year_max=model_year_max,
                fuels=fuels,
                drives=drives,
                powertrains=powertrains,
                body_styles=body_styles,
                transmission_types=transmission_types,
                query=query,
                displacement_l_min=displacement_l_min,
                displacement_l_max=displacement_l_max,
                cylinders_min=cylinders_min,
                cylinders_max=cylinders_max,
                power_kw_min=power_kw_min,
                power_kw_max=power_kw_max,
                fuel_consumption_l_per_100km_min=fuel_consumption_l_per_100km_min,
                fuel_consumption_l_per_100km_max=fuel_consumption_l_per_100km_max,
                energy_consumption_kwh_per_100km_min=energy_consumption_kwh_per_100km_min,
                energy_consumption_kwh_per_100km_max=energy_consumption_kwh_per_100km_max,
                co2_g_per_km_min=co2_g_per_km_min,
                co2_g_per_km_max=co2_g_per_km_max,
                range_km_min=range_km_min,
                range_km_max=range_km_max,
                electric_range_km_min=electric_range_km_min,
                electric_range_km_max=electric_range_km_max,
                battery_capacity_kwh_min=battery_capacity_kwh_min,
                battery_capacity_kwh_max=battery_capacity_kwh_max,
                curb_mass_kg_min=curb_mass_kg_min,
                curb_mass_kg_max=curb_mass_kg_max,
                order_by=order_by,
                page_size=page_size,
                page_token=page_token,
                read_mask=read_mask,
                show_deleted=show_deleted,
            )
        return AsyncPager(
            lambda page: self._calls.unary(self._stub.ListVehicles, page, timeout),
            request,
            lambda page: page.vehicles,
        )

    @overload
    async def create_vehicle(
        self,
        *,
        vehicle: vehicle_pb2.Vehicle,
        vehicle_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    @overload
    async def create_vehicle(
        self,
        *,
        request: data_service_pb2.CreateVehicleRequest,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    async def create_vehicle(
        self,
        *,
        vehicle: vehicle_pb2.Vehicle | None = None,
        vehicle_id: str | None = None,
        request: data_service_pb2.CreateVehicleRequest | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle:
        """Creates a vehicle.

        Needs `vehicles:write`. Errors: INVALID_ARGUMENT, ALREADY_EXISTS (also for the id of a deleted vehicle).

        Args:
            vehicle: The vehicle. `name` and output-only fields are ignored.
            vehicle_id: The id it shall have, `{source}-{id}`; see Vehicle.name for its form. Empty: the server
                chooses one, `own-…`.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.CreateVehicleRequest,
                vehicle=vehicle,
                vehicle_id=vehicle_id,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.CreateVehicleRequest,
                request,
                vehicle=vehicle,
                vehicle_id=vehicle_id,
            )
        return await self._calls.unary(self._stub.CreateVehicle, request, timeout)

    @overload
    async def update_vehicle(
        self,
        *,
        vehicle: vehicle_pb2.Vehicle,
        update_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    @overload
    async def update_vehicle(
        self,
        *,
        request: data_service_pb2.UpdateVehicleRequest,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    async def update_vehicle(
        self,
        *,
        vehicle: vehicle_pb2.Vehicle | None = None,
        update_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        request: data_service_pb2.UpdateVehicleRequest | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle:
        """Changes the fields named by the mask.

        Needs `vehicles:write`. Errors: INVALID_ARGUMENT, NOT_FOUND (also for a deleted vehicle), ABORTED `ETAG_MISMATCH`.

        Args:
            vehicle: The vehicle, named by `name`. When `etag` is set it must be the current one.
            update_mask: Which fields to change; one named here and absent in `vehicle` becomes unknown. `*`: all that
                are not output only. Absent: those that are set in `vehicle` (AIP-134). At most 200 paths.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.UpdateVehicleRequest,
                vehicle=vehicle,
                update_mask=_arguments.field_mask(update_mask),
            )
        else:
            _arguments.check_ready(
                data_service_pb2.UpdateVehicleRequest,
                request,
                vehicle=vehicle,
                update_mask=update_mask,
            )
        return await self._calls.unary(self._stub.UpdateVehicle, request, timeout)

    @overload
    async def delete_vehicle(
        self,
        *,
        name: str,
        etag: str | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    @overload
    async def delete_vehicle(
        self,
        *,
        request: data_service_pb2.DeleteVehicleRequest,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle: ...

    async def delete_vehicle(
        self,
        *,
        name: str | None = None,
        etag: str | None = None,
        request: data_service_pb2.DeleteVehicleRequest | None = None,
        timeout: Timeout | None = None,
    ) -> vehicle_pb2.Vehicle:
        """Deletes a vehicle. It stays readable by name as a tombstone, with `delete_time` set (AIP-164).

        Needs `vehicles:write`. Errors: INVALID_ARGUMENT, NOT_FOUND (also when already deleted), ABORTED `ETAG_MISMATCH`.

        Args:
            name: The vehicle's name.
            etag: The current etag (AIP-154). Empty: not compared.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.DeleteVehicleRequest,
                name=name,
                etag=etag,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.DeleteVehicleRequest,
                request,
                name=name,
                etag=etag,
            )
        return await self._calls.unary(self._stub.DeleteVehicle, request, timeout)

    def import_vehicles(
        self,
        requests: AnyIterable[data_service_pb2.ImportVehiclesRequest],
        *,
        timeout: Timeout | None = None,
    ) -> AsyncResponseStream[data_service_pb2.ImportVehiclesResponse]:
        """Loads the vehicles of one source in bulk.

        The first message carries `config`, all others `rows`. Each `rows` message is answered by one
        message when its rows are durably written; a bad row loses only itself and is reported with its
        number. The last answer carries the `summary`. A broken-off import keeps what was answered for and
        can be sent again: rows already there count as unchanged. The caller's token is checked again
        before each commit. Needs `vehicles:write`. Errors: INVALID_ARGUMENT for a stream that breaks
        these rules (bad rows are no errors of the call).

        Args:
            requests: The requests, in the order they are sent.
            timeout: Seconds the whole stream may take. Absent: no limit.
        """
        return AsyncResponseStream(
            self._calls,
            lambda: self._stub.ImportVehicles,
            _arguments.checked_aio(data_service_pb2.ImportVehiclesRequest, requests),
            timeout,
        )

    def export_vehicles(
        self,
        *,
        source: str | None = None,
        after: str | None = None,
        request: data_service_pb2.ExportVehiclesRequest | None = None,
        timeout: Timeout | None = None,
    ) -> AsyncResponseStream[data_service_pb2.ExportVehiclesResponse]:
        """Streams the whole catalogue, or one source of it, by name.

        Every answer says the revision the export started from; every vehicle that existed then is
        sent exactly once, as it was then or later, unless it has been deleted since. Holds no transaction
        while the client reads. Broken off, it goes on after the last name received. Needs `vehicles:read`.
        Errors: INVALID_ARGUMENT.

        Args:
            source: Only vehicles of this source. Empty: of all.
            after: Only vehicles whose name comes after this one: the last that was received. Empty: from the first.
            request: A ready request, instead of the arguments above.
            timeout: Seconds the whole stream may take. Absent: no limit. Broken off, the stream goes on by itself
                after the last message received, over an outage of up to 5 minutes.
        """
        if request is None:
            request = _arguments.build(
                data_service_pb2.ExportVehiclesRequest,
                source=source,
                after=after,
            )
        else:
            _arguments.check_ready(
                data_service_pb2.ExportVehiclesRequest,
                request,
                source=source,
                after=after,
            )
        return AsyncResponseStream(
            self._calls,
            lambda: self._stub.ExportVehicles,
            request,
            timeout,
            resume=Resume(position="vehicles.name", into="after", keep="revision"),
        )
