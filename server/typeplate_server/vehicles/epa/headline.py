"""Owns which of EPA's ratings become a vehicle's headline values, those that lists filter and sort by.

They are taken from the ratings, never from the cells, so a headline and its detail cannot disagree. EPA states
no power, torque or mass; of a battery electric car with one motor the motor's power is the vehicle's.
"""

from __future__ import annotations

from typeplate.v1 import vehicle_pb2 as pb

_KINDS = (pb.POWERTRAIN_BATTERY_ELECTRIC, pb.POWERTRAIN_PLUG_IN_HYBRID, pb.POWERTRAIN_FUEL_CELL)


def set_headline(vehicle: pb.Vehicle) -> None:
    """Set the flat values of a vehicle whose engines, motors and ratings are there."""
    for rating in vehicle.efficiency_ratings:
        if rating.phase == pb.PHASE_COMBINED and rating.cycle == pb.TEST_CYCLE_EPA_LABEL:
            _from_efficiency(vehicle, rating)
    for emission in vehicle.emission_ratings:
        if emission.mode != pb.MODE_CHARGE_DEPLETING and emission.fuel != vehicle.secondary_fuel:
            vehicle.co2_g_per_km = emission.co2_g_per_km
            break
    if vehicle.engines:
        _from_engine(vehicle, vehicle.engines[0])
    if vehicle.powertrain == pb.POWERTRAIN_BATTERY_ELECTRIC and len(vehicle.electric_motors) == 1:
        vehicle.power_kw = vehicle.electric_motors[0].power_kw
    if vehicle.battery.HasField("gross_capacity_kwh"):
        vehicle.battery_capacity_kwh = vehicle.battery.gross_capacity_kwh


def _from_efficiency(vehicle: pb.Vehicle, rating: pb.EfficiencyRating) -> None:
    depleting = rating.mode == pb.MODE_CHARGE_DEPLETING
    if rating.HasField("fuel_consumption_l_per_100km") and rating.fuel == vehicle.fuel and not depleting:
        vehicle.fuel_consumption_l_per_100km = rating.fuel_consumption_l_per_100km
    elif rating.published_unit == "kWh/100mi":
        vehicle.energy_consumption_kwh_per_100km = rating.energy_consumption_kwh_per_100km
    elif rating.HasField("range_km") and vehicle.powertrain in _KINDS:
        _from_range(vehicle, rating.range_km, depleting)


def _from_range(vehicle: pb.Vehicle, range_km: float, depleting: bool) -> None:
    if not depleting:
        vehicle.range_km = range_km
    if depleting or vehicle.powertrain == pb.POWERTRAIN_BATTERY_ELECTRIC:
        vehicle.electric_range_km = range_km


def _from_engine(vehicle: pb.Vehicle, engine: pb.Engine) -> None:
    if engine.HasField("displacement_l"):
        vehicle.displacement_l = engine.displacement_l
    if engine.HasField("cylinders"):
        vehicle.cylinders = engine.cylinders
