"""Owns the page token of a list (AIP-158): where to go on, bound to the question it belongs to.

It is opaque to callers and no secret: it says nothing that its bearer may not read. The checksum catches damage and a
token used with another filter or order; whatever passes it is still checked by the store.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Final

from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles.store import SortKey

MAX_LENGTH: Final = 16_384
_CHECK_BYTES: Final = 12
_FIELD: Final = "page_token"


def encode(after: SortKey | None, question: bytes) -> str:
    """The token to go on after this row of this question; empty when there is no further page."""
    if after is None:
        return ""
    place = json.dumps(after, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return base64.urlsafe_b64encode(_check(place, question) + place).rstrip(b"=").decode("ascii")


def decode(token: str, question: bytes, columns: int) -> SortKey | None:
    """The row to go on after, None for the first page. The key has `columns` values and an id.

    Raises InvalidArgument naming `page_token` for anything that this server did not make for this question.
    """
    if not token:
        return None
    if len(token) > MAX_LENGTH or not token.isascii():
        raise InvalidArgument.of(_FIELD, "is not a page token of this server")
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise InvalidArgument.of(_FIELD, "is not a page token of this server") from None
    check, place = data[:_CHECK_BYTES], data[_CHECK_BYTES:]
    if check != _check(place, question):
        raise InvalidArgument.of(_FIELD, "is damaged, or of a list with another filter or order")
    return _sort_key(place, columns)


def _sort_key(place: bytes, columns: int) -> SortKey:
    try:
        values = json.loads(place, parse_constant=_no_number)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or len(values) != columns + 1 or not all(map(_is_sort_value, values)):
        raise InvalidArgument.of(_FIELD, "is not a page token of this server")
    return tuple(values)


def _is_sort_value(value: object) -> bool:
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return value is None or type(value) in (str, float)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no place in a list")


def _check(place: bytes, question: bytes) -> bytes:
    return hashlib.sha256(len(question).to_bytes(4) + question + place).digest()[:_CHECK_BYTES]
