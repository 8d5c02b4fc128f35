"""Commit guards: a caller who was revoked on another replica meanwhile commits nothing, whatever it writes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.support.auth_world import AuthWorld
from tests.support.store import NOW, BackEnd, client, draft
from typeplate_server.auth.admission import Caller
from typeplate_server.auth.store import CallerRows, CommitGuard, RevokedToken, StoredSigningKey
from typeplate_server.errors import ClientRevoked, ServiceError, TokenInvalid, TokenRevoked
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.database import Database
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.revoked_tokens import SqlRevokedTokenStore
from typeplate_server.store.vehicles import SqlVehicleStore


@dataclass
class Elsewhere:
    """What another replica does, with this replica's memory hearing nothing of it."""

    world: AuthWorld
    database: Database

    async def revoke_token(self, caller: Caller) -> None:
        dead = RevokedToken(caller.jti, caller.client_id, float(caller.expire_time))
        await SqlRevokedTokenStore(self.database).revoke(dead)

    async def revoke_client(self, caller: Caller) -> None:
        await SqlClientStore(self.database).update(
            caller.client_id, lambda current, _: replace(current, state="revoked")
        )

    async def remove_key(self, caller: Caller) -> None:
        dead = StoredSigningKey(caller.kid, b"", b"public", "removed", NOW)
        await SqlDeploymentStore(self.database).change_signing_keys(lambda _: (dead,))


@pytest.fixture
async def elsewhere(back_end: BackEnd, clients: SqlClientStore) -> AsyncIterator[Elsewhere]:
    world, other = AuthWorld(), back_end.open()
    await clients.create(world.client("root"))
    yield Elsewhere(world, other)
    await other.close()


WRITES: dict[str, Callable[[Database, CommitGuard], Awaitable[object]]] = {
    "create a client": lambda db, guard: SqlClientStore(db).create(client("newcomer"), guard),
    "update a client": lambda db, guard: SqlClientStore(db).update(
        "root", lambda current, _: replace(current, display_name="x"), guard
    ),
    "revoke a token": lambda db, guard: SqlRevokedTokenStore(db).revoke(RevokedToken("other", "root", NOW), guard),
    "change keys": lambda db, guard: SqlDeploymentStore(db).change_signing_keys(
        lambda _: (StoredSigningKey("k9", b"sealed", b"public", "published", NOW),), guard
    ),
    "import vehicles": lambda db, guard: SqlVehicleStore(db).upsert([draft("own-2")], now=NOW, guard=guard),
    "put a vehicle": lambda db, guard: SqlVehicleStore(db).put("own-2", lambda _: draft("own-2"), now=NOW, guard=guard),
    "delete a vehicle": lambda db, guard: SqlVehicleStore(db).delete(["own-1"], now=NOW, guard=guard),
}
REVOCATIONS: dict[str, tuple[Callable[[Elsewhere, Caller], Awaitable[None]], type[ServiceError]]] = {
    "token": (Elsewhere.revoke_token, TokenRevoked),
    "client": (Elsewhere.revoke_client, ClientRevoked),
    "key": (Elsewhere.remove_key, TokenInvalid),
}


async def standing(database: Database) -> tuple[Any, ...]:
    """All that the writes above could have changed."""
    keys = await SqlDeploymentStore(database).signing_keys()
    vehicles = SqlVehicleStore(database)
    return (await SqlClientStore(database).load_all(), keys, await vehicles.current_revision())


@pytest.mark.parametrize("what", list(REVOCATIONS))
async def test_who_was_revoked_elsewhere_commits_nothing(
    what: str, elsewhere: Elsewhere, database: Database, vehicles: SqlVehicleStore
) -> None:
    """By its token, by its client or by the key that signed: the rows are asked, not this replica's memory."""
    await vehicles.upsert([draft("own-1")], now=NOW)
    caller = elsewhere.world.caller("root")
    guard = elsewhere.world.admission.commit_guard(caller)
    revoke, refusal = REVOCATIONS[what]
    await revoke(elsewhere, caller)
    elsewhere.world.admission.recheck(caller)  # here nothing is known of it
    before = await standing(database)
    for write in WRITES.values():
        with pytest.raises(refusal):
            await write(database, guard)
    assert await standing(database) == before


async def test_the_guard_lets_everybody_else_commit(
    elsewhere: Elsewhere, database: Database, vehicles: SqlVehicleStore
) -> None:
    """Another token of the same client was revoked, and another key removed."""
    await vehicles.upsert([draft("own-1")], now=NOW)
    caller, other = elsewhere.world.caller("root"), replace(elsewhere.world.caller("root"), kid="another")
    await elsewhere.revoke_token(other)
    await elsewhere.remove_key(other)
    for write in WRITES.values():
        await write(database, elsewhere.world.admission.commit_guard(caller))


async def test_no_revocation_comes_between_the_guard_and_the_commit(
    elsewhere: Elsewhere, database: Database, vehicles: SqlVehicleStore
) -> None:
    """It waits for the write that it came too late for: nothing is committed after a revocation has returned."""
    await vehicles.upsert([draft("own-1")], now=NOW)
    for write in WRITES.values():
        caller, asked, go_on = elsewhere.world.caller("root"), threading.Event(), threading.Event()
        admitted = elsewhere.world.admission.commit_guard(caller)

        def guard(
            rows: CallerRows,
            admitted: CommitGuard = admitted,
            asked: threading.Event = asked,
            go_on: threading.Event = go_on,
        ) -> None:
            admitted(rows)
            asked.set()
            assert go_on.wait(10)

        writing = asyncio.ensure_future(write(database, guard))
        assert await asyncio.to_thread(asked.wait, 10)
        revoking = asyncio.create_task(elsewhere.revoke_token(caller))
        done, _ = await asyncio.wait([revoking], timeout=0.1)
        go_on.set()
        await asyncio.gather(writing, revoking)
        assert not done
