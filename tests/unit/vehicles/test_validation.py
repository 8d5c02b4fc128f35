"""Vehicles given by callers: what is accepted, and what is refused with which field paths."""

import math
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from hypothesis import given
from hypothesis import strategies as st

from typeplate.v1 import vehicle_pb2 as pb
from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles import model
from typeplate_server.vehicles.validation import clear_output_only, validate

MESSAGES = {
    "engines": "Engine",
    "electric_motors": "ElectricMotor",
    "efficiency_ratings": "EfficiencyRating",
    "emission_ratings": "EmissionRating",
    "provenance": "Provenance",
    "times": "ChargingTime",
    "external_ids": "ExternalId",
}
TOP_LISTS = ("markets", "engines", "electric_motors", "efficiency_ratings", "emission_ratings", "provenance")


def car(**fields: Any) -> pb.Vehicle:
    """A small good vehicle with further fields."""
    return pb.Vehicle(**{"make": "Exampla", "model": "Touring", "model_year": 2020, **fields})


def paths(vehicle: pb.Vehicle) -> list[str]:
    """The fields at fault."""
    with pytest.raises(InvalidArgument) as caught:
        validate(vehicle)
    return [violation.field for violation in caught.value.violations]


def test_make_model_and_year_are_all_that_is_required() -> None:
    """All that is missing is named at once."""
    validate(car())
    assert paths(pb.Vehicle()) == ["vehicle.make", "vehicle.model", "vehicle.model_year"]


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("model_year", 1886, 1885),
        ("model_year", 2100, 2101),
        ("cylinders", 48, 0),
        ("power_kw", 0.0, -0.1),
        ("power_kw", 5_000.0, math.inf),
        ("torque_nm", 50_000.0, math.nan),
        ("displacement_l", 100.0, 100.1),
        ("curb_mass_kg", 200_000.0, 200_001.0),
        ("fuel_consumption_l_per_100km", 1e6, 1.1e6),
        ("doors", 0, 21),
        ("make", "x" * 200, "x" * 201),
        ("trim", "Premium  Plus", " "),
        ("trim", "é", ""),
        ("model", "a b", "a\nb"),
        ("model", "300", "\x1b[31mred"),
        ("markets", ["DE", "US"], ["DE", "usa"]),
        ("name", "vehicles/own-1", "vehicles/own"),
        ("name", "vehicles/own-a.b_c-d", "own-1"),
        ("drive", pb.DRIVE_ALL_WHEEL, 99),
    ],
)
def test_limits_hold_at_their_edges(field: str, good: Any, bad: Any) -> None:
    """The last good value passes, the first bad one is named."""
    validate(car(**{field: good}))
    (path,) = paths(car(**{field: bad}))
    assert path.removesuffix("[1]") == f"vehicle.{field}"


def test_paths_lead_into_lists_and_messages() -> None:
    """Indices and inner fields; several at once."""
    vehicle = car(engines=[pb.Engine(cylinders=4), pb.Engine(cylinders=-1, model="")])
    vehicle.dimensions.length_mm = -1
    vehicle.provenance.add(source="Not A Source")
    vehicle.efficiency_ratings.add(utility_factor=1.5, published_unit="x" * 21)
    assert paths(vehicle) == [
        "vehicle.engines[1].model",
        "vehicle.engines[1].cylinders",
        "vehicle.dimensions.length_mm",
        "vehicle.efficiency_ratings[0].utility_factor",
        "vehicle.efficiency_ratings[0].published_unit",
        "vehicle.provenance[0].source",
    ]


def test_lists_are_bounded_and_violations_too() -> None:
    """A list too long is one violation; of many bad elements 20 are reported."""
    assert paths(car(engines=[pb.Engine() for _ in range(9)])) == ["vehicle.engines"]
    assert len(paths(car(markets=["?"] * 100))) == 20


def test_fields_of_the_server_are_ignored_and_can_be_cleared() -> None:
    """AIP-203: output-only fields in a request are no error and have no effect."""
    vehicle = car(revision=-5)
    vehicle.create_time.seconds = -(10**15)
    validate(vehicle)
    clear_output_only(vehicle)
    assert vehicle == car()


def test_unknown_fields_are_dropped() -> None:
    """What this release does not know is not stored."""
    vehicle = pb.Vehicle.FromString(car().SerializeToString() + b"\xfa\x3e\x03abc")
    clear_output_only(vehicle)
    assert vehicle.SerializeToString() == car().SerializeToString()


def lists_in(descriptor: Descriptor) -> set[str]:
    """The full names of all repeated fields of a message and of those inside it."""
    found = {field.full_name for field in descriptor.fields if field.is_repeated}
    inner = [field.message_type for field in descriptor.fields if field.message_type is not None]
    return found.union(*(lists_in(message) for message in inner))


def test_every_list_of_the_model_has_a_bound() -> None:
    """One element too many is refused, for each repeated field there is, also one added later."""
    vehicle = car()
    vehicle.charging.SetInParent()
    owners = {"Vehicle": vehicle, "Charging": vehicle.charging, "Provenance": pb.Provenance(source="own")}
    for full_name in lists_in(pb.Vehicle.DESCRIPTOR):
        _, _, owner, field = full_name.split(".")
        elements = getattr(owners[owner], field)
        element = "DE" if owner == "Vehicle" and field == "markets" else "CCS2" if field == "connectors" else None
        elements.extend([element or getattr(pb, MESSAGES[field])()] * 300)
    bound = {path for path in paths(vehicle) if not path.endswith("]")}
    assert bound == {f"vehicle.{name}" for name in TOP_LISTS} | {
        "vehicle.charging.connectors",
        "vehicle.charging.times",
    }
    assert paths(car(provenance=[owners["Provenance"]])) == ["vehicle.provenance[0].external_ids"]


@given(st.text())
def test_a_name_is_accepted_exactly_if_it_comes_back(name: str) -> None:
    """Whatever is accepted as a name is an id behind the collection; nothing is folded or trimmed."""
    try:
        identifier = model.vehicle_id(name)
    except InvalidArgument:
        return
    assert model.vehicle_name(identifier) == name


@given(st.from_regex(r"[a-z][a-z0-9]{1,19}-[a-z0-9]([a-z0-9._-]{0,58}[a-z0-9])?", fullmatch=True))
def test_ids_of_the_documented_form_are_accepted(identifier: str) -> None:
    """And their source is what stands before the first hyphen."""
    assert model.vehicle_id(model.vehicle_name(identifier)) == identifier
    assert identifier.startswith(model.source_of(identifier) + "-")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "vehicles/",
        "vehicles/epa",
        "vehicles/epa-",
        "vehicles/-1",
        "vehicles/EPA-1",
        "vehicles/e-1",
        "epa-1",
        "vehicles/epa-1/x",
        "vehicles/epa-1\n",
        "vehicles/epa-1-",
        "vehicles/epa-é",
        "vehicles/epa-" + "1" * 61,
    ],
)
def test_bad_names_are_refused_naming_the_field(name: str) -> None:
    """The error carries the path that the request has the name under."""
    with pytest.raises(InvalidArgument) as caught:
        model.vehicle_id(name, "names[3]")
    assert [violation.field for violation in caught.value.violations] == ["names[3]"]


def test_a_whole_vehicle_is_at_most_64_kib() -> None:
    """Each of its lists is within its bounds, and yet all of it would be too much for a reply of many."""
    text = "ü" * 200
    large = car(emission_ratings=[pb.EmissionRating(standard=text)] * 100)
    validate(large)
    large.efficiency_ratings.extend([pb.EfficiencyRating(published_text=text)] * 200)
    assert large.ByteSize() > 64 * 1024
    with pytest.raises(InvalidArgument) as refused:
        validate(large)
    (violation,) = refused.value.violations
    assert (violation.field, violation.description[-23:]) == ("vehicle", "most 65,536 are allowed")
