"""A replica that has more to read than one page holds: how it goes on, and when it is fresh."""

import asyncio

import pytest

from tests.support.auth_world import client_state
from tests.support.replica_world import Fleet, Node, until
from typeplate_server.auth.store import RevokedToken

COUNT = 10


def large_fleet() -> Fleet:
    """Ten clients, and a revoked token after them; a page has three of them."""
    fleet = Fleet.make()
    fleet.clients.rows = {f"app-{n}": client_state(f"app-{n}", changed_seq=n + 1) for n in range(COUNT)}
    fleet.database.tokens["t1"] = RevokedToken("t1", "app-1", 2e9, COUNT + 1)
    fleet.clients.seq = COUNT + 1
    return fleet


def revoke(fleet: Fleet, client_id: str) -> None:
    """Somebody revokes a client in the database."""
    fleet.clients.seq += 1
    fleet.clients.rows[client_id] = client_state(client_id, changed_seq=fleet.clients.seq, state="revoked")


def unstarted(fleet: Fleet) -> Node:
    node = Node("a", fleet)
    node.link.page_size = 3
    return node


def state_of(node: Node, client_id: str) -> str:
    client = node.registry.get(client_id)
    return "absent" if client is None else client.state


async def test_it_is_fresh_with_the_last_page_and_acknowledges_nothing_before() -> None:
    """Page after page, each from where the one before ended."""
    node = unstarted(large_fleet())
    for _ in range(3):
        await node.replica.turn()
        assert not node.replica.fresh()
    await node.replica.turn()
    assert node.replica.fresh()
    assert node.link.calls == ["register", "poll 0", "poll 3", "poll 6", "poll 9", "acknowledge 11"]
    assert (len(node.registry), "t1" in node.revoked) == (COUNT, True)


async def test_a_long_way_to_the_last_page_makes_nobody_fresher() -> None:
    """What counts is the moment before the last question, and until then that of the last page before."""
    fleet = large_fleet()
    node = unstarted(fleet)
    await node.replica.start()
    for n in range(4):
        revoke(fleet, f"app-{n}")
    node.boot.now += 9
    await node.replica.turn()
    assert (state_of(node, "app-2"), state_of(node, "app-3")) == ("revoked", "active")
    node.boot.now += 1
    assert not node.replica.fresh(), "app-3 may be revoked, and is"
    await node.replica.turn()
    assert node.replica.fresh()
    assert state_of(node, "app-3") == "revoked"


async def test_what_changes_between_two_pages_is_in_a_later_one() -> None:
    """Whether its row was in an earlier page already or would have been in the next."""
    fleet = large_fleet()
    node = unstarted(fleet)
    await node.replica.turn()
    revoke(fleet, "app-0")
    revoke(fleet, "app-5")
    await node.replica.start()
    assert [state_of(node, f"app-{n}") for n in (0, 1, 5)] == ["revoked", "active", "revoked"]
    assert len(node.registry) == COUNT


async def test_the_loop_does_not_pause_between_pages() -> None:
    """Longer than an unhealthy loop waits, if it waited."""
    fleet = large_fleet()
    node = unstarted(fleet)
    node.link.page_size = 1
    task = asyncio.create_task(node.replica.run())
    await until(node.replica.fresh, 0.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("what", ["epoch", "timeline"])
async def test_another_history_is_read_page_by_page(what: str) -> None:
    """What it does not have is gone, what it has is there, and it is fresh only then."""
    fleet = large_fleet()
    node = unstarted(fleet)
    await node.replica.start()
    del fleet.clients.rows["app-1"]
    fleet.clients.rows["app-9"] = client_state("app-9", changed_seq=9, state="revoked")
    setattr(node.link, what, "another")
    for _ in range(4):
        await node.replica.turn()
        assert not node.replica.fresh()
    await node.replica.turn()
    assert node.replica.fresh()
    assert (state_of(node, "app-1"), state_of(node, "app-9"), state_of(node, "app-8")) == (
        "absent",
        "revoked",
        "active",
    )


async def test_a_row_gone_amid_the_pages_begins_anew() -> None:
    """Registered again, it reads from the start, though it knows that the sequence has gone further."""
    fleet = large_fleet()
    node = unstarted(fleet)
    await node.replica.turn()
    fleet.database.rows.clear()
    node.link.calls.clear()
    await node.replica.start()
    assert node.link.calls[:3] == ["poll 3", "register", "poll 0"]
    assert len(node.registry) == COUNT


async def test_reconciliation_goes_through_all_pages() -> None:
    """And finds what is missing in the last one."""
    fleet = large_fleet()
    node = unstarted(fleet)
    await node.replica.start()
    fleet.clients.rows["lost"] = client_state("lost", changed_seq=10)
    assert await node.replica.reconcile() == 1
    assert state_of(node, "lost") == "active"
    assert await node.replica.reconcile() == 0
