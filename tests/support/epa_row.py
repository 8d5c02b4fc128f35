"""The way back: from the typed fields of a stored vehicle to the row that EPA published.

Written apart from the mapping, with tables of its own, so that a slip in the mapping is not repeated here. Only
the message is read. A column that cannot be rebuilt is in `LOST`, with the reason.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from typeplate.v1 import vehicle_pb2 as pb

Cell = str | float

LOST = {"mpgData": "whether owners have sent in mileage; it says nothing of the vehicle and data.md drops it"}
"""Columns that have no home in the model, and why."""

_FUEL1 = {
    (pb.FUEL_GASOLINE, pb.FUEL_GRADE_REGULAR): "Regular Gasoline",
    (pb.FUEL_GASOLINE, pb.FUEL_GRADE_MIDGRADE): "Midgrade Gasoline",
    (pb.FUEL_GASOLINE, pb.FUEL_GRADE_PREMIUM): "Premium Gasoline",
    (pb.FUEL_DIESEL, 0): "Diesel",
    (pb.FUEL_ELECTRICITY, 0): "Electricity",
    (pb.FUEL_NATURAL_GAS, 0): "Natural Gas",
    (pb.FUEL_HYDROGEN, 0): "Hydrogen",
}
_FUEL2 = {
    pb.FUEL_UNSPECIFIED: "",
    pb.FUEL_E85: "E85",
    pb.FUEL_ELECTRICITY: "Electricity",
    pb.FUEL_NATURAL_GAS: "Natural Gas",
    pb.FUEL_PROPANE: "Propane",
}
_FUEL1_SHORT = {"Natural Gas": "CNG", "Diesel": "Diesel", "Electricity": "Electricity", "Hydrogen": "Hydrogen"}
_DRIVE = {
    pb.DRIVE_UNSPECIFIED: "",
    pb.DRIVE_FRONT_WHEEL: "Front-Wheel Drive",
    pb.DRIVE_REAR_WHEEL: "Rear-Wheel Drive",
    pb.DRIVE_TWO_WHEEL: "2-Wheel Drive",
    pb.DRIVE_ALL_WHEEL: "All-Wheel Drive",
    pb.DRIVE_FOUR_WHEEL: "4-Wheel Drive",
    pb.DRIVE_PART_TIME_FOUR_WHEEL: "Part-time 4-Wheel Drive",
    pb.DRIVE_FOUR_OR_ALL_WHEEL: "4-Wheel or All-Wheel Drive",
}
_TURBO = (pb.ASPIRATION_TURBOCHARGED, pb.ASPIRATION_TWINCHARGED)
_SUPER = (pb.ASPIRATION_SUPERCHARGED, pb.ASPIRATION_TWINCHARGED)
_LITRES_PER_CUBIC_FOOT = 28.316846592

_LABEL, _LAB = pb.TEST_CYCLE_EPA_LABEL, pb.TEST_CYCLE_EPA_UNADJUSTED
_PHASES = (("city", pb.PHASE_CITY), ("highway", pb.PHASE_HIGHWAY), ("comb", pb.PHASE_COMBINED))


def epa_row(vehicle: pb.Vehicle) -> dict[str, Cell]:
    """The columns of the row this vehicle was made from: numbers as floats, text with single blanks, unknown as EPA
    writes it in that column (0, −1 or an empty cell)."""
    row: dict[str, Cell] = {}
    row |= _identity(vehicle)
    row |= _fuels(vehicle)
    row |= _drive_train(vehicle)
    row |= _interior(vehicle)
    row |= _charging(vehicle)
    row |= _efficiency(vehicle)
    row |= _emissions(vehicle)
    row |= _estimates(vehicle.estimates)
    return row


def _identity(vehicle: pb.Vehicle) -> dict[str, Cell]:
    (record,) = vehicle.provenance
    model_types = [float(i.value) for i in record.external_ids if i.scheme == "epa-model-type-index"]
    return {
        "id": float(vehicle.name.removeprefix("vehicles/epa-")),
        "make": vehicle.make,
        "model": vehicle.model,
        "baseModel": vehicle.base_model,
        "year": float(vehicle.model_year),
        "VClass": vehicle.vehicle_class,
        "mfrCode": vehicle.manufacturer_code,
        "engId": model_types[0] if model_types else 0.0,
        "createdOn": _date(record.source_create_time.seconds),
        "modifiedOn": _date(record.source_modify_time.seconds),
    }


def _date(seconds: int) -> str:
    """EPA dates are midnights of the US east coast: the zone is the one in which it is midnight."""
    for zone, hours in (("EST", -5), ("EDT", -4)):
        local = datetime.fromtimestamp(seconds, UTC) + timedelta(hours=hours)
        if local.hour == 0:
            return local.strftime(f"%a %b %d %H:%M:%S {zone} %Y")
    return "no midnight"


def _fuels(vehicle: pb.Vehicle) -> dict[str, Cell]:
    first, second = _FUEL1[vehicle.fuel, vehicle.fuel_grade], _FUEL2[vehicle.secondary_fuel]
    return {
        "fuelType1": first,
        "fuelType2": second,
        "fuelType": _fuel_type(first, second, vehicle.blended_charge_depletion),
        "phevBlended": "true" if vehicle.blended_charge_depletion else "false",
        "atvType": vehicle.powertrain_text,
    }


def _fuel_type(first: str, second: str, blended: bool) -> str:
    grade = first.removesuffix(" Gasoline")
    if not second:
        return _FUEL1_SHORT.get(first, grade)
    if second == "Electricity":
        if blended and grade == "Premium":
            return "Premium and Electricity"
        return f"{grade} Gas {'and' if blended else 'or'} Electricity"
    if second == "E85":
        return "Premium or E85" if grade == "Premium" else "Gasoline or E85"
    return f"Gasoline or {second.lower()}"


def _drive_train(vehicle: pb.Vehicle) -> dict[str, Cell]:
    engine = vehicle.engines[0] if vehicle.engines else pb.Engine()
    return {
        "displ": engine.displacement_l if engine.HasField("displacement_l") else "",
        "cylinders": float(engine.cylinders) if engine.HasField("cylinders") else "",
        "tCharger": "T" if engine.aspiration in _TURBO else "",
        "sCharger": "S" if engine.aspiration in _SUPER else "",
        "startStop": ("Y" if vehicle.start_stop else "N") if vehicle.HasField("start_stop") else "",
        "eng_dscr": vehicle.powertrain_description,
        "evMotor": vehicle.electric_drive_text,
        "trany": vehicle.transmission.text,
        "trans_dscr": vehicle.transmission.description,
        "drive": vehicle.drive_text or _DRIVE[vehicle.drive],
    }


def _interior(vehicle: pb.Vehicle) -> dict[str, Cell]:
    room = vehicle.interior_volume
    litres = {
        "pv2": room.two_door_passenger_l,
        "lv2": room.two_door_luggage_l,
        "pv4": room.four_door_passenger_l,
        "lv4": room.four_door_luggage_l,
        "hpv": room.hatchback_passenger_l,
        "hlv": room.hatchback_luggage_l,
    }
    return {column: float(round(volume / _LITRES_PER_CUBIC_FOOT)) for column, volume in litres.items()}


def _charging(vehicle: pb.Vehicle) -> dict[str, Cell]:
    chargers = {(time.voltage_v, time.alternative): time for time in vehicle.charging.times}
    none = pb.ChargingTime()
    standard, alternative = chargers.get((240.0, False), none), chargers.get((240.0, True), none)
    return {
        "charge120": chargers.get((120.0, False), none).time_h,
        "charge240": standard.time_h,
        "c240Dscr": standard.description,
        "charge240b": alternative.time_h,
        "c240bDscr": alternative.description,
    }


_Key = tuple[int, int, int, int, str]


def _efficiency(vehicle: pb.Vehicle) -> dict[str, Cell]:
    ratings: dict[_Key, pb.EfficiencyRating] = {
        (r.cycle, r.phase, r.fuel, r.mode, r.published_unit): r for r in vehicle.efficiency_ratings
    }
    assert len(ratings) == len(vehicle.efficiency_ratings), "two ratings of the same figure"
    plug_in = vehicle.powertrain == pb.POWERTRAIN_PLUG_IN_HYBRID
    sustaining, depleting = (pb.MODE_CHARGE_SUSTAINING, pb.MODE_CHARGE_DEPLETING) if plug_in else (0, 0)
    row: dict[str, Cell] = {}
    row |= _mpg(ratings, vehicle.fuel, sustaining, "")
    row |= _mpg(ratings, vehicle.secondary_fuel, depleting, "A")
    row |= _electric_columns(ratings, vehicle, depleting)
    row |= _range_columns(ratings, vehicle, plug_in, depleting)
    return row


def _mpg(ratings: Mapping[_Key, pb.EfficiencyRating], fuel: int, mode: int, letter: str) -> dict[str, Cell]:
    liquid = fuel in (pb.FUEL_GASOLINE, pb.FUEL_DIESEL, pb.FUEL_E85, pb.FUEL_PROPANE)
    unit = "mpg" if liquid else "mpge"
    none = pb.EfficiencyRating()
    row: dict[str, Cell] = {}
    for word, phase in _PHASES:
        rating = ratings.get((_LABEL, phase, fuel, mode, unit), none)
        row[f"{word}{letter}08"] = rating.published_value
        row[f"{word}{letter}08U"] = rating.published_unrounded_value
    for word, phase in (("UCity", pb.PHASE_CITY), ("UHighway", pb.PHASE_HIGHWAY)):
        row[word + letter] = ratings.get((_LAB, phase, fuel, mode, unit), none).published_value
    return row


def _electric_columns(
    ratings: Mapping[_Key, pb.EfficiencyRating], vehicle: pb.Vehicle, depleting: int
) -> dict[str, Cell]:
    current = pb.FUEL_HYDROGEN if vehicle.powertrain == pb.POWERTRAIN_FUEL_CELL else pb.FUEL_ELECTRICITY
    none = pb.EfficiencyRating()
    row: dict[str, Cell] = {}
    for (word, phase), phev in zip(_PHASES, ("phevCity", "phevHwy", "phevComb"), strict=True):
        long = "combined" if word == "comb" else word
        weighted = ratings.get((_LABEL, phase, 0, pb.MODE_WEIGHTED, "mpge"), none)
        fuel_used = ratings.get((_LABEL, phase, vehicle.fuel, pb.MODE_CHARGE_DEPLETING, "gal/100mi"), none)
        row[f"{word}E"] = ratings.get((_LABEL, phase, current, depleting, "kWh/100mi"), none).published_value
        row[phev] = weighted.published_value
        row[f"{long}UF"] = weighted.utility_factor
        row[f"{long}CD"] = fuel_used.published_value
    return row


def _range_columns(
    ratings: Mapping[_Key, pb.EfficiencyRating], vehicle: pb.Vehicle, plug_in: bool, depleting: int
) -> dict[str, Cell]:
    none = pb.EfficiencyRating()
    total = pb.FUEL_UNSPECIFIED if plug_in else vehicle.fuel
    second = vehicle.secondary_fuel

    def miles(phase: int, fuel: int, mode: int) -> float:
        return ratings.get((_LABEL, phase, fuel, mode, "mi"), none).published_value

    alternative = ratings.get((_LABEL, pb.PHASE_COMBINED, second, depleting, "mi"), none) if second else none
    number = f"{alternative.published_value:g}" if alternative.HasField("published_value") else ""
    return {
        "range": miles(pb.PHASE_COMBINED, total, 0),
        "rangeCity": miles(pb.PHASE_CITY, total, 0),
        "rangeHwy": miles(pb.PHASE_HIGHWAY, total, 0),
        "rangeCityA": miles(pb.PHASE_CITY, second, depleting) if second else 0.0,
        "rangeHwyA": miles(pb.PHASE_HIGHWAY, second, depleting) if second else 0.0,
        "rangeA": alternative.published_text or number,
    }


def _emissions(vehicle: pb.Vehicle) -> dict[str, Cell]:
    plug_in = vehicle.powertrain == pb.POWERTRAIN_PLUG_IN_HYBRID
    first = (0, pb.MODE_WEIGHTED) if plug_in else (vehicle.fuel, 0)
    second = (vehicle.secondary_fuel, pb.MODE_CHARGE_DEPLETING if plug_in else 0)
    row: dict[str, Cell] = {}
    for letter, (fuel, mode) in (("", first), ("A", second)):
        found = {r.estimated: r.published_value for r in vehicle.emission_ratings if (r.fuel, r.mode) == (fuel, mode)}
        row[f"co2{letter}"] = found.get(False, -1.0)
        row[f"co2Tailpipe{letter}Gpm"] = found.get(True, found.get(False, 0.0))
    return row


def _estimates(estimates: pb.Estimates) -> dict[str, Cell]:
    def score(field: str) -> float:
        return float(getattr(estimates, field)) if estimates.HasField(field) else -1.0  # type: ignore[arg-type]

    return {
        "fuelCost08": estimates.fuel_cost_usd_per_year,
        "fuelCostA08": estimates.secondary_fuel_cost_usd_per_year,
        "barrels08": estimates.petroleum_barrels_per_year,
        "barrelsA08": estimates.secondary_petroleum_barrels_per_year,
        "youSaveSpend": estimates.savings_usd_per_5_years,
        "feScore": score("fuel_economy_score"),
        "ghgScore": score("greenhouse_gas_score"),
        "ghgScoreA": score("secondary_greenhouse_gas_score"),
        "guzzler": estimates.gas_guzzler_code,
    }
