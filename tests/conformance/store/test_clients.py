"""ClientStore: rows come back as they went in, ids are never reused, and a refused change leaves no trace."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import MappingProxyType

import pytest

from tests.support.store import NOW, BackEnd, client
from typeplate_server.auth.audit import Chain
from typeplate_server.auth.client_changes import revocation, secret_deletion
from typeplate_server.auth.clients import ClientState, SecretState
from typeplate_server.auth.store import CallerRows, ClientsInTransaction
from typeplate_server.errors import AlreadyExists, ClientRevoked, LastAdmin, NotFound
from typeplate_server.store.audit import AuditTrail
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database

ADMIN = frozenset({"clients:admin"})


async def test_a_client_comes_back_as_it_went_in(clients: SqlClientStore) -> None:
    """Every field keeps its value and its type, text of any script and times of any fraction included."""
    went_in = client(
        display_name="Vertrieb «Süd» 100%_'; DROP TABLE clients --",
        state="suspended",
        scopes=frozenset({"vehicles:read", "clients:admin"}),
        max_token_lifetime_s=300,
        labels=MappingProxyType({"team": "übersicht", "stage": ""}),
        revoke_time=0.1 + 0.2,
        revoke_reason="left 🚗",
        secrets=(SecretState("b", b"\x00", NOW, NOW + 1), SecretState("c", b"\xff", NOW + 1)),
    )
    created = await clients.create(went_in)
    assert created == replace(went_in, changed_seq=1)
    assert await clients.load_all() == (1, [created])


async def test_load_all_has_the_revoked_too_in_order(clients: SqlClientStore) -> None:
    """Who starts must know the revoked as well."""
    for client_id in ("zeta", "alpha"):
        await clients.create(client(client_id))
    await clients.update("zeta", lambda current, _: replace(current, state="revoked"))
    seq, loaded = await clients.load_all()
    assert (seq, [(each.client_id, each.state) for each in loaded]) == (3, [("alpha", "active"), ("zeta", "revoked")])


async def test_an_id_is_never_given_twice(clients: SqlClientStore) -> None:
    """Not even after its client was revoked; the refusal takes no number."""
    await clients.create(client())
    await clients.update("sales-app", lambda current, _: replace(current, state="revoked", secrets=()))
    with pytest.raises(AlreadyExists):
        await clients.create(client(secrets=()))
    assert (await clients.load_all())[0] == 2


async def test_ids_are_told_apart_by_case(clients: SqlClientStore) -> None:
    """The store compares ids by code point; which ids are allowed is auth's business."""
    await clients.create(client("sales-app"))
    await clients.create(client("Sales-app"))
    assert len((await clients.load_all())[1]) == 2


async def test_an_update_returns_what_then_stands(clients: SqlClientStore) -> None:
    """The row, with the number of the change in it; secrets come and go with it."""
    await clients.create(client())
    fresh = SecretState("second", b"2", NOW + 5)

    def rotate(current: ClientState, _: ClientsInTransaction) -> ClientState:
        return replace(current.next_generation(), secrets=(fresh,), update_time=NOW + 5)

    updated = await clients.update("sales-app", rotate)
    assert (updated.changed_seq, updated.generation, updated.secrets) == (2, 2, (fresh,))
    assert await clients.load_all() == (2, [updated])


async def test_a_secret_can_change_in_place(clients: SqlClientStore) -> None:
    """The same secret id with another expiry replaces the row."""
    created = await clients.create(client())
    expiring = (replace(created.secrets[0], expire_time=NOW + 60),)
    updated = await clients.update("sales-app", lambda current, _: replace(current, secrets=expiring))
    assert (await clients.load_all())[1][0].secrets == updated.secrets == expiring


async def test_a_change_that_changes_nothing_takes_no_number(clients: SqlClientStore) -> None:
    """Returning the object given means: nothing to write."""
    created = await clients.create(client())
    assert await clients.update("sales-app", lambda current, _: current) == created
    assert (await clients.load_all())[0] == 1


async def test_an_update_of_nobody_is_not_found(clients: SqlClientStore) -> None:
    """The change is not asked."""
    with pytest.raises(NotFound):
        await clients.update("nobody", lambda current, _: pytest.fail("asked"))


async def test_what_never_changes_cannot_be_changed(clients: SqlClientStore) -> None:
    """client_id and create_time are for life."""
    await clients.create(client())
    with pytest.raises(ValueError, match="client_id or create_time"):
        await clients.update("sales-app", lambda current, _: replace(current, client_id="other"))
    with pytest.raises(ValueError, match="client_id or create_time"):
        await clients.update("sales-app", lambda current, _: replace(current, create_time=NOW + 1))


async def test_a_refusing_guard_undoes_everything(clients: SqlClientStore) -> None:
    """No row and no number is taken, on create and on update, and the change is not even asked."""
    await clients.create(client("admin"))

    def refuse(rows: CallerRows) -> None:
        assert rows.get("admin") is not None
        raise ClientRevoked

    with pytest.raises(ClientRevoked):
        await clients.create(client("new"), refuse)
    with pytest.raises(ClientRevoked):
        await clients.update("admin", lambda *_: pytest.fail("asked"), refuse)
    seq, loaded = await clients.load_all()
    assert (seq, [each.client_id for each in loaded]) == (1, ["admin"])


async def test_a_guard_sees_the_row_before_the_change(clients: SqlClientStore) -> None:
    """So that an administrator may revoke itself."""
    await clients.create(client("admin"))
    seen = []
    await clients.update(
        "admin",
        lambda current, _: replace(current, state="revoked"),
        lambda rows: seen.append((rows.get("admin"), rows.get("nobody"))),
    )
    assert [(own.state, other) for own, other in seen if own] == [("active", None)]


async def test_a_change_that_raises_undoes_everything(clients: SqlClientStore) -> None:
    """As the rule of the last administrator does."""
    admin = await clients.create(client("admin", scopes=frozenset({"clients:admin"})))
    await clients.create(client("revoked", state="revoked", scopes=frozenset({"clients:admin"})))
    await clients.create(client("reader"))

    def revoke(current: ClientState, others: ClientsInTransaction) -> ClientState:
        if not others.another_administrator(current.client_id, NOW):
            raise LastAdmin
        return replace(current, state="revoked")

    with pytest.raises(LastAdmin):
        await clients.update("admin", revoke)
    assert admin in (await clients.load_all())[1]
    await clients.create(client("second", scopes=frozenset({"clients:admin"})))
    assert (await clients.update("admin", revoke)).state == "revoked"


async def test_another_administrator_is_one_that_gets_in(clients: SqlClientStore) -> None:
    """As `ClientState.can_administer_at` says of each row, to the second in which its last secret expires."""
    made = await clients.create(client("admin", scopes=ADMIN))
    secrets = [(), (SecretState("late", b"1", NOW - 9, NOW + 60),), (SecretState("gone", b"2", NOW - 9, NOW),)]
    secrets += [(SecretState("dead", b"3", NOW - 9, NOW - 1), SecretState("good", b"4", NOW - 8))]
    others = [client("other", scopes=ADMIN, secrets=each) for each in secrets]
    others += [client("other", scopes=ADMIN, state="suspended"), client("other")]
    asked: list[bool] = []

    def ask(current: ClientState, rows: ClientsInTransaction) -> ClientState:
        asked.extend(rows.another_administrator("admin", now) for now in (NOW - 1, NOW, NOW + 60))
        return current

    current = await clients.create(client("other"))
    for other in others:
        expected = [other.can_administer_at(now) for now in (NOW - 1, NOW, NOW + 60)]
        current = await clients.update("other", lambda *_, other=other: replace(other, changed_seq=0))
        asked.clear()
        assert await clients.update("admin", ask) is not None
        assert asked == expected, current
    assert made.can_administer_at(NOW)


async def test_of_two_last_administrators_on_two_replicas_one_stays(back_end: BackEnd, clients: SqlClientStore) -> None:
    """Each loses its only secret at once: decided under the lock that both writes need, not before it."""
    other = back_end.open()
    try:
        stores = (clients, SqlClientStore(other))
        for round_ in range(5):
            names = [f"first-{round_}", f"second-{round_}"]
            for name in names:
                await clients.create(client(name, scopes=ADMIN))
            deletions = [secret_deletion(f"{name}-key", False, False, NOW) for name in names]
            works = [
                store.update(*each) for store, each in zip(stores, zip(names, deletions, strict=True), strict=True)
            ]
            results = await asyncio.gather(*works, return_exceptions=True)
            assert sorted(type(result).__name__ for result in results) == ["ClientState", "LastAdmin"]
            for name in names:
                await clients.update(name, revocation("", True, NOW))
    finally:
        await other.close()


async def test_a_deleted_secret_is_known_from_the_trail(database: Database) -> None:
    """Whose it was, and what became of the tokens then; without a trail nothing is known."""
    clients = SqlClientStore(database, AuditTrail(Chain(b"s" * 32), lambda: NOW))
    await clients.create(client("app", secrets=(SecretState("one", b"1", NOW), SecretState("two", b"2", NOW))))
    await clients.create(client("other"))
    await clients.update("app", lambda current, _: replace(current, secrets=current.secrets[1:]))
    await clients.update("app", lambda current, _: replace(current.next_generation(), secrets=()))
    known: list[str | None] = []

    def ask(current: ClientState, rows: ClientsInTransaction) -> ClientState:
        names = (("app", "one"), ("app", "two"), ("app", "three"), ("other", "one"))
        known.extend(rows.tokens_of_deleted_secret(*name) for name in names)
        return current

    await clients.update("app", ask)
    assert known == ["live", "dead", None, None]
