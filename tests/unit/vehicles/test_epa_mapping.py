"""The mapping of single EPA rows, above all where EPA's columns mislead (data.md, Traps)."""

from pathlib import Path

import pytest

from tests.support.epa_file import ELECTRIC, PLUG_IN, UNKNOWN_ROW, one_vehicle
from typeplate.v1 import vehicle_pb2 as pb
from typeplate_server.vehicles.source import RowError


def test_a_plain_car_has_its_identity_engine_and_converted_figures(tmp_path: Path) -> None:
    """Names, enums, SI units, and the published figure beside the converted one."""
    car = one_vehicle(tmp_path, {})
    assert (car.name, car.make, car.model, car.model_year) == ("vehicles/epa-101", "Exampla", "Touring", 2020)
    assert (car.fuel, car.fuel_grade, car.drive) == (pb.FUEL_GASOLINE, pb.FUEL_GRADE_PREMIUM, pb.DRIVE_FRONT_WHEEL)
    assert (car.engines[0].displacement_l, car.displacement_l, car.cylinders) == (2.0, 2.0, 4)
    assert car.fuel_consumption_l_per_100km == pytest.approx(9.8006, abs=1e-4)
    assert car.co2_g_per_km == pytest.approx(370 / 1.609344, abs=1e-4)
    city = car.efficiency_ratings[0]
    assert (city.published_value, city.published_unrounded_value, city.published_unit) == (20, 20.25, "mpg")
    assert city.fuel_consumption_l_per_100km == pytest.approx(235.2146 / 20.25, abs=1e-4)


def test_unknown_is_absent_however_epa_writes_it(tmp_path: Path) -> None:
    """0, −1, an empty cell, NA and TBD leave nothing behind."""
    known = {column: UNKNOWN_ROW[column] for column in UNKNOWN_ROW if column not in ("id", "make", "model", "year")}
    car = one_vehicle(tmp_path, {**known, "youSaveSpend": "", "cylinders": "NA", "displ": "NA", "evMotor": "TBD"})
    present = {field.name for field, _ in car.ListFields()}
    assert present == {"name", "make", "model", "model_year", "powertrain", "engines", "provenance"}
    assert car.powertrain == pb.POWERTRAIN_COMBUSTION


def test_an_electric_car_emits_nothing_and_burns_nothing(tmp_path: Path) -> None:
    """CO2 is the value 0; its MPGe become kilowatt-hours and never litres; it has no engine."""
    car = one_vehicle(tmp_path, ELECTRIC)
    assert car.HasField("co2_g_per_km")
    assert car.co2_g_per_km == 0
    assert not car.HasField("fuel_consumption_l_per_100km")
    assert not any(rating.HasField("fuel_consumption_l_per_100km") for rating in car.efficiency_ratings)
    assert car.energy_consumption_kwh_per_100km == pytest.approx(28 / 1.609344, abs=1e-4)
    assert (car.range_km, car.electric_range_km) == pytest.approx((402.336, 402.336))
    assert not car.engines
    assert not car.HasField("displacement_l")
    assert (car.powertrain, car.transmission.type) == (
        pb.POWERTRAIN_BATTERY_ELECTRIC,
        pb.TRANSMISSION_TYPE_SINGLE_SPEED,
    )
    assert car.power_kw == car.electric_motors[0].power_kw == 150


def test_a_plug_in_hybrid_keeps_its_modes_apart(tmp_path: Path) -> None:
    """`comb08` is gasoline with the battery sustained, CO2 is weighted, `range` is total and `rangeA` electric."""
    car = one_vehicle(tmp_path, PLUG_IN)
    assert car.fuel_consumption_l_per_100km == pytest.approx(235.2146 / 27, abs=1e-3)
    assert car.energy_consumption_kwh_per_100km == pytest.approx(55 / 1.609344, abs=1e-4)
    assert car.range_km == pytest.approx(530 * 1.609344)
    assert car.electric_range_km == pytest.approx(33 * 1.609344)
    assert car.blended_charge_depletion
    (co2,) = car.emission_ratings
    assert (co2.mode, co2.fuel) == (pb.MODE_WEIGHTED, pb.FUEL_UNSPECIFIED)
    combined = {(r.fuel, r.mode, r.published_unit): r for r in car.efficiency_ratings if r.phase == pb.PHASE_COMBINED}
    assert combined[pb.FUEL_GASOLINE, pb.MODE_CHARGE_SUSTAINING, "mpg"].published_value == 27
    assert combined[pb.FUEL_GASOLINE, pb.MODE_CHARGE_DEPLETING, "gal/100mi"].published_value == 0.1
    assert combined[pb.FUEL_ELECTRICITY, pb.MODE_CHARGE_DEPLETING, "mpge"].published_value == 58
    assert combined[pb.FUEL_UNSPECIFIED, pb.MODE_WEIGHTED, "mpge"].utility_factor == 0.613


def test_the_second_fuel_of_a_flexible_car_has_its_own_figures(tmp_path: Path) -> None:
    """E85 figures are litres of E85; several tanks stay text; the headline is gasoline alone."""
    changes = {"atvType": "FFV", "fuelType": "Premium or E85", "fuelType2": "E85", "combA08": "17", "rangeA": "230/270"}
    car = one_vehicle(tmp_path, changes | {"co2TailpipeAGpm": "406.0"})
    e85 = [rating for rating in car.efficiency_ratings if rating.fuel == pb.FUEL_E85]
    assert e85[0].fuel_consumption_l_per_100km == pytest.approx(235.2146 / 17, abs=1e-3)
    assert (e85[1].published_text, e85[1].HasField("range_km")) == ("230/270", False)
    assert car.fuel_consumption_l_per_100km == pytest.approx(235.2146 / 24, abs=1e-3)
    assert [rating.estimated for rating in car.emission_ratings] == [False, True]
    assert car.co2_g_per_km == pytest.approx(370 / 1.609344, abs=1e-4)


def test_gas_that_is_not_liquid_has_no_litres(tmp_path: Path) -> None:
    """EPA's "mpg" of natural gas is MPGe."""
    car = one_vehicle(tmp_path, {"fuelType": "CNG", "fuelType1": "Natural Gas", "atvType": "CNG"})
    assert not car.HasField("fuel_consumption_l_per_100km")
    assert {rating.published_unit for rating in car.efficiency_ratings} == {"mpge"}


def test_co2_of_minus_one_marks_the_tailpipe_figure_as_estimated(tmp_path: Path) -> None:
    """Before 2013 EPA computed CO2 from consumption."""
    (rating,) = one_vehicle(tmp_path, {"co2": "-1", "co2TailpipeGpm": "403.95"}).emission_ratings
    assert (rating.estimated, rating.published_value) == (True, 403.95)


def test_costs_and_the_guzzler_mark_are_estimates(tmp_path: Path) -> None:
    """Savings of 0 and below are values."""
    assert one_vehicle(tmp_path, {}).estimates.HasField("savings_usd_per_5_years")
    car = one_vehicle(tmp_path, {"youSaveSpend": "-1", "guzzler": "G"})
    assert (car.estimates.savings_usd_per_5_years, car.estimates.gas_guzzler_code) == (-1, "G")


@pytest.mark.parametrize(
    ("text", "powers", "volts", "kwh"),
    [
        ("190 and 230 kW EESM", [190, 230], 0, 0),
        ("78 and157 kW ACPM 6-Phase", [78, 157], 0, 0),
        ("96, 96, 96 and 96 kW AC PMSM", [96, 96, 96, 96], 0, 0),
        ("125kW", [125], 0, 0),
        ("288V Ni-MH", [], 288, 0),
        ("285 kW AC Induction (90 kW-hr battery pack)", [285], 0, 90),
        ("164 (front) 350 (rear) (90 kW-hr battery pack)", [164, 350], 0, 90),
        ("2 @ 150 kw (300 kw)", [], 0, 0),
        ("193 (front), 205/375 (rear) kW ACPM", [], 0, 0),
        ("TBD ACPM", [], 0, 0),
    ],
)
def test_the_motor_text_is_read_as_a_whole_or_not_at_all(
    tmp_path: Path, text: str, powers: list[float], volts: float, kwh: float
) -> None:
    """kW, volts and battery energy are told apart; what is not understood is kept as text only."""
    car = one_vehicle(tmp_path, {"evMotor": text})
    assert car.electric_drive_text == text
    assert [motor.power_kw for motor in car.electric_motors] == powers
    assert car.battery.nominal_voltage_v == volts
    assert car.battery_capacity_kwh == kwh


@pytest.mark.parametrize(
    ("text", "kind", "gears", "selectable"),
    [
        ("Manual 5-spd", pb.TRANSMISSION_TYPE_MANUAL, 5, False),
        ("Manual 4-spd Doubled", pb.TRANSMISSION_TYPE_MANUAL, 4, False),
        ("Automatic 10-spd", pb.TRANSMISSION_TYPE_AUTOMATIC, 10, False),
        ("Automatic (S8)", pb.TRANSMISSION_TYPE_AUTOMATIC, 8, True),
        ("Automatic (AM-S7)", pb.TRANSMISSION_TYPE_AUTOMATED_MANUAL, 7, True),
        ("Automatic (AM6)", pb.TRANSMISSION_TYPE_AUTOMATED_MANUAL, 6, False),
        ("Automatic (AV-S6)", pb.TRANSMISSION_TYPE_CONTINUOUSLY_VARIABLE, 6, True),
        ("Automatic (variable gear ratios)", pb.TRANSMISSION_TYPE_CONTINUOUSLY_VARIABLE, 0, False),
        ("Automatic (A1)", pb.TRANSMISSION_TYPE_SINGLE_SPEED, 1, False),
        ("Automatic (A2)", pb.TRANSMISSION_TYPE_AUTOMATIC, 2, False),
        ("Telekinetic", pb.TRANSMISSION_TYPE_UNSPECIFIED, 0, False),
    ],
)
def test_transmissions(tmp_path: Path, text: str, kind: int, gears: int, selectable: bool) -> None:
    """All of EPA's ways to write one; an unknown word keeps its text."""
    found = one_vehicle(tmp_path, {"trany": text}).transmission
    assert (found.text, found.type, found.gears, found.driver_selectable) == (text, kind, gears, selectable)


def test_new_words_of_a_closed_set_keep_their_text(tmp_path: Path) -> None:
    """EPA adds words; the enum stays unknown and nothing is lost."""
    car = one_vehicle(tmp_path, {"drive": "Six-Wheel Drive", "fuelType": "Methanol", "fuelType1": "Methanol"})
    assert (car.drive, car.drive_text) == (pb.DRIVE_UNSPECIFIED, "Six-Wheel Drive")
    assert (car.fuel, car.fuel_text) == (pb.FUEL_UNSPECIFIED, "Methanol")
    assert not car.HasField("fuel_consumption_l_per_100km")


def test_what_an_enum_says_completely_is_not_kept_as_text(tmp_path: Path) -> None:
    """Text stands only beside what the enum loses."""
    car = one_vehicle(tmp_path, {"drive": "4-Wheel or All-Wheel Drive"})
    assert not car.HasField("drive_text")
    assert not car.HasField("fuel_text")


def test_a_mild_hybrid_is_told_from_a_full_one(tmp_path: Path) -> None:
    """EPA says so in the engine's description only."""
    changes = {"atvType": "Hybrid", "eng_dscr": "SIDI; Mild Hybrid"}
    assert one_vehicle(tmp_path, changes).powertrain == pb.POWERTRAIN_MILD_HYBRID
    assert one_vehicle(tmp_path, {"atvType": "Hybrid"}).powertrain == pb.POWERTRAIN_HYBRID


def test_dates_are_east_coast_time_and_bad_ones_lose_no_row(tmp_path: Path) -> None:
    """The source's dates are untrusted."""
    record = one_vehicle(tmp_path, {"createdOn": "yesterday"}).provenance[0]
    assert not record.HasField("source_create_time")
    assert record.source_modify_time.ToJsonString() == "2025-09-25T04:00:00Z"


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("city08", "fast"),
        ("city08", "nan"),
        ("comb08U", "inf"),
        ("comb08", "-2"),
        ("range", "1e9"),
        ("cylinders", "4.5"),
        ("cylinders", "49"),
        ("year", ""),
        ("year", "20"),
        ("make", "  "),
        ("model", ""),
        ("model", "x" * 201),
        ("model", "bell\x07"),
        ("id", "0"),
        ("id", "abc"),
        ("startStop", "maybe"),
        ("phevBlended", "yes"),
        ("tCharger", "S"),
    ],
)
def test_a_bad_cell_is_an_error_that_names_its_column_and_row(tmp_path: Path, column: str, cell: str) -> None:
    """Neither value nor unknown: the row is refused, not guessed at."""
    with pytest.raises(RowError) as caught:
        one_vehicle(tmp_path, {column: cell})
    assert (caught.value.column, caught.value.row_number) == (column, 2)
    assert str(caught.value).startswith(f"row 2, column {column}: ")
