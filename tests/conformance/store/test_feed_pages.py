"""A feed with more changes than one page has: nothing is left out, nothing comes twice, and no page is long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.store import NOW, client
from typeplate_server.auth.clients import SecretState
from typeplate_server.auth.store import Cursor, FeedPage, ReplicaIdentity, RevokedToken, StoredSigningKey
from typeplate_server.store import feed
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.replicas import SqlReplicaStore
from typeplate_server.store.revoked_tokens import SqlRevokedTokenStore

ME = ReplicaIdentity("one", "a1")
KEY = StoredSigningKey("k1", b"sealed", b"public", "published", NOW)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PAGE", 3)


async def walk(replicas: SqlReplicaStore) -> list[FeedPage]:
    """All pages from the beginning."""
    pages = [await replicas.poll(ME, Cursor())]
    while pages[-1].more:
        pages.append(await replicas.poll(ME, pages[-1].cursor))
    return pages


async def test_the_pages_together_are_all_there_is(
    replicas: SqlReplicaStore,
    clients: SqlClientStore,
    tokens: SqlRevokedTokenStore,
    deployment: SqlDeploymentStore,
) -> None:
    """Clients with none, one and two secrets, tokens between them, a key, and numbers that stand for nothing now."""
    await replicas.register(ME)
    made = []
    for number in range(8):
        secrets = tuple(SecretState(f"key-{number}-{n}", b"\x00\xff" * 16, NOW - n) for n in range(number % 3))
        made.append(await clients.create(client(f"app-{number}", secrets=secrets[::-1], labels={"team": "fleet"})))
    revoked = [await tokens.revoke(RevokedToken(f"j{number}", "app-1", NOW + 60)) for number in range(7)]
    keys = await deployment.change_signing_keys(lambda _: (KEY,))
    made.append(await clients.update("app-0", lambda current, _: replace(current, display_name="Renamed")))
    pages = await walk(replicas)
    assert [each for page in pages for each in page.clients] == made[1:]
    assert [each for page in pages for each in page.revoked_tokens] == revoked
    assert (pages[0].signing_keys, pages[-1].upto) == (keys, pages[-1].seq)
    assert max(len(page.clients) for page in pages) == max(len(page.revoked_tokens) for page in pages) == 3
    for page in pages:
        assert all(each.changed_seq <= page.upto for each in page.clients)
        assert all(each.changed_seq <= page.upto for each in page.revoked_tokens)


async def test_a_client_changed_between_two_pages_comes_later(
    replicas: SqlReplicaStore, clients: SqlClientStore
) -> None:
    """One that was read already comes again, one that was to be read next comes once, as it stands now."""
    await replicas.register(ME)
    for number in range(6):
        await clients.create(client(f"app-{number}"))
    first = await replicas.poll(ME, Cursor())
    revoked = [
        await clients.update(client_id, lambda current, _: replace(current, state="revoked"))
        for client_id in ("app-0", "app-3")
    ]
    second = await replicas.poll(ME, first.cursor)
    third = await replicas.poll(ME, second.cursor)
    assert [each.client_id for each in first.clients] == ["app-0", "app-1", "app-2"]
    assert [each.client_id for each in second.clients + third.clients] == ["app-4", "app-5", "app-0", "app-3"]
    assert (list(third.clients), third.more) == (revoked[-len(third.clients) :], False)


async def test_clients_with_equal_scopes_and_labels_share_them(
    replicas: SqlReplicaStore, clients: SqlClientStore
) -> None:
    """A hundred thousand clients have some dozens of different ones."""
    await replicas.register(ME)
    for number in range(2):
        await clients.create(client(f"app-{number}", labels={"team": "fleet"}))
    one, other = (await replicas.poll(ME, Cursor())).clients
    assert one.scopes is other.scopes
    assert one.labels is other.labels
