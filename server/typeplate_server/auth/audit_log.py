"""Reads the audit trail for administrators, and writes into it who was refused: summed up, never one entry a call.

Rules kept here:
* Refusals, and tokens that applications revoke of their own, are counted in memory by client, peer and reason, and
  written about each minute.
* A client that does not exist is not named: what a stranger sends does not get into the trail.
* Beyond MAX_KEYS different ones a minute, the rest are counted without client and peer, so that the trail grows by a
  bounded number of entries whatever anybody sends (adr/0013).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from typeplate_server.auth.audit import AuditEntry, AuditEvent, EventType
from typeplate_server.auth.paging import DEFAULT_PAGE, MAX_PAGE, page_token, start_of_page
from typeplate_server.errors import InvalidArgument

MAX_KEYS: Final = 20
Refusal = Literal["issue_refused", "token_refused"]
_Key = tuple[Literal[Refusal, "token_revoked"], str, str, str]
_OWN: Final = "revoked by the client itself"


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries: all conditions hold. Times are epoch seconds, from `start_time` on and before `end_time`."""

    client_id: str = ""
    events: tuple[EventType, ...] = ()
    start_time: float | None = None
    end_time: float | None = None


class AuditStore(Protocol):
    """The trail, durably."""

    async def record(self, events: Sequence[AuditEvent]) -> None:
        """Adds events in a transaction of their own. Raises `DatabaseUnavailable`."""
        ...

    async def latest(self, query: AuditQuery, before: int | None, limit: int) -> tuple[AuditEntry, ...]:
        """The entries that meet the query, newest first, with a smaller `seq` than `before` (None: from the end)."""
        ...


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of the trail, newest first; an empty `next_page_token` says that it is the last."""

    entries: tuple[AuditEntry, ...]
    next_page_token: str


class AuditLog:
    """The use case behind ListAuditEvents."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    async def list(self, query: AuditQuery, page_size: int = 0, token: str = "") -> AuditPage:
        """Entries newest first, 100 a page unless told otherwise, 1000 at most. Raises `InvalidArgument`."""
        if page_size < 0:
            raise InvalidArgument.of("page_size", "must not be negative")
        size = min(page_size or DEFAULT_PAGE, MAX_PAGE)
        entries = await self._store.latest(query, _before(token, query), size + 1)
        more = len(entries) > size
        return AuditPage(entries[:size], page_token(str(entries[size - 1].seq), query) if more else "")


class RefusalCounts:
    """Refusals and own revocations since the last flush. `known` says whether a client of this id exists."""

    __slots__ = ("_counts", "_known", "_store")

    def __init__(self, store: AuditStore, known: Callable[[str], bool]) -> None:
        self._store = store
        self._known = known
        self._counts: dict[_Key, int] = {}

    def count(self, refusal: Refusal, client_id: str, peer: str, reason: str) -> None:
        """A call was refused. `client_id` is whom it said to be, "" when it did not; `peer` is without port."""
        key = (refusal, client_id if self._known(client_id) else "", peer, reason)
        self._add(key, 1)

    def count_own_revocation(self, client_id: str) -> None:
        """A client has revoked a token of its own."""
        self._add(("token_revoked", client_id, "", _OWN), 1)

    async def flush(self) -> None:
        """Writes what was counted since the last time. Raises `DatabaseUnavailable`; then nothing is lost."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        try:
            await self._store.record([_event(key, number) for key, number in counts.items()])
        except BaseException:
            for key, number in counts.items():
                self._add(key, number)
            raise

    def _add(self, key: _Key, number: int) -> None:
        if key not in self._counts and len(self._counts) >= MAX_KEYS:
            key = (key[0], "", "", key[3])
        self._counts[key] = self._counts.get(key, 0) + number


def _event(key: _Key, number: int) -> AuditEvent:
    refusal, client_id, peer, reason = key
    return AuditEvent(refusal, client_id, {"count": str(number), "from": peer, "reason": reason})


def _before(token: str, query: AuditQuery) -> int | None:
    start = start_of_page(token, query)
    if start and not start.isdecimal():
        raise InvalidArgument.of("page_token", "is not one that this method gave out")
    return int(start) if start else None
