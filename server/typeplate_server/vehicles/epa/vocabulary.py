"""Owns EPA's words for closed sets, and the members of our enums they become.

A word not in a table is no error: the enum stays UNSPECIFIED and the published text is kept, for EPA adds words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from typeplate.v1 import vehicle_pb2 as pb

DRIVES = {
    "Front-Wheel Drive": pb.DRIVE_FRONT_WHEEL,
    "Rear-Wheel Drive": pb.DRIVE_REAR_WHEEL,
    "2-Wheel Drive": pb.DRIVE_TWO_WHEEL,
    "All-Wheel Drive": pb.DRIVE_ALL_WHEEL,
    "4-Wheel Drive": pb.DRIVE_FOUR_WHEEL,
    "Part-time 4-Wheel Drive": pb.DRIVE_PART_TIME_FOUR_WHEEL,
    "4-Wheel or All-Wheel Drive": pb.DRIVE_FOUR_OR_ALL_WHEEL,
}

PRIMARY_FUELS = {
    "Regular Gasoline": (pb.FUEL_GASOLINE, pb.FUEL_GRADE_REGULAR),
    "Midgrade Gasoline": (pb.FUEL_GASOLINE, pb.FUEL_GRADE_MIDGRADE),
    "Premium Gasoline": (pb.FUEL_GASOLINE, pb.FUEL_GRADE_PREMIUM),
    "Diesel": (pb.FUEL_DIESEL, pb.FUEL_GRADE_UNSPECIFIED),
    "Electricity": (pb.FUEL_ELECTRICITY, pb.FUEL_GRADE_UNSPECIFIED),
    "Natural Gas": (pb.FUEL_NATURAL_GAS, pb.FUEL_GRADE_UNSPECIFIED),
    "Hydrogen": (pb.FUEL_HYDROGEN, pb.FUEL_GRADE_UNSPECIFIED),
}

UNKNOWN_FUEL = (pb.FUEL_UNSPECIFIED, pb.FUEL_GRADE_UNSPECIFIED)

SECONDARY_FUELS = {
    "E85": pb.FUEL_E85,
    "Electricity": pb.FUEL_ELECTRICITY,
    "Natural Gas": pb.FUEL_NATURAL_GAS,
    "Propane": pb.FUEL_PROPANE,
}

LIQUID_FUELS = frozenset({pb.FUEL_GASOLINE, pb.FUEL_DIESEL, pb.FUEL_E85, pb.FUEL_PROPANE})
"""Fuels whose "mpg" counts gallons of that fuel. Of all others EPA publishes MPGe."""

FUEL_TEXTS = {
    ("Regular Gasoline", "", False): "Regular",
    ("Midgrade Gasoline", "", False): "Midgrade",
    ("Premium Gasoline", "", False): "Premium",
    ("Diesel", "", False): "Diesel",
    ("Electricity", "", False): "Electricity",
    ("Natural Gas", "", False): "CNG",
    ("Hydrogen", "", False): "Hydrogen",
    ("Regular Gasoline", "E85", False): "Gasoline or E85",
    ("Premium Gasoline", "E85", False): "Premium or E85",
    ("Regular Gasoline", "Natural Gas", False): "Gasoline or natural gas",
    ("Regular Gasoline", "Propane", False): "Gasoline or propane",
    ("Regular Gasoline", "Electricity", False): "Regular Gas or Electricity",
    ("Premium Gasoline", "Electricity", False): "Premium Gas or Electricity",
    ("Regular Gasoline", "Electricity", True): "Regular Gas and Electricity",
    ("Premium Gasoline", "Electricity", True): "Premium and Electricity",
}
"""What EPA calls the pair of fuels, by (fuelType1, fuelType2, phevBlended). Any other text is kept as published."""

POWERTRAINS = {
    "": pb.POWERTRAIN_COMBUSTION,
    "Diesel": pb.POWERTRAIN_COMBUSTION,
    "FFV": pb.POWERTRAIN_COMBUSTION,
    "CNG": pb.POWERTRAIN_COMBUSTION,
    "Bifuel (CNG)": pb.POWERTRAIN_COMBUSTION,
    "Bifuel (LPG)": pb.POWERTRAIN_COMBUSTION,
    "Hybrid": pb.POWERTRAIN_HYBRID,
    "Plug-in Hybrid": pb.POWERTRAIN_PLUG_IN_HYBRID,
    "EV": pb.POWERTRAIN_BATTERY_ELECTRIC,
    "FCV": pb.POWERTRAIN_FUEL_CELL,
}

_BODY_WORDS = (
    ("Pickup", pb.BODY_STYLE_PICKUP),
    ("Sport Utility", pb.BODY_STYLE_SUV),
    ("Station Wagon", pb.BODY_STYLE_WAGON),
    ("Minivan", pb.BODY_STYLE_MINIVAN),
    ("Vans, Cargo", pb.BODY_STYLE_CARGO_VAN),
    ("Vans, Passenger", pb.BODY_STYLE_PASSENGER_VAN),
    ("Vans Passenger", pb.BODY_STYLE_PASSENGER_VAN),
    ("Vans", pb.BODY_STYLE_VAN),
)


@lru_cache(maxsize=256)
def body_style(vehicle_class: str | None) -> pb.BodyStyle.ValueType:
    """The body that EPA's size class implies; `Compact Cars` and the like imply none."""
    for word, style in _BODY_WORDS:
        if vehicle_class and word in vehicle_class:
            return style
    return pb.BODY_STYLE_UNSPECIFIED


@dataclass(frozen=True, slots=True)
class Gearbox:
    """What EPA's `trany` says."""

    type: pb.TransmissionType.ValueType = pb.TRANSMISSION_TYPE_UNSPECIFIED
    gears: int | None = None
    driver_selectable: bool | None = None


_CODED = re.compile(r"Automatic \((AM|AV|A|S|L)(?:-(S))?(\d+)\)")
_PLAIN = re.compile(r"(Automatic|Manual) (\d+)-spd(?: Doubled)?")
_CODES = {"AM": pb.TRANSMISSION_TYPE_AUTOMATED_MANUAL, "AV": pb.TRANSMISSION_TYPE_CONTINUOUSLY_VARIABLE}


@lru_cache(maxsize=1024)
def gearbox(trany: str) -> Gearbox:
    """Read `Automatic 4-spd`, `Manual 5-spd`, `Automatic (AM-S7)`, `Automatic (variable gear ratios)` and the like."""
    if trany == "Automatic (variable gear ratios)":
        return Gearbox(pb.TRANSMISSION_TYPE_CONTINUOUSLY_VARIABLE)
    if plain := _PLAIN.fullmatch(trany):
        manual = plain[1] == "Manual"
        kind = pb.TRANSMISSION_TYPE_MANUAL if manual else pb.TRANSMISSION_TYPE_AUTOMATIC
        return Gearbox(kind, int(plain[2]))
    if coded := _CODED.fullmatch(trany):
        gears = int(coded[3])
        single = coded[1] == "A" and gears == 1
        other = pb.TRANSMISSION_TYPE_SINGLE_SPEED if single else pb.TRANSMISSION_TYPE_AUTOMATIC
        return Gearbox(_CODES.get(coded[1], other), gears, True if "S" in (coded[1], coded[2]) else None)
    return Gearbox()
