"""Owns EPA's consumption, range and emission columns: which figure each is, and the rating it becomes.

The tables say it all: column → cycle, phase, fuel and mode. Traps they keep: of a plug-in hybrid, `comb08` is on
gasoline with the battery sustained, `combA08` on electricity, `phevComb` and the CO2 columns weighted; `range` is
on both energies and `rangeA` until the battery is depleted. "MPG" of anything but a liquid fuel is MPGe.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from typeplate.v1 import vehicle_pb2 as pb
from typeplate_server.vehicles import units
from typeplate_server.vehicles.epa.cells import Cells
from typeplate_server.vehicles.epa.vocabulary import LIQUID_FUELS

if TYPE_CHECKING:
    _Cycle: TypeAlias = pb.TestCycle.ValueType
    _Phase: TypeAlias = pb.Phase.ValueType
    _Fuel: TypeAlias = pb.Fuel.ValueType
    _Mode: TypeAlias = pb.Mode.ValueType
    _MpgColumns = tuple[tuple[_Cycle, _Phase, str, str], ...]
    _PhaseColumns = tuple[tuple[_Phase, str], ...]

_ONE_NUMBER = re.compile(r"\d+(?:\.\d+)?")

_LABEL, _UNADJUSTED = pb.TEST_CYCLE_EPA_LABEL, pb.TEST_CYCLE_EPA_UNADJUSTED
_CITY, _HIGHWAY, _COMBINED = pb.PHASE_CITY, pb.PHASE_HIGHWAY, pb.PHASE_COMBINED

_PRIMARY_MPG = (
    (_LABEL, _CITY, "city08", "city08U"),
    (_LABEL, _HIGHWAY, "highway08", "highway08U"),
    (_LABEL, _COMBINED, "comb08", "comb08U"),
    (_UNADJUSTED, _CITY, "UCity", ""),
    (_UNADJUSTED, _HIGHWAY, "UHighway", ""),
)
_SECONDARY_MPG = (
    (_LABEL, _CITY, "cityA08", "cityA08U"),
    (_LABEL, _HIGHWAY, "highwayA08", "highwayA08U"),
    (_LABEL, _COMBINED, "combA08", "combA08U"),
    (_UNADJUSTED, _CITY, "UCityA", ""),
    (_UNADJUSTED, _HIGHWAY, "UHighwayA", ""),
)
_ELECTRICITY = ((_CITY, "cityE"), (_HIGHWAY, "highwayE"), (_COMBINED, "combE"))
_DEPLETING_FUEL = ((_CITY, "cityCD"), (_HIGHWAY, "highwayCD"), (_COMBINED, "combinedCD"))
_WEIGHTED = (
    (_CITY, "phevCity", "cityUF"),
    (_HIGHWAY, "phevHwy", "highwayUF"),
    (_COMBINED, "phevComb", "combinedUF"),
)
_RANGE = ((_CITY, "rangeCity"), (_HIGHWAY, "rangeHwy"), (_COMBINED, "range"))
_SECONDARY_RANGE = ((_CITY, "rangeCityA"), (_HIGHWAY, "rangeHwyA"))


def add_ratings(cells: Cells, vehicle: pb.Vehicle) -> None:
    """Add all ratings of a row; the vehicle's powertrain and fuels are set already. Raises RowError."""
    plug_in = vehicle.powertrain == pb.POWERTRAIN_PLUG_IN_HYBRID
    sustaining = pb.MODE_CHARGE_SUSTAINING if plug_in else pb.MODE_UNSPECIFIED
    depleting = pb.MODE_CHARGE_DEPLETING if plug_in else pb.MODE_UNSPECIFIED
    current = pb.FUEL_HYDROGEN if vehicle.fuel == pb.FUEL_HYDROGEN else pb.FUEL_ELECTRICITY
    _add_mpg(cells, vehicle, _PRIMARY_MPG, vehicle.fuel, sustaining)
    _add_mpg(cells, vehicle, _SECONDARY_MPG, vehicle.secondary_fuel, depleting)
    _add_electricity(cells, vehicle, current, depleting)
    _add_depleting_fuel(cells, vehicle)
    _add_weighted(cells, vehicle)
    total = pb.FUEL_UNSPECIFIED if plug_in else vehicle.fuel
    _add_ranges(cells, vehicle, _RANGE, total, pb.MODE_UNSPECIFIED)
    _add_ranges(cells, vehicle, _SECONDARY_RANGE, vehicle.secondary_fuel, depleting)
    _add_secondary_range(cells, vehicle, depleting)
    _add_emissions(cells, vehicle, plug_in, depleting)


def _add_mpg(cells: Cells, vehicle: pb.Vehicle, columns: _MpgColumns, fuel: _Fuel, mode: _Mode) -> None:
    for cycle, phase, column, unrounded_column in columns:
        value = cells.number(column)
        if value is None:
            continue
        rating = vehicle.efficiency_ratings.add(cycle=cycle, phase=phase, fuel=fuel, mode=mode, published_value=value)
        unrounded = cells.number(unrounded_column) if unrounded_column else None
        if unrounded is not None:
            rating.published_unrounded_value = unrounded
        if fuel in LIQUID_FUELS:
            rating.published_unit = "mpg"
            rating.fuel_consumption_l_per_100km = units.l_per_100km_from_mpg(unrounded or value)
        else:
            rating.published_unit = "mpge"
            rating.energy_consumption_kwh_per_100km = units.kwh_per_100km_from_mpge(unrounded or value)


def _add_electricity(cells: Cells, vehicle: pb.Vehicle, fuel: _Fuel, mode: _Mode) -> None:
    for phase, column in _ELECTRICITY:
        value = cells.number(column)
        if value is not None:
            vehicle.efficiency_ratings.add(
                cycle=_LABEL,
                phase=phase,
                fuel=fuel,
                mode=mode,
                energy_consumption_kwh_per_100km=units.per_km_from_per_mile(value),
                published_value=value,
                published_unit="kWh/100mi",
            )


def _add_depleting_fuel(cells: Cells, vehicle: pb.Vehicle) -> None:
    for phase, column in _DEPLETING_FUEL:
        value = cells.number(column)
        if value is not None:
            vehicle.efficiency_ratings.add(
                cycle=_LABEL,
                phase=phase,
                fuel=vehicle.fuel,
                mode=pb.MODE_CHARGE_DEPLETING,
                fuel_consumption_l_per_100km=units.l_per_100km_from_gal_per_100mi(value),
                published_value=value,
                published_unit="gal/100mi",
            )


def _add_weighted(cells: Cells, vehicle: pb.Vehicle) -> None:
    for phase, column, factor_column in _WEIGHTED:
        value, factor = cells.number(column), cells.number(factor_column)
        if value is None and factor is None:
            continue
        rating = vehicle.efficiency_ratings.add(cycle=_LABEL, phase=phase, mode=pb.MODE_WEIGHTED, utility_factor=factor)
        if value is not None:
            rating.energy_consumption_kwh_per_100km = units.kwh_per_100km_from_mpge(value)
            rating.published_value = value
            rating.published_unit = "mpge"


def _add_ranges(cells: Cells, vehicle: pb.Vehicle, columns: _PhaseColumns, fuel: _Fuel, mode: _Mode) -> None:
    for phase, column in columns:
        value = cells.number(column)
        if value is not None:
            _add_range(vehicle, phase, fuel, mode, value)


def _add_secondary_range(cells: Cells, vehicle: pb.Vehicle, mode: _Mode) -> None:
    """`rangeA`: one number, or one per tank that can be ordered (`230/270`) or per body (`310-390`)."""
    text = cells.text("rangeA")
    if text is None:
        return
    if _ONE_NUMBER.fullmatch(text):
        value = cells.number("rangeA")
        if value is not None:
            _add_range(vehicle, _COMBINED, vehicle.secondary_fuel, mode, value)
        return
    rating = vehicle.efficiency_ratings.add(cycle=_LABEL, phase=_COMBINED, fuel=vehicle.secondary_fuel, mode=mode)
    rating.published_text = text
    rating.published_unit = "mi"


def _add_range(vehicle: pb.Vehicle, phase: _Phase, fuel: _Fuel, mode: _Mode, miles: float) -> None:
    vehicle.efficiency_ratings.add(
        cycle=_LABEL,
        phase=phase,
        fuel=fuel,
        mode=mode,
        range_km=units.km_from_miles(miles),
        published_value=miles,
        published_unit="mi",
    )


def _add_emissions(cells: Cells, vehicle: pb.Vehicle, plug_in: bool, depleting: _Mode) -> None:
    mode = pb.MODE_WEIGHTED if plug_in else pb.MODE_UNSPECIFIED
    fuel = pb.FUEL_UNSPECIFIED if plug_in else vehicle.fuel
    _add_co2(cells, vehicle, ("co2", "co2TailpipeGpm"), fuel, mode)
    _add_co2(cells, vehicle, ("co2A", "co2TailpipeAGpm"), vehicle.secondary_fuel, depleting)


def _add_co2(cells: Cells, vehicle: pb.Vehicle, columns: tuple[str, str], fuel: _Fuel, mode: _Mode) -> None:
    """EPA's `co2` is measured or −1; `co2Tailpipe…Gpm` repeats it, or is computed from consumption where it is −1."""
    measured, tailpipe = cells.number_or_zero(columns[0]), cells.number(columns[1])
    if measured is not None:
        _add_emission(vehicle, fuel, mode, measured, estimated=False)
    if tailpipe is not None and tailpipe != measured:
        _add_emission(vehicle, fuel, mode, tailpipe, estimated=True)


def _add_emission(vehicle: pb.Vehicle, fuel: _Fuel, mode: _Mode, g_per_mile: float, *, estimated: bool) -> None:
    vehicle.emission_ratings.add(
        cycle=_LABEL,
        phase=_COMBINED,
        fuel=fuel,
        mode=mode,
        co2_g_per_km=units.per_km_from_per_mile(g_per_mile),
        estimated=estimated,
        published_value=g_per_mile,
        published_unit="g/mi",
    )
