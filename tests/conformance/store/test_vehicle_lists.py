"""VehicleStore.list against an oracle in plain Python: filters, orders with unknown values and ties, and pages."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cmp_to_key
from typing import Any

import pytest

from tests.support.store import NOW, draft, parsed
from typeplate.v1 import vehicle_pb2
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.store import NUMBER_FIELDS, SORT_FIELDS, Draft, Order, Range, SortKey, VehicleQuery

MAKES = ("BMW", "bmw", "Citroën", "CITROËN", "Straße", "Mercedes-Benz", "100% Elektro", "a_b", "axb", "İx")
MODELS = ("i3", "F-150 Lightning", "E 220 d", "ID.4", "Model 3", "C\\D", "%")


def random_drafts(seed: int, count: int) -> list[Draft]:
    chance = random.Random(seed)
    drafts = []
    for number in range(count):
        fields: dict[str, Any] = {
            "make": chance.choice(MAKES),
            "model": chance.choice(MODELS),
            "model_year": chance.randint(2018, 2022),
            "fuel": chance.randint(0, 4),
            "secondary_fuel": chance.choice((0, 0, 3)),
            "drive": chance.randint(0, 3),
            "powertrain": chance.randint(0, 3),
            "body_style": chance.randint(0, 3),
            "transmission": {"type": chance.randint(0, 3)},
        }
        if chance.random() < 0.5:
            fields["trim"] = chance.choice(("Sport", "SPORT", "Élan"))
        if chance.random() < 0.3:
            fields["base_model"] = "Lightning"
        for name in ("power_kw", "co2_g_per_km", "displacement_l"):
            if chance.random() < 0.6:
                fields[name] = chance.choice((0.0, 0.1, 1.5, 150.0))
        if chance.random() < 0.6:
            fields["cylinders"] = chance.choice((4, 6))
        drafts.append(draft(f"{chance.choice(('epa', 'own'))}-{number}", **fields))
    return drafts


def value_of(vehicle: vehicle_pb2.Vehicle, field: str) -> Any:
    if field in {"name", "model_year"}:
        return getattr(vehicle, field)
    if field in {"make", "model"}:
        return getattr(vehicle, field).casefold()
    if not vehicle.HasField(field):  # type: ignore[arg-type]
        return None
    value = getattr(vehicle, field)
    return value.casefold() if isinstance(value, str) else value


def ordered(vehicles: list[vehicle_pb2.Vehicle], order_by: tuple[Order, ...]) -> list[str]:
    """Names in the order that VehicleQuery describes: unknown last either way, ties by name."""

    def compare(one: vehicle_pb2.Vehicle, other: vehicle_pb2.Vehicle) -> int:
        for order in (*order_by, Order("name")):
            left, right = value_of(one, order.field), value_of(other, order.field)
            if left == right:
                continue
            if left is None or right is None:
                return 1 if left is None else -1
            return (1 if left > right else -1) * (-1 if order.descending else 1)
        return 0

    return [vehicle.name for vehicle in sorted(vehicles, key=cmp_to_key(compare))]


def words_of(vehicle: vehicle_pb2.Vehicle) -> Iterator[str]:
    """Every place where a word begins: after a blank, and where a letter or digit follows another sign."""
    for text in (vehicle.make, vehicle.model, vehicle.trim, vehicle.base_model):
        for word in text.casefold().split():
            yield word
            for at in range(1, len(word)):
                if word[at].isalnum() and not word[at - 1].isalnum():
                    yield word[at:]


def meets(vehicle: vehicle_pb2.Vehicle, query: VehicleQuery) -> bool:
    texts = ((query.make, vehicle.make), (query.model, vehicle.model), (query.trim, vehicle.trim))
    sets = (
        (query.fuels, {vehicle.fuel, vehicle.secondary_fuel}),
        (query.drives, {vehicle.drive}),
        (query.powertrains, {vehicle.powertrain}),
        (query.body_styles, {vehicle.body_style}),
        (query.transmission_types, {vehicle.transmission.type}),
    )
    return (
        vehicle.name.startswith(f"vehicles/{query.source}")
        and all(not asked or asked.casefold() == has.casefold() for asked, has in texts)
        and all(not asked or asked & (has - {0}) for asked, has in sets)
        and all(in_range(value_of(vehicle, field), bounds) for field, bounds in query.ranges.items())
        and all(any(word.startswith(asked.casefold()) for word in words_of(vehicle)) for asked in query.words)
    )


def in_range(value: float | None, bounds: Range) -> bool:
    if bounds.minimum is None and bounds.maximum is None:
        return True
    return (
        value is not None
        and (bounds.minimum is None or value >= bounds.minimum)
        and (bounds.maximum is None or value <= bounds.maximum)
    )


async def pages(store: SqlVehicleStore, query: VehicleQuery) -> list[str]:
    """The names on all pages; each key goes through JSON as it does in a page token."""
    names: list[str] = []
    after: SortKey | None = None
    while True:
        page = await store.list(replace(query, after=after))
        names += [parsed(vehicle).name for vehicle in page.vehicles]
        assert len(page.vehicles) <= query.limit
        if page.next_after is None:
            return names
        assert len(page.vehicles) == query.limit
        after = tuple(json.loads(json.dumps(page.next_after)))


FILTERS: list[dict[str, Any]] = [
    {},
    {"source": "epa"},
    {"make": "Bmw"},
    {"make": "citroËn"},
    {"make": "STRASSE"},
    {"make": "A_B"},
    {"make": "100% elektro", "model": "f-150 lightning"},
    {"make": "%"},
    {"trim": "sport"},
    {"words": ("bm",)},
    {"words": ("%",)},
    {"words": ("100%",)},
    {"words": ("_",)},
    {"words": ("a_",)},
    {"words": ("\\",)},
    {"words": ("c\\",)},
    {"words": ("benz",)},
    {"words": ("mercedes-b", "150")},
    {"words": ("lightning", "él")},
    {"words": ("ightning",)},
    {"words": ("4", "ID.")},
    {"words": ("STRASS",)},
    {"words": ("'; --",)},
    {"fuels": frozenset({3})},
    {"fuels": frozenset({1, 2}), "drives": frozenset({1, 2})},
    {"fuels": frozenset({0})},
    {"fuels": frozenset({2**31 - 1})},
    {"drives": frozenset({0})},
    {"powertrains": frozenset({2}), "body_styles": frozenset({1, 3}), "transmission_types": frozenset({1, 2})},
    {"ranges": {"model_year": Range(2019, 2020)}},
    {"ranges": {"power_kw": Range(0.1, None)}},
    {"ranges": {"co2_g_per_km": Range(None, 0.0)}},
    {"ranges": {"cylinders": Range(5, 6), "displacement_l": Range(0.1, 0.1)}},
    {"ranges": {"power_kw": Range(2.0, 1.0)}},
    {"ranges": {"power_kw": Range()}},
]

ORDERS: list[tuple[Order, ...]] = [
    (),
    (Order("name", True),),
    (Order("make"),),
    (Order("make", True), Order("model")),
    (Order("trim"), Order("power_kw", True)),
    (Order("trim", True), Order("trim")),
    (Order("power_kw"),),
    (Order("power_kw", True),),
    (Order("model_year", True), Order("co2_g_per_km"), Order("cylinders", True)),
    (Order("displacement_l"), Order("name", True)),
]


async def loaded(store: SqlVehicleStore, count: int = 160) -> list[vehicle_pb2.Vehicle]:
    drafts = random_drafts(7, count)
    await store.upsert(drafts, now=NOW)
    return [each.vehicle for each in drafts]


async def test_filters_select_what_the_oracle_selects(vehicles: SqlVehicleStore) -> None:
    """Case-blind text of any script, wildcards that are plain signs, unknown values that meet nothing."""
    there = await loaded(vehicles)
    for filters in FILTERS:
        query = VehicleQuery(limit=1000, **filters)
        expected = ordered([each for each in there if meets(each, query)], ())
        assert await pages(vehicles, query) == expected, filters


@pytest.mark.parametrize("order_by", ORDERS, ids=repr)
async def test_pages_go_on_by_key(vehicles: SqlVehicleStore, order_by: tuple[Order, ...]) -> None:
    """Whatever the page size, the pages are the oracle's list cut into pieces."""
    there = await loaded(vehicles)
    expected = ordered(there, order_by)
    for limit in (1, 7, len(there) - 1, len(there), 1000):
        assert await pages(vehicles, VehicleQuery(limit=limit, order_by=order_by)) == expected
    filtered = VehicleQuery(limit=3, order_by=order_by, ranges={"power_kw": Range(0.1, None)})
    assert await pages(vehicles, filtered) == ordered([each for each in there if meets(each, filtered)], order_by)


@pytest.mark.parametrize("order_by", [(), (Order("power_kw", True),), (Order("make"), Order("trim"))], ids=repr)
async def test_pages_are_stable_under_writes(vehicles: SqlVehicleStore, order_by: tuple[Order, ...]) -> None:
    """Between any two pages others are created, changed and deleted; who stays unchanged appears exactly once."""
    there = await loaded(vehicles, 90)
    staying, moving = there[::2], there[1::2]
    chance = random.Random(3)
    names: list[str] = []
    after: SortKey | None = None
    for turn in range(1000):
        page = await vehicles.list(VehicleQuery(limit=4, order_by=order_by, after=after))
        names += [parsed(vehicle).name for vehicle in page.vehicles]
        if (after := page.next_after) is None:
            break
        moved = chance.choice(moving).name.removeprefix("vehicles/")
        await vehicles.upsert([draft(moved, power_kw=float(turn)), draft(f"own-new{turn}")], now=NOW)
        await vehicles.delete([chance.choice(moving).name.removeprefix("vehicles/")], now=NOW)
    of_those = [name for name in names if name in {each.name for each in staying}]
    assert of_those == ordered(staying, order_by)


async def test_the_dead_are_shown_on_demand_only(vehicles: SqlVehicleStore) -> None:
    """Filters hold for tombstones as they do for the living."""
    await vehicles.upsert([draft("own-1"), draft("own-2"), draft("own-3", make="BMW")], now=NOW)
    await vehicles.delete(["own-1", "own-3"], now=NOW)
    assert await pages(vehicles, VehicleQuery(limit=9)) == ["vehicles/own-2"]
    shown = await pages(vehicles, VehicleQuery(limit=9, show_deleted=True, make="opel"))
    assert shown == ["vehicles/own-1", "vehicles/own-2"]


async def test_an_update_moves_a_vehicle_in_lists(vehicles: SqlVehicleStore) -> None:
    """What was filtered by before no longer finds it."""
    await vehicles.upsert([draft("own-1", make="Opel", trim="GS", power_kw=50.0)], now=NOW)
    await vehicles.upsert([draft("own-1", make="Vauxhall")], now=NOW)
    for gone in (VehicleQuery(limit=1, make="opel"), VehicleQuery(limit=1, words=("gs",))):
        assert await pages(vehicles, gone) == []
    assert await pages(vehicles, VehicleQuery(limit=1, make="VAUXHALL")) == ["vehicles/own-1"]


async def test_every_number_can_be_filtered_and_sorted_by(vehicles: SqlVehicleStore) -> None:
    """Each headline field by itself, so that no column is confused with another."""
    for number, field in enumerate(sorted(NUMBER_FIELDS)):
        value = 30 + number
        await vehicles.upsert([draft(f"own-{field.replace('_', '.')}", **{field: value})], now=NOW)
        found = await pages(vehicles, VehicleQuery(limit=9, ranges={field: Range(value, value)}))
        assert found == [f"vehicles/own-{field.replace('_', '.')}"]
    for field in SORT_FIELDS:
        assert len(await pages(vehicles, VehicleQuery(limit=5, order_by=(Order(field),)))) == len(NUMBER_FIELDS)


@pytest.mark.parametrize(
    "query",
    [
        VehicleQuery(limit=1, order_by=(Order("message"),)),
        VehicleQuery(limit=1, order_by=(Order("make; DROP TABLE vehicles"),)),
        VehicleQuery(limit=1, ranges={"revision": Range(1, 2)}),
        VehicleQuery(limit=1, after=()),
        VehicleQuery(limit=1, after=("a", "b")),
        VehicleQuery(limit=1, after=(None,)),
        VehicleQuery(limit=1, order_by=(Order("power_kw"),), after=("150", "own-1")),
        VehicleQuery(limit=1, order_by=(Order("power_kw"),), after=(True, "own-1")),
        VehicleQuery(limit=1, order_by=(Order("make"),), after=(None, "own-1")),
    ],
    ids=repr,
)
async def test_a_query_that_cannot_be_is_refused(vehicles: SqlVehicleStore, query: VehicleQuery) -> None:
    """Unknown fields, and keys that do not fit the order: a ValueError, never SQL."""
    with pytest.raises(ValueError, match=r"cannot be|does not fit"):
        await vehicles.list(query)
