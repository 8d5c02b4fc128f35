"""Owns what ListVehicles asks: from the request message to a `VehicleQuery`, every fault named by its field.

`Listing.question` is what a page token is bound to: filter, order and `show_deleted`, but neither page size nor read
mask, which may change from page to page (AIP-158).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from types import MappingProxyType
from typing import Final

from typeplate.v1.data_service_pb2 import ListVehiclesRequest, VehicleFilter
from typeplate_server.errors import FieldViolation, InvalidArgument
from typeplate_server.vehicles import masks, page_token
from typeplate_server.vehicles.masks import Mask
from typeplate_server.vehicles.model import SOURCE_PATTERN
from typeplate_server.vehicles.ordering import parse_order_by
from typeplate_server.vehicles.store import NUMBER_FIELDS, Order, Range, VehicleQuery

DEFAULT_PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1000
MAX_TEXT: Final = 200
MAX_WORDS: Final = 10
_MAX_VIOLATIONS: Final = 20
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_TEXTS: Final = ("source", "make", "model", "trim", "query")
_ENUMS: Final = ("fuels", "drives", "powertrains", "body_styles", "transmission_types")


@dataclass(frozen=True, slots=True)
class Listing:
    """One page asked for: the query, what each vehicle shall show (None: all), and the question of its tokens."""

    query: VehicleQuery
    read_mask: Mask | None
    question: bytes


def parse(request: ListVehiclesRequest) -> Listing:
    """The page that a request asks for. Raises InvalidArgument with all faults of the filter, or of another field."""
    if violations := tuple(islice(_violations(request.filter), _MAX_VIOLATIONS)):
        raise InvalidArgument(*violations)
    order_by = parse_order_by(request.order_by)
    question = _question(request, order_by)
    query = VehicleQuery(
        limit=page_size(request.page_size),
        source=request.filter.source,
        make=request.filter.make.strip(),
        model=request.filter.model.strip(),
        trim=request.filter.trim.strip(),
        words=_words(request.filter.query),
        ranges=MappingProxyType(dict(_ranges(request.filter))),
        order_by=order_by,
        after=page_token.decode(request.page_token, question, len(order_by)),
        show_deleted=request.show_deleted,
        fuels=frozenset(request.filter.fuels),
        drives=frozenset(request.filter.drives),
        powertrains=frozenset(request.filter.powertrains),
        body_styles=frozenset(request.filter.body_styles),
        transmission_types=frozenset(request.filter.transmission_types),
    )
    return Listing(query, _read_mask(request), question)


def page_size(asked: int) -> int:
    """The page size to use (AIP-158). Raises InvalidArgument when negative."""
    if asked < 0:
        raise InvalidArgument.of("page_size", "must not be negative")
    return min(asked, MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE


def _read_mask(request: ListVehiclesRequest) -> Mask | None:
    paths = request.read_mask.paths
    return masks.parse(paths, "read_mask") if paths else None


def _question(request: ListVehiclesRequest, order_by: tuple[Order, ...]) -> bytes:
    known = VehicleFilter()
    known.CopyFrom(request.filter)
    known.DiscardUnknownFields()
    parts = (known.SerializeToString(deterministic=True), repr(order_by).encode(), bytes([request.show_deleted]))
    return hashlib.sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).digest()


def _violations(filter_: VehicleFilter) -> Iterator[FieldViolation]:
    for name in _TEXTS:
        if problem := _text_problem(getattr(filter_, name)):
            yield FieldViolation(f"filter.{name}", problem)
    if len(filter_.query) <= MAX_TEXT and len(_words(filter_.query)) > MAX_WORDS:
        yield FieldViolation("filter.query", f"must be at most {MAX_WORDS} different words")
    if filter_.source and not SOURCE_PATTERN.fullmatch(filter_.source):
        yield FieldViolation("filter.source", "must be 2–20 characters of a-z 0-9, beginning with a letter")
    for name in _ENUMS:
        yield from _enum_violations(name, getattr(filter_, name))
    for name, bounds in _ranges(filter_):
        yield from _range_violations(name, bounds)


def _text_problem(text: str) -> str:
    if len(text) > MAX_TEXT:
        return f"must be at most {MAX_TEXT} characters"
    return "must not contain control characters" if _CONTROL.search(text) else ""


def _words(query: str) -> tuple[str, ...]:
    """The words to look for, each once: every one costs a search through all vehicles."""
    return tuple(dict.fromkeys(query.split()))


def _enum_violations(name: str, numbers: Sequence[int]) -> Iterator[FieldViolation]:
    """A list longer than its enum is refused unread, for a message may carry millions of numbers."""
    most = len(_enum_names(name))
    if len(numbers) > most:
        yield FieldViolation(f"filter.{name}", f"has {len(numbers)} elements, at most {most} are allowed")
        return
    for number in numbers:
        if problem := _enum_problem(name, number):
            yield FieldViolation(f"filter.{name}", problem)


def _enum_problem(field: str, number: int) -> str:
    """What is wrong with this number; 0 is unknown, which nobody can ask for."""
    names = _enum_names(field)
    if number == 0:
        return f"{names[0]} cannot be asked for; for any, leave the field empty"
    return "" if number in names else f"{number} is none of 1–{max(names)}"


@cache
def _enum_names(field: str) -> dict[int, str]:
    enum = VehicleFilter.DESCRIPTOR.fields_by_name[field].enum_type
    assert enum is not None
    return {number: value.name for number, value in enum.values_by_number.items()}


def _range_violations(name: str, bounds: Range) -> Iterator[FieldViolation]:
    ends = (("min", bounds.minimum), ("max", bounds.maximum))
    for end, value in ends:
        if value is not None and not math.isfinite(value):
            yield FieldViolation(f"filter.{name}_{end}", "must be a finite number")
    if bounds.minimum is not None and bounds.maximum is not None and bounds.minimum > bounds.maximum:
        yield FieldViolation(f"filter.{name}_min", f"is greater than {name}_max")


def _ranges(filter_: VehicleFilter) -> Iterator[tuple[str, Range]]:
    fields = VehicleFilter.DESCRIPTOR.fields_by_name
    for name in sorted(NUMBER_FIELDS):
        ends = [
            getattr(filter_, end) if end in fields and filter_.HasField(end) else None  # type: ignore[arg-type]
            for end in (f"{name}_min", f"{name}_max")
        ]
        if ends != [None, None]:
            yield name, Range(*ends)
