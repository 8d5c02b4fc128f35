"""Turns a `VehicleQuery` into one SELECT, and a row into the key from which the next page goes on.

* Pages continue by key, never by offset: a page costs the same wherever it stands, and concurrent writes neither
  repeat nor hide a vehicle whose key stays.
* Only `vehicle_filters` is filtered and sorted; messages are fetched for the rows of the page alone.
* Unknown values come last either way: `x IS NULL` is sorted before `x`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, false, or_, select

from typeplate_server.store.schema import vehicle_filters, vehicles
from typeplate_server.store.vehicle_rows import fuel_bits, text_key
from typeplate_server.vehicles.store import NUMBER_FIELDS, SORT_FIELDS, Order, SortKey, SortValue, VehicleQuery

_f = vehicle_filters.c
_TEXT_COLUMNS = {"name": _f.vehicle_id, "make": _f.make_key, "model": _f.model_key, "trim": _f.trim_key}
_BY_ID = Order("name")


def statement(query: VehicleQuery, stored: Select[Any]) -> Select[Any]:
    """The page and one row more: the columns of `stored` (a select from `vehicles`), then those of the sort key."""
    orders = _orders(query)
    columns = [_column(order.field).label(f"sort_{number}") for number, order in enumerate(orders)]
    page = (
        select(_f.vehicle_id, *columns)
        .where(*_conditions(query))
        .order_by(*_ordering(list(zip(map(_column_of, orders), orders, strict=True))))
        .limit(query.limit + 1)
        .subquery("page")
    )
    keys = [page.c[column.name] for column in columns]
    return (
        stored.add_columns(*keys)
        .join_from(page, vehicles, vehicles.c.vehicle_id == page.c.vehicle_id)
        .order_by(*_ordering(list(zip(keys, orders, strict=True))))
    )


def sort_key(row: Row[Any], query: VehicleQuery) -> SortKey:
    """The key of a row that `statement` found."""
    return tuple(row)[-len(_orders(query)) :]


def _orders(query: VehicleQuery) -> tuple[Order, ...]:
    """What to sort by, made total by the id."""
    return (*query.order_by, _BY_ID)


def _column(field: str) -> ColumnElement[Any]:
    if field not in SORT_FIELDS:
        raise ValueError(f"vehicles cannot be sorted by {field}")
    column: ColumnElement[Any] = _TEXT_COLUMNS[field] if field in _TEXT_COLUMNS else _f[field]
    return column


def _column_of(order: Order) -> ColumnElement[Any]:
    return _column(order.field)


def _nullable(order: Order) -> bool:
    return bool(getattr(_column_of(order), "nullable", True))


def _ordering(sorted_by: Sequence[tuple[ColumnElement[Any], Order]]) -> Iterator[ColumnElement[Any]]:
    for column, order in sorted_by:
        if _nullable(order):
            yield column.is_(None)
        yield column.desc() if order.descending else column.asc()


def _conditions(query: VehicleQuery) -> Iterator[ColumnElement[bool]]:
    if not query.show_deleted:
        yield _f.deleted.is_(False)
    if query.source:
        yield _f.source == query.source
    for column, text in ((_f.make_key, query.make), (_f.model_key, query.model), (_f.trim_key, query.trim)):
        if text:
            yield column == text_key(text)
    for word in query.words:
        yield _f.search.contains(" " + text_key(word), autoescape=True)
    yield from _set_conditions(query)
    yield from _range_conditions(query)
    if query.after is not None:
        yield from _continuation(_orders(query), query.after)


def _set_conditions(query: VehicleQuery) -> Iterator[ColumnElement[bool]]:
    sets = (
        (_f.drive, query.drives),
        (_f.powertrain, query.powertrains),
        (_f.body_style, query.body_styles),
        (_f.transmission_type, query.transmission_types),
    )
    for column, numbers in sets:
        if numbers:
            yield column.in_(sorted(numbers))
    if query.fuels:
        yield _f.fuels.bitwise_and(fuel_bits(*query.fuels)) != 0


def _range_conditions(query: VehicleQuery) -> Iterator[ColumnElement[bool]]:
    for field, bounds in query.ranges.items():
        if field not in NUMBER_FIELDS:
            raise ValueError(f"vehicles cannot be filtered by {field}")
        if bounds.minimum is not None:
            yield _f[field] >= bounds.minimum
        if bounds.maximum is not None:
            yield _f[field] <= bounds.maximum


def _continuation(orders: Sequence[Order], key: SortKey) -> Iterator[ColumnElement[bool]]:
    """Rows that come after the key: those beyond it in one field and equal in all fields before."""
    _check_key(orders, key)
    alternatives = []
    equal: list[ColumnElement[bool]] = []
    for order, value in zip(orders, key, strict=True):
        alternatives.append(and_(*equal, _beyond(order, value)))
        column = _column_of(order)
        equal.append(column.is_(None) if value is None else column == value)
    first = orders[0]
    if not _nullable(first):
        # Implied by what follows; said so that an index can start there.
        yield _column_of(first) <= key[0] if first.descending else _column_of(first) >= key[0]
    yield or_(*alternatives)


def _beyond(order: Order, value: SortValue) -> ColumnElement[bool]:
    if value is None:
        return false()
    column = _column_of(order)
    beyond = column < value if order.descending else column > value
    return or_(beyond, column.is_(None)) if _nullable(order) else beyond


def _check_key(orders: Sequence[Order], key: SortKey) -> None:
    if len(key) != len(orders):
        raise ValueError("the key to go on from does not fit the order")
    for order, value in zip(orders, key, strict=True):
        wanted = str if order.field in _TEXT_COLUMNS else int | float
        if not (_nullable(order) if value is None else isinstance(value, wanted) and not isinstance(value, bool)):
            raise ValueError(f"the key to go on from does not fit {order.field}")
