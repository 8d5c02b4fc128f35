"""Field masks: what a path may be, what a read mask leaves, what an update changes."""

import pytest

from typeplate.v1 import vehicle_pb2 as pb
from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles import masks


def vehicle() -> pb.Vehicle:
    return pb.Vehicle(
        name="vehicles/own-1",
        make="Opel",
        model="Astra",
        model_year=2020,
        power_kw=96.0,
        masses=pb.Masses(curb_mass_kg=1300.0, payload_kg=500.0),
        engines=[pb.Engine(cylinders=3), pb.Engine(cylinders=4)],
    )


def merged(paths: list[str], source: pb.Vehicle) -> pb.Vehicle:
    target, mask = vehicle(), masks.parse(paths, "update_mask")
    assert mask is not None
    masks.merge(target, source, mask)
    return target


@pytest.mark.parametrize(
    "path",
    [
        "",
        "colour",
        "Make",
        "make.x",
        "masses.",
        ".masses",
        "masses.colour",
        "engines.cylinders",
        "engines[0]",
        "create_time.seconds",
        "*.make",
        "masses.*",
        "baseModel",
    ],
)
def test_paths_that_vehicle_does_not_have_are_refused(path: str) -> None:
    """The error names the request's field and quotes the path."""
    with pytest.raises(InvalidArgument) as caught:
        masks.parse(["make", path], "read_mask")
    assert [violation.field for violation in caught.value.violations] == ["read_mask"]
    assert repr(path) in caught.value.message


def test_a_star_stands_alone() -> None:
    """It means all; beside others it is refused."""
    assert masks.parse(["*"], "read_mask") is None
    with pytest.raises(InvalidArgument):
        masks.parse(["*", "make"], "read_mask")


def test_more_paths_than_there_are_fields_are_refused() -> None:
    """A mask is no way to make the server work."""
    with pytest.raises(InvalidArgument):
        masks.parse(["make"] * 501, "read_mask")


def test_a_read_mask_leaves_the_name_and_what_it_names() -> None:
    """Nested fields and repeated ones too."""
    mask = masks.parse(["make", "masses.payload_kg", "engines"], "read_mask")
    assert mask is not None
    assert masks.picked(vehicle(), mask) == pb.Vehicle(
        name="vehicles/own-1",
        make="Opel",
        masses=pb.Masses(payload_kg=500.0),
        engines=[pb.Engine(cylinders=3), pb.Engine(cylinders=4)],
    )


def test_a_read_mask_makes_no_empty_message() -> None:
    """What is unknown stays absent, though a field below it was asked for."""
    mask = masks.parse(["battery.chemistry", "trim"], "read_mask")
    assert mask is not None
    assert masks.picked(vehicle(), mask) == pb.Vehicle(name="vehicles/own-1")


@pytest.mark.parametrize("paths", [["masses", "masses.payload_kg"], ["masses.payload_kg", "masses"]])
def test_a_whole_field_takes_its_parts_in(paths: list[str]) -> None:
    """Whatever the order of the paths."""
    assert masks.parse(paths, "read_mask") == {"masses": {}}


def test_an_update_changes_what_is_named_and_nothing_else() -> None:
    """AIP-134."""
    source = pb.Vehicle(make="Vauxhall", trim="GS", power_kw=81.0)
    expected = vehicle()
    expected.make, expected.trim = "Vauxhall", "GS"
    assert merged(["make", "trim"], source) == expected


def test_what_is_named_and_absent_becomes_unknown() -> None:
    """Scalars, messages and lists alike; 0 is a value."""
    expected = vehicle()
    for field in ("power_kw", "masses", "engines"):
        expected.ClearField(field)
    assert merged(["power_kw", "masses", "engines"], pb.Vehicle()) == expected
    assert merged(["power_kw"], pb.Vehicle(power_kw=0.0)).HasField("power_kw")


def test_a_nested_path_leaves_its_neighbours() -> None:
    """And a message that has nothing left is absent."""
    assert merged(["masses.curb_mass_kg"], pb.Vehicle()).masses == pb.Masses(payload_kg=500.0)
    assert not merged(["masses.curb_mass_kg", "masses.payload_kg"], pb.Vehicle()).HasField("masses")
    battery = pb.Vehicle(battery=pb.Battery(chemistry="NMC"))
    assert merged(["battery.chemistry"], battery).battery.chemistry == "NMC"


def test_a_repeated_field_is_replaced() -> None:
    """AIP-134: there is no way to append through a mask."""
    assert merged(["engines"], pb.Vehicle(engines=[pb.Engine(cylinders=6)])).engines == [pb.Engine(cylinders=6)]


def test_the_implied_mask_is_what_is_set() -> None:
    """Nested fields each for themselves, so that their neighbours stay."""
    source = pb.Vehicle(make="Vauxhall", masses=pb.Masses(payload_kg=0.0), engines=[pb.Engine()], battery=pb.Battery())
    assert masks.of_set_fields(source) == {"make": {}, "masses": {"payload_kg": {}}, "engines": {}}
