"""The names that options take for the values of the protos' enums, for the help, which comes without protobuf.

A test compares them with the protos.
"""

from __future__ import annotations

from typing import Final

VEHICLE_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "fuel": ("gasoline", "diesel", "electricity", "e85", "natural-gas", "propane", "hydrogen"),
    "drive": (
        "front-wheel", "rear-wheel", "two-wheel", "all-wheel", "four-wheel", "part-time-four-wheel",
        "four-or-all-wheel",
    ),
    "powertrain": ("combustion", "mild-hybrid", "hybrid", "plug-in-hybrid", "battery-electric", "fuel-cell"),
    "body-style": (
        "sedan", "hatchback", "coupe", "convertible", "wagon", "suv", "crossover", "minivan", "van", "passenger-van",
        "cargo-van", "pickup", "chassis-cab", "bus", "truck", "motorcycle",
    ),
    "transmission-type": (
        "manual", "automatic", "automated-manual", "dual-clutch", "continuously-variable", "single-speed",
    ),
}  # fmt: skip
AUDIT_TYPES: Final = (
    "client_created", "client_updated", "client_suspended", "client_resumed", "client_revoked", "secret_created",
    "secret_deleted", "token_revoked", "key_changed", "deployment_claimed", "deployment_changed", "epoch_begun",
    "issue_refused", "token_refused",
)  # fmt: skip
LIMITS: Final = (
    "displacement_l", "cylinders", "power_kw", "fuel_consumption_l_per_100km", "energy_consumption_kwh_per_100km",
    "co2_g_per_km", "range_km", "electric_range_km", "battery_capacity_kwh", "curb_mass_kg",
)  # fmt: skip
"""The fields of vehicles that `--min` and `--max` limit."""
