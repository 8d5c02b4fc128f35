"""ReplicaStore: who follows, how far, and that no row is taken for another."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sqlalchemy import Connection

from tests.support.store import NOW, BackEnd, client
from typeplate_server.auth.store import (
    Cursor,
    FeedPage,
    History,
    Registered,
    ReplicaIdentity,
    RevokedToken,
    StoredSigningKey,
)
from typeplate_server.store import client_rows
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.clocks import AUTH, current
from typeplate_server.store.database import Database
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.replicas import SqlReplicaStore
from typeplate_server.store.revoked_tokens import SqlRevokedTokenStore

ONE = ReplicaIdentity("one", "a1")


async def history(replicas: SqlReplicaStore) -> History:
    return (await replicas.registered()).history


async def only(replicas: SqlReplicaStore) -> Registered:
    rows = (await replicas.registered()).replicas
    assert len(rows) == 1
    return rows[0]


async def test_a_replica_is_registered_until_it_leaves(replicas: SqlReplicaStore) -> None:
    """Its row begins with nothing acknowledged and the deployment's bound; leaving twice is no fault."""
    await replicas.register(ONE)
    row = await only(replicas)
    assert (row.identity, row.acknowledged_seq, row.heartbeat_time, row.max_staleness_s) == (ONE, 0, NOW, 10.0)
    await replicas.deregister(ONE)
    await replicas.deregister(ONE)
    assert (await replicas.registered()).replicas == ()


async def test_runs_of_one_replica_are_told_apart(replicas: SqlReplicaStore) -> None:
    """The earlier run may only sleep: neither the later's registration nor its acknowledgement is the earlier's."""
    later = replace(ONE, incarnation="a2")
    for identity in (ONE, later):
        await replicas.register(identity)
    assert await replicas.acknowledge(later, 7, await history(replicas))
    await replicas.deregister(later)
    assert (await only(replicas)).identity == ONE
    assert (await only(replicas)).acknowledged_seq == 0
    assert not (await replicas.poll(later, Cursor())).present


async def test_each_poll_commits_a_heartbeat(replicas: SqlReplicaStore) -> None:
    """Also one that brings nothing new."""
    await replicas.register(ONE)
    beats = [(await only(replicas)).heartbeat]
    for _ in range(3):
        assert (await replicas.poll(ONE, Cursor())).present
        beats.append((await only(replicas)).heartbeat)
    assert beats == [beats[0] + n for n in range(4)]


async def test_an_acknowledgement_never_goes_back(replicas: SqlReplicaStore) -> None:
    """A late one changes nothing; one without a row says so."""
    await replicas.register(ONE)
    now = await history(replicas)
    assert [await replicas.acknowledge(ONE, seq, now) for seq in (3, 5, 4)] == [True, True, True]
    assert (await only(replicas)).acknowledged_seq == 5
    await replicas.deregister(ONE)
    assert not await replicas.acknowledge(ONE, 6, now)


async def test_an_acknowledgement_of_another_history_does_not_count(
    replicas: SqlReplicaStore, deployment: SqlDeploymentStore
) -> None:
    """Its number is another change's: of another epoch or timeline than the database is in when it commits."""
    await replicas.register(ONE)
    now = await history(replicas)
    assert now == (await replicas.poll(ONE, Cursor())).history
    for other in (replace(now, epoch="another"), replace(now, timeline="0000002A")):
        assert not await replicas.acknowledge(ONE, 4, other)
    assert (await only(replicas)).acknowledged_seq == 0
    await deployment.begin_epoch()
    assert not await replicas.acknowledge(ONE, 4, now)
    assert (await only(replicas)).acknowledged_seq == 0
    assert await replicas.acknowledge(ONE, 4, await history(replicas))


async def test_who_lives_is_not_set_silent(replicas: SqlReplicaStore) -> None:
    """A heartbeat since, and nothing happens; set silent, the replica finds itself absent and may register again."""
    await replicas.register(ONE)
    seen = await only(replicas)
    await replicas.poll(ONE, Cursor())
    assert await replicas.set_silent([seen]) == 0
    assert await replicas.set_silent([await only(replicas)]) == 1
    silent = await replicas.registered()
    assert (silent.replicas, silent.silent) == ((), True)
    assert not (await replicas.poll(ONE, Cursor())).present
    assert not await replicas.acknowledge(ONE, 3, silent.history)
    assert await replicas.registered() == silent
    await replicas.register(ONE)
    assert (await replicas.poll(ONE, Cursor())).present
    assert not (await replicas.registered()).silent


async def test_a_row_that_came_after_the_one_seen_is_not_set_silent(replicas: SqlReplicaStore) -> None:
    """Registered anew, a replica has another heartbeat than at its first registration."""
    await replicas.register(ONE)
    seen = await only(replicas)
    await replicas.register(ONE)
    assert await replicas.set_silent([seen]) == 0


async def test_thousands_are_set_silent_in_a_few_statements(back_end: BackEnd, replicas: SqlReplicaStore) -> None:
    """Each of them short, so that nobody waits behind it; and those of another heartbeat are spared."""
    for number in range(4):
        await replicas.register(ReplicaIdentity(f"r{number}", "a"))
    rows = list((await replicas.registered()).replicas)
    seen = [replace(row, heartbeat=row.heartbeat + (number == 2)) for number, row in enumerate(rows)]
    assert await replicas.set_silent(seen + [replace(rows[0], heartbeat=n) for n in range(3000)]) == 3
    assert [row.identity.replica_id for row in (await replicas.registered()).replicas] == ["r2"]


async def test_the_silent_are_forgotten_after_a_while(replicas: SqlReplicaStore) -> None:
    """Those not heard of since; who leaves is forgotten at once, and who is not silent never."""
    other = ReplicaIdentity("two", "b1")
    for identity in (ONE, other):
        await replicas.register(identity)
        await replicas.set_silent([row for row in (await replicas.registered()).replicas if row.identity == identity])
    await replicas.deregister(other)
    assert await replicas.forget_silent(NOW) == 0
    assert (await replicas.registered()).silent
    assert await replicas.forget_silent(NOW + 1) == 1
    assert not (await replicas.registered()).silent
    await replicas.register(ONE)
    assert await replicas.forget_silent(NOW + 1) == 0


async def test_no_acknowledgement_slips_through_a_new_epoch(
    back_end: BackEnd, replicas: SqlReplicaStore, deployment: SqlDeploymentStore
) -> None:
    """Whichever commits first: what was acknowledged of the epoch before never stands in the new one."""
    other = back_end.open()
    follower = SqlReplicaStore(other, lambda: NOW)
    await replicas.register(ONE)
    for _ in range(10):
        before = await history(replicas)
        acknowledging = [asyncio.ensure_future(follower.acknowledge(ONE, 99, before)) for _ in range(4)]
        await asyncio.gather(deployment.begin_epoch(), *acknowledging)
        assert (await only(replicas)).acknowledged_seq == 0
    await other.close()


async def test_registering_anew_forgets_the_acknowledgement(replicas: SqlReplicaStore) -> None:
    """Who begins anew has applied nothing."""
    await replicas.register(ONE)
    await replicas.acknowledge(ONE, 9, await history(replicas))
    await replicas.register(ONE)
    assert (await only(replicas)).acknowledged_seq == 0


async def test_a_page_has_what_changed_after_the_cursor(
    replicas: SqlReplicaStore,
    clients: SqlClientStore,
    tokens: SqlRevokedTokenStore,
    deployment: SqlDeploymentStore,
) -> None:
    """Clients with their secrets, tokens and keys; everything for the empty cursor, and each change once."""
    await replicas.register(ONE)
    assert pages_content(await replicas.poll(ONE, Cursor())) == (0, (), (), ())
    first = await clients.create(client("zeta"))
    second = await clients.create(client("alpha"))
    page = await replicas.poll(ONE, Cursor())
    assert pages_content(page) == (2, (first, second), (), ())

    revoked = await clients.update("zeta", lambda current, _: replace(current, state="revoked", secrets=()))
    token = await tokens.revoke(RevokedToken("j1", "alpha", NOW + 60))
    keys = await deployment.change_signing_keys(lambda _: (key("k1"), key("k2")))
    assert pages_content(await replicas.poll(ONE, page.cursor)) == (6, (revoked,), (token,), keys)
    assert pages_content(await replicas.poll(ONE, Cursor())) == (6, (second, revoked), (token,), keys)
    assert pages_content(await replicas.poll(ONE, Cursor(6))) == (6, (), (), ())


def pages_content(page: FeedPage) -> tuple[object, ...]:
    return page.seq, page.clients, page.revoked_tokens, page.signing_keys


def key(kid: str) -> StoredSigningKey:
    return StoredSigningKey(kid, b"\x00sealed", b"\xffpublic", "published", NOW)


async def test_a_sequence_behind_the_cursor_is_told_as_it_is(
    replicas: SqlReplicaStore, clients: SqlClientStore
) -> None:
    """After a failover to a lagging standby, say: whoever asked must close, so it must see it."""
    await replicas.register(ONE)
    await clients.create(client())
    assert pages_content(await replicas.poll(ONE, Cursor(50))) == (1, (), (), ())


async def test_a_page_is_of_one_snapshot(back_end: BackEnd, clients: SqlClientStore, replicas: SqlReplicaStore) -> None:
    """While clients change, each page's number is that of the last change among its clients."""
    await replicas.register(ONE)
    await clients.create(client("one"))
    other = back_end.open()
    follower = SqlReplicaStore(other, lambda: NOW)
    for turn in range(40):
        changing = clients.update("one", lambda current, _, n=turn: replace(current, display_name=str(n)))  # type: ignore[misc]
        page, _ = await follower.poll(ONE, Cursor()), await changing
        assert [each.changed_seq for each in page.clients] == [page.seq]
    await other.close()


async def test_what_a_poll_reads_is_as_of_one_moment(
    back_end: BackEnd, database: Database, clients: SqlClientStore
) -> None:
    """A change committed between its first statement and its last shows in none of them."""
    await clients.create(client("one"))
    other, loop = back_end.open(), asyncio.get_running_loop()
    between = SqlClientStore(other)

    def read(connection: Connection) -> tuple[int, int, int]:
        before = current(connection, AUTH)
        asyncio.run_coroutine_threadsafe(between.create(client("two")), loop).result(10)
        return before, current(connection, AUTH), client_rows.count(connection)

    found, _ = await database.confirm(read, lambda connection, found: None)
    assert found == (1, 1, 1)
    await other.close()


async def test_the_bound_a_replica_follows_stands_in_its_row(
    replicas: SqlReplicaStore, deployment: SqlDeploymentStore
) -> None:
    """A larger one from the poll on that reads it; a smaller one when the replica says that it goes by no larger."""
    await replicas.register(ONE)
    assert (await deployment.set_max_staleness(4.5)).max_staleness_s == 4.5
    assert (await only(replicas)).max_staleness_s == 10.0
    assert (await replicas.registered()).max_staleness_s == 4.5
    assert (await replicas.poll(ONE, Cursor(), 10.0)).max_staleness_s == 4.5
    assert (await only(replicas)).max_staleness_s == 10.0
    await replicas.poll(ONE, Cursor(), 4.5)
    assert (await only(replicas)).max_staleness_s == 4.5
    await deployment.set_max_staleness(20.0)
    assert (await replicas.poll(ONE, Cursor(), 4.5)).max_staleness_s == 20.0
    assert (await only(replicas)).max_staleness_s == 20.0


async def test_the_history_is_named(back_end: BackEnd, replicas: SqlReplicaStore) -> None:
    """PostgreSQL's first timeline; a file has none."""
    await replicas.register(ONE)
    expected = {"sqlite": "", "postgres": "00000001"}
    assert (await replicas.poll(ONE, Cursor())).timeline == expected[back_end.kind]
