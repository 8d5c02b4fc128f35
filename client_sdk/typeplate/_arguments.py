"""Owns how the arguments of the generated methods become request messages, and that ready ones are of the right type.

The server cannot tell: a message of another type is often one of this type too, on the wire.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar

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


def check_ready(kind: type[M], request: M, /, **beside: Any) -> None:
    """Raises TypeError for a ready request of another type, and for arguments beside it, which would be lost."""
    _same(kind, request, "request=")
    if given := present(**beside):
        raise TypeError(f"give either request= or {', '.join(given)}, not both ({kind.__name__})")


def checked(kind: type[M], requests: Iterable[M]) -> Iterator[M]:
    """The requests of a stream, ended by a TypeError where one is not of the method's type."""
    return map(partial(_same, kind), requests)


def checked_aio(kind: type[M], requests: AnyIterable[M]) -> Iterator[M] | AsyncIterator[M]:
    """The same for asyncio."""
    return _Checked(kind, aiter(requests)) if isinstance(requests, AsyncIterable) else checked(kind, requests)


class _Checked(Generic[M]):
    """No generator, which would end with the first error: the application's iterator says itself what comes after."""

    def __init__(self, kind: type[M], requests: AsyncIterator[M]) -> None:
        self._kind = kind
        self._requests = requests

    def __aiter__(self) -> AsyncIterator[M]:
        return self

    async def __anext__(self) -> M:
        return _same(self._kind, await anext(self._requests))


def _same(kind: type[M], request: M, what: str = "a request of a stream") -> M:
    if not isinstance(request, kind):
        raise TypeError(f"{what} is {type(request).__name__}, not {kind.__name__}")
    return request


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


def each(convert: Callable[[Any], Any], given: Any) -> Any:
    """A list of what is converted; what is no list stays as it is, for `build` to refuse."""
    if not isinstance(given, Iterable) or isinstance(given, NO_LISTS):
        return given
    return [convert(value) for value in given]


def values(convert: Callable[[Any], Any], given: Any) -> Any:
    """A map with its values converted; what is no map stays as it is, for `build` to refuse."""
    return {key: convert(value) for key, value in given.items()} if isinstance(given, Mapping) else given
