"""Reads what ultravin decodes, and says what of it is a Typeplate vehicle.

Values are bound to vPIC's element ids, for its labels drift between months. What vPIC leaves open stays unknown: that
no electrification is stated does not make a car a conventional one. Horsepower, pounds and inches become kilowatts,
kilograms and millimetres, rounded to four decimals (`vehicles.units`), so that the published figure can be had back;
litres of displacement that vPIC computed from cubic inches are rounded to three.
"""

from __future__ import annotations

import re
from typing import Any

from typeplate.v1 import vehicle_pb2 as pb
from typeplate_server.vehicles.units import kg_from_pounds, kw_from_horsepower, mm_from_inches

_CHECK_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_LETTERS = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
_MASS_CLASS = re.compile(r"\((?:([\d,]+) - )?([\d,]+) kg(?: or less)?\)")

# Published text → enum value, and whether the enum says all of it.
BODIES = {
    "Sedan/Saloon": (pb.BODY_STYLE_SEDAN, True),
    "Sport Utility Vehicle [SUV]/Multipurpose Vehicle [MPV]": (pb.BODY_STYLE_SUV, False),
    "Hatchback/Liftback/Notchback": (pb.BODY_STYLE_HATCHBACK, False),
    "Coupe": (pb.BODY_STYLE_COUPE, True),
    "Convertible/Cabriolet": (pb.BODY_STYLE_CONVERTIBLE, True),
    "Wagon": (pb.BODY_STYLE_WAGON, True),
    "Pickup": (pb.BODY_STYLE_PICKUP, True),
    "Minivan": (pb.BODY_STYLE_MINIVAN, True),
    "Crossover Utility Vehicle [CUV]": (pb.BODY_STYLE_CROSSOVER, True),
    "Van": (pb.BODY_STYLE_VAN, True),
    "Cargo Van": (pb.BODY_STYLE_CARGO_VAN, True),
}
DRIVES = {
    "FWD/Front-Wheel Drive": (pb.DRIVE_FRONT_WHEEL, True),
    "RWD/Rear-Wheel Drive": (pb.DRIVE_REAR_WHEEL, True),
    "AWD/All-Wheel Drive": (pb.DRIVE_ALL_WHEEL, True),
    "4WD/4-Wheel Drive/4x4": (pb.DRIVE_FOUR_WHEEL, False),
    "4x2": (pb.DRIVE_TWO_WHEEL, True),
}
TRANSMISSIONS = {
    "Automatic": pb.TRANSMISSION_TYPE_AUTOMATIC,
    "Manual/Standard": pb.TRANSMISSION_TYPE_MANUAL,
    "Continuously Variable Transmission (CVT)": pb.TRANSMISSION_TYPE_CONTINUOUSLY_VARIABLE,
    "Electronic Continuously Variable (e-CVT)": pb.TRANSMISSION_TYPE_CONTINUOUSLY_VARIABLE,
    "Automated Manual Transmission (AMT)": pb.TRANSMISSION_TYPE_AUTOMATED_MANUAL,
    "Dual-clutch Transmission (DCT)": pb.TRANSMISSION_TYPE_DUAL_CLUTCH,
    "Direct Drive": pb.TRANSMISSION_TYPE_SINGLE_SPEED,
}
POWERTRAINS = {
    "PHEV (Plug-in Hybrid Electric Vehicle)": pb.POWERTRAIN_PLUG_IN_HYBRID,
    "BEV (Battery Electric Vehicle)": pb.POWERTRAIN_BATTERY_ELECTRIC,
    "Strong HEV (Hybrid Electric Vehicle)": pb.POWERTRAIN_HYBRID,
    "Mild HEV (Hybrid Electric Vehicle)": pb.POWERTRAIN_MILD_HYBRID,
}
_FFV = "Flexible Fuel Vehicle (FFV)"
FUELS = {
    "Gasoline": pb.FUEL_GASOLINE,
    "Diesel": pb.FUEL_DIESEL,
    "Electric": pb.FUEL_ELECTRICITY,
    _FFV: pb.FUEL_GASOLINE,
}
BATTERIES = {"Lithium-ion/Li-Ion": "Li-Ion", "Nickel-Metal-Hydride/NiMH": "Ni-MH", "Lead Acid/Lead": "Lead acid"}


def descriptor_of(vin: str) -> str:
    """What of a VIN says which model it is: positions 1-8, 10 and 11; `*` for the check digit."""
    return f"{vin[:8]}*{vin[9:11]}"


def vin_from(descriptor: str) -> str:
    """A made VIN of this descriptor: serial number 000000, its check digit right (49 CFR 565.15)."""
    bare = f"{descriptor[:8]}0{descriptor[9:]}000000"
    digits = (int(letter) if letter.isdigit() else _LETTERS[letter] for letter in bare)
    rest = sum(weight * digit for weight, digit in zip(_CHECK_WEIGHTS, digits, strict=True)) % 11
    return f"{bare[:8]}{'X' if rest == 10 else rest}{bare[9:]}"


def is_small_maker(vin: str) -> bool:
    """Whether the maker builds so few that its code goes on in positions 12-14."""
    return vin[2] == "9"


def values_of(decoded: dict[str, Any]) -> dict[int, str]:
    """The first value of each element that says something, by element id, of `decode(full=True)`."""
    values: dict[int, str] = {}
    for element in decoded["elements"]:
        value = str(element["value"] or "").strip()
        if value and value != "Not Applicable":
            values.setdefault(element["element_id"], value)
    return values


class VpicVehicle:
    """One decoded descriptor, as a vehicle `vehicles/vpic-{descriptor}`."""

    def __init__(self, descriptor: str, decoded: dict[str, Any], dataset_version: str) -> None:
        self._descriptor = descriptor
        self._values = values_of(decoded)
        self._year = int(decoded["model_year"])
        self._dataset_version = dataset_version

    def message(self) -> pb.Vehicle:
        """The whole message."""
        vehicle = pb.Vehicle(
            name=f"vehicles/vpic-{self._descriptor.replace('*', '').lower()}", model_year=self._year, markets=["US"]
        )
        self._identity(vehicle)
        self._closed_sets(vehicle)
        self._measures(vehicle)
        if vehicle.powertrain == pb.POWERTRAIN_BATTERY_ELECTRIC:
            self._motor(vehicle)
        else:
            self._engine(vehicle)
        self._provenance(vehicle)
        return vehicle

    def _identity(self, vehicle: pb.Vehicle) -> None:
        texts = {"make": 26, "model": 28, "trim": 38, "series": 34, "vehicle_type": 39, "manufacturer": 27}
        for name, element in texts.items():
            if element in self._values:
                setattr(vehicle, name, self._values[element])

    def _closed_sets(self, vehicle: pb.Vehicle) -> None:
        self._enum(vehicle, "body_style", self._values.get(5), BODIES)
        self._enum(vehicle, "drive", self._values.get(15), DRIVES)
        self._powertrain(vehicle)
        self._fuels(vehicle)
        style, gears = self._values.get(37), self._values.get(63)
        if style:
            vehicle.transmission.type = TRANSMISSIONS.get(style, pb.TRANSMISSION_TYPE_UNSPECIFIED)
            vehicle.transmission.text = style
        if gears:
            vehicle.transmission.gears = int(gears)

    def _enum(self, vehicle: pb.Vehicle, name: str, text: str | None, known: dict[str, tuple[Any, bool]]) -> None:
        if not text:
            return
        value, says_all = known.get(text, (0, False))
        setattr(vehicle, name, value)
        if not says_all:
            setattr(vehicle, f"{name}_text", text)

    def _powertrain(self, vehicle: pb.Vehicle) -> None:
        level = self._values.get(126, "")
        vehicle.powertrain = POWERTRAINS.get(level, pb.POWERTRAIN_UNSPECIFIED)
        if not level and self._values.get(24) == "Electric":
            both = 66 in self._values
            vehicle.powertrain = pb.POWERTRAIN_PLUG_IN_HYBRID if both else pb.POWERTRAIN_BATTERY_ELECTRIC
        if level:
            vehicle.powertrain_text = level

    def _fuels(self, vehicle: pb.Vehicle) -> None:
        first, second = self._values.get(24, ""), self._values.get(66, "")
        vehicle.fuel = FUELS.get(first, pb.FUEL_UNSPECIFIED)
        if vehicle.powertrain == pb.POWERTRAIN_PLUG_IN_HYBRID:
            liquid = second if first == "Electric" else first
            vehicle.fuel = FUELS.get(liquid, pb.FUEL_UNSPECIFIED)
            vehicle.secondary_fuel = pb.FUEL_ELECTRICITY
        elif _FFV in (first, second) or second == "Ethanol (E85)":
            vehicle.secondary_fuel = pb.FUEL_E85
        if first not in FUELS or second or first == _FFV:
            vehicle.fuel_text = "; ".join(text for text in (first, second) if text)

    def _measures(self, vehicle: pb.Vehicle) -> None:
        values = self._values
        if 14 in values:
            vehicle.doors = int(values[14])
        if 33 in values:
            vehicle.seats = int(values[33])
        if 54 in values:
            vehicle.curb_mass_kg = vehicle.masses.curb_mass_kg = kg_from_pounds(float(values[54]))
        if 25 in values:
            self._mass_class(vehicle.masses, values[25])
        if 111 in values:
            vehicle.dimensions.wheelbase_mm = mm_from_inches(float(values[111]))
        if 59 in values:
            vehicle.battery_capacity_kwh = vehicle.battery.gross_capacity_kwh = float(values[59])
        if 2 in values:
            vehicle.battery.chemistry = BATTERIES.get(values[2], values[2])

    def _mass_class(self, masses: pb.Masses, text: str) -> None:
        masses.gross_mass_class = text
        if bounds := _MASS_CLASS.search(text):
            if bounds[1]:
                masses.gross_mass_class_min_kg = float(bounds[1].replace(",", ""))
            masses.gross_mass_class_max_kg = float(bounds[2].replace(",", ""))

    def _engine(self, vehicle: pb.Vehicle) -> None:
        values, engine = self._values, pb.Engine()
        if 13 in values:
            vehicle.displacement_l = engine.displacement_l = round(float(values[13]), 3)
        if 9 in values:
            vehicle.cylinders = engine.cylinders = int(values[9])
        if 18 in values:
            engine.model = values[18]
        if 64 in values:
            engine.layout = values[64]
        if values.get(135) == "Yes":
            engine.aspiration = pb.ASPIRATION_TURBOCHARGED
        if 71 in values:
            engine.power_kw = kw_from_horsepower(float(values[71]))
            if not self._is_electrified(vehicle):
                vehicle.power_kw = engine.power_kw
        if engine.ListFields():
            engine.fuel = vehicle.fuel
            vehicle.engines.append(engine)

    def _is_electrified(self, vehicle: pb.Vehicle) -> bool:
        """Whether motors add to the engine's power: what vPIC states is then not that of the whole drive."""
        return 126 in self._values or self._values.get(66) == "Electric" or bool(vehicle.powertrain)

    def _motor(self, vehicle: pb.Vehicle) -> None:
        if 71 in self._values:
            vehicle.power_kw = kw_from_horsepower(float(self._values[71]))

    def _provenance(self, vehicle: pb.Vehicle) -> None:
        vehicle.provenance.add(
            source="vpic",
            record_id=self._descriptor,
            license="US-Public-Domain",
            dataset_version=self._dataset_version,
            quality=pb.QUALITY_CONFIRMED,
        )
