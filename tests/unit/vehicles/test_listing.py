"""From a ListVehicles request to a query: each fault named by its field, each condition in its place."""

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from typeplate.v1 import vehicle_pb2
from typeplate.v1.data_service_pb2 import ListVehiclesRequest, VehicleFilter
from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles import listing, page_token
from typeplate_server.vehicles.store import NUMBER_FIELDS, Order, Range


def request(**filter_: Any) -> ListVehiclesRequest:
    return ListVehiclesRequest(filter=VehicleFilter(**filter_))


def faults(asked: ListVehiclesRequest) -> list[str]:
    with pytest.raises(InvalidArgument) as caught:
        listing.parse(asked)
    return [violation.field for violation in caught.value.violations]


def test_every_field_of_the_filter_reaches_the_query() -> None:
    """A filter field that nobody reads would silently list too much: each changes the query by itself."""
    plain = listing.parse(ListVehiclesRequest()).query
    for field in VehicleFilter.DESCRIPTOR.fields:
        filter_ = VehicleFilter()
        if field.is_repeated:
            getattr(filter_, field.name).append(1)
        else:
            setattr(filter_, field.name, "own" if field.type == field.TYPE_STRING else 3)
        assert listing.parse(ListVehiclesRequest(filter=filter_)).query != plain, field.name


def test_the_filter_can_bound_what_the_store_can() -> None:
    """All but torque, which the proto does not offer."""
    names = {field.name for field in VehicleFilter.DESCRIPTOR.fields}
    assert {name for name in NUMBER_FIELDS if f"{name}_min" not in names} == {"torque_nm"}
    assert all(f"{name}_max" in names for name in NUMBER_FIELDS - {"torque_nm"})


def test_bounds() -> None:
    """0 is a bound, absence none."""
    query = listing.parse(request(co2_g_per_km_max=0, model_year_min=2020, model_year_max=2021)).query
    assert query.ranges == {"co2_g_per_km": Range(None, 0), "model_year": Range(2020, 2021)}


def test_words() -> None:
    """Free text is parted at white space."""
    assert listing.parse(request(query="  golf \t gti ")).query.words == ("golf", "gti")


@pytest.mark.parametrize(
    ("filter_", "fields"),
    [
        ({"source": "EPA"}, ["filter.source"]),
        ({"make": "x" * 201, "query": "x" * 201}, ["filter.make", "filter.query"]),
        ({"fuels": [vehicle_pb2.FUEL_UNSPECIFIED]}, ["filter.fuels"]),
        ({"drives": [99]}, ["filter.drives"]),
        ({"power_kw_min": float("nan")}, ["filter.power_kw_min"]),
        ({"power_kw_max": float("inf")}, ["filter.power_kw_max"]),
        ({"cylinders_min": 6, "cylinders_max": 4}, ["filter.cylinders_min"]),
    ],
)
def test_faults_of_the_filter(filter_: dict[str, Any], fields: list[str]) -> None:
    """All of them at once, each by its path in the request."""
    assert faults(request(**filter_)) == fields


def test_other_faults() -> None:
    """Page size, order, mask and token name themselves."""
    assert faults(ListVehiclesRequest(page_size=-1)) == ["page_size"]
    assert faults(ListVehiclesRequest(order_by="colour")) == ["order_by"]
    assert faults(ListVehiclesRequest(read_mask=FieldMask(paths=["colour"]))) == ["read_mask"]
    assert faults(ListVehiclesRequest(page_token="AAAA")) == ["page_token"]


@pytest.mark.parametrize(("asked", "given"), [(0, 100), (1, 1), (1000, 1000), (2_000_000_000, 1000)])
def test_page_size(asked: int, given: int) -> None:
    """AIP-158: too much is taken as the most."""
    assert listing.parse(ListVehiclesRequest(page_size=asked)).query.limit == given


def test_what_a_token_is_bound_to() -> None:
    """Filter, order and deleted ones; neither page size nor read mask, and not how the order is written."""
    token = page_token.encode((2020, "own-1"), listing.parse(ordered("model_year desc")).question)
    for same in (
        ordered("model_year desc", page_size=7),
        ordered(" model_year  desc ", read_mask=FieldMask(paths=["make"])),
    ):
        same.page_token = token
        assert listing.parse(same).query.after == (2020, "own-1")
    for other in (
        ordered("model_year"),
        ordered("model_year desc", show_deleted=True),
        ordered("model_year desc", filter=VehicleFilter(make="Opel")),
        ordered("model_year desc", filter=VehicleFilter(co2_g_per_km_min=0)),
    ):
        other.page_token = token
        assert faults(other) == ["page_token"]


def test_order_and_mask() -> None:
    """A star, or no mask, means all."""
    parsed = listing.parse(ordered("make, power_kw desc", read_mask=FieldMask(paths=["*"])))
    assert parsed.query.order_by == (Order("make"), Order("power_kw", True))
    assert parsed.read_mask is None


def ordered(order_by: str, **fields: Any) -> ListVehiclesRequest:
    return ListVehiclesRequest(order_by=order_by, **fields)
