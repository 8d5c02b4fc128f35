"""What the fields of a client may hold; each fault names the field by its path in the request (AIP-193).

Limits are those written beside the fields in `client.proto`. Faults are collected, so that a caller learns of all of
them at once; `require` turns them into one `InvalidArgument`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from typeplate_server.auth.clients import KNOWN_SCOPES
from typeplate_server.auth.tokens import MIN_TOKEN_LIFETIME_S
from typeplate_server.errors import FieldViolation, InvalidArgument

MAX_DISPLAY_NAME: Final = 100
MAX_LABELS: Final = 64
MAX_LABEL_VALUE: Final = 63
MAX_REASON: Final = 500
MAX_SCOPES: Final = 20
MIN_SECRET_LIFETIME_S: Final = 60
MAX_SECRET_LIFETIME_S: Final = 100 * 366 * 86_400

_CLIENT_ID: Final = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]", re.ASCII)
_LABEL_KEY: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)


def require(*faults: Iterable[FieldViolation]) -> None:
    """Raises one `InvalidArgument` for all the faults, if there are any."""
    found = [fault for each in faults for fault in each]
    if found:
        raise InvalidArgument(*found)


def client_id_faults(field: str, client_id: str) -> Iterator[FieldViolation]:
    """An id is 3–63 characters of `a-z 0-9 -`, begins with a letter and does not end with a hyphen (AIP-122)."""
    if not _CLIENT_ID.fullmatch(client_id):
        yield FieldViolation(
            field, "must be 3 to 63 characters of a-z, 0-9 and -, begin with a letter and not end with a hyphen"
        )


def display_name_faults(field: str, display_name: str) -> Iterator[FieldViolation]:
    """A display name has at most 100 characters, none of them a control character."""
    yield from _text_faults(field, display_name, MAX_DISPLAY_NAME)


def reason_faults(field: str, reason: str) -> Iterator[FieldViolation]:
    """A reason has at most 500 characters; it may have several lines."""
    yield from _text_faults(field, reason.replace("\n", " "), MAX_REASON)


def scope_faults(field: str, scopes: Collection[str]) -> Iterator[FieldViolation]:
    """Scopes are known ones (RFC 6749 §3.3)."""
    if len(scopes) > MAX_SCOPES:
        yield FieldViolation(field, f"must be at most {MAX_SCOPES}")
    elif not KNOWN_SCOPES.issuperset(scopes):
        yield FieldViolation(field, f"each must be one of {', '.join(sorted(KNOWN_SCOPES))}")


def lifetime_faults(field: str, lifetime_s: float | None) -> Iterator[FieldViolation]:
    """The longest life of a client's tokens is a whole number of seconds, 60 at the least."""
    if lifetime_s is not None and (lifetime_s < MIN_TOKEN_LIFETIME_S or lifetime_s != int(lifetime_s)):
        yield FieldViolation(field, f"must be whole seconds, {MIN_TOKEN_LIFETIME_S} at the least")


def secret_lifetime_faults(field: str, lifetime_s: float | None) -> Iterator[FieldViolation]:
    """A secret lives from one minute to a hundred years, or for good."""
    if lifetime_s is not None and not MIN_SECRET_LIFETIME_S <= lifetime_s <= MAX_SECRET_LIFETIME_S:
        yield FieldViolation(field, f"must be from {MIN_SECRET_LIFETIME_S} s to 100 years; absent: for good")


def label_faults(field: str, labels: Mapping[str, str]) -> Iterator[FieldViolation]:
    """At most 64 labels; keys are 1–63 characters of `a-z 0-9 _ -` from a letter on, values at most 63 characters."""
    if len(labels) > MAX_LABELS:
        yield FieldViolation(field, f"must be at most {MAX_LABELS}")
        return
    if not all(_LABEL_KEY.fullmatch(key) for key in labels):
        yield FieldViolation(field, "each key must be 1 to 63 characters of a-z, 0-9, _ and -, and begin with a letter")
    for key, value in labels.items():
        yield from _text_faults(f"{field}[{key[:MAX_LABEL_VALUE]!r}]", value, MAX_LABEL_VALUE)


def _text_faults(field: str, text: str, limit: int) -> Iterator[FieldViolation]:
    if len(text) > limit:
        yield FieldViolation(field, f"must have at most {limit} characters")
    elif any(unicodedata.category(character) == "Cc" for character in text):
        yield FieldViolation(field, "must not contain control characters")
