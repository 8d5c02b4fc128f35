"""Owns how the arguments of the generated methods become request messages."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

T = TypeVar("T")
M = TypeVar("M", bound=Message)

AnyIterable = Iterable[T] | AsyncIterable[T]
NO_LISTS = (str, bytes, bytearray, Mapping)
"""What can be iterated over and is not meant as a list."""


def present(**fields: Any) -> dict[str, Any]:
    """The fields that were given: None means absent."""
    return {name: value for name, value in fields.items() if value is not None}


def build(kind: type[M], /, **fields: Any) -> M:
    """A message of the fields that were given. Raises TypeError or ValueError naming the one that does not fit."""
    given = present(**fields)
    for name, value in given.items():
        _refuse_lone(kind, name, value)
    try:
        return kind(**given)
    except (AttributeError, TypeError, ValueError):
        for name, value in given.items():
            _try(kind, name, value)
        raise


def _refuse_lone(kind: type[Message], name: str, value: Any) -> None:
    """Raises where a list is wanted and something else can be iterated over: text would be taken letter by letter."""
    if not isinstance(value, NO_LISTS):
        return
    field = kind.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated and not (field.message_type and field.message_type.GetOptions().map_entry):
        raise TypeError(f"{name} is a list and cannot be {type(value).__name__} ({kind.DESCRIPTOR.name}.{name})")


def _try(kind: type[Message], name: str, value: Any) -> None:
    """Raises for a field whose value does not fit. The value itself is not quoted: it may be a secret."""
    try:
        kind(**{name: value})
    except (AttributeError, TypeError):  # before protobuf 7 a wrong type for a Duration is an AttributeError
        raise TypeError(f"{name} cannot be {type(value).__name__} ({kind.DESCRIPTOR.name}.{name})") from None
    except ValueError:
        raise ValueError(f"{name} is out of range or no such value ({kind.DESCRIPTOR.name}.{name})") from None


def part(kind: type[M], /, **fields: Any) -> M | None:
    """A message of the fields that were given; absent when none was."""
    given = present(**fields)
    return build(kind, **given) if given else None


def refuse_beside(request: Message, /, **fields: Any) -> None:
    """A ready request comes alone: an argument beside it would be lost. Raises TypeError naming the arguments."""
    if given := present(**fields):
        raise TypeError(f"give either request= or {', '.join(given)}, not both ({type(request).__name__})")


class Methods:
    """The generated methods of one service. A subclass keeps its client's calls as `_calls`."""

    def __repr__(self) -> str:
        target = vars(self)["_calls"].target
        names = ", ".join(name for name in dir(type(self)) if not name.startswith("_"))
        return f"<{type(self).__name__} of {target}: {names}>"


def duration(value: timedelta | Duration | None) -> Duration | None:
    """A protobuf duration, exact to the microsecond."""
    if not isinstance(value, timedelta):
        return value
    message = Duration()
    message.FromTimedelta(value)
    return message


def field_mask(value: Iterable[str] | FieldMask | None) -> FieldMask | None:
    """A field mask of paths. A lone string is refused, see `_refuse_lone`."""
    if value is None or isinstance(value, FieldMask):
        return value
    if isinstance(value, NO_LISTS):
        raise TypeError(f"a field mask is a list of paths, not {type(value).__name__}")
    return FieldMask(paths=value)
