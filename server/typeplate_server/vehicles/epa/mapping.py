"""Owns what a row of EPA's `vehicles.csv` means: row → Vehicle.

`mpgData` (whether owners have sent in their own mileage) is the only column without a home. Unknown stays absent.
Text is kept with runs of white space collapsed; what an enum says completely is not kept as text.
"""

from __future__ import annotations

from typeplate.v1 import vehicle_pb2 as pb
from typeplate_server.vehicles import units
from typeplate_server.vehicles.epa import dates, electric, vocabulary
from typeplate_server.vehicles.epa.cells import Cells
from typeplate_server.vehicles.epa.headline import set_headline
from typeplate_server.vehicles.epa.ratings import add_ratings
from typeplate_server.vehicles.source import RowError

SOURCE = "epa"
LICENSE = "US-Public-Domain"
MODEL_TYPE_INDEX = "epa-model-type-index"
"""Scheme of the external id that EPA calls `engId`: the model type it tested the vehicle as."""

_YEARS = range(1886, 2101)
_MAX_CYLINDERS = 48
_BLENDED = {"true": True, "false": False}
_STOP_START = {"Y": True, "N": False}
_TURBO, _SUPER = {"T": True}, {"S": True}
_ASPIRATIONS = {
    (True, None): pb.ASPIRATION_TURBOCHARGED,
    (None, True): pb.ASPIRATION_SUPERCHARGED,
    (True, True): pb.ASPIRATION_TWINCHARGED,
}
_NO_ENGINE = frozenset({pb.POWERTRAIN_BATTERY_ELECTRIC, pb.POWERTRAIN_FUEL_CELL})


def vehicle_id(cells: Cells) -> str:
    """The id of the row's vehicle, `epa-{id}`. Raises RowError."""
    record_id = cells.integer("id")
    if record_id is None:
        raise RowError("id", "is empty")
    return f"{SOURCE}-{record_id}"


def vehicle_from(cells: Cells, dataset_version: str | None, content_hash: bytes) -> pb.Vehicle:
    """The vehicle of a row. Raises RowError naming the column that is wrong."""
    vehicle = pb.Vehicle(name=f"vehicles/{vehicle_id(cells)}")
    _set_identity(cells, vehicle)
    _set_drive(cells, vehicle)
    _set_fuels(cells, vehicle)
    _set_powertrain(cells, vehicle)
    _set_engine(cells, vehicle)
    _set_electric_drive(cells, vehicle)
    _set_transmission(cells, vehicle)
    _set_charging(cells, vehicle)
    _set_interior(cells, vehicle)
    add_ratings(cells, vehicle)
    set_headline(vehicle)
    _set_estimates(cells, vehicle.estimates)
    _set_provenance(cells, vehicle, dataset_version, content_hash)
    return vehicle


def _set_identity(cells: Cells, vehicle: pb.Vehicle) -> None:
    vehicle.make = cells.required_text("make")
    vehicle.model = cells.required_text("model")
    year = cells.integer("year")
    if year is None or year not in _YEARS:
        raise RowError("year", "is not a year from 1886 to 2100")
    vehicle.model_year = year
    _set_text(vehicle, "base_model", cells.text("baseModel"))
    _set_text(vehicle, "vehicle_class", cells.text("VClass"))
    _set_text(vehicle, "manufacturer_code", cells.text("mfrCode"))
    vehicle.body_style = vocabulary.body_style(vehicle.vehicle_class)


def _set_text(message: pb.Vehicle, field: str, text: str | None) -> None:
    if text is not None:
        setattr(message, field, text)


def _set_drive(cells: Cells, vehicle: pb.Vehicle) -> None:
    text = cells.text("drive")
    vehicle.drive = vocabulary.DRIVES.get(text or "", pb.DRIVE_UNSPECIFIED)
    if not vehicle.drive:
        _set_text(vehicle, "drive_text", text)


def _set_fuels(cells: Cells, vehicle: pb.Vehicle) -> None:
    primary, secondary = cells.text("fuelType1") or "", cells.text("fuelType2") or ""
    blended = cells.flag("phevBlended", _BLENDED) or False
    vehicle.fuel, vehicle.fuel_grade = vocabulary.PRIMARY_FUELS.get(primary, vocabulary.UNKNOWN_FUEL)
    vehicle.secondary_fuel = vocabulary.SECONDARY_FUELS.get(secondary, pb.FUEL_UNSPECIFIED)
    text = cells.text("fuelType")
    if text != vocabulary.FUEL_TEXTS.get((primary, secondary, blended)):
        _set_text(vehicle, "fuel_text", text)


def _set_powertrain(cells: Cells, vehicle: pb.Vehicle) -> None:
    text, description = cells.text("atvType"), cells.text("eng_dscr")
    vehicle.powertrain = vocabulary.POWERTRAINS.get(text or "", pb.POWERTRAIN_UNSPECIFIED)
    if text == "Hybrid" and description and "Mild Hybrid" in description:
        vehicle.powertrain = pb.POWERTRAIN_MILD_HYBRID
    _set_text(vehicle, "powertrain_text", text)
    _set_text(vehicle, "powertrain_description", description)
    start_stop = cells.flag("startStop", _STOP_START)
    if start_stop is not None:
        vehicle.start_stop = start_stop
    if vehicle.powertrain == pb.POWERTRAIN_PLUG_IN_HYBRID:
        vehicle.blended_charge_depletion = cells.flag("phevBlended", _BLENDED) or False


def _set_engine(cells: Cells, vehicle: pb.Vehicle) -> None:
    displacement, cylinders = cells.number("displ"), cells.integer("cylinders")
    charged = (cells.flag("tCharger", _TURBO), cells.flag("sCharger", _SUPER))
    if vehicle.powertrain in _NO_ENGINE and displacement is None and cylinders is None and charged == (None, None):
        return
    engine = vehicle.engines.add(fuel=vehicle.fuel, aspiration=_ASPIRATIONS.get(charged, pb.ASPIRATION_UNSPECIFIED))
    if displacement is not None:
        engine.displacement_l = displacement
    if cylinders is not None:
        if cylinders > _MAX_CYLINDERS:
            raise RowError("cylinders", f"{cylinders} is more than {_MAX_CYLINDERS}")
        engine.cylinders = cylinders


def _set_electric_drive(cells: Cells, vehicle: pb.Vehicle) -> None:
    text = cells.text("evMotor")
    if text is None:
        return
    vehicle.electric_drive_text = text
    drive = electric.read(text)
    for motor in drive.motors:
        vehicle.electric_motors.add(power_kw=motor.power_kw, position=motor.position, type=motor.type)
    if drive.battery_voltage_v is not None:
        vehicle.battery.nominal_voltage_v = drive.battery_voltage_v
        vehicle.battery.chemistry = drive.battery_chemistry or ""
    if drive.battery_capacity_kwh is not None:
        vehicle.battery.gross_capacity_kwh = drive.battery_capacity_kwh


def _set_transmission(cells: Cells, vehicle: pb.Vehicle) -> None:
    text, description = cells.text("trany"), cells.text("trans_dscr")
    if text is not None:
        gearbox = vocabulary.gearbox(text)
        transmission = vehicle.transmission
        transmission.text = text
        transmission.type = gearbox.type
        if gearbox.gears is not None:
            transmission.gears = gearbox.gears
        if gearbox.driver_selectable is not None:
            transmission.driver_selectable = gearbox.driver_selectable
    if description is not None:
        vehicle.transmission.description = description


def _set_charging(cells: Cells, vehicle: pb.Vehicle) -> None:
    for volts, column, text_column, alternative in (
        (120, "charge120", "", False),
        (240, "charge240", "c240Dscr", False),
        (240, "charge240b", "c240bDscr", True),
    ):
        hours, text = cells.number(column), cells.text(text_column) if text_column else None
        if hours is not None or text is not None:
            vehicle.charging.times.add(voltage_v=volts, time_h=hours, description=text, alternative=alternative)


_INTERIOR = (
    ("two_door_passenger_l", "pv2"),
    ("two_door_luggage_l", "lv2"),
    ("four_door_passenger_l", "pv4"),
    ("four_door_luggage_l", "lv4"),
    ("hatchback_passenger_l", "hpv"),
    ("hatchback_luggage_l", "hlv"),
)


def _set_interior(cells: Cells, vehicle: pb.Vehicle) -> None:
    for field, column in _INTERIOR:
        cubic_feet = cells.number(column)
        if cubic_feet is not None:
            setattr(vehicle.interior_volume, field, units.litres_from_cubic_feet(cubic_feet))


_AMOUNTS = (
    ("fuel_cost_usd_per_year", "fuelCost08"),
    ("secondary_fuel_cost_usd_per_year", "fuelCostA08"),
    ("petroleum_barrels_per_year", "barrels08"),
    ("secondary_petroleum_barrels_per_year", "barrelsA08"),
)
_SCORES = (
    ("fuel_economy_score", "feScore"),
    ("greenhouse_gas_score", "ghgScore"),
    ("secondary_greenhouse_gas_score", "ghgScoreA"),
)


def _set_estimates(cells: Cells, estimates: pb.Estimates) -> None:
    for field, column in _AMOUNTS:
        amount = cells.number(column)
        if amount is not None:
            setattr(estimates, field, amount)
    for field, column in _SCORES:
        score = cells.integer(column)
        if score is not None:
            setattr(estimates, field, score)
    savings, guzzler = cells.signed("youSaveSpend"), cells.text("guzzler")
    if savings is not None:
        estimates.savings_usd_per_5_years = savings
    if guzzler is not None:
        estimates.gas_guzzler_code = guzzler


def _set_provenance(cells: Cells, vehicle: pb.Vehicle, dataset_version: str | None, content_hash: bytes) -> None:
    record = vehicle.provenance.add(
        source=SOURCE,
        record_id=vehicle.name.rpartition("-")[2],
        license=LICENSE,
        quality=pb.QUALITY_OFFICIAL,
        dataset_version=dataset_version,
        content_hash=content_hash,
    )
    model_type = cells.integer("engId")
    if model_type is not None:
        record.external_ids.add(scheme=MODEL_TYPE_INDEX, value=str(model_type))
    created, modified = (dates.epoch_seconds(cells.text(column) or "") for column in ("createdOn", "modifiedOn"))
    if created is not None:
        record.source_create_time.seconds = created
    if modified is not None:
        record.source_modify_time.seconds = modified
