"""The committed sample is what the product says it is, and what its script makes."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from typeplate.v1 import vehicle_pb2 as pb
from typeplate_server.vehicles.jsonl import json_line
from typeplate_server.vehicles.sample import open_sample
from typeplate_server.vehicles.source import SourceRow
from typeplate_server.vehicles.validation import validate

SCRIPTS = Path(__file__).resolve().parents[3] / "server" / "scripts"


@pytest.fixture(scope="module")
def rows() -> list[SourceRow]:
    return list(open_sample().rows())


@pytest.fixture(scope="module")
def vehicles(rows: list[SourceRow]) -> list[pb.Vehicle]:
    return [row.vehicle for row in rows if row.vehicle is not None]


def test_at_least_1500_good_rows(rows: list[SourceRow], vehicles: list[pb.Vehicle]) -> None:
    """None is refused, by the reader or by the model's limits."""
    assert len(rows) == len(vehicles) >= 1500
    for vehicle in vehicles:
        validate(vehicle)


def test_no_two_are_alike(vehicles: list[pb.Vehicle]) -> None:
    """Neither by name nor by what is in them."""
    assert len({vehicle.name for vehicle in vehicles}) == len(vehicles)
    contents = set()
    for vehicle in vehicles:
        content = pb.Vehicle()
        content.CopyFrom(vehicle)
        content.ClearField("name")
        content.ClearField("provenance")
        contents.add(content.SerializeToString(deterministic=True))
    assert len(contents) == len(vehicles)


def test_what_every_vehicle_has(vehicles: list[pb.Vehicle]) -> None:
    """Make, model, year, body, and an engine, or a battery's motors instead of one."""
    for vehicle in vehicles:
        assert vehicle.make
        assert vehicle.model
        assert 2010 <= vehicle.model_year <= 2027
        assert vehicle.body_style or vehicle.body_style_text
        assert vehicle.engines or vehicle.powertrain == pb.POWERTRAIN_BATTERY_ELECTRIC, vehicle.name


def test_power_and_mass_where_stated(vehicles: list[pb.Vehicle]) -> None:
    """vPIC states power for five in six and mass for nine in ten; the values are of the right size."""
    powers = [vehicle.engines[0].power_kw if vehicle.engines else vehicle.power_kw for vehicle in vehicles]
    stated = [power for power in powers if power]
    masses = [vehicle.curb_mass_kg for vehicle in vehicles if vehicle.HasField("curb_mass_kg")]
    assert len(stated) > 0.8 * len(vehicles)
    assert len(masses) > 0.85 * len(vehicles)
    assert all(40 < power < 800 for power in stated)
    assert all(600 < mass < 4500 for mass in masses)


def test_units(vehicles: list[pb.Vehicle]) -> None:
    """Horsepower, pounds and inches can be had back exactly, at the precision vPIC publishes."""
    known = next(vehicle for vehicle in vehicles if vehicle.name == "vehicles/vpic-19ude2f7la")
    assert known.power_kw / 0.745699872 == pytest.approx(201, abs=0.001)
    assert known.curb_mass_kg / 0.45359237 == pytest.approx(3124, abs=0.001)
    assert known.dimensions.wheelbase_mm / 25.4 == pytest.approx(105.10, abs=0.0001)
    assert (known.masses.gross_mass_class_min_kg, known.masses.gross_mass_class_max_kg) == (1814, 2268)


def test_provenance(vehicles: list[pb.Vehicle]) -> None:
    """Each says where it comes from, and no VIN is in it."""
    for vehicle in vehicles:
        (record,) = vehicle.provenance
        assert (record.source, record.license, record.quality) == ("vpic", "US-Public-Domain", pb.QUALITY_CONFIRMED)
        assert vehicle.name == f"vehicles/vpic-{record.record_id.replace('*', '').lower()}"
        assert len(record.record_id) == 11


@pytest.fixture
def make_sample() -> Iterator[ModuleType]:
    pytest.importorskip("ultravin", reason="ultravin is not installed; `make sample` installs it")
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec = importlib.util.spec_from_file_location("make_sample", SCRIPTS / "make_sample.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(SCRIPTS))
        for name in ("make_sample", "vpic"):
            sys.modules.pop(name, None)


def test_the_script_makes_it(make_sample: ModuleType, vehicles: list[pb.Vehicle]) -> None:
    """To the byte, with the vPIC data it was made from; with other data the test has nothing to compare."""
    import ultravin

    if ultravin.provenance()["data_month"].replace("_", "-") != vehicles[0].provenance[0].dataset_version:
        pytest.skip("the installed ultravin carries another month of vPIC than the sample was made from")
    assert make_sample.sample_lines() == [json_line(vehicle) for vehicle in vehicles]
