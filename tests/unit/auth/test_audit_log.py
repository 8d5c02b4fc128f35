"""Refusals are summed up, whatever a flood sends; pages of the trail go on where the one before ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from typeplate_server.auth.audit import AuditEntry, AuditEvent
from typeplate_server.auth.audit_log import MAX_KEYS, AuditLog, AuditQuery, RefusalCounts
from typeplate_server.auth.paging import page_token
from typeplate_server.errors import DatabaseUnavailable, InvalidArgument


@dataclass
class FakeAuditStore:
    """Entries in a list; `fail_with` is raised."""

    events: list[AuditEvent] = field(default_factory=list)
    fail_with: Exception | None = None

    async def record(self, events: Sequence[AuditEvent]) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        self.events += events

    async def latest(self, query: AuditQuery, before: int | None, limit: int) -> tuple[AuditEntry, ...]:
        seqs = range(25, 0, -1) if before is None else range(before - 1, 0, -1)
        return tuple(AuditEntry(seq, 0.0, "client_created", query.client_id, "", "", "{}") for seq in seqs[:limit])


@pytest.fixture
def store() -> FakeAuditStore:
    return FakeAuditStore()


@pytest.fixture
def refusals(store: FakeAuditStore) -> RefusalCounts:
    return RefusalCounts(store, {"reader"}.__contains__)


async def test_equal_refusals_are_one_event(store: FakeAuditStore, refusals: RefusalCounts) -> None:
    """By client, peer and reason, with their number; the next minute begins at nothing."""
    for _ in range(1000):
        refusals.count("token_refused", "reader", "192.0.2.1", "TOKEN_REVOKED")
    refusals.count("token_refused", "reader", "192.0.2.2", "TOKEN_REVOKED")
    refusals.count("issue_refused", "reader", "192.0.2.1", "CREDENTIALS_INVALID")
    await refusals.flush()
    await refusals.flush()
    found = [(event.event, event.client_id, *sorted(event.detail.values())) for event in store.events]
    assert found == [
        ("token_refused", "reader", "1000", "192.0.2.1", "TOKEN_REVOKED"),
        ("token_refused", "reader", "1", "192.0.2.2", "TOKEN_REVOKED"),
        ("issue_refused", "reader", "1", "192.0.2.1", "CREDENTIALS_INVALID"),
    ]


async def test_a_flood_writes_a_bounded_number_of_events(store: FakeAuditStore, refusals: RefusalCounts) -> None:
    """From ever new addresses; none is lost from the number."""
    for number in range(50_000):
        refusals.count("token_refused", "", f"2001:db8::{number:x}", "TOKEN_INVALID")
    await refusals.flush()
    assert len(store.events) == MAX_KEYS + 1 <= 21
    assert sum(int(event.detail["count"]) for event in store.events) == 50_000


async def test_own_revocations_are_one_event_a_client(store: FakeAuditStore, refusals: RefusalCounts) -> None:
    """However many tokens an application gets and revokes."""
    for client_id in ("reader", "reader", "writer", "reader"):
        refusals.count_own_revocation(client_id)
    await refusals.flush()
    found = [(event.event, event.client_id, event.detail["count"]) for event in store.events]
    assert found == [("token_revoked", "reader", "3"), ("token_revoked", "writer", "1")]


async def test_what_a_stranger_says_to_be_is_not_written(store: FakeAuditStore, refusals: RefusalCounts) -> None:
    """Only clients that there are get named: it may be a secret in the wrong place."""
    refusals.count("issue_refused", "tps_a_secret_by_mistake", "192.0.2.1", "CREDENTIALS_INVALID")
    await refusals.flush()
    assert [event.client_id for event in store.events] == [""]


async def test_an_outage_loses_no_refusal(store: FakeAuditStore, refusals: RefusalCounts) -> None:
    """The next flush writes them, with those that came meanwhile."""
    store.fail_with = DatabaseUnavailable()
    refusals.count("token_refused", "", "192.0.2.1", "TOKEN_INVALID")
    with pytest.raises(DatabaseUnavailable):
        await refusals.flush()
    refusals.count("token_refused", "", "192.0.2.1", "TOKEN_INVALID")
    store.fail_with = None
    await refusals.flush()
    assert [event.detail["count"] for event in store.events] == ["2"]


async def test_pages_follow_each_other_without_gap(store: FakeAuditStore) -> None:
    """The last one has no token."""
    log, query, token, seqs = AuditLog(store), AuditQuery(client_id="reader"), "", []
    while True:
        page = await log.list(query, 10, token)
        seqs += [entry.seq for entry in page.entries]
        token = page.next_page_token
        if not token:
            break
    assert seqs == list(range(25, 0, -1))


async def test_bad_pages_are_refused_and_named(store: FakeAuditStore) -> None:
    """A negative size, a token of another filter, and one that nobody gave out."""
    log, query = AuditLog(store), AuditQuery()
    other = page_token("7", AuditQuery(client_id="other"))
    for page_size, token, name in ((-1, "", "page_size"), (0, other, "page_token"), (0, "x", "page_token"),
                                   (0, page_token("seven", query), "page_token")):  # fmt: skip
        with pytest.raises(InvalidArgument) as error:
            await log.list(query, page_size, token)
        assert [violation.field for violation in error.value.violations] == [name]
