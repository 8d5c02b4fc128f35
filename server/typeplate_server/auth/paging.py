"""Page tokens (AIP-158): opaque to the caller, good only for the filter they were made with."""

from __future__ import annotations

import base64
import hashlib
import json

from typeplate_server.auth.keyring import base64url
from typeplate_server.errors import InvalidArgument


def page_token(after: str, condition: object) -> str:
    """The token for the page that begins behind the id `after`, under this filter condition."""
    return base64url(json.dumps([after, _fingerprint(condition)]).encode("ascii"))


def start_of_page(token: str, condition: object) -> str:
    """The id behind which the page begins; empty for the first one. Raises `InvalidArgument` on `page_token`."""
    if not token:
        return ""
    try:
        after, fingerprint = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise InvalidArgument.of("page_token", "is not one that this method gave out") from None
    if not isinstance(after, str) or fingerprint != _fingerprint(condition):
        raise InvalidArgument.of("page_token", "belongs to another filter")
    return after


def _fingerprint(condition: object) -> str:
    return hashlib.sha256(repr(condition).encode("utf-8")).hexdigest()[:16]
