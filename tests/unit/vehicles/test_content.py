"""Etag and content hash: the content moves them, what is volatile does not."""

import pytest

from typeplate.v1 import vehicle_pb2 as pb
from typeplate_server.vehicles.content import content_hash, etag, serialize


def car() -> pb.Vehicle:
    """A vehicle with one field of each kind."""
    vehicle = pb.Vehicle(name="vehicles/own-1", make="Exampla", model="Touring", model_year=2020, power_kw=0.0)
    vehicle.provenance.add(source="own", record_id="1", quality=pb.QUALITY_OFFICIAL)
    return vehicle


def changed(path: str, value: object) -> pb.Vehicle:
    """The vehicle with one field changed, `provenance.` meaning its first record."""
    vehicle = car()
    target = vehicle.provenance[0] if path.startswith("provenance.") else vehicle
    setattr(target, path.rpartition(".")[2], value)
    return vehicle


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("etag", "x"),
        ("revision", 7),
        ("provenance.dataset_version", "2025"),
        ("provenance.content_hash", b"12"),
    ],
)
def test_what_is_outside_the_content_moves_no_etag(path: str, value: object) -> None:
    """Scalars outside the content."""
    assert etag(changed(path, value)) == etag(car())


def test_estimates_and_times_move_no_etag() -> None:
    """Messages outside the content: EPA's costs, this server's times, the source's dates."""
    vehicle = car()
    vehicle.estimates.fuel_cost_usd_per_year = 1900
    for time in (vehicle.create_time, vehicle.update_time, vehicle.delete_time):
        time.seconds = 1
    vehicle.provenance[0].source_create_time.seconds = 1
    vehicle.provenance[0].source_modify_time.seconds = 1
    assert content_hash(vehicle) == content_hash(car())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model", "Tourer"),
        ("trim", "Base"),
        ("power_kw", 1.0),
        ("drive", pb.DRIVE_ALL_WHEEL),
        ("provenance.record_id", "2"),
        ("provenance.quality", pb.QUALITY_UNVERIFIED),
    ],
)
def test_the_content_moves_the_etag(path: str, value: object) -> None:
    """Every field that is content."""
    assert etag(changed(path, value)) != etag(car())


def test_zero_and_unknown_are_different_content() -> None:
    """Unknown is absent; 0 is a value."""
    unknown = car()
    unknown.ClearField("power_kw")
    assert etag(unknown) != etag(car())


def test_neither_computing_nor_storing_changes_the_vehicle() -> None:
    """The etag leaves its argument alone, and survives the stored bytes."""
    vehicle = changed("etag", "old")
    before = serialize(vehicle)
    tag = etag(vehicle)
    assert serialize(vehicle) == before
    assert etag(pb.Vehicle.FromString(before)) == tag
    assert len(tag) == 20
