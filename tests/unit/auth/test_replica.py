"""The replica loop: when it is fresh, what it acknowledges, and how it closes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.support.auth_world import client_state
from tests.support.replica_world import Fleet, Node, until
from typeplate_server.auth.store import ReplicaIdentity, RevokedToken
from typeplate_server.errors import DatabaseUnavailable


@contextlib.asynccontextmanager
async def running(node: Node) -> AsyncIterator[asyncio.Task[None]]:
    """The node follows meanwhile."""
    task = asyncio.create_task(node.replica.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def revoked(fleet: Fleet, client_id: str = "reader") -> int:
    """Somebody revokes a client in the database; the number of the change."""
    fleet.clients.seq += 1
    fleet.clients.rows[client_id] = replace(
        fleet.clients.rows[client_id], state="revoked", changed_seq=fleet.clients.seq
    )
    return fleet.clients.seq


def state_of(node: Node, client_id: str = "reader") -> str:
    client = node.registry.get(client_id)
    return "absent" if client is None else client.state


async def test_it_registers_before_its_first_read_and_acknowledges_after() -> None:
    """In this order, and is fresh then."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    assert node.link.calls == ["register", "poll 0", "acknowledge 2"]
    assert node.replica.fresh()
    assert [row.acknowledged_seq for row in fleet.database.rows.values()] == [2]


async def test_it_is_fresh_for_the_bound_from_before_the_question() -> None:
    """An answer that took 4 s leaves 6 of 10, to the instant."""
    node = await Fleet.make().node("a")

    async def slow() -> None:
        node.boot.now += 4

    node.link.after_snapshot = slow
    asked = node.boot.now
    await node.replica.turn()
    node.boot.now = asked + 9.999
    assert node.replica.fresh()
    node.boot.now = asked + 10
    assert not node.replica.fresh()


async def test_an_answer_that_took_longer_than_the_bound_makes_nobody_fresh() -> None:
    """Paused between answer and application."""
    node = await Fleet.make().node("a")

    async def pause() -> None:
        node.boot.now += 11

    node.link.after_snapshot = pause
    await node.replica.turn()
    assert not node.replica.fresh()


async def test_a_poll_that_fails_makes_nobody_fresher() -> None:
    """Also when the snapshot was read and only the heartbeat failed."""
    node = await Fleet.make().node("a")

    async def cut() -> None:
        node.link.cut = DatabaseUnavailable()

    node.boot.now += 9
    node.link.after_snapshot = cut
    with pytest.raises(DatabaseUnavailable):
        await node.replica.turn()
    assert node.replica.fresh()
    node.boot.now += 1
    assert not node.replica.fresh()


async def test_what_is_acknowledged_is_applied_and_told_before() -> None:
    """Clients, tokens, and those who keep streams open."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    seen: list[object] = []

    async def look() -> None:
        seen.append((state_of(node), "t1" in node.revoked, node.changes_seen))

    node.link.at_acknowledge = look
    before = node.changes_seen
    revoked(fleet)
    fleet.clients.seq += 1
    fleet.database.tokens["t1"] = RevokedToken("t1", "other", 2e9, fleet.clients.seq)
    await node.replica.turn()
    assert seen == [("revoked", True, before + 1)]
    await node.replica.turn()
    assert len(seen) == 1, "nothing new, nothing to acknowledge"


async def test_only_the_feed_moves_the_cursor() -> None:
    """A change made here does not hide an earlier one made elsewhere."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    revoked(fleet, "other")
    node.link.cut = None
    await node.clients.revoke("reader", within=0)
    assert (state_of(node), state_of(node, "other")) == ("revoked", "active")
    await node.replica.turn()
    assert state_of(node, "other") == "revoked"


async def test_a_replica_whose_row_is_gone_admits_nobody_until_it_has_read_anew() -> None:
    """It registers again, reads from the start, and only then is fresh."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    fleet.database.rows.clear()
    node.link.calls.clear()
    await node.replica.turn()
    assert not node.replica.fresh()
    await node.replica.turn()
    assert node.replica.fresh()
    assert node.link.calls == ["poll 2", "register", "poll 0", "acknowledge 2"]


async def test_a_row_that_goes_between_poll_and_acknowledgement_is_noticed() -> None:
    """Nobody waits for this replica any more, so it must not stay fresh."""
    fleet = Fleet.make()
    node = await fleet.node("a")

    async def purge() -> None:
        fleet.database.rows.clear()

    node.link.at_acknowledge = purge
    revoked(fleet)
    await node.replica.turn()
    assert not node.replica.fresh()
    node.link.at_acknowledge = None
    await node.replica.turn()
    assert node.replica.fresh()


async def test_a_sequence_that_goes_back_closes_until_another_epoch() -> None:
    """Not when it has caught up, which may be another history; then all is read as it is in the new one."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    fleet.clients.seq = 1
    fleet.clients.rows["other"] = client_state("other", changed_seq=1)
    for seq in (1, 2, 3):
        fleet.clients.seq = seq
        await node.replica.turn()
        assert not node.replica.fresh()
    node.link.epoch = "e2"
    fleet.clients.seq = 1
    await node.replica.turn()
    assert not node.replica.fresh()
    await node.replica.start()
    assert node.replica.fresh()
    other = node.registry.get("other")
    assert other is not None
    assert other.changed_seq == 1


@pytest.mark.parametrize("what", ["epoch", "timeline"])
async def test_under_another_history_all_is_read_anew(what: str) -> None:
    """What the new one does not have is gone, and a number used twice hides nothing."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    fleet.clients.rows = {"reader": client_state(changed_seq=2, state="revoked")}
    setattr(node.link, what, "another")
    await node.replica.turn()
    assert not node.replica.fresh()
    await node.replica.start()
    assert node.replica.fresh()
    assert (state_of(node), state_of(node, "other")) == ("revoked", "absent")


async def test_what_is_revoked_here_while_another_history_is_read_stays_revoked() -> None:
    """The page was read before the commit and replaces all that is known after it: it alone makes nobody fresh."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    node.link.epoch = "another"
    await node.replica.turn()
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reading.set()
        await go_on.wait()

    node.link.after_snapshot = hold
    turn = asyncio.create_task(node.replica.turn())
    await reading.wait()
    node.link.after_snapshot = None
    await node.clients.revoke("reader", within=0.0)
    go_on.set()
    await turn
    assert not node.replica.fresh()
    await node.replica.start()
    assert node.replica.fresh()
    assert state_of(node) == "revoked"


async def test_a_full_read_overtaken_by_news_brings_nobody_back() -> None:
    """Reconciliation read before the revocation and applied after it."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reading.set()
        await go_on.wait()

    node.link.after_snapshot = hold
    reconciling = asyncio.create_task(node.replica.reconcile())
    await reading.wait()
    node.link.after_snapshot = None
    revoked(fleet)
    await node.replica.turn()
    go_on.set()
    assert await reconciling == 0
    assert state_of(node) == "revoked"
    assert node.replica.drift == 0


async def test_reconciliation_counts_and_mends_what_the_feed_has_missed() -> None:
    """A row that changed behind the cursor; news it brings early are no drift."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    fleet.clients.rows["lost"] = client_state("lost", changed_seq=1)
    revoked(fleet)
    await node.replica.turn()
    revoked(fleet, "other")
    assert state_of(node, "lost") == "absent"
    assert await node.replica.reconcile() == 1
    assert node.replica.drift == 1
    assert (state_of(node, "lost"), state_of(node, "other")) == ("active", "revoked")
    assert await node.replica.reconcile() == 0
    assert node.replica.cursor.seq == 3, "only the feed moves the cursor"


async def test_it_leaves_after_it_has_stopped_being_fresh_for_good() -> None:
    """A poll under way does not make it fresh again."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    polling, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        polling.set()
        await go_on.wait()

    node.link.after_snapshot = hold
    turn = asyncio.create_task(node.replica.turn())
    await polling.wait()
    await node.replica.leave()
    go_on.set()
    await turn
    assert not node.replica.fresh()
    assert fleet.database.rows == {}


async def test_a_wake_up_makes_it_poll_at_once() -> None:
    """Long before a quarter of the bound, from another thread."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    async with running(node):
        await until(lambda: node.replica.healthy)
        revoked(fleet)
        await asyncio.to_thread(fleet.database.notify)
        await until(lambda: state_of(node) == "revoked", 1.0)
    assert node.link.wakeup.closed


async def test_it_polls_without_being_woken() -> None:
    """A quarter of the bound."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    node.link.max_staleness_s = 0.2
    async with running(node):
        await until(lambda: node.replica.healthy)
        revoked(fleet)
        await until(lambda: state_of(node) == "revoked", 1.0)


@pytest.mark.parametrize("fault", [DatabaseUnavailable(), RuntimeError("a fault"), TimeoutError()])
async def test_it_comes_back_within_half_a_second_whatever_failed(fault: Exception) -> None:
    """The loop never ends, and asks on and on."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    node.link.cut = fault
    async with running(node) as task:
        await until(lambda: len(node.link.calls) > 4)
        assert not node.replica.healthy
        assert not task.done()
        revoked(fleet)
        node.link.cut = None
        await until(lambda: state_of(node) == "revoked", 0.75)
        assert node.replica.healthy


async def test_who_keeps_streams_open_hears_that_freshness_is_lost() -> None:
    """So that they end with the reason."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    async with running(node):
        await until(lambda: node.replica.healthy)
        before = node.changes_seen
        node.link.cut = DatabaseUnavailable()
        node.boot.now += 10
        node.replica.wake()
        await until(lambda: node.changes_seen > before)


async def test_what_wakes_it_during_a_poll_makes_for_one_more() -> None:
    """The change may have come after the snapshot of that poll."""
    fleet = Fleet.make()
    node = await fleet.node("a")

    async def change() -> None:
        node.link.after_snapshot = None
        revoked(fleet)
        node.replica.wake()

    async with running(node):
        await until(lambda: node.replica.healthy)
        node.link.after_snapshot = change
        node.replica.wake()
        await until(lambda: state_of(node) == "revoked", 1.0)


async def test_its_row_goes_last() -> None:
    """While it can still admit, whoever revokes waits for it."""
    node = await Fleet.make().node("a")
    deregister, seen = node.link.deregister, []

    async def look(identity: ReplicaIdentity) -> None:
        seen.append(node.replica.fresh())
        await deregister(identity)

    node.link.deregister = look  # type: ignore[method-assign]
    await node.replica.leave()
    assert seen == [False]
