"""Pages of clients and their tokens (AIP-158): opaque to the caller, good only for the filter they were made with."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.keyring import base64url
from typeplate_server.errors import InvalidArgument

DEFAULT_PAGE: Final = 100
MAX_PAGE: Final = 1000
LOOK: Final = 2000
"""So many clients are looked at between two looks at the event loop: less than a millisecond."""


@dataclass(frozen=True, slots=True)
class ClientPage:
    """One page of clients by id; an empty `next_page_token` says that it is the last."""

    clients: tuple[ClientState, ...]
    next_page_token: str


async def page_of(
    after: Callable[[str], Iterable[ClientState]],
    wanted: Callable[[ClientState], bool],
    page_size: int,
    token: str,
    condition: object,
) -> ClientPage:
    """The next `page_size` (0: 100, at most 1000) wanted ones, behind `token`; `after` gives clients behind an id.

    It looks at LOOK of them at a time and lets others run between. Raises `InvalidArgument`.
    """
    if page_size < 0:
        raise InvalidArgument.of("page_size", "must not be negative")
    size, position = min(page_size or DEFAULT_PAGE, MAX_PAGE), start_of_page(token, condition)
    found: list[ClientState] = []
    while True:
        seen = list(islice(after(position), LOOK))
        found += filter(wanted, seen)
        if len(seen) < LOOK or len(found) > size:
            break
        position = seen[-1].client_id
        await asyncio.sleep(0)
    more = len(found) > size
    return ClientPage(tuple(found[:size]), page_token(found[size - 1].client_id, condition) if more else "")


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
