"""The grammar of `order_by`."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles.ordering import parse_order_by
from typeplate_server.vehicles.store import SORT_FIELDS, Order


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("", ()),
        ("   ", ()),
        ("make", (Order("make"),)),
        ("make asc", (Order("make"),)),
        ("power_kw desc,make", (Order("power_kw", True), Order("make"))),
        ("  power_kw   desc ,  make  ", (Order("power_kw", True), Order("make"))),
    ],
)
def test_what_is_understood(text: str, orders: tuple[Order, ...]) -> None:
    """AIP-132: redundant blanks mean nothing."""
    assert parse_order_by(text) == orders


@pytest.mark.parametrize(
    "text",
    [
        "colour",
        "make,",
        ",make",
        "make,,model",
        "make desc desc",
        "make DESC",
        "make down",
        "make, make desc",
        "Make",
        "masses.curb_mass_kg",
        "make,model,trim,model_year,power_kw,torque_nm",
        "make" + " " * 500,
    ],
)
def test_what_is_refused(text: str) -> None:
    """Each names the field `order_by`."""
    with pytest.raises(InvalidArgument) as caught:
        parse_order_by(text)
    assert [violation.field for violation in caught.value.violations] == ["order_by"]


@given(st.text())
def test_any_text_is_understood_or_refused(text: str) -> None:
    """There is no third way."""
    with suppress(InvalidArgument):
        parse_order_by(text)


def test_all_that_can_be_sorted_by_is_a_field() -> None:
    """The store's names are the proto's."""
    assert set(Vehicle.DESCRIPTOR.fields_by_name) >= SORT_FIELDS
