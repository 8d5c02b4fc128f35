"""Owns the grammar of `order_by` (AIP-132): `field [asc|desc] {"," field [asc|desc]}`, blanks meaning nothing."""

from __future__ import annotations

from typing import Final

from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles.store import SORT_FIELDS, Order

MAX_FIELDS: Final = 5
MAX_TEXT: Final = 500
_DIRECTIONS: Final = {"asc": False, "desc": True}


def parse_order_by(text: str, field: str = "order_by") -> tuple[Order, ...]:
    """The fields to sort by, empty for the order by name. Raises InvalidArgument naming `field`."""
    if len(text) > MAX_TEXT:
        raise InvalidArgument.of(field, f"has {len(text)} characters, at most {MAX_TEXT} are allowed")
    if not text.strip():
        return ()
    terms = text.split(",")
    if len(terms) > MAX_FIELDS:
        raise InvalidArgument.of(field, f"names {len(terms)} fields, at most {MAX_FIELDS} are allowed")
    orders = tuple(_order(term.split(), field) for term in terms)
    names = [order.field for order in orders]
    for name in names:
        if names.count(name) > 1:
            raise InvalidArgument.of(field, f"names {name} twice")
    return orders


def _order(words: list[str], field: str) -> Order:
    if not words:
        raise InvalidArgument.of(field, "has an empty term; fields are parted by one comma")
    if words[0] not in SORT_FIELDS:
        allowed = ", ".join(sorted(SORT_FIELDS))
        raise InvalidArgument.of(field, f"cannot sort by {words[0][:60]!r}; it can by {allowed}")
    direction = words[1] if len(words) > 1 else "asc"
    if len(words) > 2 or direction not in _DIRECTIONS:
        raise InvalidArgument.of(field, f"after {words[0]} only `desc` may stand")
    return Order(words[0], _DIRECTIONS[direction])
