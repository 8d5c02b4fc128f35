"""Owns the reading of `evMotor`, in which EPA mixes motor power, motor kind, battery voltage and battery energy.

Only texts that are understood as a whole are read; of all others the published text is all there is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Motor:
    """One motor: its power in kilowatts, where it sits (`front`, `rear`) and its kind, if stated."""

    power_kw: float
    position: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class ElectricDrive:
    """What a text says about motors and battery (volts, kilowatt-hours)."""

    motors: tuple[Motor, ...] = ()
    battery_voltage_v: float | None = None
    battery_chemistry: str | None = None
    battery_capacity_kwh: float | None = None


_NUMBER = r"\d+(?:\.\d+)?"
_PACK = rf"(?: ?\((?P<pack>{_NUMBER}) kW-hr battery pack\))?"
_BATTERY = re.compile(rf"(?P<volts>{_NUMBER}) ?V (?P<chemistry>[A-Za-z][\w -]*)")
_MOTORS = re.compile(
    rf"(?P<powers>{_NUMBER}(?:(?:, ?| ?and ?){_NUMBER})*) ?kW(?: (?P<type>[A-Za-z0-9][\w .-]*(?: \(IPM\))?))?{_PACK}",
    re.IGNORECASE,
)
_AXLES = re.compile(rf"(?P<front>{_NUMBER}) \(front\),? (?P<rear>{_NUMBER}) \(rear\){_PACK}")


@lru_cache(maxsize=4096)
def read(text: str) -> ElectricDrive:
    """Read a text such as `288V Ni-MH`, `190 and 230 kW EESM` or `85 kW AC Induction (60 kW-hr battery pack)`."""
    if battery := _BATTERY.fullmatch(text):
        return ElectricDrive((), float(battery["volts"]), battery["chemistry"])
    if axles := _AXLES.fullmatch(text):
        motors = tuple(Motor(float(axles[position]), position) for position in ("front", "rear"))
        return ElectricDrive(motors, battery_capacity_kwh=_pack(axles))
    if listed := _MOTORS.fullmatch(text):
        powers = re.findall(_NUMBER, listed["powers"])
        motors = tuple(Motor(float(power), None, listed["type"]) for power in powers)
        return ElectricDrive(motors, battery_capacity_kwh=_pack(listed))
    return ElectricDrive()


def _pack(match: re.Match[str]) -> float | None:
    return float(match["pack"]) if match["pack"] else None
